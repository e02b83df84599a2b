from __future__ import annotations

import fcntl
import json
import os
import stat
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import require

from posebench.artifacts import onnx_file
from posebench.cache import CACHE_VARIABLE
from posebench.config import SessionOptions
from posebench.errors import InputError
from posebench.sessions import engines
from posebench.sessions.cuda import Gpu
from posebench.sessions.engine_build import Plan, timing_cache_path
from posebench.sessions.engine_precision import (
    MIN_HALF_SHARE,
    HalfShare,
    check_half_share,
    half_share,
)

T4 = Gpu(0, "Tesla T4", "7.5", (12, 4))
KEPT = Path("net.layers.json")
KEY = {"network_sha256": "ab", "tensorrt": "11.4.0.106"}


class Builder:
    """Counts how often it was asked for a plan."""

    def __init__(self, plan: bytes = b"plan") -> None:
        self.plan = Plan(plan, 0.75)
        self.times = 0

    def __call__(self) -> Plan:
        self.times += 1
        return self.plan


@pytest.mark.parametrize(
    ("version", "network", "gpu", "options"),
    [
        ("11.4.0.107", "ab", T4, SessionOptions()),
        ("11.4.0.106", "cd", T4, SessionOptions()),
        ("11.4.0.106", "ab", Gpu(0, "NVIDIA L4", "7.5", (12, 4)), SessionOptions()),
        ("11.4.0.106", "ab", Gpu(0, "Tesla T4", "8.9", (12, 4)), SessionOptions()),
        ("11.4.0.106", "ab", Gpu(0, "Tesla T4", "7.5", (13, 0)), SessionOptions()),
        ("11.4.0.106", "ab", T4, SessionOptions(optimization_level=4)),
        ("11.4.0.106", "ab", T4, SessionOptions(workspace_mb=1)),
    ],
)
def test_an_engine_depends_on_each_of_these(
    version: str, network: str, gpu: Gpu, options: SessionOptions
) -> None:
    usual = engines.key_parts("11.4.0.106", "ab", T4, SessionOptions())
    assert engines.key_parts(version, network, gpu, options) != usual


def test_an_engine_does_not_depend_on_how_it_is_run() -> None:
    usual = engines.key_parts("11.4.0.106", "ab", T4, SessionOptions())
    other = Gpu(3, "Tesla T4", "7.5", (12, 8))  # another of the same, a newer driver of CUDA 12
    assert engines.key_parts("11.4.0.106", "ab", other, SessionOptions(cuda_graph=True)) == usual


def test_a_stored_engine_is_used_again(tmp_path: Path) -> None:
    build = Builder()
    first = engines.stored_or_built(tmp_path / "a.engine", KEY, build)
    assert engines.stored_or_built(tmp_path / "a.engine", KEY, build) == first
    assert (build.times, first.plan) == (1, Plan(b"plan", 0.75))


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2])


def _change(path: Path) -> None:
    path.write_bytes(b"plam" if path.suffix == ".engine" else b'{"sha256": "00"}')


def _replace(path: Path) -> None:
    path.write_bytes(b"[]")  # JSON, but no note


@pytest.mark.parametrize("damage", [_truncate, _change, _replace, Path.unlink])
@pytest.mark.parametrize("suffix", [".engine", ".json"])
def test_a_damaged_entry_is_built_anew(tmp_path: Path, damage: Any, suffix: str) -> None:
    build, file = Builder(), tmp_path / "a.engine"
    engines.stored_or_built(file, KEY, build)
    damage(file.with_suffix(suffix))
    assert engines.stored_or_built(file, KEY, build).plan.data == b"plan"
    assert build.times == 2
    engines.stored_or_built(file, KEY, build)
    assert build.times == 2


def test_an_engine_with_the_note_of_another_key_is_built_anew(tmp_path: Path) -> None:
    build, file = Builder(), tmp_path / "a.engine"
    engines.stored_or_built(file, {**KEY, "tensorrt": "10.13.3.9"}, build)
    engines.stored_or_built(file, KEY, build)
    assert build.times == 2
    assert json.loads(engines.sidecar_of(file).read_bytes())["key"] == KEY


def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> Plan:
        raise InputError("no kernel")

    with pytest.raises(InputError, match="no kernel"):
        engines.stored_or_built(tmp_path / "a.engine", KEY, fail)
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_of_two_that_want_an_engine_one_builds_and_one_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    building, waiting = threading.Event(), threading.Event()
    file = tmp_path / "a.engine"
    real = fcntl.flock

    def flock(stream: Any, operation: int) -> None:
        if operation == fcntl.LOCK_EX:  # asked for only by one that found it taken
            waiting.set()
        real(stream, operation)

    def build() -> Plan:
        building.set()
        assert waiting.wait(20)
        return Plan(b"plan of the first", None)

    monkeypatch.setattr(fcntl, "flock", flock)
    first = threading.Thread(target=engines.stored_or_built, args=(file, KEY, build))
    first.start()
    assert building.wait(20)
    second = Builder(b"plan of the second")
    assert engines.stored_or_built(file, KEY, second).plan.data == b"plan of the first"
    first.join()
    assert second.times == 0
    assert "waiting for another" in capsys.readouterr().err


def test_the_folder_is_for_its_owner_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "tensorrt"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    engines._private_folder(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    with pytest.raises(InputError, match=f"another user.*{CACHE_VARIABLE}"):
        engines._private_folder(folder)


@pytest.mark.framework
def test_external_data_is_part_of_a_network(tmp_path: Path) -> None:
    onnx = require("onnx")
    weights = onnx.numpy_helper.from_array(np.arange(600, dtype=np.float32), "w")
    y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [600])
    x = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [600])
    node = onnx.helper.make_node("Add", ["x", "w"], ["y"])
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "net", [x], [y], [weights]))
    path = tmp_path / "net.onnx"
    onnx.save(model, path, save_as_external_data=True, location="net.data", size_threshold=0)
    before = engines.network_sha256(path, *onnx_file.read_model(path))
    data = tmp_path / "net.data"
    data.write_bytes(data.read_bytes()[:-1] + b"\1")
    assert engines.network_sha256(path, *onnx_file.read_model(path)) != before


def test_timings_are_kept_apart_by_version_and_gpu(tmp_path: Path) -> None:
    other = Gpu(0, "NVIDIA L4", "8.9", (12, 4))
    paths = {timing_cache_path(tmp_path, v, g) for v in ("10.13", "11.4") for g in (T4, other)}
    assert {path.name for path in paths} >= {"timing-10.13-tesla-t4-sm75.cache"}
    assert len(paths) == 4


def tensor(name: str, kind: str, *sides: int) -> dict[str, Any]:
    return {"Name": name, "Location": "Device", "Dimensions": list(sides), "Format/Datatype": kind}


def layer(*outputs: dict[str, Any]) -> dict[str, Any]:
    return {"Name": "l", "LayerType": "CaskConvolution", "Inputs": [], "Outputs": list(outputs)}


def document(*layers: Any, **more: Any) -> str:
    return json.dumps({"Layers": list(layers), **more})


@pytest.mark.parametrize(
    ("half", "single"),
    [
        ("Half", "Float"),
        ("Row major linear FP16 format", "Row major linear FP32"),
        ("Channel major FP16 format where channel % 8 == 0", "Row major linear FP32"),
        ("Two wide channel vectorized row major FP16 format.", "Row major linear FP32 format."),
    ],
)
def test_the_share_counts_elements_whatever_the_words(half: str, single: str) -> None:
    text = document(
        layer(tensor("a", half, 1, 3, 10), tensor("places", single, 1, 10)),
        layer(tensor("ids", "Int32", 1, 1000), tensor("b", "BFloat16", 1000)),
    )
    assert half_share(text, 0.0, KEPT) == HalfShare(0.75, "engine")


@pytest.mark.parametrize("ends", [{"Bindings": ["y"]}, {"I/O Tensors": [{"Name": "y"}]}])
def test_what_the_network_gives_does_not_count(ends: dict[str, Any]) -> None:
    inner, outer = layer(tensor("a", "Half", 1, 3)), layer(tensor("y", "Float", 1, 300))
    assert half_share(document(inner, outer, **ends), 0.5, KEPT) == HalfShare(1.0, "engine")
    assert half_share(document(outer, **ends), 0.5, KEPT) == HalfShare(0.5, "network")
    with pytest.raises(InputError, match="cannot be verified"):
        half_share(document(outer, **ends), None, KEPT)


def test_line_breaks_in_names_are_read() -> None:
    text = document(layer(tensor("a\nb", "Half", 2))).replace("\\n", "\n")
    assert half_share(text, None, KEPT).value == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"Layers": [',
        '{"Layers": [{"Outputs": [{"Format/Datatype": "Half", "Dimensions": [inf]}]}]}',
        '{"Layers": [{"Outputs": ["y"]}]}',
        '{"Layers": [{"Outputs": [{"Format/Datatype": "Half", "Dimensions": null}]}]}',
        '{"Layers": [], "I/O Tensors": [{"Type": "Half"}]}',
        "[]",
    ],
)
def test_what_cannot_be_read_has_a_remedy(text: str) -> None:
    with pytest.raises(InputError, match=r"cannot be read") as caught:
        half_share(text, 1.0, KEPT)
    assert str(KEPT) in caught.value.remedy and "--precision fp32" in caught.value.remedy


@pytest.mark.parametrize(
    "layers",
    [
        ["conv1 + relu1", "conv2"],  # not built with DETAILED verbosity
        [layer(tensor("a", "N/A due to dynamic shapes", -1, 3))],
        [layer(tensor("a", "Int64", 1))],
        [],
    ],
)
def test_an_engine_that_does_not_tell_cannot_be_verified(layers: list[Any]) -> None:
    with pytest.raises(InputError, match="cannot be verified"):
        half_share(document(*layers), 1.0, KEPT)


def test_the_threshold_lets_mixed_precision_through_and_single_precision_not() -> None:
    check_half_share(HalfShare(MIN_HALF_SHARE, "engine"), "net.onnx")
    with pytest.raises(InputError, match=r"net\.onnx: FP16 was asked for, but only 49%"):
        check_half_share(HalfShare(MIN_HALF_SHARE - 0.01, "engine"), "net.onnx")
