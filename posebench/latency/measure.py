"""Raw latency samples of one model, by stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

from posebench.protocols import PoseModel, StagedPoseModel, TimedStages
from posebench.types import Image, PersonBoxes, Prediction

Clock = Callable[[], int]
"""Monotonic time in nanoseconds."""
END_TO_END = "end-to-end"


@dataclass(frozen=True)
class Samples:
    """What was timed.

    Attributes:
        spans: Milliseconds by span, one a run.
        people: Boxes that a top-down model was given or detected in each run; None for others.
    """

    spans: Mapping[str, Sequence[float]]
    people: Sequence[int] | None = None


def time_round(
    model: PoseModel,
    images: Sequence[Image],
    boxes: Sequence[PersonBoxes] | None = None,
    *,
    warmup: int,
    samples: int,
    clock: Clock,
    timed: Callable[[], None] = lambda: None,
) -> Samples:
    """Time single pictures one after another, batch 1, from the decoded picture to final people.

    Args:
        model: A staged model gives a time for each stage, any other the whole only.
        images: Real pictures, taken in turn.
        boxes: Where a top-down model looks in each of them.
        warmup: Runs thrown away first.
        samples: Runs kept.
        clock: Monotonic nanoseconds.
        timed: Called after each run, outside every span.

    Returns:
        ``samples`` values a span, nothing clipped.
    """
    rows, people = [], []
    for index in islice(cycle(range(len(images))), warmup + samples):
        stages = _stages(model, None if boxes is None else [boxes[index]])
        row, prediction = _time_once(stages, images[index], clock)
        rows.append(row)
        people.append(None if prediction.input_boxes is None else len(prediction.input_boxes))
        timed()
    kept = rows[warmup:]
    counted = [count for count in people[warmup:] if count is not None]
    return Samples(
        spans={span: [row[span] for row in kept] for span in kept[0]},
        people=counted if len(counted) == len(kept) else None,
    )


def _stages(
    model: PoseModel, given: list[PersonBoxes] | None
) -> Sequence[tuple[str, Callable[[Any], Any]]]:
    """What is done one after another, beginning with a list of one picture."""
    if isinstance(model, TimedStages):
        return model.timed_stages()
    if isinstance(model, StagedPoseModel):
        staged = model
        return (
            ("preprocess", lambda images: staged.preprocess(images, given)),
            ("network", staged.infer),
            ("postprocess", staged.postprocess),
        )
    return ((END_TO_END, lambda images: model.predict(images, given)),)


def _time_once(
    stages: Sequence[tuple[str, Callable[[Any], Any]]], image: Image, clock: Clock
) -> tuple[dict[str, float], Prediction]:
    value: Any = [image]
    marks = [clock()]
    for _, stage in stages:
        value = stage(value)
        marks.append(clock())
    names = (name for name, _ in stages)
    spans = {s: (b - a) / 1e6 for s, a, b in zip(names, marks, marks[1:], strict=False)}
    return {**spans, END_TO_END: (marks[-1] - marks[0]) / 1e6}, value[0]
