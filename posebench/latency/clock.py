"""Time, as a seam: what measures and what waits."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time and lets it pass."""

    def now_ns(self) -> int:
        """Monotonic nanoseconds."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The clock of this machine: ``time.perf_counter_ns`` and ``time.sleep``."""

    def now_ns(self) -> int:
        """Monotonic nanoseconds."""
        return time.perf_counter_ns()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
