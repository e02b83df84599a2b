"""Which errors there are and what each costs, as the JSON document of a diagnosis tells it."""

from __future__ import annotations

from typing import Literal

from posebench.diagnosis.document_part import Part
from posebench.record import Estimate

Kind = Literal["good", "jitter", "inversion", "swap", "miss"]
StepName = Literal["miss", "swap", "inversion", "jitter", "score", "background", "missed"]


class Kinds(Part):
    """Keypoints by what became of them.

    Attributes:
        keypoints: Labelled keypoints of matched people.
        counts: How many of them are of each kind.
        rates: Share of each kind, 0..1; empty if there are no keypoints.
    """

    keypoints: int
    counts: dict[Kind, int]
    rates: dict[Kind, float]


class Localisation(Part):
    """Where keypoints of matched people were put.

    Attributes:
        people_matched: People whose keypoints are judged: matched at OKS ≥ .1.
        people_unmatched: People who count but were matched by nobody.
        overall: All keypoints.
        per_keypoint: By keypoint name.
        per_group: By keypoint name without left and right.
    """

    people_matched: int
    people_unmatched: int
    overall: Kinds
    per_keypoint: dict[str, Kinds]
    per_group: dict[str, Kinds]


class Step(Part):
    """One kind of error repaired.

    Attributes:
        name: The kind: four of keypoints (``miss``, ``swap``, ``inversion``, ``jitter``), the order
            of the scores (``score``), false positives (``background``), people who were not found
            (``missed``).
        ap: AP after it.
        ap_gain: By how much that is more than before.
        ar: AR after it.
        ar_gain: By how much that is more than before.
    """

    name: StepName
    ap: Estimate
    ap_gain: Estimate
    ar: Estimate
    ar_gain: Estimate


class Impact(Part):
    """What AP and AR would be without errors.

    Attributes:
        ap: As predicted.
        ar: As predicted.
        alone: Each kind repaired by itself; gains are over the predictions.
        progressive: One after another; gains are over the step before.
        ap_rest: What is missing to an AP of 1 after the last step; None without AP.
        ar_rest: The same of AR.
    """

    ap: Estimate
    ar: Estimate
    alone: tuple[Step, ...]
    progressive: tuple[Step, ...]
    ap_rest: float | None
    ar_rest: float | None


class ScoreOrder(Part):
    """Whether scores put the better of two detections first.

    Attributes:
        pictures: Those with a detection.
        reordered: Those whose detections the best scores would put into another order.
        contested: People with two or more detections at OKS ≥ .5.
        outscored: Those of them whose best-scored detection is not the most similar one.
    """

    pictures: int
    reordered: int
    contested: int
    outscored: int


class Unmatched(Part):
    """Detections without a person, people without a detection.

    Attributes:
        scored: Detections that are scored.
        false_positives: Those that matched nobody, at any OKS from .1.
        duplicates: Those of them at OKS ≥ .1 with a person who has another detection.
        missed: People whom no detection matched.
    """

    scored: int
    false_positives: int
    duplicates: int
    missed: int


class Group(Part):
    """Some of the people.

    Attributes:
        name: What they have in common, e.g. ``1-2``.
        people: How many.
        matched: Those matched at OKS ≥ .1.
        ap: AP of them, all others ignored.
        ap75: AP at OKS .75.
        ar: AR.
        oks: Mean OKS of the matched; None if there are none.
        errors: Their keypoints.
    """

    name: str
    people: int
    matched: int
    ap: Estimate
    ap75: Estimate
    ar: Estimate
    oks: float | None
    errors: Kinds


class Sensitivity(Part):
    """How figures depend on who is looked at.

    Attributes:
        overlaps: By the number of other people whose box overlaps (IoU > .1).
        visible: By the number of labelled keypoints.
        area: By annotated area, px².
        occluded: By the share of labelled keypoints that are hidden (v = 1).
        grid: Overlaps x visible, row by row.
    """

    overlaps: tuple[Group, ...]
    visible: tuple[Group, ...]
    area: tuple[Group, ...]
    occluded: tuple[Group, ...]
    grid: tuple[Group, ...]
