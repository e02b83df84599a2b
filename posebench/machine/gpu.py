"""What an NVIDIA GPU does while something is timed, as its driver's library (NVML) tells it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import ModuleType, TracebackType
from typing import Any

from posebench.errors import MissingExtraError
from posebench.machine.gpu_settings import GpuSettings, read_gpu_settings

POWER_LIMIT = "power limit"
# Bits of nvmlClocksEventReasons (nvml.h). Idle, clocks that an application asked for, and those of
# a display or of neighbouring GPUs are no throttling.
_THROTTLING = {
    0x4: POWER_LIMIT,
    0x8: "hardware slowdown",
    0x20: "software thermal limit",
    0x40: "hardware thermal limit",
    0x80: "power brake",
}


@dataclass(frozen=True)
class GpuState:
    """One reading.

    Attributes:
        sm_mhz: Clock of the multiprocessors.
        memory_mhz: Clock of the memory.
        temperature_c: Of the chip.
        power_w: Drawn by the board; None if it does not tell.
        throttling: Why the clocks are lower than they could be; empty if nothing but idleness or
            a wish of the user keeps them there.
        others: Processes besides those of the measurement that compute on it.
    """

    sm_mhz: int
    memory_mhz: int
    temperature_c: int
    power_w: float | None
    throttling: tuple[str, ...]
    others: int


@dataclass(frozen=True)
class GpuWatch:
    """All readings of a while, summed up.

    Attributes:
        readings: Their number, at least one.
        sm_mhz: Lowest and highest clock.
        temperature_c: Lowest and highest.
        power_w: Highest; None if the board does not tell.
        throttling: Every reason that was seen, sorted.
        throttled_share: Share of the readings with a reason, 0..1.
        others: Most foreign processes that were seen at once.
    """

    readings: int
    sm_mhz: tuple[int, int]
    temperature_c: tuple[int, int]
    power_w: float | None
    throttling: tuple[str, ...]
    throttled_share: float
    others: int


def throttling_of(reasons: int) -> tuple[str, ...]:
    """The names of those bits that stand for throttling."""
    return tuple(name for bit, name in _THROTTLING.items() if reasons & bit)


def summarise(states: Sequence[GpuState]) -> GpuWatch:
    """Sum up readings, of which there is at least one."""
    clocks = [state.sm_mhz for state in states]
    heat = [state.temperature_c for state in states]
    power = [state.power_w for state in states if state.power_w is not None]
    return GpuWatch(
        readings=len(states),
        sm_mhz=(min(clocks), max(clocks)),
        temperature_c=(min(heat), max(heat)),
        power_w=max(power, default=None),
        throttling=tuple(sorted({reason for state in states for reason in state.throttling})),
        throttled_share=sum(bool(state.throttling) for state in states) / len(states),
        others=max(state.others for state in states),
    )


class NoGpuError(OSError):
    """There is no driver, or no GPU; not that one does not tell of itself."""


class Gpu:
    """One GPU of this machine, read through NVML.

    Args:
        index: As the driver numbers it.
        nvml: The module ``pynvml``; imported if left out.

    Raises:
        MissingExtraError: ``nvidia-ml-py`` is not installed.
        NoGpuError: There is no driver.
        OSError: There is no such GPU, or the driver refuses it.
    """

    def __init__(self, index: int = 0, nvml: ModuleType | Any = None) -> None:
        self._nvml = nvml or import_nvml()
        self._index = index
        try:
            start_nvml(self._nvml)
            self._handle = self._nvml.nvmlDeviceGetHandleByIndex(index)
        except self._nvml.NVMLError as error:
            raise OSError(f"GPU {index} cannot be read: {error}") from error

    def read(self, own: frozenset[int] = frozenset()) -> GpuState:
        """One reading.

        Args:
            own: Ids of the processes that are measured.

        Raises:
            OSError: The driver fails.
        """
        nvml, handle = self._nvml, self._handle
        try:
            running = nvml.nvmlDeviceGetComputeRunningProcesses(handle)
            return GpuState(
                sm_mhz=nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM),
                memory_mhz=nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_MEM),
                temperature_c=nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU),
                power_w=self._power_w(),
                throttling=throttling_of(nvml.nvmlDeviceGetCurrentClocksEventReasons(handle)),
                others=_others({process.pid for process in running}, own),
            )
        except nvml.NVMLError as error:
            raise OSError(f"the GPU cannot be read: {error}") from error

    def settings(self) -> GpuSettings:
        """What it is and how it is set up."""
        return read_gpu_settings(self._nvml, self._index, self._handle)

    def _power_w(self) -> float | None:
        with suppress(self._nvml.NVMLError_NotSupported):
            return float(self._nvml.nvmlDeviceGetPowerUsage(self._handle)) / 1000
        return None

    def close(self) -> None:
        """Let go of the driver's library."""
        self._nvml.nvmlShutdown()


def _others(running: set[int], own: frozenset[int]) -> int:
    """Processes that are not measured.

    Inside a container the driver tells the numbers that processes have outside: if none is known,
    as many of them are taken for measured ones as there are.
    """
    hidden = len(own) if not running & own else 0
    return max(0, len(running - own) - hidden)


class GpuMonitor:
    """Reads a GPU over and over in a thread, from ``with`` to its end.

    Args:
        read: Gives one reading.
        interval_s: Pause between two readings; reading takes some time of the GPU's driver.
    """

    def __init__(self, read: Callable[[], GpuState], interval_s: float = 0.1) -> None:
        self._read = read
        self._interval_s = interval_s
        self._states: list[GpuState] = []
        self._stop = threading.Event()
        self._failure = ""
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> GpuMonitor:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def watch(self) -> GpuWatch | None:
        """What was seen; None if the driver failed before it told anything."""
        return summarise(self._states) if self._states else None

    @property
    def failure(self) -> str:
        """Why it did not watch to the end, or ``""``."""
        return self._failure

    def _watch(self) -> None:
        try:
            self._states.append(self._read())
            while not self._stop.wait(self._interval_s):
                self._states.append(self._read())
        except Exception as error:  # whatever a driver raises, timing goes on
            self._failure = f"{type(error).__name__}: {error}"


def start_nvml(nvml: ModuleType | Any) -> None:
    """Load the driver's library.

    Raises:
        NoGpuError: There is no driver.
        NVMLError: It fails otherwise; the class is the library's.
    """
    try:
        nvml.nvmlInit()
    except (nvml.NVMLError_LibraryNotFound, nvml.NVMLError_DriverNotLoaded) as error:
        raise NoGpuError(f"there is no driver: {error}") from error


def import_nvml() -> ModuleType:
    """The module ``pynvml``.

    Raises:
        MissingExtraError: ``nvidia-ml-py`` is not installed.
    """
    try:
        import pynvml
    except ImportError as error:
        raise MissingExtraError("Watching a GPU needs nvidia-ml-py.", extra="nvidia") from error
    return pynvml  # type: ignore[no-any-return]
