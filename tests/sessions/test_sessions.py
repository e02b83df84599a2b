from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from support import pictures, require

from posebench.config import Preprocess
from posebench.errors import InputError
from posebench.pipelines.letterbox import preprocess_image
from posebench.protocols import Session
from posebench.sessions import open_session
from posebench.types import Float32Array

pytestmark = [pytest.mark.framework, pytest.mark.data]
RUNTIMES = ["onnxruntime", "openvino"]


def start(runtime: str, path: Path, *, precision: str | None = "fp32") -> Session:
    require(runtime)
    return open_session(path, runtime=runtime, device="cpu", threads=1, precision=precision)


def tensor(coco_mini: Path) -> Float32Array:
    return preprocess_image(pictures(coco_mini, 1)[0], Preprocess())[0]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_session_says_what_it_takes_gives_and_runs_on(runtime: str, yolov8n_onnx: Path) -> None:
    session = start(runtime, yolov8n_onnx)
    assert [(s.name, s.shape, s.dtype) for s in session.inputs] == [
        ("images", (1, 3, 640, 640), "float32")
    ]
    assert [(s.name, s.shape) for s in session.outputs] == [("output0", (1, 56, 8400))]
    assert session.metadata["kpt_shape"] == "[17, 3]"
    assert session.provider == {"onnxruntime": "CPUExecutionProvider", "openvino": "CPU"}[runtime]
    session.close()


def test_both_runtimes_compute_the_same(yolov8n_onnx: Path, coco_mini: Path) -> None:
    outputs = []
    for runtime in RUNTIMES:
        session = start(runtime, yolov8n_onnx)
        binding = session.bind({"images": tensor(coco_mini)})
        assert binding.run().compute_ms > 0
        outputs.append(binding.outputs["output0"])
        session.close()
    scale = np.abs(outputs[0]).max(axis=(0, 2), keepdims=True)
    assert (np.abs(outputs[0] - outputs[1]) / scale).max() < 1e-4


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_outputs_stay_valid_after_the_next_run(
    runtime: str, yolov8n_onnx: Path, coco_mini: Path
) -> None:
    session = start(runtime, yolov8n_onnx)
    binding = session.bind({"images": tensor(coco_mini)})
    binding.run()
    first = binding.outputs["output0"]
    kept = first.copy()
    other = session.bind({"images": np.zeros((1, 3, 640, 640), np.float32)})
    other.run()
    np.testing.assert_array_equal(first, kept)
    assert not np.array_equal(other.outputs["output0"], kept)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_closed_session_is_closed(runtime: str, yolov8n_onnx: Path) -> None:
    session = start(runtime, yolov8n_onnx)
    session.close()
    session.close()
    with pytest.raises(RuntimeError, match="closed"):
        session.bind({"images": np.zeros((1, 3, 640, 640), np.float32)})


def test_the_quantised_network_runs_and_says_what_it_is(data: Path, coco_mini: Path) -> None:
    folder = data / "weights" / "yolov8n-pose-int8-openvino"
    session = start("openvino", folder, precision="int8")
    assert session.metadata["task"] == "pose"
    binding = session.bind({session.inputs[0].name: tensor(coco_mini)})
    binding.run()
    assert binding.outputs[session.outputs[0].name].shape == (1, 56, 8400)


def test_the_precision_asked_for_must_be_the_artifacts(data: Path, yolov8n_onnx: Path) -> None:
    with pytest.raises(InputError, match="computes in int8, not in fp32"):
        start("openvino", data / "weights" / "yolov8n-pose-int8-openvino")
    with pytest.raises(InputError, match="computes in fp32, not in int8"):
        start("onnxruntime", yolov8n_onnx, precision="int8")
    with pytest.raises(InputError, match="computes in int8, not in fp16"):
        start("openvino", data / "weights" / "yolov8n-pose-int8-openvino", precision="fp16")


def test_cuda_without_a_cuda_build_names_the_package(yolov8n_onnx: Path) -> None:
    onnxruntime = require("onnxruntime")
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    with pytest.raises(InputError, match="onnxruntime-gpu"):
        open_session(
            yolov8n_onnx, runtime="onnxruntime", device="cuda:0", threads=1, precision=None
        )


def test_openvino_runs_on_the_cpu_only(yolov8n_onnx: Path) -> None:
    with pytest.raises(InputError, match="cpu only"):
        open_session(yolov8n_onnx, runtime="openvino", device="cuda", threads=1, precision=None)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_bytes_that_are_no_network_are_refused(runtime: str, tmp_path: Path) -> None:
    for content in (b"", b"not a network", bytes(range(256)) * 10):
        broken = tmp_path / "broken.onnx"
        broken.write_bytes(content)
        with pytest.raises(InputError, match=r"broken\.onnx"):
            start(runtime, broken)


def test_a_truncated_network_is_refused(tmp_path: Path, yolov8n_onnx: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(yolov8n_onnx.read_bytes()[:100_000])
    with pytest.raises(InputError, match=r"broken\.onnx"):
        start("onnxruntime", broken)


def test_an_openvino_network_without_its_weights_is_refused(tmp_path: Path, data: Path) -> None:
    source = data / "weights" / "yolov8n-pose-int8-openvino" / "yolov8n-pose.xml"
    shutil.copy(source, tmp_path / "net.xml")
    with pytest.raises(InputError, match=r"net\.bin"):
        start("openvino", tmp_path)


def test_a_folder_without_a_network_is_refused(tmp_path: Path) -> None:
    for runtime in RUNTIMES:
        with pytest.raises(InputError):
            start(runtime, tmp_path)


def test_an_unknown_runtime_and_a_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'abacus'"):
        open_session(tmp_path, runtime="abacus", device="cpu", threads=1, precision=None)
    with pytest.raises(InputError, match="no such file"):
        start("onnxruntime", tmp_path / "none.onnx")
