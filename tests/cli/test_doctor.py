"""``posebench doctor`` on this very machine, and its words about planted findings."""

from __future__ import annotations

import importlib.util
import json
from typing import Any

import psutil
import pytest
from commands import posebench
from support import require
from typer.testing import CliRunner

from posebench.cli import command_line
from posebench.cli import doctor as command
from posebench.errors import MissingExtraError
from posebench.machine import probing
from posebench.machine.gpu import GpuState, NoGpuError
from posebench.machine.gpu_settings import GpuSettings
from posebench.machine.inventory import Probe
from posebench.machine.probing import Finding

pytestmark = pytest.mark.framework
T4 = GpuSettings(0, "Tesla T4", "550.54.15", (7, 5), 15360, 1590, 5001, 70.0, False)
COOL = GpuState(300, 405, 41, 12.5, (), 1)


def rows(document: dict[str, Any]) -> dict[tuple[str, str, str], dict[str, str]]:
    found = document["capabilities"]
    return {(row["runtime"], row["device"], row["precision"]): row for row in found}


def test_what_is_said_of_this_machine_is_true() -> None:
    for module in ("onnxruntime", "openvino", "torch"):
        require(module)
    import onnxruntime
    import openvino
    import torch

    finished = posebench("doctor", "--format", "json")
    assert finished.returncode == 0, finished.stderr
    document = json.loads(finished.stdout)
    assert document["machine"]["processors"]["present"] == psutil.cpu_count()
    assert document["packages"]["onnxruntime"] == onnxruntime.__version__
    table = rows(document)
    for runtime in ("onnxruntime", "openvino", "torch"):
        assert table[runtime, "cpu", "fp32"]["status"] == "ready", table[runtime, "cpu", "fp32"]
    capabilities = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    half = table["openvino", "cpu", "fp16"]
    assert half["status"] == ("ready" if "FP16" in capabilities else "unusable")
    if not torch.cuda.is_available():
        on_gpu = [row for row in table.values() if row["device"] == "cuda"]
        assert on_gpu and {row["status"] for row in on_gpu} <= {"missing", "unusable"}
    for name in ("ultralytics", "mmpose", "rfdetr", "timm"):
        installed = importlib.util.find_spec(name) is not None
        assert (table[name, "", ""]["status"] == "ready") == installed, table[name, "", ""]


def planted(probe: Probe) -> list[Finding]:
    status = {"openvino": "missing", "tensorrt": "unusable"}.get(probe.name, "ready")
    return [Finding(p, status, f"{probe.name} says", "") for p in probe.precisions]  # type: ignore[arg-type]


def said(monkeypatch: pytest.MonkeyPatch, gpus: Any, *arguments: str) -> str:
    monkeypatch.setattr(command, "_find_out", planted)
    monkeypatch.setattr("posebench.machine.gpus.read_gpus", gpus)
    result = CliRunner().invoke(command_line([]), ["doctor", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_table_names_what_is_missing_and_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    text = said(monkeypatch, lambda: [(T4, COOL)])
    lines = text.splitlines()
    (row,) = (line for line in lines if line.startswith("openvino ") and "fp16" in line)
    assert row.split()[:4] == ["openvino", "cpu", "fp16", "missing"]
    assert "- openvino cpu: pip install 'posebench[openvino]'" in lines
    for part in ("Tesla T4", "550.54.15", "no BF16", "SM 300 MHz", "41 °C", "70 W"):
        assert part in text, part
    assert "  sudo nvidia-smi -i 0 -pm 1" in lines


def test_markdown_holds_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    text = said(monkeypatch, lambda: [(T4, COOL)], "--format", "md")
    assert any(line.startswith("| openvino | cpu | fp16 | missing |") for line in text.splitlines())


def no_library() -> Any:
    raise MissingExtraError("Watching a GPU needs nvidia-ml-py.", extra="nvidia")


def no_driver() -> Any:
    raise NoGpuError("there is no driver: NVML Shared Library Not Found")


def refused() -> Any:
    raise OSError("the driver has 1 GPU(s) and refuses to tell of them")


def test_without_a_driver_nothing_runs_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    document = json.loads(said(monkeypatch, no_driver, "--format", "json"))
    assert document["gpus"] == [] and "NVML" in document["gpu_problem"]
    on_gpu = {row["status"] for key, row in rows(document).items() if key[1] == "cuda"}
    assert on_gpu == {"unusable"}


def test_without_the_library_the_runtimes_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    document = json.loads(said(monkeypatch, no_library, "--format", "json"))
    assert "posebench[nvidia]" in document["gpu_problem"]
    assert rows(document)["torch", "cuda", "fp16"]["status"] == "ready"


def test_where_the_driver_refuses_to_tell_the_runtimes_are_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    document = json.loads(said(monkeypatch, refused, "--format", "json"))
    assert document["gpu_problem"].startswith("not known: ")
    assert rows(document)["torch", "cuda", "fp16"]["status"] == "ready"


def test_what_a_board_does_not_tell_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = GpuSettings(0, None, None, None, None, None, None, None, None)
    text = said(monkeypatch, lambda: [(nothing, None)])
    for line in text.splitlines():
        if line.startswith("GPU 0"):
            assert "None" not in line and "unknown" in line, line


@pytest.mark.parametrize(
    ("name", "limits"),
    [("torch", {("fp32", "fp16"): 120.0}), ("tensorrt", {("fp32",): 300.0, ("fp16",): 300.0})],
)
def test_engines_have_more_time_and_progress_is_told(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    limits: dict[tuple[str, ...], float],
) -> None:
    asked: dict[tuple[str, ...], float] = {}

    def fake_ask(arguments: Any, precisions: Any, limit_s: float) -> list[Finding]:
        assert arguments[-len(precisions) :] == list(precisions)
        asked[tuple(precisions)] = limit_s
        return [Finding(precision, "ready", "works") for precision in precisions]

    monkeypatch.setattr(probing, "ask", fake_ask)
    found = command._find_out(Probe(name, name, "cuda", ("fp32", "fp16"), ""))
    assert asked == limits
    assert [one.precision for one in found] == ["fp32", "fp16"]
    assert f"trying {name} cuda ..." in capsys.readouterr().err


def test_a_wrong_option_is_a_usage_error() -> None:
    assert posebench("doctor", "--format", "xml").returncode == 2
