"""Made-up latencies of two models that take turns on one noisy machine.

A run takes ``exp(noise + drift)`` times as long as on a quiet machine. The noise and the drift go
on from run to run, whoever runs, so that runs close in time resemble each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from posebench.latency.comparison import ROUNDS, RUNS
from posebench.types import Float64Array

Order = Literal["drawn", "baseline first", "one after the other"]
"""Who goes first in a round: drawn for each, or never the candidate; or there are no turns, and
all rounds of the candidate follow all those of the baseline."""

SPIKE = 1.5
"""Smallest factor of a spike; larger ones are Pareto's."""

_SPIKE_INDEX = 3.0  # of the Pareto distribution: the variance is finite, the kurtosis is not


@dataclass(frozen=True)
class Noise:
    """What a machine does to the logarithm of a latency.

    Attributes:
        correlation: Of the noise of two successive runs, an AR(1) process; at least 0, below 1.
        spread: Standard deviation of the noise of a run.
        spikes: Share of the runs that something interrupts.
        drift: How much it rises over the whole session, linearly.
        swing: Amplitude of a sinusoid with a phase that is drawn for each session.
        period: Runs, of either model, in a period of that sinusoid.
        process: Standard deviation of what the process of a model adds as long as it lives, e.g.
            by the layout of its memory.
        restarts: Each round starts a process for each model, else each model keeps one.
    """

    correlation: float = 0.0
    spread: float = 0.02
    spikes: float = 0.0
    drift: float = 0.0
    swing: float = 0.0
    period: float = 450.0
    process: float = 0.0
    restarts: bool = False


@dataclass(frozen=True)
class Plan:
    """How two models are compared.

    Attributes:
        rounds: Rounds of a session.
        runs: Runs of each model in a round.
        order: Who goes first.
    """

    rounds: int = ROUNDS
    runs: int = RUNS
    order: Order = "drawn"


def machine(noise: Noise, random: np.random.Generator, trials: int, runs: int) -> Float64Array:
    """Factors (trials, runs) on the latency of a model, run after run, one session a row."""
    time = np.arange(runs)
    phase = random.uniform(0, 2 * np.pi, (trials, 1))
    log = noise.spread * _autoregressive(noise.correlation, random, trials, runs)
    log += noise.drift * time / runs
    log += noise.swing * np.sin(2 * np.pi * time / noise.period + phase)
    spiked = random.random((trials, runs)) < noise.spikes
    sizes = SPIKE * (1 + random.pareto(_SPIKE_INDEX, (trials, runs)))
    factors: Float64Array = np.exp(log) * np.where(spiked, sizes, 1.0)
    return factors


def sessions(noise: Noise, plan: Plan, random: np.random.Generator, trials: int) -> Float64Array:
    """Factors (trials, rounds, 2, runs) of the baseline, then of the candidate, if both are equal.

    Times a latency in milliseconds these are measured ones; a slower candidate's are larger by its
    own factor.
    """
    series = machine(noise, random, trials, 2 * plan.rounds * plan.runs)
    turns = _in_order(series, plan, random)
    lives = plan.rounds if noise.restarts else 1
    kept: Float64Array = np.exp(noise.process * random.standard_normal((trials, lives, 2, 1)))
    return np.asarray(turns * kept, np.float64)


def _autoregressive(
    correlation: float, random: np.random.Generator, trials: int, runs: int
) -> Float64Array:
    """Stationary AR(1) series (trials, runs) of variance 1."""
    values = random.standard_normal((runs, trials))
    values[1:] *= (1 - correlation**2) ** 0.5
    for before, now in pairwise(values):
        now += correlation * before
    return values.T


def _in_order(series: Float64Array, plan: Plan, random: np.random.Generator) -> Float64Array:
    if plan.order == "one after the other":
        return series.reshape(-1, 2, plan.rounds, plan.runs).swapaxes(1, 2)
    turns = series.reshape(-1, plan.rounds, 2, plan.runs)
    if plan.order == "baseline first":
        return turns
    swapped = random.random((*turns.shape[:2], 1, 1)) < 0.5
    return np.where(swapped, turns[:, :, ::-1], turns)
