"""OpenVINO on the CPU. Reads its own IR and ONNX files."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from posebench.artifacts import onnx_file
from posebench.artifacts.exported import format_of, openvino_file, read_metadata
from posebench.errors import InputError, MissingExtraError
from posebench.sessions.openvino_precision import check_executed, executed_precisions
from posebench.types import Artifact, Spans, Tensor, TensorSpec


def open_session(
    path: Path, *, device: str, threads: int, precision: str | None
) -> OpenVinoSession:
    """Load an ``.onnx`` or ``.xml`` file, or a folder with one ``.xml``.

    Args:
        path: The network.
        device: ``cpu``.
        threads: Of one inference.
        precision: ``fp16`` lets a network that is not quantised compute in FP16; anything else
            lets it compute as the artifact says.

    Raises:
        InputError: Not a model, unsafe external data, another device than the CPU, or the CPU
            computes in another precision.
        MissingExtraError: OpenVINO is not installed.
    """
    if device != "cpu":
        raise InputError(f"device {device!r}: the OpenVINO runtime runs on cpu only.")
    try:
        import openvino
    except ImportError as error:
        raise MissingExtraError("OpenVINO is not installed.", extra="openvino") from error
    kind = format_of(path)
    if kind not in ("onnx", "openvino"):
        raise InputError(f"{path}: OpenVINO opens .xml files, folders with one, and .onnx files.")
    file = path if kind == "onnx" else openvino_file(path)
    graph = onnx_file.read_model(path, extra="openvino")[0] if kind == "onnx" else None
    core = openvino.Core()
    try:
        model = core.read_model(file)
        stored = onnx_file.precision(graph) if graph is not None else _precision(model)
        wanted = "fp16" if (precision or stored) == "fp16" and stored != "int8" else stored
        compiled = core.compile_model(model, "CPU", _settings(threads, wanted))
    except RuntimeError as error:
        raise InputError(f"{path}: OpenVINO cannot load it: {error}") from error
    executed = check_executed(executed_precisions(compiled), wanted, path.name)
    metadata = onnx_file.metadata(graph) if graph is not None else read_metadata(file)
    return OpenVinoSession(compiled, metadata, wanted, executed)


def _settings(threads: int, precision: str) -> dict[str, str | int]:
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        # Without it a CPU that can would compute an FP32 model in BF16.
        "INFERENCE_PRECISION_HINT": "f16" if precision == "fp16" else "f32",
    }


def _precision(model: Any) -> str:
    quantised = any(op.get_type_name() == "FakeQuantize" for op in model.get_ops())
    return "int8" if quantised else "fp32"


class OpenVinoSession:
    """One network compiled for the CPU.

    Attributes:
        precision: ``int8`` for a quantised graph; otherwise that in which it computes.
        executed: How many of its layers with most of the arithmetic compute in which precision.
        built: Nothing: the network is compiled in memory.
    """

    def __init__(
        self,
        compiled: Any,
        metadata: Mapping[str, str],
        precision: str,
        executed: Mapping[str, int],
    ) -> None:
        self._compiled = compiled
        self._request = compiled.create_infer_request()
        self._metadata = dict(metadata)
        self.precision = precision
        self.executed = executed
        self.built: Sequence[Artifact] = ()
        # Asking the network takes long enough to be seen in its latency.
        self._inputs = tuple(_spec(port) for port in compiled.inputs)
        self._outputs = tuple(_spec(port) for port in compiled.outputs)

    @property
    def inputs(self) -> Sequence[TensorSpec]:
        """What the network takes."""
        return self._inputs

    @property
    def outputs(self) -> Sequence[TensorSpec]:
        """What the network gives."""
        return self._outputs

    @property
    def provider(self) -> str:
        """The devices that execute the network; of FP16 also how many layers compute in what."""
        devices = ",".join(self._open().get_property("EXECUTION_DEVICES"))
        if self.precision != "fp16":
            return devices
        return f"{devices} ({', '.join(f'{kind} {n}' for kind, n in self.executed.items())})"

    @property
    def metadata(self) -> Mapping[str, str]:
        """Of the ONNX file, or of ``metadata.yaml`` beside the IR."""
        return self._metadata

    def bind(self, tensors: Mapping[str, Tensor]) -> OpenVinoBinding:
        """Tie input tensors to the session."""
        self._open()
        return OpenVinoBinding(self._request, dict(tensors), [s.name for s in self._outputs])

    def close(self) -> None:
        """Free the network. The session cannot be used afterwards."""
        self._compiled = None
        self._request = None

    def _open(self) -> Any:
        if self._compiled is None:
            raise RuntimeError("the session is closed")
        return self._compiled


class OpenVinoBinding:
    """Inputs of one session. Every run fills new output arrays, so old ones stay valid."""

    def __init__(self, request: Any, tensors: dict[str, Tensor], names: list[str]) -> None:
        self._request = request
        self._tensors = tensors
        self._names = names
        self._outputs: dict[str, Tensor] = {}

    def run(self) -> Spans:
        """Run the network once; the copy of the outputs is part of the compute time."""
        start = time.perf_counter_ns()
        values = self._request.infer(self._tensors, share_inputs=True, share_outputs=False)
        elapsed = time.perf_counter_ns() - start
        self._outputs = dict(zip(self._names, values.values(), strict=True))
        return Spans(compute_ms=elapsed / 1e6)

    @property
    def outputs(self) -> Mapping[str, Tensor]:
        """The outputs of the last run."""
        return self._outputs


def _spec(port: Any) -> TensorSpec:
    sides = port.get_partial_shape()
    shape = tuple(side.get_length() if side.is_static else None for side in sides)
    names = port.get_names()
    name = min(names) if names else port.get_node().get_friendly_name()
    return TensorSpec(name, shape, port.get_element_type().to_dtype().name)
