"""What the errors of a diagnosis are called, what they mean, and which one costs most."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from posebench.report.summary import sentence

if TYPE_CHECKING:
    from posebench.diagnosis.document import Diagnosis
    from posebench.diagnosis.errors_document import Step
    from posebench.record import Estimate, Interval

ERROR_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "miss": "keypoints far off (miss)",
        "swap": "keypoints of somebody else (swap)",
        "inversion": "left and right exchanged (inversion)",
        "jitter": "keypoints slightly off (jitter)",
        "score": "scores in a bad order (score)",
        "background": "false positives (background)",
        "missed": "people not found (missed)",
    }
)
_BLAMED: Mapping[str, str] = MappingProxyType(
    {
        "miss": "keypoints that are far off (miss)",
        "swap": "keypoints put on somebody else (swap)",
        "inversion": "keypoints with left and right exchanged (inversion)",
        "jitter": "keypoints that are slightly off (jitter)",
        "score": "scores that rank people badly (score)",
        "background": "detections of nobody (background)",
        "missed": "people who were not found (missed)",
    }
)
DEFINITIONS: Mapping[str, str] = MappingProxyType(
    {
        "miss": "The keypoint is far from every place it could be meant for: its similarity is "
        "below .5 with each of them. Repaired, it has a similarity of .5.",
        "swap": "It lies at a keypoint of another person of the picture. Repaired, it is as near "
        "to its own.",
        "inversion": "It lies at the same person's keypoint of the other side, a left wrist at the "
        "right one. Repaired, it is as near to its own.",
        "jitter": "It is near its place, but not close: its similarity is at least .5 and below "
        ".85. Repaired, it has .85.",
        "score": "A worse detection has a higher score than a better one. Repaired, people are "
        "ranked by their similarity with the annotated person.",
        "background": "A detection that matches nobody, or somebody whom a higher-scored one "
        "matches. Repaired, it does not count.",
        "missed": "An annotated person whom no detection matches, even at OKS .1. Repaired, they "
        "do not count.",
    }
)


def verdict(diagnosis: Diagnosis) -> list[str]:
    """What costs most AP, then AP itself, and what may cost as much; a sentence each."""
    ap = diagnosis.accuracy["AP"]
    if not diagnosis.people:
        return ["Nobody is annotated who counts: there is no AP, and there are no errors to find."]
    if ap.value is None:
        return [sentence(f"There is no AP ({(ap.reason or '').rstrip('.')})")]
    if not diagnosis.detections:
        return ["Nobody was predicted: AP is 0, and there are no errors to tell apart."]
    costs = sorted(diagnosis.impact.alone, key=_gained, reverse=True)
    worst = costs[0]
    if _gained(worst) <= 0:
        return [f"No kind of error costs any AP: it is {with_interval(ap)}."]
    told = (
        f"What costs most AP are {_BLAMED[worst.name]}: without them it would be higher by "
        f"{with_interval(worst.ap_gain)}."
    )
    rivals = [f"{_BLAMED[s.name]}, {with_interval(s.ap_gain)}" for s in costs[1:] if _may(s, worst)]
    more = [f"As much may be lost to {'; or to '.join(rivals)}."] if rivals else []
    return [told, f"AP is {with_interval(ap)}.", *more]


def anything(diagnosis: Diagnosis) -> bool:
    """Whether there is more to tell than that nobody was predicted, or nobody annotated."""
    return bool(diagnosis.people and diagnosis.unmatched.scored)


def _gained(step: Step) -> float:
    return step.ap_gain.value or 0.0


def _may(step: Step, worst: Step) -> bool:
    """Whether its interval reaches as far as the gain of the worst."""
    interval = step.ap_gain.interval
    return interval is not None and interval.high >= _gained(worst)


def hundred(value: float | None) -> str:
    """A fraction on a scale of 100, with one decimal; a dash if there is none."""
    return "—" if value is None else f"{100 * value:.1f}"


def with_interval(figure: Estimate) -> str:
    """E.g. ``45.7 (95 % interval: 39.0 to 52.1)``."""
    told = interval_text(figure.interval)
    return hundred(figure.value) + (f" (95 % interval: {told})" if told else "")


def interval_text(interval: Interval | None) -> str:
    """E.g. ``39.0 to 52.1``; ``""`` without one."""
    if interval is None:
        return ""
    return f"{hundred(interval.low)} to {hundred(interval.high)}"


def counted_people(number: int) -> str:
    """E.g. ``1 person``, ``2 people``."""
    return f"{number} person" if number == 1 else f"{number} people"
