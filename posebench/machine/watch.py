"""How a machine is set up for timing, and the monitor of its GPU."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import psutil

from posebench.errors import MissingExtraError
from posebench.machine.cpu import CpuSettings, read_cpu_settings
from posebench.machine.gpu import Gpu, GpuMonitor, GpuState
from posebench.machine.visible_gpus import driver_index

_STEADY = "performance"
"""The frequency governor under which clocks do not depend on what ran before."""


@dataclass(frozen=True)
class MachineWatch:
    """Watches a machine while models are timed on it.

    Attributes:
        read_gpu: Reads the GPU in use, given the ids of the timed processes; None without one, or
            if it cannot be watched.
        notes: What makes timing on this machine less sure, one sentence each.
    """

    read_gpu: Callable[[frozenset[int]], GpuState] | None = None
    notes: tuple[str, ...] = ()

    def gpu(self) -> AbstractContextManager[GpuMonitor | None]:
        """A monitor of the GPU for one round; of nothing if it is not watched.

        This process and its children are what is measured, also those that wait for their turn.
        """
        read = self.read_gpu
        if read is None:
            return nullcontext()
        this = psutil.Process()
        own = frozenset({this.pid, *(child.pid for child in this.children(recursive=True))})
        return GpuMonitor(lambda: read(own))


def watch(device: str, threads: int) -> MachineWatch:
    """Begin to watch this machine.

    Args:
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        threads: Of the runtime.
    """
    told = settings_notes(read_cpu_settings(), threads)
    kind, _, index = device.partition(":")
    if kind != "cuda":
        return MachineWatch(notes=told)
    try:
        gpu = Gpu(driver_index(int(index or 0), os.environ))
        gpu.read()  # what it does not tell now, it will not tell while something is timed
        return MachineWatch(gpu.read, told)
    except (MissingExtraError, OSError, AttributeError, ValueError) as error:
        return MachineWatch(notes=(*told, f"Throttling was not watched: {error}"))


def settings_notes(settings: CpuSettings, threads: int) -> tuple[str, ...]:
    """What is set up otherwise than it should be, a sentence each."""
    found = []
    if settings.usable < threads:
        found.append(f"{threads} threads shared {settings.usable} processor(s).")
    unsteady = [name for name in settings.governors if name != _STEADY]
    if unsteady:
        found.append(
            f"The frequency governor was {', '.join(unsteady)}: clocks depend on what ran before; "
            f"set it to {_STEADY}."
        )
    return tuple(found)
