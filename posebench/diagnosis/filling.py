"""From what the analyses found to the parts of the document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast, get_args

from posebench.diagnosis import errors_document as document
from posebench.diagnosis.background import Background
from posebench.diagnosis.impact import Gain, Impact, Step
from posebench.diagnosis.pairing import Pairing
from posebench.diagnosis.score_errors import ScoreErrors
from posebench.diagnosis.sensitivity import Group, Sensitivity
from posebench.diagnosis.taxonomy import Counts, Taxonomy
from posebench.metrics.accumulate import Figure
from posebench.metrics.bootstrap import Interval as FoundInterval
from posebench.record import Estimate, Interval


def estimate(figure: Figure) -> Estimate:
    """A figure with its interval, if it has one."""
    return Estimate(value=figure.value, reason=figure.reason, interval=_recorded(figure.interval))


def _recorded(interval: FoundInterval | None) -> Interval | None:
    return None if interval is None else Interval(**vars(interval))


def localisation(taxonomy: Taxonomy) -> document.Localisation:
    """Kinds of errors, of all keypoints and by keypoint."""
    single, groups = taxonomy.per_keypoint(), taxonomy.per_group()
    return document.Localisation(
        people_matched=len(taxonomy.pairing.people),
        people_unmatched=len(taxonomy.pairing.unmatched),
        overall=_kinds(taxonomy.counts()),
        per_keypoint={name: _kinds(counts) for name, counts in single.items()},
        per_group={name: _kinds(counts) for name, counts in groups.items()},
    )


def _kinds(counts: Counts) -> document.Kinds:
    names: Sequence[document.Kind] = get_args(document.Kind)
    rates = counts.rates() or {}
    return document.Kinds(
        keypoints=counts.total,
        counts={name: getattr(counts, name) for name in names},
        rates={name: rates[name] for name in names if rates},
    )


def impact(found: Impact) -> document.Impact:
    """What each kind of error costs."""
    return document.Impact(
        ap=estimate(found.baseline["AP"]),
        ar=estimate(found.baseline["AR"]),
        alone=tuple(map(_step, found.alone)),
        progressive=tuple(map(_step, found.progressive)),
        ap_rest=found.rest["AP"],
        ar_rest=found.rest["AR"],
    )


def _step(step: Step) -> document.Step:
    ap, ar = step.figures["AP"], step.figures["AR"]
    return document.Step(
        name=cast(document.StepName, step.name),
        ap=Estimate(value=ap.value, reason=ap.reason),
        ap_gain=_gain(ap),
        ar=Estimate(value=ar.value, reason=ar.reason),
        ar_gain=_gain(ar),
    )


def _gain(gain: Gain) -> Estimate:
    return Estimate(value=gain.gain, reason=gain.reason, interval=_recorded(gain.interval))


def score_order(found: ScoreErrors) -> document.ScoreOrder:
    """Whether scores rank detections well."""
    return document.ScoreOrder(
        pictures=found.pictures,
        reordered=found.reordered,
        contested=found.contested,
        outscored=found.outscored,
    )


def unmatched(found: Background, pairing: Pairing) -> document.Unmatched:
    """False positives and missed people."""
    return document.Unmatched(
        scored=len(pairing.scored),
        false_positives=len(found.false_positives),
        duplicates=int(found.duplicates.sum()),
        missed=len(found.missed),
    )


def sensitivity(found: Sensitivity) -> document.Sensitivity:
    """Figures of groups of people."""
    return document.Sensitivity(
        overlaps=tuple(map(_group, found.overlaps)),
        visible=tuple(map(_group, found.visible)),
        area=tuple(map(_group, found.area)),
        occluded=tuple(map(_group, found.occluded)),
        grid=tuple(map(_group, found.grid)),
    )


def _group(group: Group) -> document.Group:
    return document.Group(
        name=group.name,
        people=group.people,
        matched=group.matched,
        ap=estimate(group.figures["AP"]),
        ap75=estimate(group.figures["AP75"]),
        ar=estimate(group.figures["AR"]),
        oks=group.oks,
        errors=_kinds(group.counts),
    )
