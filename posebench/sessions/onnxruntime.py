"""ONNX Runtime on the CPU and on CUDA."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from posebench.artifacts import onnx_file
from posebench.errors import InputError, MissingExtraError
from posebench.types import Spans, Tensor, TensorSpec

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


def open_session(path: Path, *, device: str, threads: int) -> OnnxRuntimeSession:
    """Load an ``.onnx`` file.

    Raises:
        InputError: Not an ONNX file, unsafe external data, or no such device.
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
    provider, options = _provider(device)
    if provider not in onnxruntime.get_available_providers():
        raise InputError(
            f"device {device!r} needs {provider}, this onnxruntime has "
            f"{', '.join(onnxruntime.get_available_providers())}.",
            remedy="Install onnxruntime-gpu in place of onnxruntime.",
        )
    onnxruntime.disable_telemetry_events()
    model, data = onnx_file.read_model(path)
    # From bytes the runtime has no folder to look for external data in.
    source = str(path) if onnx_file.external_locations(model) else data
    session = _create(source, path, threads, (provider, options))
    if session.get_providers()[0] != provider:
        raise InputError(
            f"device {device!r} was asked for, but ONNX Runtime fell back to "
            f"{session.get_providers()[0]}.",
            remedy="Check that the CUDA and cuDNN libraries which onnxruntime-gpu needs are there.",
        )
    return OnnxRuntimeSession(session, onnx_file.metadata(model), onnx_file.precision(model))


def _provider(device: str) -> tuple[str, dict[str, str]]:
    kind, _, index = device.partition(":")
    if kind == "cpu":
        return "CPUExecutionProvider", {}
    if kind == "cuda":
        return "CUDAExecutionProvider", {"device_id": index or "0"}
    raise InputError(f"device {device!r} is not one of cpu, cuda, cuda:N.")


def _create(
    source: str | bytes, path: Path, threads: int, provider: tuple[str, dict[str, str]]
) -> Any:
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    refusals = (
        state.Fail,
        state.InvalidArgument,
        state.InvalidGraph,
        state.InvalidProtobuf,
        state.NotImplemented,
        state.RuntimeException,
    )
    try:
        session = onnxruntime.InferenceSession(source, options, providers=[provider])
    except refusals as error:
        raise InputError(f"{path}: ONNX Runtime cannot load it: {error}") from error
    session.disable_fallback()
    return session


class OnnxRuntimeSession:
    """One ONNX graph in ONNX Runtime.

    Attributes:
        precision: Of the graph: ``fp32``, ``fp16`` or ``int8``.
    """

    def __init__(self, session: Any, metadata: Mapping[str, str], precision: str) -> None:
        self._session = session
        self._metadata = dict(metadata)
        self.precision = precision

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
        """The execution provider in use."""
        return str(self._open().get_providers()[0])

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
