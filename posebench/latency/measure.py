"""Raw latency samples of one model, by stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle, islice

from posebench.protocols import PoseModel, StagedPoseModel
from posebench.types import Image

Clock = Callable[[], int]
"""Monotonic time in nanoseconds."""
STAGES = ("preprocess", "network", "postprocess")
END_TO_END = "end-to-end"


def time_round(
    model: PoseModel,
    images: Sequence[Image],
    *,
    warmup: int,
    samples: int,
    clock: Clock,
    timed: Callable[[], None] = lambda: None,
) -> dict[str, list[float]]:
    """Time single pictures one after another, batch 1, from the decoded picture to final people.

    Args:
        model: A staged model gives a time for each stage, any other the whole only.
        images: Real pictures, taken in turn.
        warmup: Runs thrown away first.
        samples: Runs kept.
        clock: Monotonic nanoseconds.
        timed: Called after each run, outside every span.

    Returns:
        Milliseconds by span, ``samples`` each, nothing clipped.
    """
    pictures = islice(cycle(images), warmup + samples)
    rows = []
    for image in pictures:
        if isinstance(model, StagedPoseModel):
            rows.append(_time_stages(model, image, clock))
        else:
            rows.append(_time_whole(model, image, clock))
        timed()
    kept = rows[warmup:]
    return {span: [row[span] for row in kept] for span in kept[0]}


def _time_stages(model: StagedPoseModel, image: Image, clock: Clock) -> dict[str, float]:
    start = clock()
    prepared = model.preprocess([image])
    ready = clock()
    raw = model.infer(prepared)
    inferred = clock()
    model.postprocess(raw)
    end = clock()
    marks = (start, ready, inferred, end)
    spans = {s: (b - a) / 1e6 for s, a, b in zip(STAGES, marks, marks[1:], strict=False)}
    return {**spans, END_TO_END: (end - start) / 1e6}


def _time_whole(model: PoseModel, image: Image, clock: Clock) -> dict[str, float]:
    start = clock()
    model.predict([image])
    return {END_TO_END: (clock() - start) / 1e6}
