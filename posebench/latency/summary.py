"""From raw samples to the percentiles of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from posebench.config import LatencyConfig
from posebench.record import Cell, LatencySummary

P95_MINIMUM = 59
"""Fewest samples of which the largest bounds the 95th percentile with 95 % confidence: the least
n with 1 - 0.95^n >= 0.95."""


def summarise(samples_ms: Sequence[float]) -> LatencySummary:
    """Percentiles (linear interpolation), mean and extremes of one span's samples in ms."""
    values = np.asarray(samples_ms, np.float64)
    p95 = float(np.percentile(values, 95)) if len(values) >= P95_MINIMUM else None
    return LatencySummary(
        p50_ms=float(np.percentile(values, 50)),
        p95_ms=p95,
        mean_ms=float(values.mean()),
        min_ms=float(values.min()),
        max_ms=float(values.max()),
        n=len(values),
    )


def cells(
    samples: Mapping[str, Sequence[float]], *, config: LatencyConfig, threads: int
) -> tuple[Cell, ...]:
    """One cell a span, in the order measured."""
    return tuple(
        Cell.model_validate(
            {
                "span": span,
                "threads": threads,
                "warmup": config.warmup,
                "summary": summarise(values),
            }
        )
        for span, values in samples.items()
    )
