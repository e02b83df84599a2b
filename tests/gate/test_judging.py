"""Rules on subjects: which rule decides, what is acknowledged, what is refused."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from gate_changes import AP, LATENCY, accuracy, latency, subject, unknown

from posebench.errors import InputError
from posebench.gate.judging import judge
from posebench.gate.rules import Acknowledged, Policies, Rule, Rules
from posebench.gate.subjects import Absence, Subject
from posebench.gate.verdict import Decision

TODAY = date(2026, 6, 1)
WORSE, EQUAL = accuracy(-0.03, -0.02), accuracy(-0.001, 0.001)


def rules(*rule: Rule, defaults: Policies | None = None, **fields: Any) -> Rules:
    return Rules(
        rule=rule or (Rule(metric=AP, margin=0.005),), defaults=defaults or Policies(), **fields
    )


def decided(asked: Rules, *subjects: Subject) -> dict[tuple[str, str], Decision]:
    return {(d.model, d.metric): d for d in judge(asked, subjects, TODAY)[0]}


def one(asked: Rules, *subjects: Subject) -> Decision:
    (found,) = decided(asked, *subjects).values()
    return found


def warned(asked: Rules, *subjects: Subject) -> list[str]:
    return judge(asked, subjects, TODAY)[1]


def acknowledged(loss: float, **fields: Any) -> Acknowledged:
    known: dict[str, Any] = {
        "metric": AP,
        "model": "model",
        "reason": "half as large",
        "expires": TODAY,
    }
    return Acknowledged(loss=loss, **(known | fields))


def test_a_decision_says_what_it_rests_on() -> None:
    found = one(rules(), subject(WORSE))
    assert (found.outcome, found.severity, found.rule, found.margin) == ("fail", "error", AP, 0.005)
    assert (found.loss, found.low, found.high) == (0.025, 0.02, 0.03)
    assert (found.baseline, found.candidate, found.n, found.level) == (0.5, 0.475, 100, 0.95)
    assert found.needed == 400  # what 100 pictures show is twice the margin


def test_latency_is_judged_in_its_own_direction() -> None:
    asked = rules(Rule(metric=LATENCY, margin=0.05))
    assert one(asked, subject(latency(0.06, 0.08))).outcome == "fail"
    assert one(asked, subject(latency(-0.08, -0.06))).outcome == "pass"


def test_the_first_rule_that_fits_decides() -> None:
    asked = rules(
        Rule(metric="keypoints/oks[nose]", margin=0.1), Rule(metric="keypoints/*", margin=0.005)
    )
    nose = accuracy(-0.03, -0.02, "keypoints/oks[nose]")
    found = decided(asked, subject(WORSE, nose))
    assert {metric: d.outcome for (_, metric), d in found.items()} == {
        AP: "fail",
        "keypoints/oks[nose]": "pass",
    }


def test_a_rule_may_be_for_some_models() -> None:
    asked = rules(Rule(metric=AP, margin=0.1, models=("small*",)), Rule(metric=AP, margin=0.005))
    found = decided(asked, subject(WORSE, model="small=a.pt"), subject(WORSE, model="large"))
    assert [found[m, AP].outcome for m in ("small=a.pt", "large")] == ["pass", "fail"]


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (Rule(metric="keypoint/AP", margin=0), f"'keypoint/AP': there is no such.* mean {AP}"),
        (Rule(metric="pckh/*", margin=0), r"'pckh/\*': there is no such figure"),
        (Rule(metric=AP, margin=0, models=("mobel",)), "no model fits 'mobel'.* mean model"),
    ],
)
def test_a_rule_that_fits_nothing_is_refused(rule: Rule, told: str) -> None:
    with pytest.raises(InputError, match=told):
        judge(rules(rule), [subject(EQUAL)], TODAY)


def test_a_rule_that_comes_too_late_is_refused() -> None:
    asked = rules(Rule(metric="keypoints/*", margin=0), Rule(metric=AP, margin=0.1))
    with pytest.raises(InputError, match=r"decides nothing: an earlier rule.*move this one up"):
        judge(asked, [subject(EQUAL)], TODAY)


def test_a_pattern_for_a_model_that_has_none_of_it_is_refused() -> None:
    asked = rules(Rule(metric=AP, margin=0.1), Rule(metric="bbox/*", margin=0.1, models=("model",)))
    other = subject(EQUAL, accuracy(0, 0, "bbox/AP"), model="boxes")
    with pytest.raises(InputError, match="no model that it is for has such a figure"):
        judge(asked, [subject(EQUAL), other], TODAY)


def test_a_named_figure_that_a_model_lacks_is_missing() -> None:
    asked = rules(Rule(metric="bbox/AP", margin=0.1, missing="warn"))
    boxes = subject(accuracy(0, 0, "bbox/AP"), model="boxes")
    found = decided(asked, subject(EQUAL), boxes)["model", "bbox/AP"]
    assert (found.outcome, found.policy, found.severity) == ("missing", "warn", "warning")


def test_an_unclear_change_has_its_reason_and_its_policy() -> None:
    asked = rules(Rule(metric=LATENCY, margin=0.05, incomparable="pass"))
    change = unknown(LATENCY, baseline=1.0, candidate=2.0, incomparable=True)
    found = one(asked, subject(change))
    assert (found.outcome, found.severity) == ("incomparable", "note")
    assert found.reason == "told by the test"
    assert found.level is None  # no test, so no false alarm


@pytest.mark.parametrize("outcome", ["missing", "no-baseline", "incomparable"])
def test_an_absent_model_is_one_decision_by_the_strictest_policy(outcome: Any) -> None:
    absent = Subject("val", "gone", absence=Absence(outcome, "it crashed"))
    policies = {outcome.replace("-", "_"): "warn"}
    mild = Rule(metric=AP, margin=0, **policies)
    found = one(rules(mild), absent)
    assert (found.metric, found.outcome, found.policy) == ("*", outcome, "warn")
    assert (found.reason, found.margin) == ("it crashed", None)
    assert one(rules(mild, Rule(metric="bbox/AP", margin=0)), absent).policy == "fail"


def test_an_absent_model_that_no_rule_is_for_does_not_matter() -> None:
    absent = Subject("val", "gone", absence=Absence("missing", "it crashed"))
    asked = rules(Rule(metric=AP, margin=0.005, models=("model",)))
    assert list(decided(asked, subject(EQUAL), absent)) == [("model", AP)]


def test_the_worst_comes_first() -> None:
    subjects = [
        subject(EQUAL, model="a"),
        subject(accuracy(-0.01, 0.01), model="b"),
        Subject("val", "c", absence=Absence("missing", "it crashed")),
        subject(WORSE, model="d"),
    ]
    found = judge(rules(), subjects, TODAY)[0]
    assert [d.outcome for d in found] == ["fail", "missing", "inconclusive", "pass"]


@pytest.mark.parametrize(
    ("loss", "outcome"),
    [(0.03, "acknowledged"), (0.025, "inconclusive"), (0.015, "fail"), (0.001, "fail")],
)
def test_a_loss_is_acknowledged_up_to_a_size(loss: float, outcome: str) -> None:
    found = one(rules(acknowledged=(acknowledged(loss),)), subject(WORSE))
    assert found.outcome == outcome
    assert found.tolerated == loss
    assert found.reason == ("half as large" if outcome == "acknowledged" else None)


def test_an_acknowledgement_counts_to_its_last_day() -> None:
    late = acknowledged(0.5, expires=TODAY - timedelta(days=1))
    assert one(rules(acknowledged=(acknowledged(0.5),)), subject(WORSE)).outcome == "acknowledged"
    asked = rules(acknowledged=(late,))
    assert one(asked, subject(WORSE)).outcome == "fail"
    assert warned(asked, subject(WORSE))[-1] == (
        f"The acknowledgement of {AP} for model expired on 2026-05-31 and no longer counts."
    )


def test_a_margin_that_the_data_cannot_show_is_told_with_what_would_do() -> None:
    (told,) = warned(rules(), subject(WORSE))
    assert "the margin of 0.50 points is small" in told and "400 pictures would do" in told
    assert warned(rules(Rule(metric=AP, margin=0.02)), subject(WORSE)) == []
    assert one(rules(), subject(accuracy(-0.01, 0.01))).outcome == "inconclusive"
    assert warned(rules(), subject(accuracy(-0.01, 0.01))) == [], "its own sentence says so"


def test_the_most_generous_acknowledgement_counts() -> None:
    asked = rules(acknowledged=(acknowledged(0.01), acknowledged(0.04), acknowledged(0.02)))
    assert one(asked, subject(WORSE)).tolerated == 0.04


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"model": "other"}, "fits no figure that a rule decides"),
        ({"metric": "keypoints/AR"}, "fits no figure that a rule decides"),
        ({}, "is not needed any more"),
    ],
)
def test_an_idle_acknowledgement_is_told(fields: dict[str, str], told: str) -> None:
    (warning,) = warned(rules(acknowledged=(acknowledged(0.5, **fields),)), subject(EQUAL))
    assert told in warning


def test_a_margin_in_points_is_told() -> None:
    (warning,) = warned(rules(Rule(metric=AP, margin=0.5)), subject(EQUAL))
    assert warning.startswith(f"Rule {AP} accepts a loss of 50.00 points:")
    asked = rules(Rule(metric=LATENCY, margin=0.5))
    assert warned(asked, subject(latency(0, 0))) == []
