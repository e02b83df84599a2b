"""Warnings about series of samples with a fault that was planted in them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from latency_noise import Noise, machine
from support import require

from posebench.latency.stability import _rank_trend_p, fewest_samples, warnings


def steady(count: int = 300, seed: int = 0) -> npt.NDArray[np.float64]:
    return 10 + np.random.default_rng(seed).normal(0, 0.1, count)


def test_nothing_is_said_of_a_steady_series() -> None:
    silent = [warnings(steady(seed=seed).tolist()) == () for seed in range(200)]
    assert all(silent)


def test_a_drift_is_named_with_its_way() -> None:
    rising = steady() * np.linspace(1, 1.06, 300)
    (sentence,) = warnings(rising.tolist())
    assert " 3." in sentence and "slower" in sentence
    (sentence,) = warnings(rising[::-1].tolist())
    assert "faster" in sentence


def test_an_unsteady_series() -> None:
    (sentence,) = warnings((10 + np.random.default_rng(0).normal(0, 2, 300)).tolist())
    assert "middle half" in sentence


def test_a_tail_of_three_milliseconds() -> None:
    values = steady()
    values[::12] += 3
    (sentence,) = warnings(values.tolist())
    assert sentence.startswith("8% of the runs lie far")
    values = steady()
    values[::100] += 3
    assert warnings(values.tolist()) == (), "one in a hundred is what a 99th percentile is for"


@pytest.mark.parametrize("way", [1, -1])
def test_a_drift_without_noise(way: int) -> None:
    (sentence,) = warnings(np.linspace(10, 10.6, 300)[::way].tolist())
    assert ("slower" if way == 1 else "faster") in sentence


@pytest.mark.parametrize("slower", [0.001, 0.003, 0.005])
def test_the_trend_is_spearmans(slower: float) -> None:
    """Of noise in which successive runs resemble each other less than by chance."""
    noise = np.diff(np.random.default_rng(0).normal(0, 0.01, 1001))
    values = np.linspace(1, 1 + slower, 1000) * np.exp(noise)
    expected = require("scipy.stats").spearmanr(values, np.arange(1000)).pvalue
    assert _rank_trend_p(values) == pytest.approx(expected, rel=0.05)


def test_the_trend_of_correlated_runs_keeps_its_level() -> None:
    """Spearman's own test sees a trend in a quarter of these series at a level of 5 %."""
    series = machine(Noise(correlation=0.5), np.random.default_rng(0), 1000, 300)
    spearmanr = require("scipy.stats").spearmanr
    assert 0.03 <= np.mean([_rank_trend_p(one) <= 0.05 for one in series]) <= 0.08
    assert np.mean([spearmanr(one, np.arange(300)).pvalue <= 0.05 for one in series]) > 0.2


@pytest.mark.parametrize(("drift", "fewest", "most"), [(0.0, 0.0, 0.1), (0.2, 0.9, 1.0)])
def test_strongly_correlated_runs(drift: float, fewest: float, most: float) -> None:
    """They rarely pass for a drift, and rarely hide one."""
    noise = Noise(correlation=0.9, drift=drift)
    series = machine(noise, np.random.default_rng(0), 500, 60)
    said = [any("Runs became" in one for one in warnings(runs)) for runs in series]
    assert fewest <= np.mean(said) <= most


@pytest.mark.parametrize(("quantile", "fewest"), [(0.5, 5), (0.9, 29), (0.95, 59), (0.99, 299)])
def test_fewest_samples(quantile: float, fewest: int) -> None:
    """The largest of n lies below the quantile with a probability of quantile to the n."""
    assert fewest_samples(quantile) == fewest
    assert 1 - quantile**fewest >= 0.95 > 1 - quantile ** (fewest - 1)
