"""How far scores can be trusted, as the JSON document of a diagnosis tells it."""

from __future__ import annotations

from posebench.diagnosis.document_part import Part
from posebench.record import Estimate


class ReliabilityBin(Part):
    """Detections or keypoints with similar scores.

    Attributes:
        count: How many.
        low: Lowest score.
        high: Highest score.
        score: Mean score.
        outcome: Mean of what the score should tell, 0..1.
    """

    count: int
    low: float
    high: float
    score: float
    outcome: float


class Reliability(Part):
    """Scores against what they should tell.

    Attributes:
        ece: Expected calibration error: mean over the bins, by their counts, of the absolute
            difference between mean score and mean outcome.
        count: Detections or keypoints.
        score: Mean score; None if there is no ECE.
        outcome: Mean outcome, likewise.
        bins: Equally full, by rising score.
    """

    ece: Estimate
    count: int
    score: float | None = None
    outcome: float | None = None
    bins: tuple[ReliabilityBin, ...] = ()


class Calibration(Part):
    """What scores of people and of keypoints are worth.

    Attributes:
        instances: Score of a person against its OKS, 0 if it matched nobody.
        spearman: Rank correlation of the two over all pictures, -1..1.
        spearman_within: Mean over pictures of that within the picture.
        spearman_pictures: Pictures with at least two different scores and OKS.
        oracle_ap: AP if the scored people were ranked by their OKS with the annotated person they
            fit best, the second one found of the same person last.
        oracle_gain: The same minus AP.
        keypoints: Confidence of a keypoint against whether its similarity is over .5, in people
            matched at OKS ≥ .5.
        per_keypoint: The same by keypoint name.
    """

    instances: Reliability
    spearman: Estimate
    spearman_within: Estimate
    spearman_pictures: int
    oracle_ap: Estimate
    oracle_gain: Estimate
    keypoints: Reliability
    per_keypoint: dict[str, Reliability]


class ThresholdPoint(Part):
    """What is left of the detections from a score on, at OKS .5.

    Attributes:
        threshold: The score.
        kept: Detections that count.
        precision: Share of them that matched a person; None if none is kept.
        recall: Share of the annotated people who were found.
        f1: Harmonic mean of precision and recall.
        lrp: Localisation recall precision error, 0..1, lower is better.
        localisation: Mean of 1 - OKS of those that matched; None if none did.
    """

    threshold: float
    kept: int
    precision: float | None
    recall: float
    f1: float
    lrp: float
    localisation: float | None


class Thresholds(Part):
    """Which score a person must have to be shown.

    Attributes:
        olrp: The lowest LRP that a score threshold reaches (optimal LRP), lower is better.
        lrp_optimal: At that threshold; None if there is none, or keeping nobody is as good.
        f1_best: At the threshold with the highest F1; None if nobody was found.
        points: By rising threshold, in equal steps.
    """

    olrp: Estimate
    lrp_optimal: ThresholdPoint | None
    f1_best: ThresholdPoint | None
    points: tuple[ThresholdPoint, ...]
