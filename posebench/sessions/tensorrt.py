"""TensorRT on an NVIDIA GPU, from ONNX files. One path for TensorRT 10.12 to 11."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from posebench.artifacts import onnx_file
from posebench.cache import atomic_path
from posebench.config import SessionOptions
from posebench.errors import InputError
from posebench.sessions.cuda import open_gpu
from posebench.sessions.device_binding import DeviceBinding
from posebench.sessions.engine_precision import HalfShare, check_half_share, half_share
from posebench.sessions.engines import Engine, check_is_graph, engine_of, layers_of
from posebench.sessions.tensorrt_execution import Execution
from posebench.sessions.tensorrt_library import collecting_logger, import_tensorrt
from posebench.types import Artifact, Tensor, TensorSpec


def open_session(
    path: Path, *, device: str, precision: str | None, options: SessionOptions
) -> TensorRtSession:
    """Build the engine of an ONNX file, or take the one built earlier, and load it.

    Args:
        path: ``.onnx`` file, of the precision that is asked for.
        device: ``cuda`` or ``cuda:N``.
        precision: ``fp32``, ``fp16`` or ``int8``; None takes the file as it is. Of ``fp16`` it is
            verified that the engine computes in it.
        options: ``optimization_level``, ``workspace_mb`` and ``cuda_graph``.

    Raises:
        InputError: Not an ONNX file or one of another precision, no such GPU, a network that
            TensorRT cannot build or run, or an engine that is not FP16 though it should be.
        MissingExtraError: TensorRT or the bindings of CUDA are not installed.
    """
    check_is_graph(path)
    trt = import_tensorrt()
    gpu = open_gpu(device)
    graph = onnx_file.read_model(path, extra="tensorrt")
    computed = onnx_file.precision(graph[0])
    _check_precision(path, precision, computed)
    logger = collecting_logger(trt)
    engine = engine_of(trt, logger, path, graph, gpu, options)
    execution = Execution(trt, logger, engine.plan.data, gpu)
    provider = f"TensorRT {trt.__version__} on {gpu.name}"
    try:
        if computed == "fp16":
            share = _verified(execution.layer_information(), engine, path.name)
            provider += f" ({share})"
        execution.warm_up()
        if options.cuda_graph:
            execution.capture()
    except BaseException:
        execution.close()
        raise
    metadata = onnx_file.metadata(graph[0])
    return TensorRtSession(execution, provider, metadata, computed, engine.artifact)


def _verified(information: str, engine: Engine, name: str) -> HalfShare:
    """Keep what TensorRT says of an FP16 engine beside it, and check that it computes in FP16."""
    kept = layers_of(engine.file)
    with atomic_path(kept) as temporary:
        temporary.write_text(information, encoding="utf-8")
    share = half_share(information, engine.plan.half_share, kept)
    check_half_share(share, name)
    return share


def _check_precision(path: Path, precision: str | None, computed: str) -> None:
    """Said before minutes go into an engine that nobody asked for."""
    if precision not in (None, computed):
        raise InputError(
            f"{path.name} computes in {computed}, not in {precision}.",
            remedy=f"Ask for --precision {computed}, or give another artifact.",
        )


class TensorRtSession:
    """One network as a TensorRT engine.

    Its bindings share its memory, so they run one after the other.

    Attributes:
        provider: The library with its full version, the GPU, and the share of FP16 if it is FP16.
        metadata: The ONNX file's ``metadata_props``.
        precision: Of the graph: ``fp32``, ``fp16`` or ``int8``. TensorRT computes in no other.
        built: The engine.
    """

    def __init__(
        self,
        execution: Execution,
        provider: str,
        metadata: Mapping[str, str],
        precision: str,
        engine: Artifact,
    ) -> None:
        self._execution: Execution | None = execution
        self.provider = provider
        self.metadata: Mapping[str, str] = dict(metadata)
        self.precision = precision
        self.built: Sequence[Artifact] = (engine,)

    @property
    def inputs(self) -> Sequence[TensorSpec]:
        """What the network takes. A batch size that the graph leaves open is 1."""
        return self._open().inputs

    @property
    def outputs(self) -> Sequence[TensorSpec]:
        """What the network gives."""
        return self._open().outputs

    def bind(self, tensors: Mapping[str, Tensor]) -> DeviceBinding:
        """Tie input tensors to the session.

        Raises:
            InputError: A name, a shape or a type is not the network's.
        """
        execution = self._open()
        given = {name: (value.shape, str(value.dtype)) for name, value in tensors.items()}
        taken = {spec.name: (spec.shape, spec.dtype) for spec in execution.inputs}
        if given != taken:
            raise InputError(
                f"the TensorRT engine takes {taken}, not {given}.",
                remedy="An engine has one input size, and a batch size of 1 where the graph "
                "leaves it open; use --runtime onnxruntime for others.",
            )
        return DeviceBinding(execution, tensors)

    def close(self) -> None:
        """Free the engine and its memory. The session cannot be used afterwards."""
        if self._execution is not None:
            self._execution.close()
            self._execution = None

    def _open(self) -> Execution:
        if self._execution is None:
            raise RuntimeError("the session is closed")
        return self._execution
