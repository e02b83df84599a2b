"""What each kind of error costs: AP and AR as they would be without it.

Ronchi and Perona (ICCV 2017, arXiv 1707.05388). Each kind is repaired alone, and one
after another in a fixed order, so that the gains of all steps and the rest add up to what is
missing from 1. Intervals come from the bootstrap over pictures, the same pictures with and without
the repair.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import MappingProxyType

from posebench.diagnosis.background import background, without_detections, without_people
from posebench.diagnosis.case import Case
from posebench.diagnosis.repair import Factor, repair
from posebench.diagnosis.score_errors import optimal_scores
from posebench.diagnosis.taxonomy import Taxonomy
from posebench.metrics.accumulate import KEYPOINT_FIGURES, Figure, FigureSpec, figures
from posebench.metrics.bootstrap import Interval, percentile_interval
from posebench.metrics.matches import Matches
from posebench.metrics.resampling import replicates
from posebench.types import Detections, Float64Array

KEYPOINT_STEPS = ("miss", "swap", "inversion", "jitter")
STEPS = (*KEYPOINT_STEPS, "score", "background", "missed")
FIGURES: Mapping[str, FigureSpec] = MappingProxyType(
    {name: KEYPOINT_FIGURES[name] for name in ("AP", "AR")}
)


@dataclass(frozen=True)
class Gain:
    """A figure after a repair.

    Attributes:
        value: 0..1, or None where there is none.
        gain: By how much it rose.
        interval: Of the gain, or None if it was not asked for.
        reason: Why there is no value.
    """

    value: float | None
    gain: float | None
    interval: Interval | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Step:
    """One repair.

    Attributes:
        name: One of ``STEPS``: the kind of keypoints that is repaired; ``score``: the optimal
            scores are taken; ``background``: background false positives are ignored; ``missed``:
            false negatives are ignored.
        figures: AP and AR.
    """

    name: str
    figures: Mapping[str, Gain]


@dataclass(frozen=True)
class Impact:
    """What the errors cost.

    Attributes:
        baseline: AP and AR as measured.
        alone: Each repair by itself; gains over the baseline.
        progressive: One after another; gains over the step before.
        rest: What is missing from 1 after the last step. Repaired keypoints stay at the border of
            their kind, below what the highest thresholds ask for.
        factor: With which distances keypoints were repaired.
    """

    baseline: Mapping[str, Figure]
    alone: tuple[Step, ...]
    progressive: tuple[Step, ...]
    rest: Mapping[str, float | None]
    factor: Factor


@dataclass(frozen=True, eq=False)
class _Measured:
    """Figures of some matches, and their replicates."""

    figures: Mapping[str, Figure]
    samples: Mapping[str, Float64Array] = field(default_factory=dict)

    @classmethod
    def of(cls, matches: Matches, weights: Float64Array | None) -> _Measured:
        found = figures(matches, FIGURES)
        return cls(found, {} if weights is None else replicates(matches, FIGURES, weights))

    def over(self, before: _Measured, name: str) -> Step:
        return Step(name, {figure: self._gain(before, figure) for figure in FIGURES})

    def _gain(self, before: _Measured, figure: str) -> Gain:
        value, old = self.figures[figure], before.figures[figure].value
        if value.value is None or old is None:
            return Gain(value.value, None, reason=value.reason)
        interval = None
        if self.samples:
            interval = percentile_interval(self.samples[figure] - before.samples[figure])
        return Gain(value.value, value.value - old, interval)


def impact(
    case: Case,
    taxonomy: Taxonomy,
    *,
    factor: Factor = "corrected",
    weights: Float64Array | None = None,
) -> Impact:
    """Repair each kind of error, and measure anew.

    Args:
        case: People and detections.
        taxonomy: The kinds of their keypoints.
        factor: With which distances keypoints are repaired; see ``repair``.
        weights: (R, I) how often each picture is drawn (``bootstrap.draw_weights``); None for no
            intervals.
    """
    before = case.matches()
    baseline = _Measured.of(before, weights)
    alone = [_Measured.of(m, weights) for m in _alone(case, taxonomy, factor, before)]
    # The first repair alone is the first one of the progression as well.
    rest = [_Measured.of(m, weights) for m in _progressive(case, taxonomy, factor)]
    chain = [baseline, alone[0], *rest]
    last = chain[-1].figures
    return Impact(
        baseline=baseline.figures,
        alone=_steps([(baseline, after) for after in alone]),
        progressive=_steps(list(pairwise(chain))),
        rest={name: None if (v := last[name].value) is None else 1 - v for name in FIGURES},
        factor=factor,
    )


def _steps(pairs: Sequence[tuple[_Measured, _Measured]]) -> tuple[Step, ...]:
    return tuple(
        after.over(before, name) for name, (before, after) in zip(STEPS, pairs, strict=True)
    )


def _alone(case: Case, taxonomy: Taxonomy, factor: Factor, before: Matches) -> Iterator[Matches]:
    """The matches after each repair by itself."""
    for kind in KEYPOINT_STEPS:
        yield case.matches(detections=repair(case, taxonomy, [kind], factor))
    yield case.matches(detections=_rescored(case, taxonomy, case.detections))
    found = background(case, taxonomy.pairing, before)
    yield without_detections(before, found.false_positives)
    yield without_people(before, found.missed)


def _progressive(case: Case, taxonomy: Taxonomy, factor: Factor) -> Iterator[Matches]:
    """The matches after each repair on top of those before it, from the second one on."""
    for count in range(2, len(KEYPOINT_STEPS) + 1):
        repaired = repair(case, taxonomy, KEYPOINT_STEPS[:count], factor)
        yield case.matches(detections=repaired)
    matches = case.matches(detections=_rescored(case, taxonomy, repaired))
    yield matches
    found = background(case, taxonomy.pairing, matches)
    matches = without_detections(matches, found.false_positives)
    yield matches
    yield without_people(matches, found.missed)


def _rescored(case: Case, taxonomy: Taxonomy, detections: Detections) -> Detections:
    return replace(detections, scores=optimal_scores(case, taxonomy.pairing, detections))
