"""Non-inferiority: the three-way decision, its properties, and the exit code."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from gate_changes import accuracy, decision, latency, unknown
from hypothesis import given
from hypothesis import strategies as st

from posebench.comparison.document import Change
from posebench.gate.deciding import (
    Loss,
    exit_code,
    false_alarm,
    loss_of,
    needed,
    outcome_of,
    unclear_outcome,
)
from posebench.gate.verdict import Outcome

amounts = st.floats(-1, 1, allow_nan=False)
widths = st.floats(0, 0.5)
margins = st.floats(0, 0.5)
RANK: dict[Outcome, int] = {"pass": 0, "acknowledged": 1, "inconclusive": 2, "fail": 3}


def loss(value: float, width: float = 0.0) -> Loss:
    return Loss(value, value - width / 2, value + width / 2)


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        (0.011, 0.020, "fail"),
        (0.010, 0.020, "inconclusive"),  # on the border nothing is shown
        (0.000, 0.011, "inconclusive"),
        (0.000, 0.010, "pass"),  # what is accepted is accepted
        (-0.02, -0.01, "pass"),
    ],
)
def test_the_margin_is_in_below_or_above_the_interval(
    low: float, high: float, outcome: Outcome
) -> None:
    assert outcome_of(Loss((low + high) / 2, low, high), 0.01) == outcome


@given(amounts, amounts, widths, margins, st.none() | margins)
def test_a_larger_loss_is_never_judged_milder(
    one: float, other: float, width: float, margin: float, tolerated: float | None
) -> None:
    smaller, larger = sorted((one, other))
    mild = outcome_of(loss(smaller, width), margin, tolerated)
    assert RANK[mild] <= RANK[outcome_of(loss(larger, width), margin, tolerated)]


@given(amounts, widths, margins, margins)
def test_a_larger_margin_is_never_judged_harder(
    value: float, width: float, one: float, other: float
) -> None:
    narrow, wide = sorted((one, other))
    assert (
        RANK[outcome_of(loss(value, width), wide)] <= RANK[outcome_of(loss(value, width), narrow)]
    )


@given(amounts, widths, widths, margins)
def test_more_data_turn_no_verdict_into_its_opposite(
    value: float, width: float, other: float, margin: float
) -> None:
    narrow, wide = sorted((width, other))
    coarse, fine = (outcome_of(loss(value, w), margin) for w in (wide, narrow))
    assert coarse in ("inconclusive", fine)


@given(amounts, widths, margins, margins)
def test_an_acknowledgement_moves_the_margin_and_passes_nothing_by_itself(
    value: float, width: float, margin: float, tolerated: float
) -> None:
    plain, raised = (outcome_of(loss(value, width), m) for m in (margin, max(margin, tolerated)))
    decided = outcome_of(loss(value, width), margin, tolerated)
    assert decided == (plain if plain == "pass" else "acknowledged" if raised == "pass" else raised)


@given(amounts, widths, margins)
def test_directions_mirror_each_other(value: float, width: float, margin: float) -> None:
    falling = accuracy(-value - width / 2, -value + width / 2)
    rising = latency(value - width / 2, value + width / 2)
    lost, slower = loss_of(falling), loss_of(rising)
    assert lost is not None and slower is not None
    assert np.allclose([lost.value, lost.low, lost.high], [slower.value, slower.low, slower.high])
    assert lost.low <= lost.value <= lost.high
    assert outcome_of(lost, margin) == outcome_of(Loss(*vars(lost).values()), margin)


def test_a_gain_passes_whichever_direction_is_better() -> None:
    for change in (accuracy(0.01, 0.03), latency(-0.03, -0.01)):
        gained = loss_of(change)
        assert gained is not None and gained.high < 0
        assert outcome_of(gained, 0.0) == "pass"
    for change in (accuracy(-0.03, -0.01), latency(0.01, 0.03)):
        lost = loss_of(change)
        assert lost is not None and outcome_of(lost, 0.0) == "fail"


def test_rates_are_the_nominal_ones() -> None:
    """Normal noise of known size: at a loss of the margin each side errs once in forty."""
    error, margin = 0.004, 0.01
    half = NormalDist().inv_cdf(0.975) * error
    observed = np.random.default_rng(5).normal(margin, error, 20_000)
    outcomes = [outcome_of(Loss(o, o - half, o + half), margin) for o in observed]
    for outcome in ("fail", "pass"):
        assert abs(outcomes.count(outcome) / len(outcomes) - 0.025) < 0.004


def test_as_many_pictures_as_are_said_to_be_needed_pass_what_is_equal() -> None:
    """At no true change, ``needed`` pictures pass 39 times in 40."""
    of_one, margin, n = 0.2, 0.01, 100
    error = of_one / n**0.5
    detectable = 2 * NormalDist().inv_cdf(0.975) * error
    change = accuracy(-0.02, 0.02, n=n, detectable=detectable)
    more = needed(change, margin)
    assert more is not None and more > n
    fine = of_one / more**0.5
    half = NormalDist().inv_cdf(0.975) * fine
    observed = np.random.default_rng(6).normal(0, fine, 20_000)
    passed = sum(outcome_of(Loss(o, o - half, o + half), margin) == "pass" for o in observed)
    assert abs(passed / len(observed) - 0.975) < 0.004


def test_enough_pictures_need_no_more() -> None:
    assert needed(accuracy(-0.002, 0.002, detectable=0.004), 0.01) is None
    assert needed(accuracy(-0.1, 0.1), 0.0) is None  # no number shows that nothing was lost
    assert needed(unknown(), 0.01) is None


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (unknown(baseline=0.5, candidate=0.4, incomparable=True), "incomparable"),
        (unknown(), "inconclusive"),  # nobody is annotated, or there is one picture
        (unknown(baseline=0.5), "missing"),
        (unknown(candidate=0.5), "no-baseline"),
        (unknown(baseline=0.5, candidate=0.5), "inconclusive"),  # too few processes
    ],
)
def test_why_there_is_no_loss(change: Change, outcome: Outcome) -> None:
    assert loss_of(change) is None
    assert unclear_outcome(change) == outcome


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([], 0),
        ([("pass", None), ("acknowledged", None)], 0),
        ([("inconclusive", "warn"), ("missing", "pass"), ("incomparable", "warn")], 0),
        ([("inconclusive", "fail"), ("pass", None)], 5),
        ([("inconclusive", "fail"), ("incomparable", "fail")], 4),
        ([("no-baseline", "fail")], 4),
        ([("missing", "fail"), ("inconclusive", "warn")], 4),
        ([("fail", None), ("missing", "fail"), ("inconclusive", "fail")], 1),
    ],
)
def test_exit_codes(outcomes: list[tuple[Outcome, None]], code: int) -> None:
    assert exit_code([decision(outcome, policy) for outcome, policy in outcomes]) == code


def test_the_false_alarms_of_all_rules_add_up() -> None:
    one = decision("pass", level=0.95)
    untested = decision("missing", "warn", level=None)
    assert false_alarm([one, one, untested]) == pytest.approx(0.05)
    assert false_alarm([one, decision("pass", level=0.99)]) == pytest.approx(0.03)
    assert false_alarm([one] * 100) == 1
