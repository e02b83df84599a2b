"""Every GPU of this machine, as far as one may look at it."""

from __future__ import annotations

from contextlib import suppress
from types import ModuleType
from typing import Any

from posebench.machine.gpu import Gpu, GpuState, NoGpuError, import_nvml, start_nvml
from posebench.machine.gpu_settings import GpuSettings


def read_gpus(nvml: ModuleType | Any = None) -> list[tuple[GpuSettings, GpuState | None]]:
    """Every GPU of this machine that may be looked at, with one reading of each, or None.

    Args:
        nvml: The module ``pynvml``; imported if left out.

    Raises:
        MissingExtraError: ``nvidia-ml-py`` is not installed.
        NoGpuError: There is no driver or no GPU.
        OSError: The driver fails, or refuses every GPU.
    """
    nvml = nvml or import_nvml()
    try:
        start_nvml(nvml)
        count = nvml.nvmlDeviceGetCount()
    except nvml.NVMLError as error:
        raise OSError(f"the GPUs cannot be counted: {error}") from error
    if not count:
        raise NoGpuError("the driver has no GPU")
    found = [one for index in range(count) if (one := _look_at(index, nvml))]
    nvml.nvmlShutdown()
    if not found:
        raise OSError(f"the driver has {count} GPU(s) and refuses to tell of them")
    return found


def _look_at(index: int, nvml: ModuleType | Any) -> tuple[GpuSettings, GpuState | None] | None:
    try:
        gpu = Gpu(index, nvml)
    except OSError:
        return None
    found = gpu.settings(), _read_if_told(gpu)
    gpu.close()
    return found


def _read_if_told(gpu: Gpu) -> GpuState | None:
    """A reading; boards that are shared out (MIG, vGPU) do not tell all of it."""
    with suppress(OSError):
        return gpu.read()
    return None
