"""Random numbers that may never change."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from posebench.datasets.synthetic.draws import Draws

SEEDS = st.integers(0, 2**63 - 1)


def test_the_bits_are_those_that_numpy_guarantees() -> None:
    # The first words of PCG64 seeded with SeedSequence(42), as numpy has given them since 1.17.
    generator = np.random.Generator(np.random.PCG64(42))
    draws = Draws(42)
    assert [draws.unit() for _ in range(5)] == generator.random(5).tolist()


@given(SEEDS, st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_uniform_stays_in_its_bounds(seed: int, low: float, width: float) -> None:
    value = Draws(seed).uniform(low, low + width)
    assert low <= value <= low + width


@given(SEEDS, st.integers(-50, 50), st.integers(1, 50))
def test_integers_stay_in_their_bounds(seed: int, low: int, count: int) -> None:
    assert low <= Draws(seed).integer(low, low + count) < low + count


def test_an_option_without_weight_is_never_chosen() -> None:
    draws = Draws(1)
    chosen = [draws.choice("abc", (1, 0, 3)) for _ in range(4000)]
    assert set(chosen) == {"a", "c"}
    assert abs(chosen.count("a") / 4000 - 0.25) < 0.035  # five standard deviations


def test_normal_numbers_are_normal() -> None:
    draws = Draws(2)
    values = np.array([draws.normal(3.0, 2.0) for _ in range(20_000)])
    assert abs(values.mean() - 3.0) < 5 * 2.0 / np.sqrt(20_000)
    assert abs(values.std() - 2.0) < 5 * 2.0 / np.sqrt(40_000)
    within = np.mean(np.abs(values - 3.0) < 2.0)
    assert abs(within - 0.6827) < 5 * np.sqrt(0.6827 * 0.3173 / 20_000)


@given(SEEDS, st.integers(0, 20))
def test_a_stream_does_not_depend_on_what_was_drawn_before(seed: int, drawn: int) -> None:
    first, second = Draws(seed), Draws(seed)
    for _ in range(drawn):
        first.unit()
    assert first.stream("arm", 1).unit() == second.stream("arm", 1).unit()


def test_streams_differ_by_name_number_and_seed() -> None:
    streams = [
        *(Draws(seed).stream(name, k) for seed in (1, 2) for name in ("a", "b") for k in (0, 1)),
        Draws(1),
    ]
    assert len({stream.unit() for stream in streams}) == 9
