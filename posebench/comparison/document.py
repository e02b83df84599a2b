"""The JSON document of ``posebench compare``, documented in docs/comparison.md."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from posebench.record import ArtifactInfo, Environment, Runtime

Test = Literal["swap", "mann-whitney", "signed-rank"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Change(_Model):
    """One figure of two results.

    Accuracy is a difference, candidate minus baseline, a fraction of 1. Latency is relative: .02 is
    2 % slower than the baseline.

    Attributes:
        metric: ``TASK/FIGURE`` as in a Record (``keypoints/AP``, ``bbox/AP50``, ``pckh/wrist``),
            ``keypoints/AP[GROUP]`` for a group of people, ``keypoints/oks[KEYPOINT]``, or
            ``latency/SPAN/REGIME`` for a median.
        unit: ``fraction`` of accuracy, ``relative`` of latency.
        higher_is_better: Direction in which the figure improves.
        baseline: The figure itself: 0..1, or ms; None if it does not exist.
        candidate: The candidate's.
        reason: Why there is no change to tell; None if there is.
        incomparable: Whether that is because both have the figure, but measured under conditions
            that differ; always False where there is a change.
        change: Candidate minus baseline; of latency Hodges and Lehmann's estimate of candidate over
            baseline, minus 1.
        low: Lower end of the interval of ``change``.
        high: Upper end.
        level: Probability that such an interval covers the change, 0..1.
        p: Two-sided p-value of no change.
        p_holm: The same, adjusted by Holm for all changes of one document that are alike
            (``families``).
        test: What ``p`` comes from.
        detectable: The smallest change that data like these show with a probability of .975.
        n: What was drawn or ranked: pictures, processes of the side that has fewer, or rounds.
        counted: Annotated people, keypoints or runs behind the figure.
    """

    metric: str
    unit: Literal["fraction", "relative"] = "fraction"
    higher_is_better: bool = True
    baseline: float | None = None
    candidate: float | None = None
    reason: str | None = None
    incomparable: bool = False
    change: float | None = None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    p: float | None = None
    p_holm: float | None = None
    test: Test | None = None
    detectable: float | None = None
    n: int = 0
    counted: int | None = None


class Side(_Model):
    """One of the results, as its Record tells it.

    Attributes:
        record: Path of the Record, as it was given or found.
    """

    label: str
    record: str
    accuracy_id: str | None
    artifacts: tuple[ArtifactInfo, ...]
    runtime: Runtime
    environment: Environment


class Pair(_Model):
    """A candidate against the baseline.

    Attributes:
        changes: Figures of the tasks, groups of people, keypoints, latency; in that order.
        notes: What else differs between the two, and what to know of the changes; sentences.
    """

    candidate: Side
    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()


class Comparison(_Model):
    """One baseline against one or more candidates on the same pictures.

    Attributes:
        replicates: How often the pictures were drawn for intervals.
        permutations: How often predictions were swapped for p-values.
        seed: Of both.
    """

    schema_version: Literal[1] = 1
    created_at: datetime
    posebench_version: str
    dataset: str
    dataset_identity: str
    images: int
    baseline: Side
    pairs: tuple[Pair, ...]
    replicates: int
    permutations: int
    seed: int
