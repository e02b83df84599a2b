"""ONNX Runtime on the CPU, on CUDA, and with its TensorRT provider."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from posebench.artifacts import onnx_file
from posebench.config import SessionOptions
from posebench.errors import InputError, MissingExtraError
from posebench.sessions.onnxruntime_placement import RECORDED, check_placement
from posebench.sessions.onnxruntime_providers import (
    CPU,
    Provider,
    check_available,
    check_used,
    check_verified,
    provider_name,
    providers,
)
from posebench.types import Artifact, Spans, Tensor, TensorSpec

_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
    "tensor(bool)": "bool",
}


def open_session(
    path: Path, *, device: str, threads: int, options: SessionOptions
) -> OnnxRuntimeSession:
    """Load an ``.onnx`` file.

    Args:
        path: The network; its precision is that of its weights.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        threads: Within one operation.
        options: ``provider``, and what its TensorRT provider knows.

    Raises:
        InputError: Not an ONNX file, unsafe external data, no such device, or ONNX Runtime would
            run it, or its heavy nodes, elsewhere.
        MissingExtraError: ONNX Runtime or onnx is not installed.
    """
    if path.is_dir() or path.suffix.lower() != ".onnx":
        raise InputError(
            f"{path}: ONNX Runtime opens .onnx files.",
            remedy="Use --runtime openvino for an OpenVINO model.",
        )
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError("ONNX Runtime is not installed.", extra="onnxruntime") from error
    name = provider_name(device, options)
    check_available(name, device, onnxruntime.get_available_providers())
    onnxruntime.disable_telemetry_events()
    model, data = onnx_file.read_model(path)
    # From bytes the runtime has no folder to look for external data in.
    source = str(path) if onnx_file.external_locations(model) else data
    precision = onnx_file.precision(model)
    check_verified(name, precision)
    wanted = providers(path, name, device, options)
    session, arithmetic = _start(source, path, threads, wanted, precision)
    check_used(name, device, session.get_providers()[0])
    note = "" if name == CPU else check_placement(session, name, path.name)
    return OnnxRuntimeSession(session, onnx_file.metadata(model), precision, arithmetic, note)


def _start(
    source: str | bytes, path: Path, threads: int, wanted: Sequence[Provider], precision: str
) -> tuple[Any, str]:
    """The session, and in what it computes."""
    settings = _options(threads)
    if wanted[0][0] != CPU:
        settings.add_session_config_entry(RECORDED, "1")
    if precision != "fp16" or wanted[0][0] != CPU:
        return _create(source, path, settings, wanted), precision
    with tempfile.TemporaryDirectory() as folder:
        optimised = Path(folder) / "optimised.onnx"
        settings.optimized_model_filepath = str(optimised)
        session = _create(source, path, settings, wanted)
        # Weights that the optimiser turned into FP32 are multiplied in FP32.
        return session, onnx_file.precision(onnx_file.read_model(optimised)[0])


def _options(threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    return options


def _create(source: str | bytes, path: Path, options: Any, wanted: Sequence[Provider]) -> Any:
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    refusals = (
        state.Fail,
        state.InvalidArgument,
        state.InvalidGraph,
        state.InvalidProtobuf,
        state.NotImplemented,
        state.RuntimeException,
    )
    try:
        session = onnxruntime.InferenceSession(source, options, providers=list(wanted))
    except refusals as error:
        raise InputError(f"{path}: ONNX Runtime cannot load it: {error}") from error
    session.disable_fallback()
    return session


class OnnxRuntimeSession:
    """One ONNX graph in ONNX Runtime.

    Attributes:
        precision: Of the graph: ``fp32``, ``fp16`` or ``int8``.
        arithmetic: ``fp32`` where the CPU has no FP16: there only weights are rounded, and what
            passes between nodes is not.
        note: On where the nodes run; often empty.
        built: Nothing, unless whoever opened it converted the file first.
    """

    def __init__(
        self,
        session: Any,
        metadata: Mapping[str, str],
        precision: str,
        arithmetic: str,
        note: str = "",
    ) -> None:
        self._session = session
        self._metadata = dict(metadata)
        self.precision = precision
        self.arithmetic = arithmetic
        self.note = note
        self.built: Sequence[Artifact] = ()

    @property
    def inputs(self) -> Sequence[TensorSpec]:
        """What the network takes."""
        return [_spec(value) for value in self._open().get_inputs()]

    @property
    def outputs(self) -> Sequence[TensorSpec]:
        """What the network gives."""
        return [_spec(value) for value in self._open().get_outputs()]

    @property
    def provider(self) -> str:
        """The execution provider in use, and its arithmetic if it is not that of the graph."""
        name = str(self._open().get_providers()[0]) + self.note
        return name if self.arithmetic == self.precision else f"{name} in {self.arithmetic}"

    @property
    def metadata(self) -> Mapping[str, str]:
        """The file's ``metadata_props``."""
        return self._metadata

    def bind(self, tensors: Mapping[str, Tensor]) -> OnnxRuntimeBinding:
        """Tie input tensors to the session."""
        return OnnxRuntimeBinding(self._open(), dict(tensors))

    def close(self) -> None:
        """Free the graph. The session cannot be used afterwards."""
        self._session = None

    def _open(self) -> Any:
        if self._session is None:
            raise RuntimeError("the session is closed")
        return self._session


class OnnxRuntimeBinding:
    """Inputs of one session. Every run fills new output arrays, so old ones stay valid."""

    def __init__(self, session: Any, tensors: dict[str, Tensor]) -> None:
        self._session = session
        self._tensors = tensors
        self._names = [output.name for output in session.get_outputs()]
        self._outputs: dict[str, Tensor] = {}

    def run(self) -> Spans:
        """Run the network once; transfers are part of the compute time."""
        start = time.perf_counter_ns()
        values = self._session.run(self._names, self._tensors)
        elapsed = time.perf_counter_ns() - start
        self._outputs = dict(zip(self._names, values, strict=True))
        return Spans(compute_ms=elapsed / 1e6)

    @property
    def outputs(self) -> Mapping[str, Tensor]:
        """The outputs of the last run."""
        return self._outputs


def _spec(value: Any) -> TensorSpec:
    shape = tuple(side if isinstance(side, int) else None for side in value.shape)
    return TensorSpec(value.name, shape, _DTYPES.get(value.type, value.type))
