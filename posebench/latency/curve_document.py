"""The JSON document of latency curves, documented in docs/latency-curves.md."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from posebench.config import LatencyConfig
from posebench.latency.ab_document import Side
from posebench.record import LatencySummary

CurveKind = Literal["people", "batch", "threads"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CurvePoint(_Model):
    """One point of a curve.

    Attributes:
        x: Annotated people in the picture, pictures a batch, or threads.
        summary: End-to-end latency, from the decoded picture to final keypoints; for ``batch`` of
            a whole batch.
        boxes: Mean number of boxes that a top-down model looked into; None for others.
        pictures_per_s: For ``batch``, pictures by the median; None else.
    """

    x: int
    summary: LatencySummary
    boxes: float | None = None
    pictures_per_s: float | None = None


class Curve(_Model):
    """One model's.

    Attributes:
        side: The model as it was loaded; of ``threads``, with those of the first point.
        detector: What finds the boxes of a top-down model; None for others, ``annotations`` or a
            file name if nothing is detected.
        points: By x, ascending.
    """

    side: Side
    detector: str | None = None
    points: tuple[CurvePoint, ...]


class CurveCrossing(_Model):
    """Where the slower of two models becomes the faster one.

    Attributes:
        slower: Label of the model that is slower from there on.
        at: x where the estimated difference is 0, interpolated.
        low: Lower end of the interval; None if the difference is not shown anywhere before, or
            there are no intervals.
        high: Upper end, likewise.
    """

    slower: str
    at: float
    low: float | None
    high: float | None


class CurvePair(_Model):
    """Two models of a curve over the number of people.

    Attributes:
        first: Label of one.
        second: Label of the other.
        crossings: Ascending; empty if there is none between the first and the last x.
        slower: Without a crossing, which of them is shown to be slower; None if none is.
        level: Of the intervals, 0..1; None if there are too few processes for any.
    """

    first: str
    second: str
    crossings: tuple[CurveCrossing, ...]
    slower: str | None
    level: float | None


class LatencyCurves(_Model):
    """Latency of some models on one machine, point by point."""

    schema_version: Literal[1] = 1
    created_at: datetime
    posebench_version: str
    kind: CurveKind
    dataset: str
    latency_protocol: LatencyConfig
    curves: tuple[Curve, ...]
    pairs: tuple[CurvePair, ...] = ()
    notes: tuple[str, ...] = ()
