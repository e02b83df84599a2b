"""From rules and changes to decisions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from posebench.comparison.document import Change
from posebench.gate.applying import Application, applications, check_names, fits_model
from posebench.gate.deciding import loss_of, needed, outcome_of, severity_order, unclear_outcome
from posebench.gate.patterns import matches
from posebench.gate.rules import Acknowledged, Policies, Policy, Rules
from posebench.gate.subjects import Absence, Subject
from posebench.gate.verdict import Decision
from posebench.gate.wording import amount, margin_text

_LARGE_MARGIN = 0.1
"""Of accuracy: ten points. Who writes 0.5 and means half a point is told."""
_STRICTEST: tuple[Policy, ...] = ("fail", "warn", "pass")


def judge(
    rules: Rules, subjects: Sequence[Subject], today: date
) -> tuple[list[Decision], list[str]]:
    """Decide every figure that a rule fits.

    Args:
        rules: What may be lost.
        subjects: The models.
        today: On which acknowledgements are valid or not.

    Returns:
        The decisions, worst first, and warnings, one sentence each.

    Raises:
        InputError: A rule fits nothing.
    """
    check_names(rules.rule, subjects)
    valid = [a for a in rules.acknowledged if today <= a.expires]
    decisions = [_decision(a, rules.defaults, valid) for a in applications(rules.rule, subjects)]
    decisions += [
        _absent(subject, subject.absence, rules)
        for subject in subjects
        if subject.absence is not None and any(fits_model(r, subject) for r in rules.rule)
    ]
    decisions.sort(key=severity_order)
    return decisions, [
        *_on_margins(decisions),
        *_on_small_margins(decisions),
        *_on_acknowledgements(rules.acknowledged, decisions, today),
    ]


def _absent(subject: Subject, absence: Absence, rules: Rules) -> Decision:
    """One decision on a model of which there is nothing to decide, by the strictest policy."""
    fitting = [rule.policies(rules.defaults) for rule in rules.rule if fits_model(rule, subject)]
    policy = min((p.of(absence.outcome) for p in fitting), key=_STRICTEST.index)
    return Decision(
        dataset=subject.dataset,
        model=subject.model,
        label=subject.label,
        metric="*",
        outcome=absence.outcome,
        policy=policy,
        reason=absence.reason,
    )


def _decision(one: Application, defaults: Policies, valid: Sequence[Acknowledged]) -> Decision:
    rule, policies = one.rule, one.rule.policies(defaults)
    blank = Decision(
        dataset=one.subject.dataset,
        model=one.subject.model,
        label=one.subject.label,
        metric=one.metric,
        rule=rule.metric,
        margin=rule.margin,
        outcome="missing",
        policy=policies.missing,
        reason="neither result has this figure",
    )
    if one.change is None:
        return blank
    return blank.model_copy(update=_compared(blank, one.change, rule.margin, policies, valid))


def _compared(
    named: Decision,
    change: Change,
    margin: float,
    policies: Policies,
    valid: Sequence[Acknowledged],
) -> dict[str, Any]:
    """Fields of the decision on a figure that was compared, or could have been."""
    figures = {
        "unit": change.unit,
        "higher_is_better": change.higher_is_better,
        "baseline": change.baseline,
        "candidate": change.candidate,
    }
    loss = loss_of(change)
    if loss is None:
        unclear = unclear_outcome(change)
        return figures | {
            "outcome": unclear,
            "policy": policies.of(unclear),
            "reason": change.reason,
        }
    accepted = _acknowledgement(named, valid)
    outcome = outcome_of(loss, margin, accepted.loss if accepted else None)
    return figures | {
        "outcome": outcome,
        "policy": policies.inconclusive if outcome == "inconclusive" else None,
        "tolerated": accepted.loss if accepted else None,
        "loss": loss.value,
        "low": loss.low,
        "high": loss.high,
        "level": change.level,
        "detectable": change.detectable,
        "n": change.n,
        "needed": needed(change, margin),
        "reason": accepted.reason if accepted and outcome == "acknowledged" else None,
    }


def _acknowledgement(decision: Decision, valid: Sequence[Acknowledged]) -> Acknowledged | None:
    """The most generous acknowledgement of a figure."""
    fitting = [a for a in valid if _acknowledges(a, decision)]
    return max(fitting, key=lambda a: a.loss, default=None)


def _acknowledges(acknowledged: Acknowledged, decision: Decision) -> bool:
    names = (decision.model, decision.label or decision.model)
    return matches(acknowledged.metric, decision.metric) and any(
        matches(acknowledged.model, name) for name in names
    )


def _on_margins(decisions: Sequence[Decision]) -> list[str]:
    """Margins of accuracy that look like points in place of fractions."""
    accepted = {(d.rule, d.margin) for d in decisions if d.unit == "fraction"}
    return [
        f"Rule {rule} accepts a loss of {amount(margin, 'fraction')}: a margin of accuracy is a "
        "fraction of 1, 0.005 is half a point."
        for rule, margin in sorted((r, m) for r, m in accepted if r and m and m > _LARGE_MARGIN)
    ]


def _on_small_margins(decisions: Sequence[Decision]) -> list[str]:
    """Margins below what is detectable; the sentence of an inconclusive decision says it itself."""
    decided = (d for d in decisions if d.needed is not None and d.outcome != "inconclusive")
    return [margin_text(decision) for decision in decided]


def _on_acknowledgements(
    acknowledged: Sequence[Acknowledged], decisions: Sequence[Decision], today: date
) -> list[str]:
    warnings = []
    for one in acknowledged:
        fitting = [d for d in decisions if _acknowledges(one, d)]
        what = f"The acknowledgement of {one.metric} for {one.model}"
        if today > one.expires:
            warnings.append(f"{what} expired on {one.expires} and no longer counts.")
        elif not fitting:
            warnings.append(f"{what} fits no figure that a rule decides.")
        elif all(d.outcome == "pass" for d in fitting):
            warnings.append(f"{what} is not needed any more: take it out.")
    return warnings
