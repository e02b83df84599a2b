"""The processors' accounts, with real programs beside this one."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from posebench.machine.cpu import (
    CpuDisturbance,
    CpuUse,
    disturbance,
    read_cpu_settings,
    read_cpu_use,
)

PROCESSORS = psutil.cpu_count() or 1
BEFORE = CpuUse(at=100.0, busy=1000.0, stolen=5.0, own=20.0, throttled=3)


def spin(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def test_by_hand() -> None:
    after = CpuUse(at=110.0, busy=1016.0, stolen=6.0, own=29.0, throttled=5)
    found = disturbance(BEFORE, after)
    assert found == CpuDisturbance(others=0.7, stolen=0.1, throttled=2, processors=PROCESSORS)
    unknown = disturbance(BEFORE, replace(after, throttled=None))
    assert unknown is not None and unknown.throttled is None
    assert disturbance(BEFORE, replace(after, at=100.01)) is None


def test_rounding_of_the_accounts_is_no_disturbance() -> None:
    """Ticks of the machine and of the process are not counted at the same moment."""
    after = CpuUse(at=101.0, busy=1000.98, stolen=5.0, own=21.0, throttled=3)
    found = disturbance(BEFORE, after)
    assert found == CpuDisturbance(others=0.0, stolen=0.0, throttled=0, processors=PROCESSORS)


def test_ones_own_work_is_no_disturbance_and_anothers_is() -> None:
    """Compared with all that the machine did, so that whatever else runs here does not count."""
    found, whole = [], []
    for program in (None, "while True: pass"):
        other = subprocess.Popen([sys.executable, "-c", program]) if program else None
        try:
            spin(0.3)  # until it runs
            before = read_cpu_use()
            spin(1.0)
            after = read_cpu_use()
            found.append(disturbance(before, after))
            whole.append((after.busy - before.busy) / (after.at - before.at))
        finally:
            if other:
                other.kill()
                other.wait()
    alone, beside = found
    assert alone is not None and beside is not None
    assert alone.others < whole[0] - 0.3, "this process's own work is not in it"
    assert beside.others >= 0.2


def test_settings_are_read_from_the_kernel(tmp_path: Path) -> None:
    for number, governor in enumerate(("powersave", "performance", "powersave")):
        folder = tmp_path / f"cpu{number}"
        (folder / "cpufreq").mkdir(parents=True)
        (folder / "cpufreq" / "scaling_governor").write_text(governor + "\n")
        (folder / "thermal_throttle").mkdir()
        (folder / "thermal_throttle" / "core_throttle_count").write_text(f"{number}\n")
    (tmp_path / "cpufreq").mkdir()
    found = read_cpu_settings(tmp_path, lambda: 1)
    assert (found.usable, found.governors) == (1, ("performance", "powersave"))
    assert found.present == psutil.cpu_count()
    assert read_cpu_use(tmp_path).throttled == 3


def test_a_kernel_that_does_not_tell(tmp_path: Path) -> None:
    assert read_cpu_settings(tmp_path).governors == ()
    assert read_cpu_use(tmp_path).throttled is None


@pytest.mark.skipif(sys.platform != "linux", reason="affinity is a matter of Linux")
def test_the_affinity_of_this_process_counts() -> None:
    here = psutil.Process()
    allowed = here.cpu_affinity()
    try:
        here.cpu_affinity(allowed[:1])
        assert read_cpu_settings().usable == 1
    finally:
        here.cpu_affinity(allowed)
