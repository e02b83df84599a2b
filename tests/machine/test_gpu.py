"""Watching a GPU through a stand-in for its driver, with the names and bits of the library."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from nvml_stand_in import StandInForNvml
from support import require

from posebench.machine.gpu import (
    Gpu,
    GpuMonitor,
    GpuState,
    GpuWatch,
    NoGpuError,
    summarise,
    throttling_of,
)
from posebench.machine.gpu_settings import GpuSettings
from posebench.machine.gpus import read_gpus

COOL = GpuState(1590, 5000, 50, 40.0, (), 0)
HOT = GpuState(900, 5000, 83, 70.5, ("power limit", "hardware thermal limit"), 0)


def test_the_stand_in_has_the_names_and_the_bits_of_the_library() -> None:
    nvml = require("pynvml")
    for name in vars(StandInForNvml):
        if name.lower().startswith("nvml"):
            assert hasattr(nvml, name), name
    for name in (name for name in vars(StandInForNvml) if name.startswith("NVML_")):
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
    hidden = gpu.read(own=frozenset({17}))
    assert hidden.others == 0, "a container hides the process's own number"
    two = gpu.read(own=frozenset({17, 4321}))
    assert two.others == 0, "two measured processes, one of which uses it"
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
        with pytest.raises(NoGpuError, match="there is no driver"):
            Gpu()
        with pytest.raises(NoGpuError, match="there is no driver"):
            read_gpus()
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
    assert watch is not None and monitor.failure == ""
    assert watch.throttling == ("hardware thermal limit", "power limit")
    assert watch.readings >= 3 and watch.throttled_share == 1 / watch.readings


def test_a_monitor_reads_at_least_once() -> None:
    with GpuMonitor(lambda: COOL, interval_s=100) as monitor:
        pass
    watch = monitor.watch()
    assert watch is not None and watch.readings == 1


@pytest.mark.parametrize("error", [OSError("GPU is lost"), AttributeError("nvmlOfTomorrow")])
def test_a_failure_of_the_driver_ends_the_watch_and_nothing_else(error: Exception) -> None:
    def read() -> GpuState:
        raise error

    with GpuMonitor(read) as monitor:
        pass
    assert monitor.watch() is None
    assert str(error) in monitor.failure


def test_what_a_gpu_is_and_how_it_is_set_up() -> None:
    nvml = StandInForNvml()
    assert read_gpus(nvml) == [
        (
            GpuSettings(
                index=0,
                name="Tesla T4",
                driver="550.54.15",
                compute_capability=(7, 5),
                memory_mb=15360,
                sm_max_mhz=1590,
                memory_max_mhz=5001,
                power_limit_w=70.0,
                persistence=False,
            ),
            replace(COOL, others=1),
        )
    ]
    assert nvml.shut_down


def test_what_a_shared_out_board_does_not_tell_is_left_open() -> None:
    nvml = StandInForNvml()
    nvml.refuses = {"nvmlDeviceGetEnforcedPowerLimit", "nvmlDeviceGetCurrentClocksEventReasons"}
    ((settings, state),) = read_gpus(nvml)
    assert settings.power_limit_w is None and settings.persistence is False
    assert state is None


@pytest.mark.parametrize(
    ("quantity", "field"),
    [
        ("nvmlDeviceGetName", "name"),
        ("nvmlSystemGetDriverVersion", "driver"),
        ("nvmlDeviceGetCudaComputeCapability", "compute_capability"),
        ("nvmlDeviceGetMemoryInfo", "memory_mb"),
        ("nvmlDeviceGetEnforcedPowerLimit", "power_limit_w"),
        ("nvmlDeviceGetPersistenceMode", "persistence"),
    ],
)
@pytest.mark.parametrize("refusal", ["NotSupported", "NoPermission", "Unknown"])
def test_a_quantity_that_is_refused_is_left_open_and_the_others_are_told(
    quantity: str, field: str, refusal: str
) -> None:
    ((whole, _),) = read_gpus(StandInForNvml())
    nvml = StandInForNvml()
    nvml.refuses, nvml.refusal = {quantity}, refusal
    ((settings, _),) = read_gpus(nvml)
    assert getattr(whole, field) is not None
    assert settings == replace(whole, **{field: None})  # type: ignore[arg-type]


@pytest.mark.parametrize("reason", ["LibraryNotFound", "DriverNotLoaded"])
def test_without_a_driver_there_is_no_gpu(reason: str) -> None:
    nvml = StandInForNvml()
    nvml.refuses, nvml.refusal = {"nvmlInit"}, reason
    with pytest.raises(NoGpuError):
        read_gpus(nvml)


def test_a_driver_with_no_gpu_says_so() -> None:
    nvml = StandInForNvml()
    nvml.count = 0
    with pytest.raises(NoGpuError, match="the driver has no GPU"):
        read_gpus(nvml)


@pytest.mark.parametrize("call", ["nvmlInit", "nvmlDeviceGetCount", "nvmlDeviceGetHandleByIndex"])
def test_a_driver_that_refuses_does_not_say_that_there_is_no_gpu(call: str) -> None:
    nvml = StandInForNvml()
    nvml.refuses, nvml.refusal = {call}, "NoPermission"
    with pytest.raises(OSError, match=r"cannot be counted: NoPermission|refuses to tell") as error:
        read_gpus(nvml)
    assert not isinstance(error.value, NoGpuError)


def test_a_gpu_that_may_not_be_looked_at_hides_no_other() -> None:
    nvml = StandInForNvml()
    nvml.count = 2  # only the first of which the stand-in tells of
    assert [settings.index for settings, _ in read_gpus(nvml)] == [0]
