"""The error breakdown on an HTML page: what went wrong with keypoints, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from posebench.record import Estimate
from posebench.report.text import EMPTY

if TYPE_CHECKING:
    from posebench.diagnosis.document import Diagnosis

KINDS = ("good", "jitter", "inversion", "swap", "miss")
STEPS = {
    "miss": "miss",
    "swap": "swap",
    "inversion": "inversion",
    "jitter": "jitter",
    "score": "order of scores",
    "background": "false positives",
    "missed": "missed people",
}
"""What can be repaired, as the page calls it."""


@dataclass(frozen=True)
class Share:
    """A kind of keypoint.

    Attributes:
        kind: One of ``KINDS``.
        percent: Of the labelled keypoints of matched people, 0..100.
        text: The same as printed.
    """

    kind: str
    percent: float
    text: str


@dataclass(frozen=True)
class Gain:
    """What repairing one kind of error alone would bring.

    Attributes:
        text: On a scale of 100 with its sign, or a dash.
        value: What it is sorted by; None if it is unknown.
        interval: On a scale of 100, or ``""``.
        largest: Whether nothing else brings this model more.
    """

    text: str
    value: float | None
    interval: str
    largest: bool


@dataclass(frozen=True)
class Breakdown:
    """The errors of one model.

    Attributes:
        label: The model.
        shares: Kinds of keypoints; none if nobody was matched.
        keypoints: How many keypoints were judged.
        gains: AP gained by repairing each of ``STEPS``.
    """

    label: str
    shares: tuple[Share, ...]
    keypoints: int
    gains: tuple[Gain, ...]


def breakdowns(diagnoses: Mapping[str, Diagnosis]) -> list[Breakdown]:
    """One for each model, by its label."""
    return [_breakdown(label, diagnosis) for label, diagnosis in diagnoses.items()]


def _breakdown(label: str, diagnosis: Diagnosis) -> Breakdown:
    overall = diagnosis.localisation.overall
    rates: Mapping[str, float] = {str(kind): rate for kind, rate in overall.rates.items()}
    shares = (Share(kind, 100 * rates[kind], _percent(rates[kind])) for kind in KINDS if rates)
    found: Mapping[str, Estimate] = {str(s.name): s.ap_gain for s in diagnosis.impact.alone}
    return Breakdown(
        label, tuple(shares), overall.keypoints, _gains([found[step] for step in STEPS])
    )


def _percent(rate: float) -> str:
    return f"{100 * rate:.1f} %"


def _gains(found: Sequence[Estimate]) -> tuple[Gain, ...]:
    largest = max((gain.value for gain in found if gain.value is not None), default=None)
    return tuple(_gain(gain, largest) for gain in found)


def _gain(gain: Estimate, largest: float | None) -> Gain:
    if gain.value is None:
        return Gain(EMPTY, None, "", largest=False)
    interval = gain.interval
    ends = f"{100 * interval.low:.1f} to {100 * interval.high:.1f}" if interval else ""
    is_largest = gain.value == largest and gain.value > 0
    return Gain(f"{100 * gain.value:+.1f}", gain.value, ends, largest=is_largest)
