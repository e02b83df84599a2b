"""Raw latency samples of one model, by span: one round of single pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

from posebench.config import LatencyConfig, Regime
from posebench.latency.clock import Clock
from posebench.protocols import PoseModel, StagedPoseModel, TimedStages
from posebench.types import Image, PersonBoxes, Prediction, Spans

IMAGE_DECODE = "image-decode"
NETWORK = "network"
POSTPROCESS = "postprocess"
NETWORK_AND_POSTPROCESS = "network+postprocess"
END_TO_END = "end-to-end"
FROM_ENCODED = "end-to-end-encoded"
DEVICE = "device"
HOST_TO_DEVICE = "host-to-device"
DEVICE_TO_HOST = "device-to-host"

Stages = Sequence[tuple[str, Callable[[Any], Any]]]
Drain = Callable[[], Sequence[Spans]]
"""Gives what the runtime measured since the last call, a value a run of a network."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture to be timed on.

    Attributes:
        decode: From its encoded bytes, which are in memory, to RGB.
        boxes: Where a top-down model without a detector looks.
    """

    decode: Callable[[], Image]
    boxes: PersonBoxes | None = None


@dataclass(frozen=True)
class Samples:
    """What was timed.

    Attributes:
        spans: Milliseconds by span, one a run, in the order of the runs.
        people: Boxes that a top-down model was given or detected in each run; None for others.
    """

    spans: Mapping[str, Sequence[float]]
    people: Sequence[int] | None = None


def warm_up(
    model: PoseModel,
    pictures: Sequence[Picture],
    config: LatencyConfig,
    *,
    clock: Clock,
    alive: Callable[[], None] = lambda: None,
) -> None:
    """Run for ``config.warmup`` times and ``config.warmup_s`` seconds, whichever is longer.

    There are no pauses, whatever the regime.

    Args:
        model: As ``time_round`` takes it.
        pictures: Taken in turn.
        config: Of the latency.
        clock: Tells the time.
        alive: Called after each run.
    """
    timer = _Timer(model, clock, tuple)
    start = clock.now_ns()
    for runs, picture in enumerate(cycle(pictures)):
        if runs >= config.warmup and (clock.now_ns() - start) / 1e9 >= config.warmup_s:
            return
        timer.run(picture)
        alive()


def time_round(
    model: PoseModel,
    pictures: Sequence[Picture],
    config: LatencyConfig,
    regime: Regime,
    *,
    clock: Clock,
    drain: Drain = tuple,
    alive: Callable[[], None] = lambda: None,
) -> Samples:
    """Time single pictures one after another, batch 1.

    The i-th of ``config.samples`` runs is on the i-th picture, from its encoded bytes to final
    people. In the paced regime a pause of ``config.pause_ms`` comes before each of them.

    Args:
        model: A staged model gives a time for each stage, any other the whole only.
        pictures: Real ones, taken in turn.
        config: Of the latency.
        regime: Whether to pause.
        clock: Measures and waits.
        drain: What the runtime itself measured, as a GPU's own events tell it.
        alive: Called after each run, outside every span.

    Returns:
        ``config.samples`` values a span, nothing clipped.
    """
    timer = _Timer(model, clock, drain)
    rows, people = [], []
    for picture in islice(cycle(pictures), config.samples):
        if regime == "paced":
            clock.sleep(config.pause_ms / 1e3)
        row, count = timer.run(picture)
        rows.append(row)
        people.append(count)
        alive()
    counted = [count for count in people if count is not None]
    # Where nobody is looked into, the network does not run, and its device spends no time.
    names = dict.fromkeys(span for row in rows for span in row)
    return Samples(
        spans={span: [row.get(span, 0.0) for row in rows] for span in names},
        people=counted if len(counted) == len(rows) else None,
    )


class _Timer:
    """Runs a model on single pictures and times its stages."""

    def __init__(self, model: PoseModel, clock: Clock, drain: Drain) -> None:
        self._model = model
        self._clock = clock
        self._drain = drain

    def run(self, picture: Picture) -> tuple[dict[str, float], int | None]:
        """Milliseconds by span, and the number of boxes that a top-down model looked into."""
        given = None if picture.boxes is None else [picture.boxes]
        stages = _stages(self._model, given)
        device: dict[str, float] = {}
        self._drain()
        start = self._clock.now_ns()
        value: Any = [picture.decode()]
        marks = [self._clock.now_ns()]
        for name, stage in stages:
            value = stage(value)
            marks.append(self._clock.now_ns())
            measured = self._drain()
            if name == NETWORK:
                device = _device_spans(measured)
        row = {**_spans(start, marks, [name for name, _ in stages]), **device}
        return row, _people(value[0])


def _stages(model: PoseModel, given: list[PersonBoxes] | None) -> Stages:
    """What is done one after another, beginning with a list of one picture."""
    if isinstance(model, TimedStages):
        return model.timed_stages()
    if isinstance(model, StagedPoseModel):
        staged = model
        return (
            ("preprocess", lambda images: staged.preprocess(images, given)),
            (NETWORK, staged.infer),
            (POSTPROCESS, staged.postprocess),
        )
    return (("", lambda images: model.predict(images, given)),)


def _spans(start: int, marks: Sequence[int], names: Sequence[str]) -> dict[str, float]:
    """Milliseconds of every stage that has a name, and of what several of them make together."""
    edges = zip(names, marks, marks[1:], strict=False)
    stages = {name: (end - begin) / 1e6 for name, begin, end in edges if name}
    spans = {IMAGE_DECODE: (marks[0] - start) / 1e6, **stages}
    if names[-2:] == [NETWORK, POSTPROCESS]:
        spans[NETWORK_AND_POSTPROCESS] = (marks[-1] - marks[-3]) / 1e6
    whole = {END_TO_END: marks[0], FROM_ENCODED: start}
    return {**spans, **{name: (marks[-1] - begin) / 1e6 for name, begin in whole.items()}}


def _device_spans(measured: Sequence[Spans]) -> dict[str, float]:
    """Sums over the runs of one stage; nothing if the runtime cannot tell transfers apart."""
    found = list(_transfers(measured))
    if not found:
        return {}
    return {
        HOST_TO_DEVICE: sum(copied for copied, _, _ in found),
        DEVICE: sum(computed for _, computed, _ in found),
        DEVICE_TO_HOST: sum(fetched for _, _, fetched in found),
    }


def _transfers(measured: Sequence[Spans]) -> Iterator[tuple[float, float, float]]:
    for spans in measured:
        if spans.host_to_device_ms is not None and spans.device_to_host_ms is not None:
            yield spans.host_to_device_ms, spans.compute_ms, spans.device_to_host_ms


def _people(prediction: Prediction) -> int | None:
    return None if prediction.input_boxes is None else len(prediction.input_boxes)
