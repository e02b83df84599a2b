"""From raw samples to the percentiles of a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from posebench.config import LatencyConfig
from posebench.latency.measure import END_TO_END, Samples
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


def cells(samples: Samples, *, config: LatencyConfig, threads: int) -> tuple[Cell, ...]:
    """One cell a span, in the order measured, and the whole by the number of people."""
    spans = [(span, None, values) for span, values in samples.spans.items()]
    return tuple(
        Cell.model_validate(
            {
                "span": span,
                "people": people,
                "threads": threads,
                "warmup": config.warmup,
                "summary": summarise(values),
            }
        )
        for span, people, values in [*spans, *_by_people(samples)]
    )


def _by_people(samples: Samples) -> list[tuple[str, tuple[int, int], list[float]]]:
    """End-to-end times in groups of 0, 1, 2-3, 4-7, 8-15, ... boxes."""
    if samples.people is None or not samples.people:
        return []
    groups: dict[int, list[float]] = {}
    for count, value in zip(samples.people, samples.spans[END_TO_END], strict=True):
        groups.setdefault(count.bit_length(), []).append(value)
    return [
        (END_TO_END, ((1 << size) >> 1, (1 << size) - 1), groups[size]) for size in sorted(groups)
    ]
