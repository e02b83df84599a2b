"""Who is told what happens during a run."""

from __future__ import annotations

from typing import Protocol

from posebench.record import Record


class RunObserver(Protocol):
    """Told what happens during a run; a progress display, or nothing."""

    def started(self, label: str, images: int) -> None:
        """A model begins to be scored."""
        ...

    def stage(self, label: str, stage: str) -> None:
        """A model enters a stage: ``load``, ``predict``, ``evaluate``, ``latency``."""
        ...

    def advanced(self, images: int) -> None:
        """Pictures were finished, or found finished by an earlier run."""
        ...

    def timing(self, turns: int) -> None:
        """Models begin to take turns at being timed."""
        ...

    def timed(self) -> None:
        """One turn is over."""
        ...

    def finished(self, record: Record, *, kept: bool) -> None:
        """A model is done. ``kept``: nothing had to be computed anew."""
        ...
