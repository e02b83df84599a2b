"""What rules are applied to: a model of the candidate and of the baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from posebench.comparison.document import Change


@dataclass(frozen=True)
class Absence:
    """Why the two were not compared at all."""

    outcome: Literal["incomparable", "no-baseline", "missing"]
    reason: str


@dataclass(frozen=True)
class Subject:
    """One model on one dataset.

    Attributes:
        dataset: Name of the dataset.
        model: Name of the model: its label, with more where several have that.
        changes: Of every figure; empty if there is an absence.
        absence: Why there are none; None if there are.
        label: Its label; None if that is its name.
        notes: What differs between the two and is the candidate's choice, a sentence each.
    """

    dataset: str
    model: str
    changes: tuple[Change, ...] = ()
    absence: Absence | None = None
    label: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What rules may call it."""
        return (self.model,) if self.label is None else (self.model, self.label)
