"""A fake of ``cuda.bindings.runtime``: a GPU whose memory is the host's and whose time is counted.

It has the functions that the package needs and no other, with the names of their arguments; a test
compares both with the real module. What is queued on a stream is done when the stream is
synchronised, not earlier: whoever reads too soon reads garbage.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from types import SimpleNamespace
from typing import Any

COPY_IN_MS, COMPUTE_MS, COPY_OUT_MS = 1.0, 5.0, 2.0
_GARBAGE = b"\xab"


class cudaError_t(IntEnum):
    cudaSuccess = 0
    cudaErrorInvalidValue = 1
    cudaErrorMemoryAllocation = 2
    cudaErrorInsufficientDriver = 35
    cudaErrorNoDevice = 100
    cudaErrorInvalidDevice = 101
    cudaErrorNotReady = 600
    cudaErrorIllegalAddress = 700
    cudaErrorStreamCaptureUnsupported = 900
    cudaErrorStreamCaptureInvalidated = 901


class cudaMemcpyKind(IntEnum):
    cudaMemcpyHostToDevice = 1
    cudaMemcpyDeviceToHost = 2


class cudaStreamCaptureMode(IntEnum):
    cudaStreamCaptureModeThreadLocal = 1


Operation = tuple[float, Callable[[], None]]
"""How long it takes in milliseconds, and what it does."""


class Handle:
    """Of a stream, an event or a graph; a number as far as C is concerned."""

    _next = 0x1000

    def __init__(self) -> None:
        Handle._next += 1
        self.number = Handle._next

    def __int__(self) -> int:
        return self.number


class FakeStream(Handle):
    def __init__(self, device: int) -> None:
        super().__init__()
        self.device = device
        self.queue: list[Operation] = []
        self.captured: list[Operation] | None = None
        self.invalid = False

    def put(self, operation: Operation) -> None:
        (self.queue if self.captured is None else self.captured).append(operation)


class FakeEvent(Handle):
    time: float | None = None


class FakeGraph(Handle):
    def __init__(self, operations: list[Operation]) -> None:
        super().__init__()
        self.operations = operations


Status = tuple[cudaError_t]


@dataclass
class FakeCuda:
    """One GPU. ``failures`` names functions that fail, and how; ``calls`` lists the calls."""

    driver: int = 12040
    gpus: int = 1
    name: bytes = b"Tesla T4"
    capability: tuple[int, int] = (7, 5)
    failures: dict[str, cudaError_t] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    device: dict[int, Any] = field(default_factory=dict)
    pinned: dict[int, Any] = field(default_factory=dict)
    handles: dict[int, Handle] = field(default_factory=dict)
    clock: float = 0.0
    current: threading.local = field(default_factory=threading.local)

    cudaStreamNonBlocking = 1
    cudaMemcpyKind = cudaMemcpyKind
    cudaStreamCaptureMode = cudaStreamCaptureMode

    def living(self) -> int:
        """How much was created or allocated and not freed."""
        return len(self.device) + len(self.pinned) + len(self.handles)

    def stream(self, number: int) -> FakeStream:
        """The stream behind a handle."""
        stream = self.handles[number]
        assert isinstance(stream, FakeStream)
        return stream

    def _answer(self, name: str, *values: Any) -> Any:
        self.calls.append(name)
        status = self.failures.get(name, cudaError_t.cudaSuccess)
        return (status, *(None if status else value for value in values))

    def _new(self, name: str, handle: Handle) -> Any:
        answer = self._answer(name, handle)
        if answer[0] == cudaError_t.cudaSuccess:
            self.handles[int(handle)] = handle
        return answer

    def cudaDriverGetVersion(self) -> tuple[cudaError_t, int]:
        return cudaError_t.cudaSuccess, self.driver

    def cudaGetDeviceCount(self) -> Any:
        return self._answer("cudaGetDeviceCount", self.gpus)

    def cudaSetDevice(self, device: int) -> Status:
        bad = device >= self.gpus
        self.current.device = device
        return (cudaError_t.cudaErrorInvalidDevice if bad else cudaError_t.cudaSuccess,)

    def cudaGetDeviceProperties(self, device: int) -> Any:
        major, minor = self.capability
        padded = self.name.ljust(256, b"\0")
        properties = SimpleNamespace(name=padded, major=major, minor=minor)
        return self._answer("cudaGetDeviceProperties", properties)

    def cudaGetErrorName(self, error: cudaError_t) -> tuple[cudaError_t, bytes]:
        return cudaError_t.cudaSuccess, error.name.encode()

    def cudaGetErrorString(self, error: cudaError_t) -> tuple[cudaError_t, bytes]:
        return cudaError_t.cudaSuccess, f"description of {int(error)}".encode()

    def cudaMalloc(self, size: int) -> Any:
        return self._allocated("cudaMalloc", self.device, size)

    def cudaMallocHost(self, size: int) -> Any:
        return self._allocated("cudaMallocHost", self.pinned, size)

    def _allocated(self, name: str, memory: dict[int, Any], size: int) -> Any:
        assert size > 0
        block = ctypes.create_string_buffer(_GARBAGE * size, size)
        answer = self._answer(name, ctypes.addressof(block))
        if answer[0] == cudaError_t.cudaSuccess:
            memory[answer[1]] = block
        return answer

    def cudaFree(self, devPtr: int) -> Status:
        del self.device[devPtr]
        return (cudaError_t.cudaSuccess,)

    def cudaFreeHost(self, ptr: int) -> Status:
        del self.pinned[ptr]
        return (cudaError_t.cudaSuccess,)

    def cudaStreamCreateWithFlags(self, flags: int) -> Any:
        assert flags == self.cudaStreamNonBlocking
        return self._new("cudaStreamCreateWithFlags", FakeStream(self.current.device))

    def cudaStreamDestroy(self, stream: FakeStream) -> Status:
        assert stream.captured is None, "still capturing"
        del self.handles[int(stream)]
        return (cudaError_t.cudaSuccess,)

    def cudaStreamSynchronize(self, stream: FakeStream) -> Any:
        queued, stream.queue = stream.queue, []
        for milliseconds, action in queued:
            self.clock += milliseconds
            action()
        return self._answer("cudaStreamSynchronize")

    def cudaEventCreate(self) -> Any:
        return self._new("cudaEventCreate", FakeEvent())

    def cudaEventDestroy(self, event: FakeEvent) -> Status:
        del self.handles[int(event)]
        return (cudaError_t.cudaSuccess,)

    def cudaEventRecord(self, event: FakeEvent, stream: FakeStream) -> Any:
        event.time = None
        stream.put((0.0, lambda: setattr(event, "time", self.clock)))
        return self._answer("cudaEventRecord")

    def cudaEventElapsedTime(self, start: FakeEvent, end: FakeEvent) -> Any:
        if start.time is None or end.time is None:
            return cudaError_t.cudaErrorNotReady, None
        return cudaError_t.cudaSuccess, end.time - start.time

    def cudaMemcpyAsync(self, dst: int, src: int, count: int, kind: Any, stream: FakeStream) -> Any:
        inwards = kind is cudaMemcpyKind.cudaMemcpyHostToDevice
        target, source = (self.device, self.pinned) if inwards else (self.pinned, self.device)
        assert getattr(self.current, "device", 0) == stream.device, "another GPU is current"
        assert count <= min(len(target[dst]), len(source[src]))
        duration = COPY_IN_MS if inwards else COPY_OUT_MS
        stream.put((duration, lambda: _move(dst, src, count)))
        return self._answer(kind.name)

    def cudaStreamBeginCapture(self, stream: FakeStream, mode: Any) -> Any:
        stream.captured = []
        return self._answer("cudaStreamBeginCapture")

    def cudaStreamEndCapture(self, stream: FakeStream) -> Any:
        operations, stream.captured = stream.captured or [], None
        if stream.invalid:
            return cudaError_t.cudaErrorStreamCaptureInvalidated, None
        return self._new("cudaStreamEndCapture", FakeGraph(operations))

    def cudaGraphInstantiate(self, graph: FakeGraph, flags: int) -> Any:
        assert flags == 0
        return self._new("cudaGraphInstantiate", FakeGraph(graph.operations))

    def cudaGraphLaunch(self, graphExec: FakeGraph, stream: FakeStream) -> Any:
        for operation in graphExec.operations:
            stream.put(operation)
        return self._answer("cudaGraphLaunch")

    def cudaGraphDestroy(self, graph: FakeGraph) -> Status:
        del self.handles[int(graph)]
        return (cudaError_t.cudaSuccess,)

    def cudaGraphExecDestroy(self, graphExec: FakeGraph) -> Status:
        del self.handles[int(graphExec)]
        return (cudaError_t.cudaSuccess,)


def _move(target: int, source: int, count: int) -> None:
    ctypes.memmove(target, source, count)
