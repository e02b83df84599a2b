"""One TensorRT engine on one GPU: its buffers, and running it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from posebench.errors import InputError
from posebench.sessions.cuda import Buffer, Gpu, Stream
from posebench.sessions.replay import is_same
from posebench.sessions.tensorrt_library import made
from posebench.types import Spans, Tensor, TensorSpec

_DTYPES = {
    "FLOAT": "float32",
    "HALF": "float16",
    "INT8": "int8",
    "UINT8": "uint8",
    "INT32": "int32",
    "INT64": "int64",
    "BOOL": "bool",
}
# Time stamps around the three parts of a run.
_START, _COPIED_IN, _COMPUTED, _COPIED_OUT = range(4)


@dataclass(frozen=True)
class _Port:
    spec: TensorSpec
    is_input: bool
    buffer: Buffer


class Execution:
    """An engine with its memory on the device, allocated once.

    Args:
        trt: The module ``tensorrt``.
        logger: Outlives the engine.
        plan: The serialised engine. It is trusted: loading it runs what is in it.
        gpu: Where.

    Raises:
        InputError: TensorRT refuses the engine, or it has a shape or a type that cannot be bound.
    """

    def __init__(self, trt: Any, logger: Any, plan: bytes, gpu: Gpu) -> None:
        self._trt, self._logger = trt, logger
        self._ports: list[_Port] = []
        self._captured = False
        self._stream = Stream(gpu, marks=4)
        try:
            self._load(plan)
            for index in range(self._engine.num_io_tensors):
                self._ports.append(self._port(index))
            self._tell_addresses()
        except BaseException:
            self.close()
            raise

    def _load(self, plan: bytes) -> None:
        logger = self._logger
        self._runtime = made(lambda: self._trt.Runtime(logger), "start its runtime", logger)
        self._engine = made(
            lambda: self._runtime.deserialize_cuda_engine(plan), "load the engine", logger
        )
        self._context = made(
            lambda: self._engine.create_execution_context(), "make room to run the engine", logger
        )

    def _accepted(self, answer: bool) -> None:
        if not answer:
            raise RuntimeError(f"TensorRT: {self._logger.problems() or 'refused without a word'}")

    def _is_input(self, name: str) -> bool:
        return bool(self._engine.get_tensor_mode(name) == self._trt.TensorIOMode.INPUT)

    def _port(self, index: int) -> _Port:
        """Allocate a tensor's memory."""
        name = self._engine.get_tensor_name(index)
        shape = tuple(self._engine.get_tensor_shape(name))
        kind = self._engine.get_tensor_dtype(name).name
        on_host = self._engine.get_tensor_location(name) == self._trt.TensorLocation.HOST
        if -1 in shape or kind not in _DTYPES or on_host:
            raise InputError(
                f"tensor {name!r} ({kind}, shape {shape}) cannot be bound to a TensorRT engine: "
                "its shape depends on the data, or its type has no counterpart in numpy.",
                remedy="Export the network without it, or use --runtime onnxruntime.",
            )
        spec = TensorSpec(name, shape, _DTYPES[kind])
        return _Port(spec, self._is_input(name), Buffer(shape, spec.dtype))

    def _tell_addresses(self) -> None:
        for port in self._ports:
            address = port.buffer.address
            self._accepted(self._context.set_tensor_address(port.spec.name, address))

    @property
    def inputs(self) -> list[TensorSpec]:
        """What the engine takes."""
        return [port.spec for port in self._ports if port.is_input]

    @property
    def outputs(self) -> list[TensorSpec]:
        """What the engine gives."""
        return [port.spec for port in self._ports if not port.is_input]

    def layer_information(self) -> str:
        """What TensorRT's inspector says of the engine's layers: JSON."""
        inspector = self._engine.create_engine_inspector()
        return str(inspector.get_engine_information(self._trt.LayerInformationFormat.JSON))

    def warm_up(self) -> dict[str, Tensor]:
        """Run once on noise, so that what TensorRT does on first use is done. The outputs."""
        noise = np.random.default_rng(0)
        inputs = {
            spec.name: (
                noise.random(_fixed(spec)).astype(spec.dtype)
                if np.dtype(spec.dtype).kind == "f"
                else np.zeros(_fixed(spec), spec.dtype)
            )
            for spec in self.inputs
        }
        return self.run(inputs)[0]

    def capture(self) -> None:
        """Capture the execution in a CUDA graph, and replay it in all runs to come.

        It must have been warmed up.

        Raises:
            InputError: It cannot be captured, or the graph gives other outputs.
        """
        expected = self.warm_up()
        remedy = "Leave out session.cuda_graph for this network."
        try:
            self._stream.capture(self._enqueue)
        except RuntimeError as error:
            raise InputError(
                f"the network cannot be captured in a CUDA graph: {error}", remedy=remedy
            ) from error
        self._captured = True
        replayed = self.warm_up()
        wrong = [name for name in expected if not is_same(expected[name], replayed[name])]
        if wrong:
            raise InputError(
                f"replayed from a CUDA graph, the network gives other values of {wrong}.",
                remedy=remedy,
            )

    def run(self, inputs: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Spans]:
        """Run once: queue copies and kernels, wait once, read the time stamps.

        Args:
            inputs: By name, of the shapes and types of :attr:`inputs`.

        Returns:
            New arrays by name, and where the time on the GPU went. Filling the page-locked memory
            and reading it is in none of the spans.

        Raises:
            RuntimeError: CUDA or TensorRT failed.
        """
        stream = self._stream
        stream.use()
        for port in self._ports:
            if port.is_input:
                np.copyto(port.buffer.host, inputs[port.spec.name], casting="no")
        stream.mark(_START)
        self._transfer(inputs=True)
        stream.mark(_COPIED_IN)
        if self._captured:
            stream.replay()
        else:
            self._enqueue()
        stream.mark(_COMPUTED)
        self._transfer(inputs=False)
        stream.mark(_COPIED_OUT)
        stream.synchronize()
        outputs = {p.spec.name: p.buffer.host.copy() for p in self._ports if not p.is_input}
        return outputs, self._spans()

    def _transfer(self, *, inputs: bool) -> None:
        copy = self._stream.to_device if inputs else self._stream.to_host
        for port in self._ports:
            if port.is_input == inputs:
                copy(port.buffer)

    def _enqueue(self) -> None:
        self._accepted(self._context.execute_async_v3(self._stream.handle))

    def _spans(self) -> Spans:
        elapsed = self._stream.elapsed_ms
        return Spans(
            compute_ms=elapsed(_COPIED_IN, _COMPUTED),
            host_to_device_ms=elapsed(_START, _COPIED_IN),
            device_to_host_ms=elapsed(_COMPUTED, _COPIED_OUT),
        )

    def close(self) -> None:
        """Free everything. It cannot be run afterwards."""
        with suppress(RuntimeError):  # an earlier failure of the GPU would be reported again
            self._stream.synchronize()
        self._context = self._engine = self._runtime = None
        self._stream.close()
        for port in self._ports:
            port.buffer.close()
        self._ports = []


def _fixed(spec: TensorSpec) -> tuple[int, ...]:
    return tuple(side for side in spec.shape if side is not None)
