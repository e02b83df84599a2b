"""The JSON document of a comparison of two latencies, documented in docs/latency.md."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from posebench.config import EvalProtocol, LatencyConfig, Regime
from posebench.record import ArtifactInfo, Environment, Runtime, Span


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Side(_Model):
    """One of the two models, as it was loaded."""

    label: str
    artifacts: tuple[ArtifactInfo, ...]
    protocol: EvalProtocol
    runtime: Runtime
    environment: Environment


class SpanRatio(_Model):
    """Latency of the candidate over that of the baseline.

    Attributes:
        regime: With or without pauses.
        span: As in a Record.
        baseline_p50_ms: Median over all runs that count.
        candidate_p50_ms: The candidate's.
        ratio: Hodges-Lehmann estimate over the rounds; 1.02 is 2 % slower.
        low: Lower end of its interval.
        high: Upper end.
        level: Probability that such an interval covers the ratio, 0..1.
        detectable: Smallest relative difference that so many rounds as noisy as these would have
            shown nine times in ten, 0..1; None under 12 rounds.
    """

    regime: Regime
    span: Span
    baseline_p50_ms: float
    candidate_p50_ms: float
    ratio: float
    low: float
    high: float
    level: float
    detectable: float | None


class LatencyComparison(_Model):
    """Two models that were timed in turns on one machine."""

    schema_version: Literal[1] = 1
    created_at: datetime
    posebench_version: str
    dataset: str
    baseline: Side
    candidate: Side
    latency_protocol: LatencyConfig
    ratios: tuple[SpanRatio, ...]
    notes: tuple[str, ...] = ()

    def ratio(self, span: Span, regime: Regime) -> SpanRatio:
        """The ratio of a span.

        Raises:
            KeyError: It was not measured.
        """
        for one in self.ratios:
            if (one.span, one.regime) == (span, regime):
                return one
        raise KeyError(f"{span}, {regime}")
