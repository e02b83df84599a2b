"""Which rule decides which figure: the first that fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from posebench.comparison.document import Change
from posebench.errors import InputError
from posebench.gate.patterns import is_pattern, matches, near_misses
from posebench.gate.rules import Rule
from posebench.gate.subjects import Subject


@dataclass(frozen=True)
class Application:
    """A rule that decides a figure.

    Attributes:
        rule: The rule.
        subject: The model.
        metric: The figure.
        change: The figure's change; None if there is no such figure.
    """

    rule: Rule
    subject: Subject
    metric: str
    change: Change | None


def applications(rules: Sequence[Rule], subjects: Sequence[Subject]) -> list[Application]:
    """Every rule with every figure that it decides, of models that were compared.

    Raises:
        InputError: A rule decides nothing: its name or model is misspelt, or an earlier rule has
            decided all that it fits.
    """
    compared = [subject for subject in subjects if subject.absence is None]
    found = [one for subject in compared for one in _applied(rules, subject)]
    deciding = {id(one.rule) for one in found}
    for rule in rules:
        absent = any(s.absence is not None and fits_model(rule, s) for s in subjects)
        if id(rule) not in deciding and not absent:
            raise _idle(rule, subjects)
    return found


def _applied(rules: Sequence[Rule], subject: Subject) -> Iterator[Application]:
    changes = {change.metric: change for change in subject.changes}
    decided: set[str] = set()
    for rule in rules:
        for metric in _metrics(rule, changes) if fits_model(rule, subject) else ():
            if metric not in decided:
                decided.add(metric)
                yield Application(rule, subject, metric, changes.get(metric))


def _metrics(rule: Rule, changes: Mapping[str, Change]) -> list[str]:
    """Figures that a rule fits: the one that it names, there or not, or all of a pattern."""
    if not is_pattern(rule.metric):
        return [rule.metric]
    return [name for name in changes if matches(rule.metric, name)]


def fits_model(rule: Rule, subject: Subject) -> bool:
    """Whether a rule is for a model."""
    return any(matches(pattern, name) for pattern in rule.models for name in subject.names)


def check_names(rules: Sequence[Rule], subjects: Sequence[Subject]) -> None:
    """Refuse rules for figures or models that nobody has.

    Raises:
        InputError: A name is misspelt; the message has those that look like it.
    """
    known = {change.metric for subject in subjects for change in subject.changes}
    for rule in rules:
        if not any(fits_model(rule, subject) for subject in subjects):
            labels = [name for subject in subjects for name in subject.names]
            raise InputError(
                f"rule {rule.metric!r}: no model fits {', '.join(map(repr, rule.models))}.",
                remedy=near_misses(rule.models[0], labels),
            )
        if known and not any(matches(rule.metric, name) for name in known):
            raise InputError(
                f"rule {rule.metric!r}: there is no such figure.",
                remedy=near_misses(rule.metric, known),
            )


def _idle(rule: Rule, subjects: Sequence[Subject]) -> InputError:
    fitting = [subject for subject in subjects if fits_model(rule, subject)]
    names = {change.metric for subject in fitting for change in subject.changes}
    if any(matches(rule.metric, name) for name in names):
        return InputError(
            f"rule {rule.metric!r} decides nothing: an earlier rule fits all that it fits.",
            remedy="The first rule that fits a figure decides it: move this one up.",
        )
    return InputError(
        f"rule {rule.metric!r}: no model that it is for has such a figure.",
        remedy=near_misses(rule.metric, names),
    )
