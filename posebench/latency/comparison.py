"""Two models that took turns: which is faster, by how much, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log
from statistics import NormalDist

import numpy as np

from posebench.latency.location import Location
from posebench.latency.ratio import latency_ratio
from posebench.latency.rounds import TimedRound

ROUNDS = 60
"""Rounds by default: 1 % is then found nine times in ten under every noise that was tried
(docs/latency-statistics.md)."""

REPEATS = 15
"""Rounds that may be measured again by default: a quarter."""

_FEW = 12
RUNS = 30
"""Runs of each model in a round by default."""


def ratios(
    baseline: Sequence[TimedRound], candidate: Sequence[TimedRound], level: float = 0.95
) -> dict[str, Location]:
    """Latency of the candidate over the baseline's, by span, for those that both have and use.

    Args:
        baseline: Its rounds; the i-th one that counts was measured right before or after the
            candidate's i-th.
        candidate: Of the same regime.
        level: Probability that an interval covers the ratio.
    """
    first, second = (
        [one.samples.spans for one in rounds if one.kept] for rounds in (baseline, candidate)
    )
    found = {}
    for span in first[0]:
        pair = [[one.get(span, ()) for one in side] for side in (first, second)]
        # A span that takes no time, such as a device where nobody is, has no ratio.
        if all(len(one) and np.median(one) > 0 for side in pair for one in side):
            found[span] = latency_ratio(pair[0], pair[1], level)
    return found


def detectable(ratio: Location, rounds: int) -> float | None:
    """Smallest relative difference that would be shown nine times in ten, 0..1.

    The interval is taken for a normal one: its half-width is z standard errors, z for its coverage,
    and a difference is found with a probability of .9 when it is z + 1.28 of them. Of few rounds
    the interval is too coarse for that: None.
    """
    if rounds < _FEW:
        return None
    half = (log(ratio.high) - log(ratio.low)) / 2
    certain, powerful = (NormalDist().inv_cdf(p) for p in ((1 + ratio.coverage) / 2, 0.9))
    return exp(half * (certain + powerful) / certain) - 1
