"""The machine as far as it makes timing steady or not."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from posebench.machine.cpu import CpuSettings, disturbance, read_cpu_settings, read_cpu_use

_CPUS = Path("/sys/devices/system/cpu")
# What the files hold while the processors may clock higher than they can for long.
_TURBO_FILES = {"intel_pstate/no_turbo": "0", "cpufreq/boost": "1"}
_WATCH_S = 0.5
"""Long enough for the kernel's accounts, which count in hundredths of a second."""


@dataclass(frozen=True)
class Host:
    """Processors, memory and power supply, and what goes on besides.

    Attributes:
        cpu: Name of the processor.
        processors: How they are set up.
        turbo: Whether they may clock higher than they can for long; None where the kernel does
            not tell.
        others: Processors' worth of other programs, or None.
        stolen: Processors' worth that the host of this virtual machine keeps, or None.
        memory_mb: In MiB.
        swap_used_mb: In MiB.
        on_battery: None if there is none, or nothing is known of it.
    """

    cpu: str
    processors: CpuSettings
    turbo: bool | None
    others: float | None
    stolen: float | None
    memory_mb: int
    swap_used_mb: int
    on_battery: bool | None


def read_host(cpu: str, cpus: Path = _CPUS, sleep: Callable[[float], None] = time.sleep) -> Host:
    """The machine as it is now; takes half a second, in which nothing else should be started.

    Args:
        cpu: Name of the processor.
        cpus: Where the kernel tells of the processors.
        sleep: Waits so many seconds.
    """
    before = read_cpu_use(cpus)
    sleep(_WATCH_S)
    seen = disturbance(before, read_cpu_use(cpus))
    return Host(
        cpu=cpu,
        processors=read_cpu_settings(cpus),
        turbo=read_turbo(cpus),
        others=seen.others if seen else None,
        stolen=seen.stolen if seen else None,
        memory_mb=psutil.virtual_memory().total // 2**20,
        swap_used_mb=psutil.swap_memory().used // 2**20,
        on_battery=_on_battery(),
    )


def read_turbo(cpus: Path = _CPUS) -> bool | None:
    """Whether the processors may clock higher than they can for long, or None."""
    for name, allowed in _TURBO_FILES.items():
        try:
            return (cpus / name).read_text(encoding="ascii").strip() == allowed
        except (OSError, UnicodeDecodeError):
            continue
    return None


def _on_battery() -> bool | None:
    sensor = getattr(psutil, "sensors_battery", None)  # not on every system
    battery = sensor() if sensor else None
    return None if battery is None or battery.power_plugged is None else not battery.power_plugged
