"""The notebook is run as it lies there: without a GPU, and with one as far as its commands."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import posebench
from support import require

from posebench.store import load_records

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "notebooks" / "t4.ipynb"
FAKE_COMMAND = """#!{python}
import json, sys
from pathlib import Path
with Path({log!r}).open("a") as stream:
    stream.write(json.dumps([Path(sys.argv[0]).name, *sys.argv[1:]]) + "\\n")
"""


@pytest.fixture
def notebook() -> Any:
    return require("nbformat").read(NOTEBOOK, as_version=4)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In which a notebook is run, with all that Jupyter writes."""
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


def execute(notebook: Any, folder: Path) -> None:
    for module in ("ipykernel", "onnxruntime", "matplotlib", "pandas"):
        require(module)
    client = require("nbclient").NotebookClient(notebook, timeout=600, kernel_name="python3")
    client.execute(cwd=str(folder))


def cell_below(notebook: Any, heading: str) -> int:
    titles = [cell.source.partition("\n")[0] for cell in notebook.cells]
    return titles.index(f"## {heading}") + 1


def outputs(notebook: Any, heading: str) -> str:
    """All that the code below a heading has put out, as text."""
    found = notebook.cells[cell_below(notebook, heading)].outputs
    return "\n".join(
        output.get("text") or output.get("data", {}).get("text/markdown", "") for output in found
    )


def test_it_is_valid_and_without_outputs(notebook: Any) -> None:
    require("nbformat").validate(notebook)
    assert notebook.nbformat == 4
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert all(len(cell.source.splitlines()) <= 25 for cell in code)


def test_without_a_gpu_it_says_so_and_shows_the_steps_on_the_cpu(
    notebook: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    execute(notebook, folder)
    assert "No NVIDIA GPU: ONNX Runtime, FP32, on the CPU." in outputs(notebook, "On what")
    (record,) = load_records([folder / "t4-results"])
    assert record.runtime is not None and record.status == "ok"
    assert (record.runtime.name, record.runtime.precision) == ("onnxruntime", "fp32")
    ap = record.figure("keypoints", "AP")
    assert ap is not None and ap > 0
    table = outputs(notebook, "Table")
    assert f"| {ap * 100:.1f} |" in table
    assert "T4" not in table, "nothing was measured or published there"
    shown = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert any("image/png" in output.get("data", {}) for output in shown)
    assert "| sustained | end-to-end |" in outputs(notebook, "A against B")
    assert "record.json" in outputs(notebook, "Tidy up")
    assert not (folder / "posebench-env").exists(), "posebench was installed again"


def with_fake_commands(notebook: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Replace nvidia-smi and posebench by programs that only note how they were called."""
    log, programs = folder / "calls", folder / "programs"
    programs.mkdir()
    for name in ("nvidia-smi", "posebench"):
        (programs / name).write_text(FAKE_COMMAND.format(python=sys.executable, log=str(log)))
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    new_cell = require("nbformat").v4.new_code_cell
    (parameters,) = [
        place
        for place, cell in enumerate(notebook.cells)
        if "parameters" in cell.metadata.get("tags", ())
    ]
    installed = cell_below(notebook, "Install")
    notebook.cells.insert(
        installed + 1, new_cell(f"POSEBENCH = ({str(programs / 'posebench')!r},)")
    )
    notebook.cells.insert(parameters + 1, new_cell(f"SOURCE = {str(ROOT)!r}"))
    return log


def test_with_a_gpu_it_gives_the_commands_of_the_page(
    notebook: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = with_fake_commands(notebook, folder, monkeypatch)
    execute(notebook, folder)
    calls = [json.loads(line) for line in log.read_text().splitlines()]
    ours = [rest for name, *rest in calls if name == "posebench"]
    assert [call[0] for call in ours] == ["doctor", "run", "publish", "report", "latency"]
    for call in (ours[1], ours[4]):
        assert call[call.index("--config") + 1] == str(ROOT / "configs" / "t4.toml")
        assert call[call.index("--dataset") + 1] == "coco-val2017"
    for command, *rest in ours:
        told = posebench(command, "--help").stdout
        assert all(option in told for option in rest if option.startswith("--")), command
    clocks = [rest[0] for name, *rest in calls if name == "nvidia-smi"]
    assert clocks.index("-pm") < clocks.index("-lgc") < clocks.index("-rgc") == len(clocks) - 1
