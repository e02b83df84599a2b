"""From an ONNX graph to a serialised TensorRT engine, called a plan."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posebench.cache import atomic_path
from posebench.config import SessionOptions
from posebench.errors import InputError
from posebench.sessions.cuda import Gpu
from posebench.sessions.engine_precision import network_half_share
from posebench.sessions.tensorrt_library import made

BATCH = 1
"""The batch size that an engine is built for when the graph leaves it open."""


@dataclass(frozen=True)
class Plan:
    """A serialised engine.

    Attributes:
        data: Its bytes.
        half_share: Of the network that it was built from, see
            :func:`posebench.sessions.engine_precision.network_half_share`.
    """

    data: bytes
    half_share: float | None


def build_plan(
    trt: Any, logger: Any, onnx: tuple[Path, bytes], gpu: Gpu, options: SessionOptions, cache: Path
) -> Plan:
    """Build an engine for the current GPU.

    The element types are those of the graph, in every version of TensorRT: the network is strongly
    typed, and an FP16 engine comes from a graph in FP16. TF32 is off, so that FP32 is FP32.

    Args:
        trt: The module.
        logger: Of :func:`posebench.sessions.tensorrt_library.collecting_logger`.
        onnx: The file, beside which external data lies, and its bytes.
        gpu: What the kernels are timed on.
        options: Its ``optimization_level`` and ``workspace_mb``.
        cache: Folder of the timing cache, which makes later builds faster.

    Raises:
        InputError: The graph cannot be parsed or built, or leaves more open than the batch size.
    """
    logger.problems()  # forgets what was said of other networks
    builder = made(lambda: trt.Builder(logger), "start its builder", logger)
    network = builder.create_network(_strongly_typed(trt))
    parser = trt.OnnxParser(network, logger)  # owns the weights, so it stays until all is built
    _parse(parser, onnx, logger)
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, options.workspace_mb << 20)
    config.builder_optimization_level = options.optimization_level
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    config.clear_flag(trt.BuilderFlag.TF32)
    _fix_shapes(network)
    known = timing_cache_path(cache, trt.__version__, gpu)
    timings = _use_timings(config, known)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise InputError(
            f"{onnx[0]}: TensorRT {trt.__version__} cannot build it: "
            f"{logger.problems() or 'it does not say why'}.",
            remedy="Try a larger session.workspace_mb, or --runtime onnxruntime.",
        )
    if timings is not None:
        with atomic_path(known) as temporary:
            temporary.write_bytes(bytes(timings.serialize()))
    return Plan(bytes(plan), network_half_share(trt, network))


def timing_cache_path(folder: Path, version: str, gpu: Gpu) -> Path:
    """Where the timings of kernels are kept: they hold for one version on one kind of GPU."""
    name = re.sub(r"[^a-z0-9]+", "-", gpu.name.lower()).strip("-")
    return folder / f"timing-{version}-{name}-sm{gpu.compute_capability.replace('.', '')}.cache"


def _strongly_typed(trt: Any) -> int:
    flag = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    # Once no other kind of network is left, the flag may go.
    return 0 if flag is None else 1 << int(flag)


def _parse(parser: Any, onnx: tuple[Path, bytes], logger: Any) -> None:
    path, data = onnx
    if parser.parse(data, str(path)):
        return
    errors = [parser.get_error(index) for index in range(parser.num_errors)]
    found = "; ".join(f"{e.node_operator()} {e.node_name()!r}: {e.desc()}" for e in errors)
    raise InputError(
        f"{path}: TensorRT cannot parse it: {found or logger.problems()}.",
        remedy="Export the network with operators that TensorRT has, or use --runtime onnxruntime.",
    )


def _fix_shapes(network: Any) -> None:
    """Make an open batch size one picture; then all shapes are known when the engine is built."""
    for index in range(network.num_inputs):
        tensor = network.get_input(index)
        shape = tuple(tensor.shape)
        if -1 in shape[1:]:
            raise InputError(
                f"input {tensor.name!r} has the shape {shape}: TensorRT engines are built here "
                "for fixed sizes, only the first one may be open (-1).",
                remedy="Export the network with a fixed input size.",
            )
        if shape[:1] == (-1,):
            tensor.shape = (BATCH, *shape[1:])


def _use_timings(config: Any, path: Path) -> Any:
    """Attach the stored timings, or new ones where there are none or TensorRT refuses them.

    Returns:
        The timing cache, which must live until the engine is built; None if none is accepted.
    """
    for stored in (path.read_bytes() if path.exists() else b"", b""):
        timings = config.create_timing_cache(stored)
        if timings is not None and config.set_timing_cache(timings, False):
            return timings
    return None
