"""The JSON document of ``posebench gate``, documented in docs/gate.md."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from posebench.gate.rules import Policy, Unclear

Outcome = Literal["fail", "pass", "acknowledged"] | Unclear
ExitCode = Literal[0, 1, 4, 5]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Decision(_Model):
    """What one rule says of one figure of one model.

    Losses are in the unit of the margin; a negative one is a gain.

    Attributes:
        dataset: Name of the dataset.
        model: Name of the model: its label, with whose boxes or in what it ran if several have it.
        label: Its label; None if that is its name.
        metric: Name of the figure; ``*`` if the model could not be compared at all.
        rule: The ``metric`` of the rule; None likewise.
        outcome: ``fail``: the loss is larger than accepted; ``pass``: it is not;
            ``acknowledged``: not larger than what was accepted for a time; ``inconclusive``: it may
            be larger or not; ``incomparable``, ``no-baseline``, ``missing``: nothing was compared.
        policy: What an unclear outcome amounts to; None of a clear one.
        unit: ``fraction`` of accuracy, ``relative`` of latency; None if nothing was compared.
        higher_is_better: Direction in which the figure improves; None likewise.
        margin: Largest loss that the rule accepts; None if the model could not be compared.
        tolerated: Largest loss that an acknowledgement accepts for now; None without one.
        baseline: The baseline's figure: 0..1, or ms; None if it does not exist.
        candidate: The candidate's.
        loss: How much worse the candidate is.
        low: Lower end of the interval of ``loss``.
        high: Upper end.
        level: Probability that such an interval covers the loss, 0..1.
        detectable: The smallest change that data like these show with a probability of .975.
        n: Pictures that were drawn, or processes.
        needed: How many of them make ``detectable`` as small as ``margin``; None if ``n`` do, or
            no number does.
        reason: Why there is no interval, or why the loss was acknowledged.
    """

    dataset: str
    model: str
    label: str | None = None
    metric: str
    rule: str | None = None
    outcome: Outcome
    policy: Policy | None = None
    unit: Literal["fraction", "relative"] | None = None
    higher_is_better: bool | None = None
    margin: float | None = None
    tolerated: float | None = None
    baseline: float | None = None
    candidate: float | None = None
    loss: float | None = None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    detectable: float | None = None
    n: int = 0
    needed: int | None = None
    reason: str | None = None

    @property
    def severity(self) -> Literal["error", "warning", "note"]:
        """What it amounts to: an error makes the gate fail."""
        if self.outcome == "fail" or self.policy == "fail":
            return "error"
        return "warning" if self.policy == "warn" else "note"


class Verdict(_Model):
    """All decisions.

    Attributes:
        baseline: Where the baseline's Records were looked for.
        candidate: The candidate's.
        rules: File of the rules.
        decisions: Worst first.
        warnings: What a user should know besides, one sentence each.
        false_alarm: Upper bound of the probability that a rule fails although no loss is larger
            than accepted, 0..1.
        exit_code: 0; 1: a loss is larger than accepted; 4: nothing to compare; 5: inconclusive.
    """

    schema_version: Literal[1] = 1
    created_at: datetime
    posebench_version: str
    baseline: str
    candidate: str
    rules: str
    decisions: tuple[Decision, ...]
    warnings: tuple[str, ...]
    false_alarm: float
    exit_code: ExitCode
