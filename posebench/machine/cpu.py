"""What the processors of this machine do besides what is timed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

_CPUS = Path("/sys/devices/system/cpu")
_LEAST_S = 0.2
"""Shorter than a few ticks of the kernel's accounts, 10 ms each, nothing can be said."""


@dataclass(frozen=True)
class CpuUse:
    """Processor time since the start of the machine, in seconds.

    Attributes:
        at: Of the monotonic clock.
        busy: Of all processors and all programs, without waiting for disks.
        stolen: That a virtual machine wanted and its host gave to others.
        own: Of this process, all of its threads.
        throttled: How often the processors slowed down because of heat; None where the kernel
            does not tell.
    """

    at: float
    busy: float
    stolen: float
    own: float
    throttled: int | None


@dataclass(frozen=True)
class CpuDisturbance:
    """What came between two readings.

    Attributes:
        others: Processors' worth of other programs: 1.0 is one processor all the time. Children of
            this process are others too.
        stolen: Processors' worth that the host kept; 0 on real machines.
        throttled: Times that the processors slowed down because of heat, or None.
        processors: How many there are.
    """

    others: float
    stolen: float
    throttled: int | None
    processors: int = 1


def read_cpu_use(cpus: Path = _CPUS) -> CpuUse:
    """The accounts as they are now."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    stolen = getattr(times, "steal", 0.0)
    # guest time is contained in user time, and stolen time was not spent here
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return CpuUse(
        at=time.monotonic(),
        busy=sum(times) - idle - stolen - guests,
        stolen=stolen,
        own=time.process_time(),
        throttled=_throttle_count(cpus),
    )


def disturbance(before: CpuUse, after: CpuUse) -> CpuDisturbance | None:
    """What other programs and the host did between two readings; None if they are too close."""
    elapsed = after.at - before.at
    if elapsed < _LEAST_S:
        return None
    others = (after.busy - before.busy) - (after.own - before.own)
    slowed = None
    if before.throttled is not None and after.throttled is not None:
        slowed = after.throttled - before.throttled
    return CpuDisturbance(
        others=max(0.0, others / elapsed),
        stolen=max(0.0, (after.stolen - before.stolen) / elapsed),
        throttled=slowed,
        processors=psutil.cpu_count(logical=True) or 1,
    )


@dataclass(frozen=True)
class CpuSettings:
    """How the processors are set up.

    Attributes:
        usable: Processors that this process may run on.
        present: Processors of the machine.
        governors: Frequency governors in use, sorted; empty where the kernel does not tell, as in
            most virtual machines.
    """

    usable: int
    present: int
    governors: tuple[str, ...]


def read_cpu_settings(
    cpus: Path = _CPUS, usable: Callable[[], int] = lambda: len(os.sched_getaffinity(0))
) -> CpuSettings:
    """How the processors are set up now."""
    present = psutil.cpu_count(logical=True) or 1
    found = {_text(file) for file in cpus.glob("cpu[0-9]*/cpufreq/scaling_governor")}
    allowed = usable() if hasattr(os, "sched_getaffinity") else present
    return CpuSettings(allowed, present, tuple(sorted(found - {""})))


def _throttle_count(cpus: Path) -> int | None:
    counts = [_text(f) for f in cpus.glob("cpu[0-9]*/thermal_throttle/*_throttle_count")]
    numbers = [int(text) for text in counts if text.isdecimal()]
    return sum(numbers) if numbers else None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
