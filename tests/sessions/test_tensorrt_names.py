"""What is called of TensorRT and of CUDA exists, by the published names and arguments."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import require

ROOT = Path(__file__).resolve().parents[2]
SESSIONS = ROOT / "posebench" / "sessions"
CUDA_API = ROOT / "tests" / "fixtures" / "cuda_api.json"
OURS = ("engine_build", "engine_precision", "tensorrt", "tensorrt_execution", "tensorrt_library")
VERSIONS = ["10.13.3.9.post1", "10.16.1.11", "11.4.0.106"]
pytestmark = pytest.mark.framework


def _api(version: str) -> Any:
    require("onnx")  # which the fake computes with
    return importlib.import_module("fake_tensorrt").published()[version]


def _chains(module: str, root: str) -> Iterator[str]:
    """``A.B`` for every ``root.A.B`` in a module, where ``root`` is a name or an attribute."""
    tree = ast.parse((SESSIONS / f"{module}.py").read_text())
    inner = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    for node in ast.walk(tree):
        names: list[str] = []
        end = node
        while isinstance(end, ast.Attribute) and end.attr != root:
            names.insert(0, end.attr)
            end = end.value
        is_root = isinstance(end, ast.Attribute) or (isinstance(end, ast.Name) and end.id == root)
        if names and is_root and id(node) not in inner:
            yield ".".join(names)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_taken_from_the_module_is_published(version: str) -> None:
    api = _api(version)
    known = {"__version__", "Severity", *api["classes"], *api["functions"], *api["enums"]}
    known |= {f"{enum}.{member}" for enum, members in api["enums"].items() for member in members}
    used = {chain for module in OURS for root in ("trt", "_trt") for chain in _chains(module, root)}
    used.discard("ILogger.__init__")
    assert len(used) > 12
    assert used <= known, used - known


@pytest.mark.parametrize("version", VERSIONS)
def test_the_flag_that_takes_types_from_the_graph_is_published(version: str) -> None:
    assert "STRONGLY_TYPED" in _api(version)["enums"]["NetworkDefinitionCreationFlag"]


def _own_members(kind: type) -> Iterator[tuple[str, Any]]:
    return ((n, m) for n, m in vars(kind).items() if not n.startswith("_"))


@pytest.mark.parametrize("version", VERSIONS)
def test_the_fake_has_no_name_and_no_argument_that_tensorrt_lacks(version: str) -> None:
    classes = _api(version)["classes"]
    compared = 0
    for kind in importlib.import_module("fake_tensorrt").FAKES:
        published = classes[kind.__name__]
        for name, member in _own_members(kind):
            compared += 1
            if isinstance(member, property):
                assert name in published["properties"], f"{kind.__name__}.{name}"
                continue
            _, *given = inspect.signature(member).parameters
            overloads = published["methods"][name]
            assert any(_accepts(o, given) for o in overloads), f"{kind.__name__}.{name}"
    assert compared > 30


def _accepts(overload: str, given: list[str]) -> bool:
    """Whether the first arguments have these names and the others may be left out (``name=``)."""
    names = overload.split(", ") if overload else []
    rest = names[len(given) :]
    first = [name.removesuffix("=") for name in names[: len(given)]]
    return first == given and all(name.endswith("=") for name in rest)


def _cuda_names() -> set[str]:
    """Everything that is taken from the bindings, by its name in their module."""
    return {chain for root in ("runtime", "_runtime") for chain in _chains("cuda", root)}


def test_the_fake_of_cuda_has_the_functions_and_arguments_of_the_real_one() -> None:
    require("cuda")
    real = importlib.import_module("cuda.bindings.runtime")
    fake = importlib.import_module("fake_cuda")
    for name, member in _own_members(fake.FakeCuda):
        if name.startswith("cuda") and inspect.isfunction(member):
            _, *given = inspect.signature(member).parameters
            assert given == list(inspect.signature(getattr(real, name)).parameters), name
    for kind in (fake.cudaError_t, fake.cudaMemcpyKind, fake.cudaStreamCaptureMode):
        members = {member.name: int(member) for member in getattr(real, kind.__name__)}
        assert {m.name: m.value for m in kind}.items() <= members.items()
    assert real.cudaStreamNonBlocking == fake.FakeCuda.cudaStreamNonBlocking


def test_the_pinned_bindings_of_cuda_have_what_the_fake_has() -> None:
    fake = importlib.import_module("fake_cuda")
    (api,) = json.loads(CUDA_API.read_text())["versions"].values()
    functions = {
        name: ", ".join(list(inspect.signature(member).parameters)[1:])
        for name, member in _own_members(fake.FakeCuda)
        if name.startswith("cuda") and inspect.isfunction(member)
    }
    assert functions == api["functions"]
    for kind in (fake.cudaError_t, fake.cudaMemcpyKind, fake.cudaStreamCaptureMode):
        assert {m.name: m.value for m in kind}.items() <= api["enums"][kind.__name__].items()
    assert fake.FakeCuda.cudaStreamNonBlocking == api["constants"]["cudaStreamNonBlocking"]
    known = {*api["functions"], *api["constants"], *api["enums"]}
    known |= {f"{enum}.{member}" for enum, members in api["enums"].items() for member in members}
    used = _cuda_names()
    assert used <= known, used - known


def test_the_versions_that_are_pinned_are_among_those_that_were_looked_up() -> None:
    pins = (ROOT / "configs" / "t4-requirements.txt").read_text(encoding="utf-8").splitlines()
    assert f"tensorrt-cu12=={VERSIONS[1]}" in pins
    (bindings,) = json.loads(CUDA_API.read_text())["versions"]
    assert f"cuda-bindings=={bindings}" in pins


def test_what_is_taken_from_cuda_exists() -> None:
    require("cuda")
    real = importlib.import_module("cuda.bindings.runtime")
    used = _cuda_names()
    assert len(used) > 20
    for chain in used:
        found: Any = real
        for name in chain.split("."):
            found = getattr(found, name)


def test_cuda_without_a_driver_answers_as_the_fake_does() -> None:
    require("cuda")
    real = importlib.import_module("cuda.bindings.runtime")
    status, version = real.cudaDriverGetVersion()
    if int(status) or version:
        pytest.skip("this machine has a driver")
    from posebench.errors import InputError
    from posebench.sessions.cuda import open_gpu

    with pytest.raises(InputError, match="no NVIDIA driver is loaded"):
        open_gpu("cuda")
