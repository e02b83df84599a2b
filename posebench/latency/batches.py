"""Raw latency samples of one model by batches of several pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice

from posebench.config import LatencyConfig, Regime
from posebench.latency.clock import Clock
from posebench.latency.measure import END_TO_END, Drain, Picture, Samples
from posebench.protocols import PoseModel
from posebench.types import Image, PersonBoxes

Batch = tuple[list[Image], list[PersonBoxes] | None]


def time_batches(
    model: PoseModel,
    pictures: Sequence[Picture],
    batch: int,
    config: LatencyConfig,
    regime: Regime,
    *,
    clock: Clock,
    alive: Callable[[], None] = lambda: None,
) -> Samples:
    """Time batches one after another, from decoded pictures to the people in all of them.

    Number of samples and pauses are those of ``measure.time_round``; one batch is thrown away.

    Args:
        model: Its ``predict`` is timed.
        pictures: Taken in turn; decoded before, not in the timed part.
        batch: Pictures a call.
        config: Of the latency.
        regime: Whether to pause.
        clock: Measures and waits.
        alive: Called after each run, outside the timed part.

    Returns:
        ``config.samples`` values of ``end-to-end``, milliseconds a batch.
    """

    def run() -> float:
        images, boxes = next(batches)
        begin = clock.now_ns()
        model.predict(images, boxes)
        took = (clock.now_ns() - begin) / 1e6
        alive()
        return took

    batches = _batches(pictures, batch)
    run()  # the first of its size plans memory
    found = []
    for _ in range(config.samples):
        if regime == "paced":
            clock.sleep(config.pause_ms / 1e3)
        found.append(run())
    return Samples({END_TO_END: found})


def network_runs(model: PoseModel, picture: Picture, batch: int, drain: Drain) -> int:
    """How often the networks run for a batch that holds one picture several times.

    Args:
        model: To be run.
        picture: The picture.
        batch: How many times.
        drain: Gives a value a run of a network since its last call.

    Returns:
        0 if no runtime tells of its runs, as with models that run natively.
    """
    images, boxes = next(_batches([picture], batch))
    drain()
    model.predict(images, boxes)
    return len(drain())


def _batches(pictures: Sequence[Picture], batch: int) -> Iterator[Batch]:
    decoded = [(picture.decode(), picture.boxes) for picture in pictures]
    turning = cycle(decoded)
    while True:
        chosen = list(islice(turning, batch))
        boxes = [given for _, given in chosen if given is not None]
        yield [image for image, _ in chosen], boxes if len(boxes) == batch else None
