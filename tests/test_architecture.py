"""The directions of the imports, and what importing costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PURE = {"types", "errors"}
# Layer by layer: a module may import, at its top, from its own layer's list only.
ALLOWED = {
    "types": set(),
    "errors": set(),
    "cache": set(),
    "children": set(),
    "protocols": {"types", "config"},
    "config": {"errors"},
    "record": {"config", "errors", "types"},
    "predictions": {"cache", "errors", "types"},
    "metrics": {"types", "errors", "cache", "metrics", "datasets"},
    "datasets": {
        "types",
        "errors",
        "cache",
        "children",
        "protocols",
        "config",
        "datasets",
        "mirror",
        "predictions",
    },
    "artifacts": {"artifacts", "cache", "errors", "types"},
    "sessions": {
        "artifacts",
        "cache",
        "checkpoints",
        "config",
        "errors",
        "protocols",
        "sessions",
        "types",
    },
    "pipelines": {"artifacts", "types", "errors", "protocols", "config", "pipelines"},
    "visualize": {"types", "errors", "cache", "predictions", "datasets", "metrics", "visualize"},
    "mirror": {"errors"},
    "weights": {"cache", "config", "errors", "mirror", "types"},
    "latency": {"types", "protocols", "config", "record", "latency", "machine"},
    "run_observer": {"record"},
    "parity": {"metrics", "record", "types"},
    "machine": {"errors", "machine"},
    "environment": {"config", "record"},
    "registry": {"types", "errors"},
    "store": {"cache", "errors", "record"},
    "comparison": {
        "cache",
        "comparison",
        "config",
        "errors",
        "latency",
        "metrics",
        "record",
        "report",
        "store",
        "types",
    },
    "diagnosis": {
        "datasets",
        "diagnosis",
        "errors",
        "evaluation",
        "metrics",
        "record",
        "store",
        "types",
    },
    "gate": {
        "comparison",
        "config",
        "errors",
        "gate",
        "metrics",
        "record",
        "report",
        "store",
    },
    "gallery": {"datasets", "diagnosis", "gallery", "types", "visualize"},
    "sigmas": {"datasets", "errors", "metrics", "sigmas", "types"},
    "report": {"types", "errors", "config", "record", "cache", "latency", "report", ""},
}
FRAMEWORKS = (
    "torch torchvision ultralytics onnx onnxruntime openvino pandas matplotlib mmpose "
    "pycocotools xtcocotools hotcoco pooch requests scipy transformers lightning supervision "
    "tensorrt cuda pynvml jinja2 selenium"
).split()


def _imports(path: Path, *, top_level: bool) -> set[str]:
    """Names of posebench modules that a file imports; ``""`` stands for the package itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level else list(ast.walk(tree))
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module}
            if node.module == "posebench":
                found |= {f"posebench.{alias.name}" for alias in node.names}
    return found


def _modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("layer", sorted(ALLOWED))
def test_layers_import_only_what_lies_below_them(layer: str) -> None:
    single = ROOT / "posebench" / f"{layer}.py"
    files = [single] if single.exists() else sorted((ROOT / "posebench" / layer).rglob("*.py"))
    assert files
    for file in files:
        ours = {n.split(".")[1] if "." in n else "" for n in _imports(file, top_level=True)
                if n.split(".")[0] == "posebench"}  # fmt: skip
        ours -= {"", "__version__"}
        assert ours <= ALLOWED[layer], f"{file.name} reaches up to {ours - ALLOWED[layer]}"


def test_nothing_but_the_registry_knows_adapters() -> None:
    for file in _modules("posebench"):
        names = _imports(file, top_level=False)
        assert not any(name.startswith("posebench_adapters") for name in names), file


def test_adapters_use_the_seams_only() -> None:
    allowed = {"types", "protocols", "pipelines", "testing", "errors", "config", "cache"}
    allowed |= {"checkpoints", "artifacts"}
    for file in _modules("adapters/posebench_adapters"):
        for name in _imports(file, top_level=False):
            head, _, rest = name.partition(".")
            if head == "posebench" and rest:
                assert rest.split(".")[0] in allowed, f"{file.name} imports {name}"


@pytest.mark.parametrize("package", ["rdpose", "rfdetr_pose"])
def test_our_own_models_stand_alone(package: str) -> None:
    files = _modules(f"adapters/{package}")
    assert files
    for file in files:
        packages = {name.partition(".")[0] for name in _imports(file, top_level=False)}
        assert not packages & {"posebench", "posebench_adapters"}, file


def test_importing_everything_brings_no_framework() -> None:
    names = [
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for file in _modules("posebench")
        if file.stem not in {"__main__", "plots"}
    ]
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "from posebench.registry import catalogue; catalogue()\n"
        f"print(sorted(set({FRAMEWORKS!r}) & set(sys.modules)))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip() == "[]"


def test_no_relative_imports_and_no_prints() -> None:
    for file in _modules("posebench"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            assert not (isinstance(node, ast.ImportFrom) and node.level), file
