"""Watching a GPU through a stand-in for its driver, with the names and bits of the library."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest
from support import require

from posebench.machine.gpu import (
    Gpu,
    GpuMonitor,
    GpuState,
    GpuWatch,
    summarise,
    throttling_of,
)

COOL = GpuState(1590, 5000, 50, 40.0, (), 0)
HOT = GpuState(900, 5000, 83, 70.5, ("power limit", "hardware thermal limit"), 0)


class StandInForNvml:
    """A driver with one GPU, whose state a test sets."""

    class NVMLError(Exception):
        """Of every call."""

    class NVMLError_NotSupported(NVMLError):
        """Of a call that this board does not know."""

    NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU = 1, 2, 0

    def __init__(self) -> None:
        self.reasons, self.power_mw, self.processes = 0x1, 40_000, [4321]
        self.broken = self.shut_down = False

    def nvmlInit(self) -> None:
        pass

    def nvmlShutdown(self) -> None:
        self.shut_down = True

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:
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
        return self.reasons

    def nvmlDeviceGetPowerUsage(self, handle: str) -> int:
        if self.power_mw is None:
            raise self.NVMLError_NotSupported("Not Supported")
        return self.power_mw


def test_the_stand_in_has_the_names_and_the_bits_of_the_library() -> None:
    nvml = require("pynvml")
    for name in vars(StandInForNvml):
        if name.lower().startswith("nvml"):
            assert hasattr(nvml, name), name
    for name in ("NVML_CLOCK_SM", "NVML_CLOCK_MEM", "NVML_TEMPERATURE_GPU"):
        assert getattr(nvml, name) == getattr(StandInForNvml, name)
    named = {
        "SwPowerCap": "power limit",
        "HwSlowdown": "hardware slowdown",
        "SwThermalSlowdown": "software thermal limit",
        "HwThermalSlowdown": "hardware thermal limit",
        "HwPowerBrakeSlowdown": "power brake",
        "GpuIdle": None,
        "ApplicationsClocksSetting": None,
        "SyncBoost": None,
        "DisplayClockSetting": None,
    }
    for reason, said in named.items():
        bit = getattr(nvml, f"nvmlClocksThrottleReason{reason}", None) or getattr(
            nvml, f"nvmlClocksEventReason{reason}"
        )
        assert throttling_of(bit) == ((said,) if said else ()), reason


def test_a_reading() -> None:
    nvml = StandInForNvml()
    gpu = Gpu(nvml=nvml)
    assert gpu.read(own=frozenset({4321})) == COOL, "an idle GPU is not throttled"
    assert gpu.read().others == 1
    nvml.reasons, nvml.power_mw = 0x44, None  # type: ignore[assignment]
    found = gpu.read()
    assert (found.throttling, found.power_w) == (HOT.throttling, None)
    gpu.close()
    assert nvml.shut_down


def test_a_gpu_that_is_not_there_or_is_lost() -> None:
    nvml = StandInForNvml()
    with pytest.raises(OSError, match="GPU 1 cannot be read: Invalid"):
        Gpu(1, nvml)
    nvml.broken = True
    with pytest.raises(OSError, match="lost"):
        Gpu(nvml=nvml).read()


def test_without_a_driver_the_library_says_so() -> None:
    """The real library, on a machine without a driver."""
    nvml = require("pynvml")
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        with pytest.raises(OSError, match="GPU 0 cannot be read"):
            Gpu()
    else:
        assert Gpu().read().sm_mhz > 0


def test_a_while_is_summed_up() -> None:
    found = summarise([COOL, HOT, COOL, GpuState(1590, 5000, 49, None, ("power limit",), 2)])
    assert found == GpuWatch(
        readings=4,
        sm_mhz=(900, 1590),
        temperature_c=(49, 83),
        power_w=70.5,
        throttling=("hardware thermal limit", "power limit"),
        throttled_share=0.5,
        others=2,
    )


def test_a_monitor_sees_what_happens_while_it_watches() -> None:
    """A planted throttle in the third reading."""
    states = iter([COOL, COOL, HOT])
    seen_all = threading.Event()

    def read() -> GpuState:
        state = next(states, None)
        if state is None:
            seen_all.set()
        return state or COOL

    with GpuMonitor(read, interval_s=0.001) as monitor:
        assert seen_all.wait(10)
    watch = monitor.watch()
    assert watch.throttling == ("hardware thermal limit", "power limit")
    assert watch.readings >= 3 and watch.throttled_share == 1 / watch.readings


def test_a_monitor_reads_at_least_once() -> None:
    with GpuMonitor(lambda: COOL, interval_s=100) as monitor:
        pass
    assert monitor.watch().readings == 1


def test_a_failure_of_the_driver_is_told_in_the_end() -> None:
    def read() -> GpuState:
        raise OSError("GPU is lost")

    with GpuMonitor(read) as monitor:
        pass
    with pytest.raises(OSError, match="lost"):
        monitor.watch()
