from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import require

from posebench.artifacts import onnx_file
from posebench.artifacts.exported import artifact
from posebench.cache import file_sha256
from posebench.errors import InputError
from posebench.sessions import open_session

pytestmark = pytest.mark.framework


def network(folder: Path, *, location: str | None) -> Path:
    """``out = images + weight`` with its weight in the file, or where ``location`` says."""
    onnx: Any = require("onnx")
    helper = onnx.helper
    weight = onnx.numpy_helper.from_array(np.arange(4, dtype=np.float32), "weight")
    if location is not None:
        raw = weight.raw_data
        weight.ClearField("raw_data")
        weight.data_location = onnx.TensorProto.EXTERNAL
        weight.external_data.add(key="location", value=location)
        (folder / "weight.bin").write_bytes(raw)
    images = helper.make_tensor_value_info("images", 1, [4])
    out = helper.make_tensor_value_info("out", 1, [4])
    node = helper.make_node("Add", ["images", "weight"], ["out"])
    graph = helper.make_graph([node], "g", [images], [out], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("location", [None, "weight.bin"])
def test_data_inside_the_folder_is_read(tmp_path: Path, location: str | None) -> None:
    require("onnxruntime")
    path = network(tmp_path, location=location)
    session = open_session(path, runtime="onnxruntime", device="cpu", threads=1, precision="fp32")
    binding = session.bind({"images": np.ones(4, np.float32)})
    binding.run()
    np.testing.assert_array_equal(binding.outputs["out"], [1, 2, 3, 4])


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("location", ["../secret.bin", "/etc/hostname", "missing.bin", "link.bin"])
def test_data_outside_the_folder_is_refused(tmp_path: Path, runtime: str, location: str) -> None:
    require(runtime)
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(16))
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    path = network(folder, location=location)
    with pytest.raises(InputError, match="not a regular file inside"):
        open_session(path, runtime=runtime, device="cpu", threads=1, precision=None)


def test_locations_inside_subgraphs_are_found(tmp_path: Path) -> None:
    onnx: Any = require("onnx")
    inner, _ = onnx_file.read_model(network(tmp_path, location="weight.bin"))
    branch = onnx.helper.make_node(
        "If", ["condition"], ["result"], then_branch=inner.graph, else_branch=inner.graph
    )
    condition = onnx.helper.make_tensor_value_info("condition", onnx.TensorProto.BOOL, [])
    result = onnx.helper.make_tensor_value_info("result", 1, [4])
    outer = onnx.helper.make_model(onnx.helper.make_graph([branch], "outer", [condition], [result]))
    assert onnx_file.external_locations(outer) == ["weight.bin", "weight.bin"]


@pytest.mark.parametrize(
    ("dtype", "operator", "expected"),
    [
        ("float32", "Add", "fp32"),
        ("float16", "Add", "fp16"),
        ("float32", "DequantizeLinear", "int8"),
        ("float32", "QLinearConv", "int8"),
        ("float32", "MatMulInteger", "int8"),
    ],
)
def test_precision_is_read_from_the_graph(dtype: str, operator: str, expected: str) -> None:
    onnx: Any = require("onnx")
    weight = onnx.numpy_helper.from_array(np.zeros(4, dtype), "weight")
    node = onnx.helper.make_node(operator, ["images", "weight"], ["out"])
    graph = onnx.helper.make_graph([node], "g", [], [], [weight])
    assert onnx_file.precision(onnx.helper.make_model(graph)) == expected


def test_data_outside_the_file_is_part_of_its_identity(tmp_path: Path) -> None:
    whole = network(tmp_path, location=None)
    assert artifact(whole, "network").sha256 == file_sha256(whole)
    path = network(tmp_path, location="weight.bin")
    before = artifact(path, "network")
    data = tmp_path / "weight.bin"
    assert before.size_bytes == path.stat().st_size + data.stat().st_size
    content = bytearray(data.read_bytes())
    content[0] ^= 1
    data.write_bytes(bytes(content))
    assert artifact(path, "network").sha256 != before.sha256
