"""A stand-in for NVIDIA's driver, with the names of its library."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


class StandInForNvml:
    """A driver with one GPU, whose state a test sets."""

    class NVMLError(Exception):
        """Of every call."""

    class NVMLError_NotSupported(NVMLError):
        """Of a call that this board does not know."""

    class NVMLError_NoPermission(NVMLError):
        """Of a call that this user may not make."""

    class NVMLError_Unknown(NVMLError):
        """Of anything else."""

    class NVMLError_LibraryNotFound(NVMLError):
        """Without a driver's library."""

    class NVMLError_DriverNotLoaded(NVMLError):
        """With the library but no driver."""

    NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU = 1, 2, 0

    def __init__(self) -> None:
        self.reasons, self.power_mw, self.processes = 0x1, 40_000, [4321]
        self.broken = self.shut_down = False
        self.refuses: set[str] = set()
        self.refusal, self.count = "NotSupported", 1

    def nvmlInit(self) -> None:
        self._refuse("nvmlInit")

    def nvmlShutdown(self) -> None:
        self.shut_down = True

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:
        self._refuse("nvmlDeviceGetHandleByIndex")
        if index:
            raise self.NVMLError("Invalid Argument")
        return "the GPU"

    def nvmlDeviceGetComputeRunningProcesses(self, handle: str) -> list[Any]:
        if self.broken:
            raise self.NVMLError("GPU is lost")
        return [SimpleNamespace(pid=pid) for pid in self.processes]

    def nvmlDeviceGetClockInfo(self, handle: str, kind: int) -> int:
        return {1: 1590, 2: 5000}[kind]

    def nvmlDeviceGetTemperature(self, handle: str, sensor: int) -> int:
        return 50

    def nvmlDeviceGetCurrentClocksEventReasons(self, handle: str) -> int:
        self._answer("nvmlDeviceGetCurrentClocksEventReasons")
        return self.reasons

    def nvmlDeviceGetPowerUsage(self, handle: str) -> int:
        if self.power_mw is None:
            raise self.NVMLError_NotSupported("Not Supported")
        return self.power_mw

    def nvmlDeviceGetCount(self) -> int:
        self._refuse("nvmlDeviceGetCount")
        return self.count

    def nvmlDeviceGetName(self, handle: str) -> str:
        self._refuse("nvmlDeviceGetName")
        return "Tesla T4"

    def nvmlSystemGetDriverVersion(self) -> str:
        self._refuse("nvmlSystemGetDriverVersion")
        return "550.54.15"

    def nvmlDeviceGetCudaComputeCapability(self, handle: str) -> tuple[int, int]:
        self._refuse("nvmlDeviceGetCudaComputeCapability")
        return (7, 5)

    def nvmlDeviceGetMemoryInfo(self, handle: str) -> Any:
        self._refuse("nvmlDeviceGetMemoryInfo")
        return SimpleNamespace(total=15360 * 2**20)

    def nvmlDeviceGetMaxClockInfo(self, handle: str, kind: int) -> int:
        return {1: 1590, 2: 5001}[kind]

    def nvmlDeviceGetEnforcedPowerLimit(self, handle: str) -> int:
        self._answer("nvmlDeviceGetEnforcedPowerLimit")
        return 70_000

    def nvmlDeviceGetPersistenceMode(self, handle: str) -> int:
        self._refuse("nvmlDeviceGetPersistenceMode")
        return 0

    def _answer(self, name: str) -> None:
        if self.broken:
            raise self.NVMLError("GPU is lost")
        self._refuse(name)

    def _refuse(self, name: str) -> None:
        if name in self.refuses:
            raise getattr(self, f"NVMLError_{self.refusal}")(self.refusal)
