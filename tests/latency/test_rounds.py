from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from latency.timed_models import FakeClock

from posebench.latency.measure import Samples
from posebench.latency.rounds import (
    Repeats,
    TimedRound,
    arrays,
    pooled,
    process_medians,
    turns,
    without_pictures,
)


def one(
    values: Sequence[float],
    *,
    process: int = 0,
    disturbances: tuple[str, ...] = (),
    kept: bool = True,
) -> TimedRound:
    spans = {"network": list(values), "end-to-end": [v + 1 for v in values]}
    return TimedRound(
        "sustained", process, 0, Samples(spans, [1] * len(values)), disturbances, kept=kept
    )


def scripted_one(disturbances: Iterator[tuple[str, ...]]) -> TimedRound:
    return one([1.0], disturbances=next(disturbances))


def scripted(clock: FakeClock, *disturbed: bool) -> list[TimedRound]:
    """Rounds as a machine gives them that is disturbed at times."""
    script = iter(disturbed)

    def measure() -> TimedRound:
        clock.spend(100)
        return one([float(clock.time_ns)], disturbances=("heat",) if next(script) else ())

    return Repeats(2, 5.0, clock).measure([measure])


def test_a_quiet_round_is_measured_once() -> None:
    clock = FakeClock()
    (only,) = scripted(clock, False)
    assert only.kept and clock.slept == []


def test_a_disturbed_round_is_measured_again_after_a_while() -> None:
    clock = FakeClock()
    first, second = scripted(clock, True, False)
    assert (first.kept, second.kept) == (False, True)
    assert clock.slept == [5.0]


def test_when_the_budget_is_spent_the_last_attempt_counts_and_stays_marked() -> None:
    clock = FakeClock()
    rounds = scripted(clock, True, True, True)
    assert [r.kept for r in rounds] == [False, False, True]
    assert rounds[-1].disturbances == ("heat",)


def test_the_budget_is_of_the_model_not_of_the_round() -> None:
    clock = FakeClock()
    repeats = Repeats(1, 5.0, clock)
    always = [lambda: one([1.0], disturbances=("heat",))]
    assert [len(repeats.measure(always)) for _ in range(3)] == [2, 1, 1]


def test_two_models_of_one_turn_are_measured_again_together() -> None:
    script = {"a": iter([(), ()]), "b": iter([("heat",), ()])}
    turn = [partial(scripted_one, script[name]) for name in "ab"]
    rounds = Repeats(3, 0.0, FakeClock()).measure(turn)
    assert [r.kept for r in rounds] == [False, False, True, True]
    assert rounds[0].disturbances == (), "a was quiet, but its partner was not"


def test_models_take_turns_in_an_order_that_changes() -> None:
    orders = turns(3, 600, seed=0)
    assert all(sorted(order) == [0, 1, 2] for order in orders)
    counts = Counter(tuple(order) for order in orders)
    assert len(counts) == 6
    assert min(counts.values()) > 60, "about a sixth each"
    assert turns(3, 600, seed=0) == orders
    assert turns(3, 600, seed=1) != orders


def test_drift_favours_none_of_the_models() -> None:
    """Each turn is 1 % slower than the one before; both models are the same."""
    costs: dict[int, list[float]] = {0: [], 1: []}
    clock = 1.0
    for order in turns(2, 200, seed=0):
        for model in order:
            costs[model].append(clock)
            clock *= 1.01
    first, second = (np.log(costs[model]) for model in (0, 1))
    assert abs(np.mean(second - first)) < 0.002
    in_blocks = np.log(1.01) * 200
    assert in_blocks > 1.9, "as all of one, then all of the other would have it"


def test_what_was_measured_again_is_stored_but_not_counted() -> None:
    rounds = [one([90.0, 91.0], disturbances=("heat",), kept=False), one([10.0, 11.0])]
    assert pooled(rounds).spans["network"] == [10.0, 11.0]
    assert pooled(rounds).people == [1, 1]
    stored = arrays(rounds)
    np.testing.assert_array_equal(stored["sustained/network_ms"], [[90, 91], [10, 11]])
    np.testing.assert_array_equal(stored["sustained/kept"], [False, True])
    np.testing.assert_array_equal(stored["sustained/disturbed"], [True, False])


def test_the_rounds_of_a_process_count_together() -> None:
    again = one([500.0], disturbances=("heat",), kept=False)
    rounds = [one([1.0, 2.0]), again, one([3.0], process=1), one([9.0], process=0)]
    assert process_medians(rounds, "network") == [2.0, 3.0]


def test_pictures_that_take_longer_are_no_noise() -> None:
    slow_and_fast = [one([10.0, 50.0]), one([10.0, 50.0]), one([11.0, 55.0])]
    np.testing.assert_allclose(without_pictures(slow_and_fast, "network"), [1, 1, 1, 1, 1.1, 1.1])


def test_a_single_round_is_compared_with_its_own_median() -> None:
    np.testing.assert_allclose(without_pictures([one([10.0, 20.0, 40.0])], "network"), [0.5, 1, 2])
