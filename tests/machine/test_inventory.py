"""What is said of a machine, with planted facts; the processes that find them out are real."""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest
from support import require

from posebench.doctor_probes import examine
from posebench.machine.advice import advise
from posebench.machine.cpu import CpuSettings
from posebench.machine.gpu import GpuState
from posebench.machine.gpu_settings import GpuSettings
from posebench.machine.host import Host, read_host, read_turbo
from posebench.machine.inventory import (
    Capability,
    GpuInventory,
    Probe,
    probes,
    take_stock,
)
from posebench.machine.probing import Finding, Status, ask

T4 = GpuSettings(0, "Tesla T4", "550.54.15", (7, 5), 15360, 1590, 5001, 70.0, True)
IDLE = GpuState(1590, 5000, 50, 40.0, (), 0)
QUIET = Host(
    cpu="processor",
    processors=CpuSettings(4, 4, ("performance",)),
    turbo=False,
    others=0.01,
    stolen=0.0,
    memory_mb=16000,
    swap_used_mb=0,
    on_battery=False,
)
TELL = "import json; print(json.dumps({!r}), flush=True); "


def python(code: str, *findings: Finding) -> list[str]:
    """A program that tells findings and then runs some code."""
    return [sys.executable, "-c", "".join(TELL.format(asdict(f)) for f in findings) + code]


READY = Finding("fp32", "ready", "CPU")


def test_what_a_program_tells_is_found() -> None:
    other = Finding("fp16", "unusable", "no such instructions", "Use fp32.")
    assert ask(python("", READY, other), ("fp32", "fp16"), 60) == [READY, other]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "was killed by SIGSEGV"),
        ("import ctypes; ctypes.CDLL('libnone.so.7')", "libnone.so.7: cannot open"),
        ("import os; os._exit(7)", "ended with code 7"),
        ("raise SystemExit", "ended with code 0"),
    ],
)
def test_a_program_that_breaks_off_says_why_and_what_it_told_before_counts(
    code: str, reason: str
) -> None:
    first, second = ask(python(code, READY), ("fp32", "fp16"), 60)
    assert first == READY
    assert (second.precision, second.status) == ("fp16", "unusable")
    assert reason in second.detail


def test_half_a_line_is_no_finding() -> None:
    code = 'import os; os.write(1, b\'{"precision": "fp32"\'); os._exit(3)'
    assert ask(python(code), ("fp32",), 60) == [Finding("fp32", "unusable", "ended with code 3")]


def test_a_hang_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    """A grandchild that keeps the outputs open must not keep the caller waiting."""
    code = (
        "import subprocess, sys, time, pathlib; "
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(p.pid)); time.sleep(600)"
    )
    _, late = ask(python(code, READY), ("fp32", "fp16"), 3)
    assert late.detail == "gave no answer within 3 s" and "again" in late.remedy
    grandchild = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 20
    while psutil.pid_exists(grandchild) and time.monotonic() < deadline:
        if psutil.Process(grandchild).status() == psutil.STATUS_ZOMBIE:
            break
        time.sleep(0.05)
    else:
        assert not psutil.pid_exists(grandchild)


def test_a_program_keeps_its_files_out_of_the_users_cache(tmp_path: Path) -> None:
    code = (
        "import os, json; print(json.dumps(dict(precision='fp32', status='ready', "
        "detail=os.environ['POSEBENCH_CACHE'])))"
    )
    (found,) = ask(python(code), ("fp32",), 60)
    assert "posebench-doctor-" in found.detail and not Path(found.detail).parent.exists()


def never(probe: Probe) -> list[Finding]:
    raise AssertionError(f"{probe.name} must not be tried")


def as_ready(probe: Probe) -> list[Finding]:
    return [Finding(precision, "ready", "works") for precision in probe.precisions]


def stock(gpus: GpuInventory, **packages: str) -> dict[tuple[str, str, str], Capability]:
    names = {name.replace("_", "-"): version for name, version in packages.items()}
    rows = take_stock(probes(None), gpus, names, as_ready, at_once=2)
    return {(row.runtime, row.device, row.precision): row for row in rows}


def test_without_a_gpu_nothing_is_tried_on_it_and_the_reason_is_told() -> None:
    gone = GpuInventory((), absent=True)
    cuda = [probe for probe in probes(None) if probe.device == "cuda"]
    rows = take_stock(cuda, gone, {}, never, at_once=2)
    assert len(rows) == sum(len(probe.precisions) for probe in cuda) > 8
    assert {(row.status, row.detail) for row in rows} == {("unusable", "no NVIDIA GPU or driver")}
    assert stock(gone)["torch", "cpu", "fp32"].status == "ready"


def test_where_nobody_knows_of_a_gpu_the_runtimes_are_asked() -> None:
    rows = stock(GpuInventory(()))
    assert {row.status for row in rows.values()} == {"ready"}


def test_tensorrt_needs_turing_and_the_driver_of_its_wheel() -> None:
    key = ("tensorrt", "cuda", "fp16")
    assert stock(GpuInventory((T4,)), tensorrt_cu12="10.13")[key].status == "ready"
    for package, oldest in (("tensorrt_cu12", "535.54.03"), ("tensorrt_cu13", "580.65.06")):
        card = replace(T4, driver=oldest)
        assert stock(GpuInventory((card,)), **{package: "10.16"})[key].status == "ready", package
    untold = replace(T4, driver=None, compute_capability=None)
    assert stock(GpuInventory((untold,)), tensorrt_cu13="11.4")[key].status == "ready", "tried"
    refused = stock(GpuInventory((T4,)), tensorrt_cu13="11.4")[key]
    assert refused.status == "unusable"
    assert "580" in refused.detail and "550.54.15" in refused.detail
    volta = replace(T4, name="Tesla V100", compute_capability=(7, 0))
    rows = stock(GpuInventory((volta,)), tensorrt_cu12="10.13")
    assert "V100" in rows[key].detail and rows[key].status == "unusable"
    assert rows["torch", "cuda", "fp16"].status == "ready"


def as_missing(probe: Probe) -> list[Finding]:
    return [Finding(precision, "missing", "not installed") for precision in probe.precisions]


def remedies(driver: str | None) -> dict[str, str]:
    """By runtime, or by runtime and device where that is a GPU, of what is not installed."""
    rows = take_stock(probes(driver), GpuInventory((T4,)), {}, as_missing, at_once=3)
    return {f"{row.runtime} {row.device}": row.remedy for row in rows}


def test_what_is_missing_comes_with_the_command_that_installs_it() -> None:
    commands = remedies("550.54.15")
    assert commands["openvino cpu"] == "pip install 'posebench[openvino]'"
    assert "nvidia.com" in commands["tensorrt cuda"]
    for driver in ("580.65.06", None):
        assert "onnxruntime-gpu" in remedies(driver)["onnxruntime cuda"]
    assert "tensorrt-cu13==" in remedies("580.65.06")["tensorrt cuda"]
    assert "tensorrt-cu12==" in remedies(None)["tensorrt cuda"], "which newer drivers load, too"


def test_tensorrt_is_pinned_as_the_list_for_the_t4_pins_it() -> None:
    file = Path(__file__).parents[2] / "configs" / "t4-requirements.txt"
    pinned = re.findall(r"^([a-z0-9-]+==\S+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(pinned) == 2
    commands = remedies("550.54.15")["tensorrt cuda"]
    assert set(pinned) <= set(commands.split())
    assert "pip install -r configs/t4-requirements.txt" in commands
    version = pinned[0].partition("==")[2]
    newer = remedies("580.65.06")
    for row in ("tensorrt cuda", "onnxruntime, TensorRT provider cuda"):
        assert f"tensorrt-cu13=={version}" in newer[row].split()


@pytest.mark.parametrize("status", ["missing", "unusable"])
def test_what_needs_a_newer_driver_is_not_proposed(status: Status) -> None:
    def refused(probe: Probe) -> list[Finding]:
        return [Finding(p, status, "no such provider", "Install it.") for p in probe.precisions]

    def told(driver: str, runtime: str) -> tuple[str, str]:
        rows = take_stock(probes(driver), GpuInventory((T4,)), {}, refused, at_once=3)
        (row,) = {(r.detail, r.remedy) for r in rows if (r.runtime, r.device) == (runtime, "cuda")}
        return row

    for runtime in ("onnxruntime", "onnxruntime, TensorRT provider"):
        detail, remedy = told("579.99", runtime)
        assert detail == "no such provider; needs driver 580 or newer, this is 579.99"
        assert remedy == ""
        assert told("580.00", runtime) == ("no such provider", "Install it.")
    assert "needs driver 535 or newer" in told("530.30", "tensorrt")[0]
    assert told("535.54", "tensorrt") == ("no such provider", "Install it.")


def test_a_module_of_another_package_has_a_remedy_of_its_own() -> None:
    def without_onnx(probe: Probe) -> list[Finding]:
        return [Finding(p, "missing", "No module", "pip install onnx") for p in probe.precisions]

    rows = take_stock(probes("550.54"), GpuInventory((T4,)), {}, without_onnx, at_once=3)
    (remedy,) = {row.remedy for row in rows if row.runtime == "tensorrt"}
    assert remedy == "pip install onnx"


@pytest.mark.parametrize("name", ["tensorrt", "onnxruntime", "openvino"])
def test_without_onnx_that_is_what_is_missing(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    found = examine(name, "cuda", "fp32")
    assert (found.status, found.remedy) == ("missing", "pip install onnx")
    assert "onnx" in found.detail


def test_without_the_runtime_the_probe_has_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    require("onnx")
    monkeypatch.setitem(sys.modules, "openvino", None)
    found = examine("openvino", "cpu", "fp32")
    assert (found.status, found.remedy) == ("missing", "")


def test_every_extra_that_is_named_exists() -> None:
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    section = project.split("[project.optional-dependencies]")[1].split("\n[")[0]
    extras = re.findall(r"^([a-z-]+) = ", section, re.MULTILINE)
    commands = [p.install for p in probes(None) if "posebench[" in p.install]
    named = [command.split("[")[1].split("]")[0] for command in commands]
    assert len(named) >= 7 and set(named) <= set(extras)


def test_rows_keep_their_order_though_several_are_tried_at_a_time() -> None:
    last_is_done = threading.Event()

    def slow_first(probe: Probe) -> list[Finding]:
        if probe.name == "onnxruntime":
            assert last_is_done.wait(20)
        else:
            last_is_done.set()
        return as_ready(probe)

    wanted = [probe for probe in probes(None) if probe.name in ("onnxruntime", "openvino")]
    rows = take_stock(wanted, GpuInventory((T4,)), {}, slow_first, at_once=3)
    assert [(row.runtime, row.device, row.precision) for row in rows] == [
        ("onnxruntime", "cpu", "fp32"),
        ("onnxruntime", "cpu", "fp16"),
        ("onnxruntime", "cuda", "fp32"),
        ("onnxruntime", "cuda", "fp16"),
        ("openvino", "cpu", "fp32"),
        ("openvino", "cpu", "fp16"),
    ]


def test_on_a_gpu_one_is_tried_at_a_time_and_the_processors_work_meanwhile() -> None:
    on_gpu, cpu_is_done = threading.Lock(), threading.Event()

    def alone(probe: Probe) -> list[Finding]:
        if probe.device != "cuda":
            cpu_is_done.set()
            return as_ready(probe)
        assert on_gpu.acquire(blocking=False), "another is on the GPU"
        assert cpu_is_done.wait(20)
        time.sleep(0.02)  # for others to come, if they may
        on_gpu.release()
        return as_ready(probe)

    wanted = sorted(probes(None), key=lambda probe: probe.device != "cuda")
    rows = take_stock(wanted, GpuInventory((T4,)), {}, alone, at_once=4)
    assert {row.status for row in rows} == {"ready"}


def test_a_quiet_machine_needs_no_advice() -> None:
    assert advise(QUIET, []) == []
    unknown = replace(QUIET, others=None, stolen=None, on_battery=None, turbo=None)
    assert advise(replace(unknown, processors=CpuSettings(4, 4, ())), []) == []


@pytest.mark.parametrize(
    ("fields", "command"),
    [
        ({"processors": CpuSettings(4, 4, ("performance", "powersave"))}, "cpupower"),
        ({"others": 0.9}, "top"),
        ({"stolen": 0.3}, "vmstat"),
        ({"swap_used_mb": 300}, "swapoff"),
        ({"on_battery": True}, "upower"),
    ],
)
def test_what_makes_timing_unsteady_is_named(fields: dict[str, object], command: str) -> None:
    (advice,) = advise(replace(QUIET, **fields), [])  # type: ignore[arg-type]
    assert command in advice.command
    assert advice.text.endswith(".")


def test_advice_on_a_gpu_names_its_number() -> None:
    card = replace(T4, index=3, persistence=False)
    found = advise(QUIET, [(card, replace(IDLE, others=2, throttling=("power limit",)))])
    assert all("-i 3 " in advice.command for advice in found)
    said = " ".join(advice.text for advice in found)
    for part in ("persistence", "2 other program(s)", "power limit", "at most 1590"):
        assert part in said
    assert len(advise(QUIET, [(T4, IDLE)])) == 1, "only the clocks, of which nothing is known"
    assert len(advise(QUIET, [(T4, None)])) == 1


def test_turbo_is_read_from_the_kernel(tmp_path: Path) -> None:
    assert read_turbo(tmp_path) is None
    (tmp_path / "cpufreq").mkdir()
    for text, meaning in (("0\n", False), ("1\n", True)):
        (tmp_path / "cpufreq" / "boost").write_text(text)
        assert read_turbo(tmp_path) is meaning
    (tmp_path / "intel_pstate").mkdir()
    (tmp_path / "intel_pstate" / "no_turbo").write_text("1\n")
    assert read_turbo(tmp_path) is False


def test_this_machine_is_read() -> None:
    host = read_host("a name")
    assert host.cpu == "a name" and host.others is not None and host.stolen is not None
    assert host.memory_mb == psutil.virtual_memory().total // 2**20
    json.dumps(asdict(host))
