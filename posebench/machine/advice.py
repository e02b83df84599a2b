"""How timing on this machine could be made steadier."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from posebench.machine.gpu import GpuState
from posebench.machine.gpu_settings import GpuSettings
from posebench.machine.host import Host

_BUSY = 0.1
"""Processors' worth of other programs from which on they are worth a word."""
_STOLEN = 0.02


@dataclass(frozen=True)
class Advice:
    """One piece of advice.

    Attributes:
        text: What is the matter, one sentence.
        command: What to run.
    """

    text: str
    command: str


def advise(host: Host, gpus: Sequence[tuple[GpuSettings, GpuState | None]]) -> list[Advice]:
    """What could be done; nothing where all is well or the machine does not tell."""
    found = [*_of_processors(host), *_of_memory_and_power(host)]
    for settings, state in gpus:
        found += _of_gpu(settings, state)
    return found


def _of_processors(host: Host) -> Iterator[Advice]:
    slow = [name for name in host.processors.governors if name != "performance"]
    if slow:
        yield Advice(
            f"The frequency governor is {', '.join(slow)}, so clocks follow the load.",
            "sudo cpupower frequency-set -g performance",
        )
    if host.others is not None and host.others > _BUSY:
        yield Advice(
            f"Other programs keep {host.others:.1f} of {host.processors.present} processors busy; "
            "end them.",
            "top -o %CPU",
        )
    if host.stolen is not None and host.stolen > _STOLEN:
        yield Advice(
            f"The host of this virtual machine gives {host.stolen:.2f} processors of its time to "
            "others; a dedicated machine would not. Watch the column st.",
            "vmstat 1",
        )


def _of_memory_and_power(host: Host) -> Iterator[Advice]:
    if host.swap_used_mb:
        yield Advice(
            f"{host.swap_used_mb} MiB are swapped out; if the memory suffices, fetch them back.",
            "sudo swapoff -a && sudo swapon -a",
        )
    if host.on_battery:
        yield Advice(
            "The machine runs on battery, which lowers its clocks; plug it in, and look whether "
            "it is charging.",
            "upower -i $(upower -e | grep -m1 battery)",
        )


def _of_gpu(settings: GpuSettings, state: GpuState | None) -> Iterator[Advice]:
    name = f"GPU {settings.index}"
    if settings.persistence is False:
        yield Advice(
            f"{name}: persistence mode is off, so the driver unloads between two programs.",
            f"sudo nvidia-smi -i {settings.index} -pm 1",
        )
    if state and state.others:
        yield Advice(
            f"{name}: {state.others} other program(s) compute on it; end them.",
            f"nvidia-smi -i {settings.index} --query-compute-apps=pid,name --format=csv",
        )
    if state and state.throttling:
        yield Advice(
            f"{name}: throttled just now by {', '.join(state.throttling)}; let it cool down.",
            f"nvidia-smi -i {settings.index} -q -d PERFORMANCE,TEMPERATURE",
        )
    limit = f" of at most {settings.sm_max_mhz}" if settings.sm_max_mhz else ""
    yield Advice(
        f"{name}: the driver does not tell whether its clocks are locked; lock them at a number "
        f"of MHz{limit} that it holds under load.",
        f"sudo nvidia-smi -i {settings.index} -lgc MHZ",
    )
