from __future__ import annotations

import builtins
import importlib
import json
import logging
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support import require

from posebench.cache import CACHE_VARIABLE, cache_dir, file_sha256
from posebench.config import SessionOptions
from posebench.errors import InputError, MissingExtraError
from posebench.sessions import tensorrt
from posebench.sessions.tensorrt import TensorRtSession
from posebench.sessions.tensorrt_library import collecting_logger
from posebench.types import Artifact, Float32Array, Spans, TensorSpec

pytestmark = pytest.mark.framework
INT64, BFLOAT16 = 7, 16  # ONNX's numbers
VERSIONS = ["10.13.3.9.post1", "10.16.1.11", "11.4.0.106"]


@dataclass
class Machine:
    """A T4 that is not there, with TensorRT on it."""

    trt: Any
    cuda: Any
    folder: Path
    sessions: list[TensorRtSession] = field(default_factory=list)

    def network(self, name: str = "net.onnx", **kinds: Any) -> Path:
        networks = importlib.import_module("tensorrt_networks")
        return Path(networks.write_network(self.folder / name, **kinds))

    def mixed(self) -> Path:
        networks = importlib.import_module("tensorrt_networks")
        return Path(networks.write_mixed(self.folder / "mixed.onnx"))

    def operator(self, operator: str, sides: tuple[int | str, ...], kind: int) -> Path:
        networks = importlib.import_module("tensorrt_networks")
        path = self.folder / "operator.onnx"
        return Path(networks.write_operator(path, operator, sides, kind))

    def open(
        self, path: Path, *, precision: str | None = None, device: str = "cuda", **options: Any
    ) -> TensorRtSession:
        session = tensorrt.open_session(
            path, device=device, precision=precision, options=SessionOptions(**options)
        )
        self.sessions.append(session)
        return session

    def plan(self) -> Mapping[str, Any]:
        """What the builder was told, for the only engine in the cache."""
        (engine,) = cache_dir("tensorrt").glob("*.engine")
        settings: Mapping[str, Any] = json.loads(engine.read_bytes())
        return settings


@pytest.fixture(params=VERSIONS)
def machine(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Machine:
    require("onnx")
    fakes = importlib.import_module("fake_tensorrt")
    cuda = importlib.import_module("fake_cuda").FakeCuda()
    trt = fakes.FakeTensorRt(request.param, cuda)
    monkeypatch.setitem(sys.modules, "tensorrt", trt)
    monkeypatch.setitem(sys.modules, "cuda.bindings", SimpleNamespace(runtime=cuda))
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return Machine(trt, cuda, tmp_path)


def noise(seed: int = 1) -> Float32Array:
    return np.random.default_rng(seed).standard_normal((1, 3, 4, 4)).astype(np.float32)


def expected(x: Float32Array) -> Float32Array:
    networks = importlib.import_module("tensorrt_networks")
    return np.asarray(networks.expected(x), np.float32)


def test_a_session_says_what_it_takes_gives_and_runs_on(machine: Machine) -> None:
    session = machine.open(machine.network())
    assert session.inputs == [TensorSpec("x", (1, 3, 4, 4), "float32")]
    assert session.outputs == [TensorSpec("y", (1, 3, 4, 4), "float32")]
    assert session.provider == f"TensorRT {machine.trt.__version__} on Tesla T4"
    assert session.metadata == {"task": "pose"}
    assert session.precision == "fp32"


def test_a_run_copies_in_computes_and_copies_out(machine: Machine) -> None:
    binding = machine.open(machine.network()).bind({"x": noise()})
    assert binding.run() == Spans(5.0, host_to_device_ms=1.0, device_to_host_ms=2.0)
    np.testing.assert_array_equal(binding.outputs["y"], expected(noise()))


def test_a_run_queues_everything_and_waits_once(machine: Machine) -> None:
    binding = machine.open(machine.network()).bind({"x": noise()})
    machine.cuda.calls.clear()
    binding.run()
    assert machine.cuda.calls == [
        "cudaEventRecord",
        "cudaMemcpyHostToDevice",
        "cudaEventRecord",
        "execute_async_v3",
        "cudaEventRecord",
        "cudaMemcpyDeviceToHost",
        "cudaEventRecord",
        "cudaStreamSynchronize",
    ]


def test_memory_is_taken_once_and_its_addresses_are_told_once(machine: Machine) -> None:
    session = machine.open(machine.network())
    living = machine.cuda.living()
    for seed in range(3):
        session.bind({"x": noise(seed)}).run()
    assert machine.cuda.living() == living
    told = [call for call in machine.trt.calls if call.startswith("set_tensor_address")]
    assert told == ["set_tensor_address x", "set_tensor_address y"]


def test_outputs_stay_valid_after_the_next_run(machine: Machine) -> None:
    session = machine.open(machine.network())
    first, second = session.bind({"x": noise(1)}), session.bind({"x": noise(2)})
    first.run()
    kept = first.outputs["y"]
    second.run()
    np.testing.assert_array_equal(kept, expected(noise(1)))
    np.testing.assert_array_equal(second.outputs["y"], expected(noise(2)))


def test_what_was_bound_is_read_when_it_runs(machine: Machine) -> None:
    x = noise(1)
    binding = machine.open(machine.network()).bind({"x": x})
    x[...] = noise(2)
    binding.run()
    np.testing.assert_array_equal(binding.outputs["y"], expected(noise(2)))


def test_what_happens_on_first_use_has_happened_before_the_first_run(machine: Machine) -> None:
    machine.open(machine.network())
    assert machine.cuda.calls.count("execute_async_v3") == 1


def test_another_thread_runs_it_on_the_same_gpu(machine: Machine) -> None:
    machine.cuda.gpus = 2
    binding = machine.open(machine.network(), device="cuda:1").bind({"x": noise()})
    with ThreadPoolExecutor(1) as pool:
        pool.submit(binding.run).result()
    np.testing.assert_array_equal(binding.outputs["y"], expected(noise()))


@pytest.mark.parametrize("cuda_graph", [False, True])
def test_closing_frees_everything(machine: Machine, cuda_graph: bool) -> None:
    session = machine.open(machine.network(), cuda_graph=cuda_graph)
    assert machine.cuda.living() > 0
    session.close()
    session.close()
    assert machine.cuda.living() == 0
    with pytest.raises(RuntimeError, match="closed"):
        session.bind({"x": noise()})


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (np.zeros((2, 3, 4, 4), np.float32), r"\(2, 3, 4, 4\)"),
        (np.zeros((1, 3, 4, 4), np.float64), "float64"),
    ],
)
def test_a_tensor_that_does_not_fit_is_refused(machine: Machine, value: Any, told: str) -> None:
    session = machine.open(machine.network())
    with pytest.raises(InputError, match=told):
        session.bind({"x": value})
    with pytest.raises(InputError, match="'z'"):
        session.bind({"z": noise()})


def test_the_builder_is_told_everything(machine: Machine) -> None:
    machine.open(machine.network(), workspace_mb=64, optimization_level=5)
    plan = machine.plan()
    assert plan["typed"] is True
    assert plan["pools"] == {"WORKSPACE": 64 * 2**20}
    assert plan["level"] == 5
    assert plan["verbosity"] == "DETAILED"
    assert plan["flags"] == []  # TF32, which is on unless it is switched off
    assert "init_libnvinfer_plugins" in machine.trt.calls


def test_an_open_batch_size_becomes_one(machine: Machine) -> None:
    session = machine.open(machine.network(sides=("batch", 3, 4, 4)))
    assert session.inputs[0].shape == session.outputs[0].shape == (1, 3, 4, 4)
    binding = session.bind({"x": noise()})
    binding.run()
    np.testing.assert_array_equal(binding.outputs["y"], expected(noise()))


def test_an_open_picture_size_is_refused_by_name(machine: Machine) -> None:
    with pytest.raises(InputError, match=r"input 'x' has the shape \(1, 3, -1, -1\)"):
        machine.open(machine.network(sides=(1, 3, "height", "width")))


def test_outputs_that_are_no_floats_keep_their_type(machine: Machine) -> None:
    session = machine.open(machine.operator("ArgMax", (1, 3), INT64))
    binding = session.bind({"x": np.zeros((1, 3), np.float32)})
    binding.run()
    assert session.outputs[0].dtype == str(binding.outputs["y"].dtype) == "int64"


@pytest.mark.parametrize(
    ("operator", "sides", "kind", "told"),
    [
        ("NonZero", (2, "found"), INT64, r"'y' \(INT64, shape \(2, -1\)\)"),
        ("Cast", (1, 3), BFLOAT16, r"'y' \(BF16, shape \(1, 3\)\)"),
    ],
)
def test_outputs_that_cannot_be_bound_are_refused_by_name(
    machine: Machine, operator: str, sides: tuple[int | str, ...], kind: int, told: str
) -> None:
    with pytest.raises(InputError, match=told):
        machine.open(machine.operator(operator, sides, kind))
    assert machine.cuda.living() == 0


def test_an_engine_is_built_once(machine: Machine) -> None:
    first = machine.open(machine.network())
    second = machine.open(machine.network())
    assert machine.trt.calls.count("build") == 1
    (file,) = cache_dir("tensorrt").glob("*.engine")
    assert list(first.built) == list(second.built)
    assert list(first.built) == [
        Artifact("engine", file.name, "tensorrt", file_sha256(file), file.stat().st_size)
    ]


@pytest.mark.parametrize("changed", [{"workspace_mb": 64}, {"optimization_level": 1}])
def test_other_options_make_another_engine(machine: Machine, changed: dict[str, Any]) -> None:
    machine.open(machine.network())
    machine.open(machine.network(), **changed)
    assert machine.trt.calls.count("build") == 2


def test_a_changed_network_makes_another_engine(machine: Machine) -> None:
    machine.open(machine.network())
    machine.open(machine.network(bias=0.25))
    assert machine.trt.calls.count("build") == 2


def test_a_damaged_engine_is_never_loaded_but_built_anew(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    machine.open(machine.network())
    (file,) = cache_dir("tensorrt").glob("*.engine")
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + b"?")
    with caplog.at_level(logging.WARNING):
        machine.open(machine.network())
    assert machine.trt.calls.count("build") == 2
    assert file.name in caplog.text
    assert file.read_bytes() == whole


def test_timings_are_kept_for_the_next_build(machine: Machine) -> None:
    machine.open(machine.network())
    machine.open(machine.network(), workspace_mb=64)
    (file,) = cache_dir("tensorrt").glob("timing-*.cache")
    assert file.name == f"timing-{machine.trt.__version__}-tesla-t4-sm75.cache"
    assert file.read_bytes() == b"timings timings "
    caches = [call for call in machine.trt.calls if call.startswith("create_timing_cache")]
    assert caches == ["create_timing_cache 0", "create_timing_cache 8"]


def test_timings_that_tensorrt_refuses_are_taken_anew(machine: Machine) -> None:
    machine.open(machine.network())
    machine.trt.refuses_timings = True
    machine.open(machine.network(), workspace_mb=64)
    (file,) = cache_dir("tensorrt").glob("timing-*.cache")
    assert file.read_bytes() == b"timings "


def test_operators_that_cannot_be_parsed_are_named(machine: Machine) -> None:
    with pytest.raises(InputError, match=r"net\.onnx.*Relu 'relu': No importer registered for op"):
        machine.open(machine.network(domain="nobody.knows"))
    assert "build" not in machine.trt.calls


def test_why_a_build_failed_is_passed_on(machine: Machine) -> None:
    machine.trt.build_error = "Could not find any implementation for node relu"
    with pytest.raises(InputError, match="any implementation for node relu"):
        machine.open(machine.network())
    assert not list(cache_dir("tensorrt").glob("*.engine"))


def test_why_the_builder_does_not_start_is_passed_on(machine: Machine) -> None:
    machine.trt.starts = False
    with pytest.raises(InputError, match=r"CUDA initialization failure with error: 35.*r535"):
        machine.open(machine.network())


def test_why_an_engine_is_not_loaded_is_passed_on(machine: Machine) -> None:
    machine.trt.loads = False
    with pytest.raises(InputError, match="Serialization assertion failed"):
        machine.open(machine.network())
    assert machine.cuda.living() == 0


def test_half_precision_is_verified_on_the_engine(machine: Machine) -> None:
    session = machine.open(machine.network(half=True), precision="fp16")
    assert session.precision == "fp16"
    assert session.provider.endswith("on Tesla T4 (100% FP16 in the engine)")
    binding = session.bind({"x": noise()})
    binding.run()
    np.testing.assert_allclose(binding.outputs["y"], expected(noise()), atol=4e-3)


@pytest.mark.parametrize("batch", [1, "batch"])
def test_half_precision_that_silently_became_single_is_refused(
    machine: Machine, batch: int | str
) -> None:
    machine.trt.ignores_types = True
    network = machine.network(half=True, sides=(batch, 3, 4, 4))
    with pytest.raises(InputError, match="only 0% of the values"):
        machine.open(network, precision="fp16")
    assert machine.cuda.living() == 0
    machine.trt.ignores_types = False
    with pytest.raises(InputError, match="only 0% of the values"):
        machine.open(network)  # the engine that was built is still the wrong one


def test_of_an_engine_that_is_one_layer_the_types_of_the_network_count(machine: Machine) -> None:
    machine.trt.fuses_all = True
    for _ in ("built", "found again"):
        session = machine.open(machine.network(half=True), precision="fp16")
        assert session.provider.endswith("(100% FP16 in the network)")
    assert machine.trt.calls.count("build") == 1


def test_constants_and_ends_of_the_network_do_not_count(machine: Machine) -> None:
    """2 of 6 values are FP16; with what the network gives it were 2 of 8, with weights 3 of 7."""
    machine.trt.fuses_all = True
    with pytest.raises(InputError, match="only 33% of the values that the network as TensorRT"):
        machine.open(machine.mixed())


@pytest.mark.parametrize("said", ["", "{", '{"Layers": [{"Outputs": [{"Dimensions": [inf]}]}]}'])
def test_what_the_inspector_says_is_kept_where_it_cannot_be_read(
    machine: Machine, said: str
) -> None:
    machine.trt.says = said
    with pytest.raises(InputError, match="cannot be read") as caught:
        machine.open(machine.network(half=True))
    (kept,) = cache_dir("tensorrt").glob("*.layers.json")
    assert kept.read_text() == said
    assert str(kept) in caught.value.remedy
    assert machine.cuda.living() == 0


def test_problems_of_another_network_are_not_those_of_this_one(machine: Machine) -> None:
    logger = collecting_logger(machine.trt)
    logger.log(machine.trt.ILogger.Severity.ERROR, "of another network")
    machine.trt.build_error = "of this one"
    with pytest.raises(InputError, match="of this one") as caught:
        machine.open(machine.network())
    assert "of another network" not in str(caught.value)


def test_half_precision_with_an_open_batch_size_is_verified(machine: Machine) -> None:
    network = machine.network(half=True, sides=("batch", 3, 4, 4))
    assert machine.open(network, precision="fp16").precision == "fp16"


def test_another_precision_is_refused_before_anything_is_built(machine: Machine) -> None:
    with pytest.raises(InputError, match="computes in fp32, not in fp16"):
        machine.open(machine.network(), precision="fp16")
    assert "build" not in machine.trt.calls


def test_a_cuda_graph_is_captured_after_a_run_and_replayed(machine: Machine) -> None:
    session = machine.open(machine.network(), cuda_graph=True)
    begin = machine.cuda.calls.index("cudaStreamBeginCapture")
    assert "execute_async_v3" in machine.cuda.calls[:begin]
    captured = machine.cuda.calls[begin : machine.cuda.calls.index("cudaStreamEndCapture") + 1]
    assert captured == ["cudaStreamBeginCapture", "execute_async_v3", "cudaStreamEndCapture"]
    machine.cuda.calls.clear()
    binding = session.bind({"x": noise()})
    assert binding.run() == Spans(5.0, host_to_device_ms=1.0, device_to_host_ms=2.0)
    assert machine.cuda.calls.count("cudaGraphLaunch") == 1
    assert "execute_async_v3" not in machine.cuda.calls
    np.testing.assert_array_equal(binding.outputs["y"], expected(noise()))


def test_a_network_that_cannot_be_captured_is_refused(machine: Machine) -> None:
    machine.trt.refuses_capture = True
    with pytest.raises(InputError, match=r"capture not permitted.*session\.cuda_graph"):
        machine.open(machine.network(), cuda_graph=True)
    assert machine.cuda.living() == 0


def test_a_cuda_graph_that_computes_something_else_is_refused(machine: Machine) -> None:
    machine.trt.replay_differs = True
    with pytest.raises(InputError, match=r"other values of \['y'\]"):
        machine.open(machine.network(), cuda_graph=True)
    assert machine.cuda.living() == 0


@pytest.mark.parametrize("name", ["net.engine", "net.plan", "net.TRT"])
def test_engines_of_others_are_refused(machine: Machine, name: str) -> None:
    path = machine.folder / name
    path.write_bytes(b"ftrt")
    with pytest.raises(InputError, match="runs code of whoever built it"):
        machine.open(path)
    assert "deserialize" not in machine.trt.calls


def test_what_is_not_onnx_is_refused(machine: Machine) -> None:
    for path in (machine.folder, machine.folder / "net.xml"):
        with pytest.raises(InputError, match=r"built from \.onnx files"):
            machine.open(path)


def test_devices_are_checked(machine: Machine) -> None:
    network = machine.network()
    for device, told in (("cpu", "cuda or cuda:N only"), ("cuda:1", r"1 GPU\(s\)")):
        with pytest.raises(InputError, match=told):
            machine.open(network, device=device)
    machine.cuda.gpus = 2
    assert machine.open(network, device="cuda:1").inputs


@pytest.mark.parametrize(
    ("function", "error", "told"),
    [
        ("cudaGetDeviceCount", "cudaErrorInsufficientDriver", "r535.*cuda-bindings<13"),
        ("cudaGetDeviceCount", "cudaErrorNoDevice", "description of 100.*machine with a GPU"),
        ("cudaMalloc", "cudaErrorMemoryAllocation", r"allocating 0\.0 MiB on the GPU.*nvidia-smi"),
        ("cudaMallocHost", "cudaErrorMemoryAllocation", "page-locked memory"),
    ],
)
def test_failures_of_cuda_name_the_remedy(
    machine: Machine, function: str, error: str, told: str
) -> None:
    codes = importlib.import_module("fake_cuda").cudaError_t
    machine.cuda.failures[function] = codes[error]
    with pytest.raises(InputError, match=told) as caught:
        machine.open(machine.network())
    assert error in str(caught.value)
    assert machine.cuda.living() == 0


def test_a_failure_of_the_gpu_is_raised_by_the_run(machine: Machine) -> None:
    binding = machine.open(machine.network()).bind({"x": noise()})
    codes = importlib.import_module("fake_cuda").cudaError_t
    machine.cuda.failures["cudaStreamSynchronize"] = codes.cudaErrorIllegalAddress
    with pytest.raises(RuntimeError, match="running the network: cudaErrorIllegalAddress"):
        binding.run()
    machine.sessions[0].close()
    assert machine.cuda.living() == 0


def test_without_a_driver_it_says_so(machine: Machine) -> None:
    machine.cuda.driver = 0
    with pytest.raises(InputError, match="no NVIDIA driver is loaded"):
        machine.open(machine.network())


@pytest.mark.parametrize(
    "error", [ModuleNotFoundError("no tensorrt"), ImportError("libnvinfer.so.11: cannot open")]
)
def test_without_tensorrt_or_its_libraries_the_command_is_named(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, error: ImportError
) -> None:
    _fail_to_import(monkeypatch, "tensorrt", error)
    with pytest.raises(MissingExtraError, match=rf"{error}.*tensorrt-cu12 --extra-index-url"):
        machine.open(machine.network())


def test_without_the_bindings_of_cuda_the_extra_is_named(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fail_to_import(monkeypatch, "cuda.bindings", ImportError("no cuda"))
    with pytest.raises(MissingExtraError, match=r"no cuda.*posebench\[tensorrt\]"):
        machine.open(machine.network())


def _fail_to_import(monkeypatch: pytest.MonkeyPatch, name: str, error: ImportError) -> None:
    real = builtins.__import__

    def failing(module: str, *rest: Any, **named: Any) -> Any:
        if module == name:
            raise error
        return real(module, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", failing)


@pytest.mark.parametrize("version", ["8.6.1", "10.4.0", "10.9.0.34"])
def test_an_old_tensorrt_is_refused(machine: Machine, version: str) -> None:
    machine.trt.__version__ = version
    with pytest.raises(InputError, match=rf"TensorRT {version} is too old.*10\.12"):
        machine.open(machine.network())


def test_importing_the_session_imports_neither_tensorrt_nor_cuda() -> None:
    code = "import sys, posebench.sessions.tensorrt; print({'tensorrt', 'cuda'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
