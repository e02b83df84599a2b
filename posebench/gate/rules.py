"""The rules of ``posebench gate``, documented in docs/gate.md."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from posebench.config import read_toml
from posebench.errors import InputError
from posebench.gate.rule_errors import described, misshapen

Policy = Literal["fail", "warn", "pass"]
Unclear = Literal["inconclusive", "incomparable", "no-baseline", "missing"]
"""Outcomes in which nothing is shown, so that a policy has to say what they amount to."""
Text = Annotated[str, Field(pattern=r"\S")]
_LATENCY = "latency/"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Policies(_Frozen):
    """What an outcome that shows nothing amounts to.

    Attributes:
        inconclusive: The interval of the loss has the margin inside it, or there is none.
        incomparable: Both were measured, but not alike.
        no_baseline: The baseline does not have the model or the figure.
        missing: The candidate does not.
    """

    inconclusive: Policy = "warn"
    incomparable: Policy = "fail"
    no_baseline: Policy = "fail"
    missing: Policy = "fail"

    def of(self, outcome: Unclear) -> Policy:
        """The policy for an outcome."""
        policies: dict[Unclear, Policy] = {
            "inconclusive": self.inconclusive,
            "incomparable": self.incomparable,
            "no-baseline": self.no_baseline,
            "missing": self.missing,
        }
        return policies[outcome]


class Rule(_Frozen):
    """How much of a figure may be lost. Which direction is a loss, the figure knows.

    Attributes:
        metric: Name of a ``Change``; ``*`` stands for anything, ``?`` for one character.
        margin: Largest loss that is accepted: of accuracy a fraction of 1, of latency relative.
        models: Labels of the models that it is for, with the same wildcards.
        inconclusive: In place of the default policy, if not None; so with the others.
    """

    metric: Text
    margin: float = Field(ge=0, strict=True)
    models: tuple[Text, ...] = Field(("*",), min_length=1)
    inconclusive: Policy | None = None
    incomparable: Policy | None = None
    no_baseline: Policy | None = None
    missing: Policy | None = None

    @model_validator(mode="after")
    def _margin_is_a_fraction(self) -> Rule:
        _check_fraction(self.metric, "margin", self.margin)
        return self

    def policies(self, defaults: Policies) -> Policies:
        """Its own policies, and the default ones where it has none."""
        own = self.model_dump(include=set(Policies.model_fields), exclude_none=True)
        return defaults.model_copy(update=own)


class Acknowledged(_Frozen):
    """A loss that was looked at and accepted, for a time.

    Attributes:
        metric: As in a rule.
        model: Label of the model, with the same wildcards.
        reason: Why it was accepted.
        expires: Last day on which it counts.
        loss: Largest loss that is accepted until then, in the unit of the margin.
    """

    metric: Text
    model: Text
    reason: Text
    expires: date = Field(strict=True)
    loss: float = Field(gt=0, strict=True)

    @model_validator(mode="after")
    def _loss_is_a_fraction(self) -> Acknowledged:
        _check_fraction(self.metric, "loss", self.loss)
        return self


def _check_fraction(metric: str, field: str, value: float) -> None:
    """Refuse points where a fraction is meant; a latency may well double."""
    if value >= 1 and not metric.startswith(_LATENCY):
        raise ValueError(
            f"{field} = {value:g} is all there is to lose: of accuracy it is a fraction, 0.005 is "
            f"half a point (for latency begin the metric with {_LATENCY})"
        )


class Rules(_Frozen):
    """A ``gate.toml``."""

    defaults: Policies = Policies()
    rule: tuple[Rule, ...] = Field(min_length=1)
    acknowledged: tuple[Acknowledged, ...] = ()


_TABLES: dict[str, type[BaseModel]] = {
    "defaults": Policies,
    "rule": Rule,
    "acknowledged": Acknowledged,
}


def read_rules(path: Path) -> Rules:
    """Read a ``gate.toml``.

    Raises:
        InputError: It cannot be read, is not TOML, or a field is wrong.
    """
    remedy = "The fields are in docs/gate.md."
    document = read_toml(path)
    mistake = misshapen(document)
    if mistake:
        raise InputError(f"{path}: {mistake}.", remedy=remedy)
    try:
        return Rules.model_validate(document)
    except ValidationError as error:
        raise InputError(f"{path}: {described(error, _TABLES)}.", remedy=remedy) from error
