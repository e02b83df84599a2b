"""What an NVIDIA GPU is and how it is set up, as its driver's library (NVML) tells it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class GpuSettings:
    """One GPU. None stands for what the driver does not tell, or not to everybody.

    Attributes:
        index: As the driver numbers it.
        name: As its maker calls it.
        driver: Version of the driver.
        compute_capability: Major and minor number of what its multiprocessors can do.
        memory_mb: In MiB.
        sm_max_mhz: Highest clock of the multiprocessors.
        memory_max_mhz: Highest clock of the memory.
        power_limit_w: That is enforced.
        persistence: Whether the driver stays loaded while nobody uses the GPU.
    """

    index: int
    name: str | None
    driver: str | None
    compute_capability: tuple[int, int] | None
    memory_mb: int | None
    sm_max_mhz: int | None
    memory_max_mhz: int | None
    power_limit_w: float | None
    persistence: bool | None


def read_gpu_settings(nvml: ModuleType | Any, index: int, handle: Any) -> GpuSettings:
    """What it is and how it is set up.

    Args:
        nvml: The module ``pynvml``, started.
        index: As the driver numbers it.
        handle: The library's own of this GPU.
    """

    def told(read: Callable[..., T], *arguments: Any) -> T | None:
        # A container, MIG or vGPU may refuse any of them, for various reasons.
        with suppress(nvml.NVMLError):
            return read(*arguments)
        return None

    limit_mw = told(nvml.nvmlDeviceGetEnforcedPowerLimit, handle)
    persistence = told(nvml.nvmlDeviceGetPersistenceMode, handle)
    capability = told(nvml.nvmlDeviceGetCudaComputeCapability, handle)
    memory = told(nvml.nvmlDeviceGetMemoryInfo, handle)
    return GpuSettings(
        index=index,
        name=told(nvml.nvmlDeviceGetName, handle),
        driver=told(nvml.nvmlSystemGetDriverVersion),
        compute_capability=None if capability is None else (capability[0], capability[1]),
        memory_mb=None if memory is None else memory.total // 2**20,
        sm_max_mhz=told(nvml.nvmlDeviceGetMaxClockInfo, handle, nvml.NVML_CLOCK_SM),
        memory_max_mhz=told(nvml.nvmlDeviceGetMaxClockInfo, handle, nvml.NVML_CLOCK_MEM),
        power_limit_w=None if limit_mw is None else limit_mw / 1000,
        persistence=None if persistence is None else bool(persistence),
    )
