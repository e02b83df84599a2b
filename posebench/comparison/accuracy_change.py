"""How much more accurate a candidate is than the baseline, figure by figure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from posebench.comparison.document import Change
from posebench.comparison.sources import Result
from posebench.metrics.accumulate import BOX_FIGURES, KEYPOINT_FIGURES
from posebench.metrics.paired import Absent, Changes, Draws, PairedChange
from posebench.metrics.paired_figures import (
    paired_figures,
    paired_groups,
    paired_keypoints,
    paired_pckh,
)
from posebench.metrics.pckh import FIGURES as PCKH_FIGURES
from posebench.metrics.people_groups import group_specs
from posebench.store import BOX_MATCHES

_BOX = "bbox"
_GROUP, _POINT = "keypoints/AP[{}]", "keypoints/oks[{}]"
_NOT_ASKED = Absent("it was not asked for")

Asked: TypeAlias = "Callable[[str], bool]"
"""Whether anybody wants a metric, so that what nobody wants need not be drawn."""


def everything(metric: str) -> bool:
    """Every metric is wanted."""
    return True


def accuracy_changes(
    baseline: Result, candidate: Result, draws: Draws, asked: Asked = everything
) -> list[Change]:
    """Every figure of the task that both were scored in, then groups of people and keypoints.

    Args:
        baseline: One result.
        candidate: The other; comparable (``check_comparable``).
        draws: How often pictures are drawn and predictions exchanged.
        asked: Which metrics are drawn; the others have their name and a reason.
    """
    if baseline.joints is not None and candidate.joints is not None:
        return _pckh_changes(baseline, candidate, draws, asked)
    assert baseline.keypoints is not None and candidate.keypoints is not None, "comparable"
    pair = baseline.keypoints, candidate.keypoints
    images = len(baseline.keypoints.image_ids)

    def figures(names: Sequence[str]) -> Changes:
        return paired_figures(*pair, {n: KEYPOINT_FIGURES[n] for n in names}, draws)

    def groups(_: Sequence[str]) -> Changes:
        return paired_groups(*pair, draws)

    def points(_: Sequence[str]) -> Changes:
        return paired_keypoints(*pair, draws)

    named = map(str, baseline.keypoints.keypoint_names)
    return [
        *_changes("keypoints/{}", _found("keypoints/{}", KEYPOINT_FIGURES, figures, asked), images),
        *_box_changes(baseline, candidate, draws, asked),
        *_changes(_GROUP, _found(_GROUP, group_specs(pair[0]), groups, asked), images),
        *_changes(_POINT, _found(_POINT, named, points, asked), images),
    ]


def _found(
    metric: str, names: Iterable[str], draw: Callable[[Sequence[str]], Changes], asked: Asked
) -> Changes:
    """The figures of a family, drawn only if one of them is asked for."""
    known = list(names)
    wanted = [name for name in known if asked(metric.format(name))]
    drawn = draw(wanted) if wanted else {}
    return {name: drawn.get(name, _NOT_ASKED) for name in known}


def _pckh_changes(baseline: Result, candidate: Result, draws: Draws, asked: Asked) -> list[Change]:
    first, second = baseline.joints, candidate.joints
    protocol = baseline.record.protocol
    assert first is not None and second is not None, "asked for only then"
    assert protocol is not None and protocol.pckh is not None, "scored by PCKh"
    comparison = protocol.pckh.comparison

    def figures(_: Sequence[str]) -> Changes:
        return paired_pckh(first, second, comparison, draws)

    found = _found("pckh/{}", PCKH_FIGURES, figures, asked)
    return _changes("pckh/{}", found, len(first.unit_ids))


def _box_changes(baseline: Result, candidate: Result, draws: Draws, asked: Asked) -> list[Change]:
    """Of the boxes, if either predicts any."""
    first, second = baseline.boxes, candidate.boxes
    if first is not None and second is not None:

        def figures(names: Sequence[str]) -> Changes:
            return paired_figures(first, second, {n: BOX_FIGURES[n] for n in names}, draws)

        found = _found("bbox/{}", BOX_FIGURES, figures, asked)
        return _changes("bbox/{}", found, len(first.image_ids))
    if not any(_BOX in side.record.accuracy for side in (baseline, candidate)):
        return []
    reason = _without_boxes(baseline, "baseline") or _without_boxes(candidate, "candidate")
    lost = all(_BOX in side.record.accuracy for side in (baseline, candidate))
    return [
        Change(metric=f"{_BOX}/{name}", reason=reason, incomparable=lost) for name in BOX_FIGURES
    ]


def _without_boxes(side: Result, name: str) -> str | None:
    if side.boxes is not None:
        return None
    if _BOX not in side.record.accuracy:
        return f"the {name} predicts no boxes"
    return f"the {name} has no {BOX_MATCHES} beside its Record"


def _changes(metric: str, found: Mapping[str, PairedChange | Absent], images: int) -> list[Change]:
    return [_change(metric.format(name), one, images) for name, one in found.items()]


def _change(metric: str, found: PairedChange | Absent, images: int) -> Change:
    if isinstance(found, Absent):
        return Change(metric=metric, reason=found.reason)
    fields = {name: value for name, value in vars(found).items() if name != "error"}
    return Change(metric=metric, test="swap", n=images, **fields)
