"""How much slower one model is than another, from rounds that took turns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from posebench.latency.location import Location, hodges_lehmann

Rounds = Sequence[Sequence[float]]
"""Milliseconds of the runs of each round."""


def latency_ratio(baseline_ms: Rounds, candidate_ms: Rounds, level: float = 0.95) -> Location:
    """Latency of a candidate over that of a baseline, and its interval.

    Runs of one round depend on each other, so a round counts once, by its median. What the machine
    does to a round it does to both models, so the unit is the logarithm of their ratio within it.

    Args:
        baseline_ms: R rounds, of any number of runs.
        candidate_ms: The candidate's R rounds, each measured right before or after the baseline's.
        level: Probability that the interval covers the ratio.

    Returns:
        Ratios: 1.02 is 2 % slower than the baseline.

    Raises:
        ValueError: Other numbers of rounds, a round without a run, fewer rounds than the level
            needs, or times that are not above 0.
    """
    if len(baseline_ms) != len(candidate_ms):
        raise ValueError(f"{len(baseline_ms)} rounds cannot be paired with {len(candidate_ms)}.")
    found = hodges_lehmann(np.log(_medians(candidate_ms)) - np.log(_medians(baseline_ms)), level)
    value, low, high = (float(np.exp(x)) for x in (found.value, found.low, found.high))
    return Location(value, low, high, found.coverage)


def _medians(rounds: Rounds) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    medians = np.array([np.median(one) if len(one) else np.nan for one in rounds], np.float64)
    if not (medians > 0).all():
        raise ValueError("every round needs runs, and times above 0.")
    return medians
