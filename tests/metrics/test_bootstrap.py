from __future__ import annotations

import math

import numpy as np
import pytest

from posebench.metrics.bootstrap import REPLICATES, draw_weights, percentile_interval


def test_as_many_units_are_drawn_as_there_are() -> None:
    weights = draw_weights(7, replicates=50)
    assert weights.shape == (50, 7)
    assert (weights.sum(axis=1) == 7).all()
    assert len({row.tobytes() for row in weights}) > 10, "each replicate is a draw of its own"


def test_the_seed_decides() -> None:
    assert np.array_equal(draw_weights(5, seed=3), draw_weights(5, seed=3))
    assert not np.array_equal(draw_weights(5, seed=3), draw_weights(5, seed=4))


def test_nothing_to_draw_from_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one unit"):
        draw_weights(0)


@pytest.mark.parametrize(("share", "units"), [(0.5, 400), (0.9, 1000), (0.2, 2500)])
def test_the_interval_of_a_share_is_that_of_the_binomial(share: float, units: int) -> None:
    """For 0 and 1 the bootstrap is the binomial: its standard error is known."""
    values = np.zeros(units)
    values[: int(share * units)] = 1
    found = percentile_interval(draw_weights(units) @ values / units)
    error = math.sqrt(share * (1 - share) / units)
    assert found is not None
    assert found.low == pytest.approx(share - 1.96 * error, abs=0.25 * error)
    assert found.high == pytest.approx(share + 1.96 * error, abs=0.25 * error)
    assert (found.level, found.replicates, found.seed) == (0.95, REPLICATES, 0)


def test_it_is_scipys_percentile_interval() -> None:
    stats = pytest.importorskip("scipy.stats")
    values = np.random.default_rng(5).gamma(2.0, size=300)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=5000, method="percentile", random_state=1
    ).confidence_interval
    ours = percentile_interval(draw_weights(300, replicates=5000) @ values / 300)
    width = theirs.high - theirs.low
    assert ours is not None
    assert ours.low == pytest.approx(theirs.low, abs=0.05 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.05 * width)


def test_replicates_without_the_figure_are_left_out() -> None:
    found = percentile_interval(np.array([0.2, np.nan, 0.2]))
    assert found is not None and (found.low, found.high) == (0.2, 0.2)
    assert percentile_interval(np.array([np.nan])) is None
