"""In what a session computes, and what was made to let it: asked for, verified, told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import require

from posebench.artifacts.half import half_precision
from posebench.cache import cache_dir, file_sha256
from posebench.config import SessionOptions
from posebench.errors import InputError
from posebench.protocols import Session
from posebench.sessions import open_session
from posebench.sessions.onnxruntime_placement import RECORDED, check_placement
from posebench.sessions.onnxruntime_providers import (
    CPU,
    CUDA,
    TENSORRT,
    check_verified,
    providers,
)
from posebench.sessions.openvino import OpenVinoSession
from posebench.sessions.openvino_precision import check_executed, executed_precisions
from posebench.worker_runtime import RuntimeHandle

pytestmark = pytest.mark.framework
MODELS = Path(__file__).parents[2] / "adapters" / "posebench_adapters" / "models"
HRNET, RFDETR = MODELS / "hrnet-demo.onnx", MODELS / "rfdetr-pose-demo.onnx"


def start(
    path: Path, runtime: str, precision: str | None, *, device: str = "cpu", **options: Any
) -> Session:
    require("onnx")
    require(runtime)
    return open_session(
        path,
        runtime=runtime,
        device=device,
        threads=1,
        precision=precision,
        options=SessionOptions(**options),
    )


def executed(session: Session) -> dict[str, int]:
    counts: dict[str, int] = session.executed  # type: ignore[attr-defined]
    return counts


def convolutions(path: Path) -> int:
    return sum(node.op_type == "Conv" for node in require("onnx").load(path).graph.node)


def test_an_fp32_network_is_converted_if_fp16_is_asked_for() -> None:
    session = start(HRNET, "onnxruntime", "fp16")
    made = half_precision(HRNET)
    assert [(a.role, a.filename, a.format, a.sha256, a.size_bytes) for a in session.built] == [
        ("network in fp16", "hrnet-demo.fp16.onnx", "onnx", file_sha256(made), made.stat().st_size)
    ]
    whole = start(HRNET, "onnxruntime", "fp32")
    assert session.inputs == whole.inputs
    assert session.outputs == whole.outputs
    assert session.metadata == whole.metadata
    assert whole.built == ()


def test_a_network_that_is_fp16_already_is_taken_as_it_is() -> None:
    half = half_precision(HRNET)
    assert start(half, "onnxruntime", "fp16").built == ()
    with pytest.raises(InputError, match="computes in fp16, not in fp32"):
        start(half, "onnxruntime", "fp32")


def test_the_cpu_says_that_it_multiplies_fp16_weights_in_fp32() -> None:
    """Or really computes in FP16, which is seen from noise that FP32 arithmetic has not."""
    session = start(HRNET, "onnxruntime", "fp16")
    shape = [side or 1 for side in session.inputs[0].shape]
    images = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    binding = session.bind({"images": images})
    binding.run()
    found = binding.outputs["heatmaps"]
    onnx = require("onnx")
    model = onnx.load(half_precision(HRNET))
    model = whole_arithmetic(onnx, model)
    path = cache_dir("whole.onnx")
    onnx.save(model, path)
    other = start(path, "onnxruntime", "fp32").bind({"images": images})
    other.run()
    noise = np.abs(other.outputs["heatmaps"] - found).max()
    assert session.provider == (CPU if noise > 1e-4 else f"{CPU} in fp32")


def whole_arithmetic(onnx: Any, model: Any) -> Any:
    """The same weights, in an FP32 graph."""
    source = onnx.load(HRNET)
    rounded = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    for tensor in source.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT and tensor.name in rounded:
            values = rounded[tensor.name].astype(np.float32)
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    return source


@pytest.mark.parametrize(
    ("runtime", "option", "value", "remedy"),
    [
        ("onnxruntime", "compiled", True, "--runtime torch"),
        ("onnxruntime", "cuda_graph", True, "--runtime torch or tensorrt"),
        ("onnxruntime", "workspace_mb", 64, "--runtime tensorrt"),
        ("openvino", "provider", "tensorrt", "--runtime onnxruntime"),
        ("torch", "optimization_level", 5, "--runtime onnxruntime or tensorrt"),
        ("tensorrt", "compiled", True, "--runtime torch"),
    ],
)
def test_an_option_that_a_runtime_does_not_know_is_named(
    runtime: str, option: str, value: Any, remedy: str
) -> None:
    options = SessionOptions(**{option: value})
    with pytest.raises(
        InputError, match=rf"session\.{option}: {runtime}.* does not know"
    ) as caught:
        open_session(
            HRNET, runtime=runtime, device="cpu", threads=1, precision="fp32", options=options
        )
    assert remedy in caught.value.remedy


def test_options_that_are_the_defaults_are_nobodys_business() -> None:
    start(HRNET, "onnxruntime", "fp32", compiled=False, workspace_mb=2048).close()


def test_tensorrt_in_onnxruntime_needs_a_gpu_and_its_build() -> None:
    with pytest.raises(InputError, match="runs on a GPU"):
        start(HRNET, "onnxruntime", "fp32", provider="tensorrt")
    available = require("onnxruntime").get_available_providers()
    if TENSORRT in available:
        pytest.skip("this onnxruntime has TensorRT")
    with pytest.raises(InputError, match=f"needs {TENSORRT}.*onnxruntime-gpu"):
        start(HRNET, "onnxruntime", "fp32", device="cuda", provider="tensorrt")


@pytest.mark.parametrize(("options", "name"), [({}, CUDA), ({"provider": "tensorrt"}, TENSORRT)])
@pytest.mark.filterwarnings("ignore:Specified provider")
def test_falling_back_to_the_cpu_is_not_silent(
    options: dict[str, Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As onnxruntime-gpu does without CUDA: it lists the provider, and then runs on the CPU."""
    runtime = require("onnxruntime")
    real = runtime.get_available_providers()
    if CUDA in real:
        pytest.skip("this onnxruntime has CUDA")
    monkeypatch.setattr(runtime, "get_available_providers", lambda: [TENSORRT, CUDA, *real])
    with pytest.raises(InputError, match=f"with {name}, but ONNX Runtime fell back to {CPU}"):
        start(HRNET, "onnxruntime", "fp32", device="cuda:1", **options)


def test_the_tensorrt_provider_is_told_what_was_asked_for() -> None:
    def asked(path: Path, **options: Any) -> Sequence[tuple[str, dict[str, str]]]:
        chosen = SessionOptions(provider="tensorrt", **options)
        return providers(path, TENSORRT, "cuda:1", chosen)

    (name, settings), (beside, cuda) = asked(HRNET, optimization_level=5, workspace_mb=64)
    assert (name, beside, cuda) == (TENSORRT, CUDA, {"device_id": "1", "use_tf32": "0"})
    assert settings["device_id"] == "1"
    assert settings["trt_engine_cache_enable"] == "False"
    assert settings["trt_builder_optimization_level"] == "5"
    assert settings["trt_max_workspace_size"] == str(64 * 1024 * 1024)
    folder = Path(settings["trt_timing_cache_path"])
    assert folder.is_relative_to(cache_dir())
    assert folder.stat().st_mode & 0o077 == 0
    folders = [other[0][1]["trt_timing_cache_path"] for other in (asked(HRNET), asked(RFDETR))]
    assert len({*folders, str(folder)}) == 3


def test_cuda_computes_fp32_in_fp32() -> None:
    chosen = providers(HRNET, CUDA, "cuda", SessionOptions())
    assert chosen == [(CUDA, {"device_id": "0", "use_tf32": "0"})]


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_tensorrt_in_onnxruntime_is_refused_where_it_cannot_be_verified(precision: str) -> None:
    with pytest.raises(InputError, match=f"whether it computes in {precision}") as caught:
        check_verified(TENSORRT, precision)
    assert "--runtime tensorrt" in caught.value.remedy
    check_verified(TENSORRT, "fp32")
    check_verified(CUDA, precision)


def test_an_fp16_network_does_not_reach_the_tensorrt_provider(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runtime = require("onnxruntime")
    monkeypatch.setattr(runtime, "get_available_providers", lambda: [TENSORRT, CUDA, CPU])
    with pytest.raises(InputError, match="does not tell whether it computes in fp16"):
        start(HRNET, "onnxruntime", "fp16", device="cuda", provider="tensorrt")


def recorded(path: Path) -> Any:
    """A session of ONNX Runtime that knows where its nodes lie: on the CPU."""
    runtime = require("onnxruntime")
    if not hasattr(runtime.InferenceSession, "get_provider_graph_assignment_info"):
        pytest.skip("this onnxruntime does not tell where nodes lie")
    options = runtime.SessionOptions()
    options.add_session_config_entry(RECORDED, "1")
    return runtime.InferenceSession(str(path), options, providers=[CPU])


def test_heavy_nodes_on_another_provider_are_counted_and_refused() -> None:
    session = recorded(HRNET)
    assert check_placement(session, CPU, "net.onnx") == ""
    told = rf"net\.onnx: {CUDA} was asked for, but .* placed {convolutions(HRNET)} Conv on {CPU}"
    with pytest.raises(InputError, match=told) as caught:
        check_placement(session, CUDA, "net.onnx")
    assert caught.value.remedy


def test_a_session_that_pretends_to_be_on_cuda_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where CUDA has none of the operators: the session is one of CUDA, its nodes are not."""
    runtime = require("onnxruntime")
    recorded(HRNET)  # skips where nothing is recorded

    class Pretending(runtime.InferenceSession):  # type: ignore[misc, name-defined]
        def __init__(self, source: Any, options: Any, providers: Any) -> None:
            super().__init__(source, options, providers=[CPU])

        def get_providers(self) -> list[str]:
            return [CUDA, CPU]

    monkeypatch.setattr(runtime, "get_available_providers", lambda: [CUDA, CPU])
    monkeypatch.setattr(runtime, "InferenceSession", Pretending)
    with pytest.raises(InputError, match=f"placed {convolutions(HRNET)} Conv on {CPU}"):
        start(HRNET, "onnxruntime", "fp32", device="cuda")
    monkeypatch.setattr(
        "posebench.sessions.onnxruntime.check_placement", lambda *_: " (placement not known)"
    )
    session = start(HRNET, "onnxruntime", "fp32", device="cuda")
    assert session.provider == f"{CUDA} (placement not known)"


def test_light_nodes_may_lie_elsewhere(tmp_path: Path) -> None:
    onnx = require("onnx")
    text = '<ir_version: 8, opset_import: ["": 18]> g (float[1,4] x) => (float[1,4] y) {y = Abs(x)}'
    onnx.save(onnx.parser.parse_model(text), tmp_path / "light.onnx")
    assert check_placement(recorded(tmp_path / "light.onnx"), CUDA, "light.onnx") == ""


def test_an_onnxruntime_that_does_not_tell_where_nodes_lie_is_said_to_be_one() -> None:
    assert check_placement(object(), CUDA, "net.onnx") == " (placement of nodes not known)"


def test_openvino_says_in_what_it_computes() -> None:
    session = start(HRNET, "openvino", "fp32")
    assert executed(session) == {"f32": convolutions(HRNET)}
    assert session.built == ()


def test_openvino_computes_in_fp16_or_says_that_it_does_not() -> None:
    openvino = require("openvino")
    if "FP16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        counts = executed(start(HRNET, "openvino", "fp16"))
        assert 2 * counts["f16"] >= sum(counts.values())
        return
    with pytest.raises(
        InputError, match=rf"fp16 was asked for, but .*: {convolutions(HRNET)} in (bf16|f32)\."
    ) as caught:
        start(HRNET, "openvino", "fp16")
    assert "--precision fp32" in caught.value.remedy


def test_openvino_names_the_layers_of_fp16_with_the_device() -> None:
    core = require("openvino").Core()
    compiled = core.compile_model(str(HRNET), "CPU")
    half = OpenVinoSession(compiled, {}, "fp16", {"f16": 60, "f32": 4})
    assert half.provider == "CPU (f16 60, f32 4)"
    assert OpenVinoSession(compiled, {}, "int8", {"u8": 64}).provider == "CPU"


def test_what_a_hint_asks_for_is_not_what_is_counted() -> None:
    """A CPU without BF16 takes the hint too, and computes in FP32."""
    core = require("openvino").Core()
    compiled = core.compile_model(str(HRNET), "CPU", {"INFERENCE_PRECISION_HINT": "bf16"})
    able = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    assert executed_precisions(compiled) == {"bf16" if able else "f32": convolutions(HRNET)}


@pytest.mark.data
def test_a_quantised_network_computes_in_bytes(data: Path) -> None:
    session = start(data / "weights" / "yolov8n-pose-int8-openvino", "openvino", "int8")
    counts = executed(session)
    assert counts.get("u8", 0) + counts.get("i8", 0) >= 60


@pytest.mark.parametrize(
    ("counts", "precision"),
    [
        ({"f32": 9, "bf16": 1}, "fp32"),
        ({"f16": 1, "f32": 9}, "fp32"),
        ({"f16": 4, "f32": 6}, "fp16"),
        ({"bf16": 10}, "fp16"),
        ({}, "fp16"),
        ({"f32": 10}, "int8"),
        ({"f32": 9, "u8": 1}, "int8"),
        ({}, "int8"),
    ],
)
def test_layers_in_another_precision_are_counted_in_the_message(
    counts: dict[str, int], precision: str
) -> None:
    with pytest.raises(InputError, match=r"net\.xml: ") as caught:
        check_executed(counts, precision, "net.xml")
    for kind, number in counts.items():
        assert f"{number} in {kind}" in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("counts", "precision"),
    [
        ({"f32": 3}, "fp32"),
        ({"f16": 5, "f32": 5}, "fp16"),
        ({"f32": 5, "u8": 3, "i8": 2}, "int8"),
        ({}, "fp32"),
    ],
)
def test_layers_as_asked_for_pass(counts: dict[str, int], precision: str) -> None:
    assert check_executed(counts, precision, "net.xml") == counts


def handle(precision: str, **options: Any) -> RuntimeHandle:
    require("onnxruntime")
    return RuntimeHandle(
        name="onnxruntime",
        precision=precision,
        device="cpu",
        threads=1,
        options=SessionOptions(**options),
    )


def test_a_worker_remembers_what_was_built_each_file_once() -> None:
    runtime = handle("fp16")
    assert runtime.open_session is not None
    for path in (HRNET, RFDETR, HRNET):
        runtime.open_session(path)
    assert [a.filename for a in runtime.built] == [
        "hrnet-demo.fp16.onnx",
        "rfdetr-pose-demo.fp16.onnx",
    ]
    assert runtime.describe(None).precision == "fp16"


def test_a_worker_hands_the_options_on() -> None:
    runtime = handle("fp32", compiled=True)
    assert runtime.open_session is not None
    with pytest.raises(InputError, match=r"session\.compiled"):
        runtime.open_session(HRNET)
