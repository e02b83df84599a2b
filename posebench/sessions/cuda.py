"""CUDA as a session needs it: one stream, buffers, copies, time stamps, a captured graph.

A thin layer over ``cuda.bindings.runtime``, which is the CUDA runtime's C interface under the same
names. All that is queued runs in order on one stream; nothing has happened before
:meth:`Stream.synchronize` returns.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from posebench.errors import InputError, MissingExtraError
from posebench.types import Tensor

_REMEDIES = {
    "cudaErrorInsufficientDriver": "Update the NVIDIA driver: packages for CUDA 12 need r535 or "
    "newer, those for CUDA 13 need r580. With an older one: pip install 'cuda-bindings<13'.",
    "cudaErrorNoDevice": "Use --device cpu with another runtime, or a machine with a GPU.",
    "cudaErrorMemoryAllocation": "Free the GPU's memory: nvidia-smi lists who uses it.",
    "cudaErrorDevicesUnavailable": "Another process has the GPU to itself: nvidia-smi lists it.",
}


@dataclass(frozen=True)
class Gpu:
    """A GPU and the CUDA versions that meet on it.

    Attributes:
        index: Of the device, as CUDA counts.
        name: E.g. ``Tesla T4``.
        compute_capability: E.g. ``7.5``.
        driver_cuda: (major, minor) of the newest CUDA that the driver can run.
    """

    index: int
    name: str
    compute_capability: str
    driver_cuda: tuple[int, int]


def import_runtime() -> Any:
    """The module ``cuda.bindings.runtime``.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        from cuda.bindings import runtime
    except ImportError as error:
        raise MissingExtraError(
            f"the Python bindings of CUDA cannot be loaded ({error}).", extra="tensorrt"
        ) from error
    return runtime


def open_gpu(device: str) -> Gpu:
    """Make a GPU the current one of this thread and say what it is.

    Args:
        device: ``cuda`` or ``cuda:N``.

    Raises:
        InputError: Another kind of device, no such GPU, no driver, or one that is too old.
        MissingExtraError: The bindings of CUDA are not installed.
    """
    kind, _, number = device.partition(":")
    if kind != "cuda" or not (number or "0").isdecimal():
        raise InputError(
            f"device {device!r}: TensorRT runs on cuda or cuda:N only.",
            remedy="Add --device cuda, or choose another --runtime.",
        )
    runtime, index = import_runtime(), int(number or "0")
    version = checked(runtime.cudaDriverGetVersion(), "asking for the driver's version")
    if version == 0:
        raise InputError(
            f"device {device!r}: no NVIDIA driver is loaded.",
            remedy="Install one, or use --device cpu with another --runtime.",
        )
    count = checked(runtime.cudaGetDeviceCount(), "looking for GPUs")
    if index >= count:
        raise InputError(f"device {device!r}: CUDA sees {count} GPU(s), counted from 0.")
    checked(runtime.cudaSetDevice(index), f"choosing GPU {index}")
    properties = checked(runtime.cudaGetDeviceProperties(index), "asking what the GPU is")
    return Gpu(
        index,
        properties.name.partition(b"\0")[0].decode(),
        f"{properties.major}.{properties.minor}",
        (version // 1000, version % 1000 // 10),
    )


def checked(result: tuple[Any, ...], doing: str) -> Any:
    """What a CUDA function gave after its status: nothing, a value, or several.

    Args:
        result: Of the call.
        doing: What it was for, for the message.

    Raises:
        InputError: It failed for a reason that the user can do something about.
        RuntimeError: It failed for another.
    """
    status, *values = result
    if int(status) == 0:
        return values[0] if len(values) == 1 else tuple(values) or None
    runtime = import_runtime()
    name = runtime.cudaGetErrorName(status)[1].decode()
    message = f"CUDA, {doing}: {name} ({runtime.cudaGetErrorString(status)[1].decode()})."
    if name in _REMEDIES:
        raise InputError(message, remedy=_REMEDIES[name])
    raise RuntimeError(message)


class Buffer:
    """Device memory of one tensor, with page-locked host memory that it is copied from or to.

    Attributes:
        address: On the device.
        host: The array in host memory, at first with whatever was there.
    """

    def __init__(self, shape: Sequence[int], dtype: str) -> None:
        runtime = import_runtime()
        kind = np.dtype(dtype)
        self.nbytes = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
        size = max(self.nbytes, 1)  # CUDA gives no address for nothing
        doing = f"allocating {size / 2**20:.1f} MiB"
        self.address = int(checked(runtime.cudaMalloc(size), f"{doing} on the GPU"))
        self._pinned: Any = None
        try:
            self._pinned = checked(runtime.cudaMallocHost(size), f"{doing} of page-locked memory")
        except (InputError, RuntimeError):
            self.close()
            raise
        self.host_address = int(self._pinned)
        memory = (ctypes.c_uint8 * size).from_address(self.host_address)
        flat = np.ctypeslib.as_array(memory)[: self.nbytes]
        self.host: Tensor = flat.view(kind).reshape(tuple(shape))

    def close(self) -> None:
        """Free both. ``host`` must not be touched afterwards."""
        # Freeing reports failures of earlier work, which were raised where they mattered.
        runtime = import_runtime()
        runtime.cudaFree(self.address)
        if self._pinned is not None:
            runtime.cudaFreeHost(self._pinned)


class Stream:
    """A queue of work on a GPU, apart from CUDA's default stream.

    Args:
        gpu: Where.
        marks: How many points in time can be marked.
    """

    def __init__(self, gpu: Gpu, marks: int) -> None:
        self._runtime = import_runtime()
        self._gpu = gpu
        self._graph: Any = None
        self.use()
        self._stream = checked(
            self._runtime.cudaStreamCreateWithFlags(self._runtime.cudaStreamNonBlocking),
            "creating a stream",
        )
        self._events = [
            checked(self._runtime.cudaEventCreate(), "creating an event") for _ in range(marks)
        ]

    @property
    def handle(self) -> int:
        """The ``cudaStream_t`` as a number."""
        return int(self._stream)

    def use(self) -> None:
        """Make the GPU the current one of the calling thread; every thread has its own."""
        checked(self._runtime.cudaSetDevice(self._gpu.index), f"choosing GPU {self._gpu.index}")

    def to_device(self, buffer: Buffer) -> None:
        """Queue the copy of a buffer's host memory."""
        kind = self._runtime.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._copy(buffer.address, buffer.host_address, buffer.nbytes, kind)

    def to_host(self, buffer: Buffer) -> None:
        """Queue the copy of a buffer's device memory."""
        kind = self._runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._copy(buffer.host_address, buffer.address, buffer.nbytes, kind)

    def _copy(self, target: int, source: int, nbytes: int, kind: Any) -> None:
        checked(
            self._runtime.cudaMemcpyAsync(target, source, nbytes, kind, self._stream), "copying"
        )

    def mark(self, index: int) -> None:
        """Queue a time stamp."""
        checked(self._runtime.cudaEventRecord(self._events[index], self._stream), "marking time")

    def elapsed_ms(self, first: int, last: int) -> float:
        """Milliseconds between two marks that were reached."""
        events = self._events[first], self._events[last]
        return float(checked(self._runtime.cudaEventElapsedTime(*events), "reading time"))

    def synchronize(self) -> None:
        """Wait until all that was queued is done.

        Raises:
            RuntimeError: Some of it failed.
        """
        checked(self._runtime.cudaStreamSynchronize(self._stream), "running the network")

    def capture(self, enqueue: Callable[[], None]) -> None:
        """Record what a function queues, without running it, for :meth:`replay`.

        Raises:
            RuntimeError: It cannot be captured.
        """
        mode = self._runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        checked(self._runtime.cudaStreamBeginCapture(self._stream, mode), "capturing")
        try:
            enqueue()
        except BaseException:
            # The stream stays unusable until the capture is ended, however that ends.
            with suppress(InputError, RuntimeError):
                checked(self._runtime.cudaStreamEndCapture(self._stream), "capturing")
            raise
        graph = checked(self._runtime.cudaStreamEndCapture(self._stream), "capturing")
        self._graph = checked(self._runtime.cudaGraphInstantiate(graph, 0), "capturing")
        checked(self._runtime.cudaGraphDestroy(graph), "capturing")

    def replay(self) -> None:
        """Queue what was captured."""
        checked(self._runtime.cudaGraphLaunch(self._graph, self._stream), "replaying a graph")

    def close(self) -> None:
        """Free the graph, the time stamps and the stream."""
        self._runtime.cudaSetDevice(self._gpu.index)
        if self._graph is not None:
            self._runtime.cudaGraphExecDestroy(self._graph)
        for event in self._events:
            self._runtime.cudaEventDestroy(event)
        self._runtime.cudaStreamDestroy(self._stream)
