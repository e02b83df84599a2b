"""Running a torch network and timing it, on the CPU and on a GPU."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from posebench.errors import InputError
from posebench.sessions.replay import is_same
from posebench.sessions.torch_network import Network
from posebench.types import Spans, Tensor


class CpuExecution:
    """Runs on the CPU; there is nothing to copy."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def run(self, tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Spans]:
        """Run the network once."""
        import torch

        start = time.perf_counter_ns()
        given = [_from_numpy(tensors[spec.name]) for spec in self._network.inputs]
        with torch.inference_mode():
            values = _flat(self._network.forward(*given))
        arrays = _named(self._network, [value.numpy() for value in values])
        return arrays, Spans(compute_ms=(time.perf_counter_ns() - start) / 1e6)

    def close(self) -> None:
        """Nothing is held besides the network."""


class CudaExecution:
    """Runs on a GPU, on a stream of its own.

    Args:
        network: On the GPU.
        device: ``cuda`` or ``cuda:N``.
        graph: Capture the network once for each shape of the inputs, and replay that.
    """

    def __init__(self, network: Network, device: str, *, graph: bool) -> None:
        import torch

        self._network = network
        self._device = torch.device(device)
        self._stream = torch.cuda.Stream(self._device)
        self._events = [torch.cuda.Event(enable_timing=True) for _ in range(4)]
        self._graph = graph
        self._prepared: dict[Any, _Shaped] = {}

    def run(self, tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Spans]:
        """Run the network once; the spans are those of the GPU's clock.

        Raises:
            InputError: The first time with a shape: a graph of it gives other values.
        """
        import torch

        given = [_from_numpy(tensors[spec.name]) for spec in self._network.inputs]
        key = tuple((tuple(value.shape), value.dtype) for value in given)
        with torch.inference_mode(), torch.cuda.device(self._device):
            if key not in self._prepared:
                self._prepared[key] = _Shaped(self._network, given, self._stream, graph=self._graph)
            self._prepared[key].run(given, self._events)
            self._stream.synchronize()
            arrays = self._prepared[key].arrays()
        first, second, third, last = self._events
        spans = Spans(
            host_to_device_ms=first.elapsed_time(second),
            compute_ms=second.elapsed_time(third),
            device_to_host_ms=third.elapsed_time(last),
        )
        return _named(self._network, arrays), spans

    def close(self) -> None:
        """Free the buffers and the captured graphs."""
        self._prepared.clear()


class _Shaped:
    """Buffers, and the captured graph if one is wanted, for inputs of one shape."""

    def __init__(self, network: Network, given: Sequence[Any], stream: Any, *, graph: bool) -> None:
        import torch

        self._forward = network.forward
        self._stream = stream
        self._pinned = [value.pin_memory() for value in given]
        self._captured: Any = None
        with torch.cuda.stream(stream):
            # Each run copies its own values there. Of zeros a wrong graph might make zeros, too.
            first = [_noise(value) for value in given] if graph else self._pinned
            self._inputs = [value.to(stream.device) for value in first]
            self._outputs = _flat(self._forward(*self._inputs))  # kernels are chosen and loaded
            stream.synchronize()
        self._host = [torch.empty_like(v, device="cpu", pin_memory=True) for v in self._outputs]
        if graph:
            self._capture()

    def _capture(self) -> None:
        import torch

        expected = [value.cpu().numpy() for value in self._outputs]
        self._captured = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._captured, stream=self._stream):
            self._outputs = _flat(self._forward(*self._inputs))
        with torch.cuda.stream(self._stream):
            self._captured.replay()
            self._stream.synchronize()
        replayed = [value.cpu().numpy() for value in self._outputs]
        if not all(map(is_same, expected, replayed)):
            raise InputError(
                "replayed from a CUDA graph, the network gives other values.",
                remedy="Leave out session.cuda_graph for this network.",
            )

    def run(self, given: Sequence[Any], events: Sequence[Any]) -> None:
        """Queue copies, network and copies, with a mark at the start and behind each."""
        import torch

        for pinned, value in zip(self._pinned, given, strict=True):
            pinned.copy_(value)
        with torch.cuda.stream(self._stream):
            events[0].record()
            for target, pinned in zip(self._inputs, self._pinned, strict=True):
                target.copy_(pinned, non_blocking=True)
            events[1].record()
            if self._captured is None:
                self._outputs = _flat(self._forward(*self._inputs))
            else:
                self._captured.replay()
            events[2].record()
            for host, value in zip(self._host, self._outputs, strict=True):
                host.copy_(value, non_blocking=True)
            events[3].record()

    def arrays(self) -> list[Tensor]:
        """Copies of the outputs, which the next run does not change."""
        return [host.numpy().copy() for host in self._host]


def _from_numpy(value: Tensor) -> Any:
    import torch

    return torch.from_numpy(np.require(value, requirements=["C", "W"]))


def _noise(value: Any) -> Any:
    """Of the same shape and type; whole numbers stay, they may be indices."""
    import torch

    if not value.is_floating_point():
        return value
    return torch.rand(value.shape, generator=torch.Generator().manual_seed(0)).to(value.dtype)


def _flat(values: Any) -> list[Any]:
    from torch.utils import _pytree

    return list(_pytree.tree_leaves(values))


def _named(network: Network, arrays: Sequence[Tensor]) -> dict[str, Tensor]:
    return dict(zip([spec.name for spec in network.outputs], arrays, strict=True))
