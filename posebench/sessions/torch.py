"""PyTorch on the CPU and on CUDA: networks exported by ``torch.export``, eager or compiled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from posebench.config import SessionOptions
from posebench.errors import InputError, MissingExtraError
from posebench.sessions.device_binding import DeviceBinding, Execution
from posebench.sessions.torch_execution import CpuExecution, CudaExecution
from posebench.sessions.torch_network import Network, load_network
from posebench.types import Artifact, Tensor, TensorSpec

_PRECISIONS = ("fp32", "fp16")


def open_session(
    path: Path, *, device: str, threads: int, precision: str | None, options: SessionOptions
) -> TorchSession:
    """Load a ``.pt2`` file and run it once, on zeros: compilers and kernels speak up then.

    Args:
        path: The file.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        threads: Of the whole process.
        precision: ``fp32`` or ``fp16``; None: ``fp32``.
        options: ``compiled`` and ``cuda_graph``.

    Raises:
        InputError: Not such a file, no such device or precision, or torch cannot run it there.
        WeightsError: The file is neither posebench's own nor trusted.
        MissingExtraError: torch is not installed.
    """
    precision = precision or "fp32"
    if precision not in _PRECISIONS:
        raise InputError(
            f"precision {precision!r}: the torch runtime computes in fp32 or fp16.",
            remedy="Use --runtime onnxruntime or openvino for a quantised network.",
        )
    torch = _import_torch()
    _check_device(torch, device, options)
    torch.set_num_threads(threads)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    network = load_network(path, device=device, half=precision == "fp16", compiled=options.compiled)
    execution: Execution = (
        CpuExecution(network)
        if device == "cpu"
        else CudaExecution(network, device, graph=options.cuda_graph)
    )
    what = f"{path.name} in {precision} on {device}"
    _try(torch, execution, network, what, compiled=options.compiled)
    provider = _provider(torch, device, options)
    return TorchSession(execution, network, precision=precision, provider=provider)


def _import_torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("torch cannot be imported.", extra="rfdetr-pose") from error
    return torch


def _check_device(torch: Any, device: str, options: SessionOptions) -> None:
    kind, _, index = device.partition(":")
    if kind not in ("cpu", "cuda"):
        raise InputError(f"device {device!r} is not one of cpu, cuda, cuda:N.")
    if kind == "cpu" and options.cuda_graph:
        raise InputError(
            "session.cuda_graph: there is no CUDA on cpu.", remedy="Leave it out, or use cuda."
        )
    if kind == "cuda" and not torch.cuda.is_available():
        built = torch.version.cuda
        raise InputError(
            f"device {device!r}: torch {torch.__version__} "
            + (f"for CUDA {built} sees no GPU." if built else "is built without CUDA."),
            remedy="Check the driver with nvidia-smi."
            if built
            else "Install a build of torch for CUDA: https://pytorch.org/get-started/locally.",
        )
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise InputError(f"device {device!r}: torch sees {torch.cuda.device_count()} GPU(s).")


def _try(torch: Any, execution: Execution, network: Network, what: str, *, compiled: bool) -> None:
    """Run on zeros, a side of 1 wherever any is taken.

    What is compiled for 1 is compiled anew for the first other number, so 2 comes next.
    """
    is_open = any(None in spec.shape for spec in network.inputs)
    try:
        for side in (1, 2) if compiled and is_open else (1,):
            execution.run({spec.name: _zeros(spec, side) for spec in network.inputs})
    except torch.OutOfMemoryError:
        raise  # not the network's fault
    except (RuntimeError, TypeError, ValueError) as error:
        raise InputError(
            f"torch cannot run {what}: {_first_lines(error)}",
            remedy="torch.compile needs a C++ compiler (g++)."
            if "compiler" in str(error).lower()
            else "",
        ) from error


def _zeros(spec: TensorSpec, side: int) -> Tensor:
    return np.zeros([side if length is None else length for length in spec.shape], spec.dtype)


def _first_lines(error: Exception) -> str:
    return " ".join(str(error).split())[:400]


def _provider(torch: Any, device: str, options: SessionOptions) -> str:
    where = "CPU" if device == "cpu" else torch.cuda.get_device_name(device)
    how = ["compiled"] if options.compiled else []
    how += ["CUDA graph"] if options.cuda_graph else []
    return ", ".join([f"torch {torch.__version__} on {where}", *how])


class TorchSession:
    """One network in torch.

    Attributes:
        precision: In which it computes: ``fp32`` or ``fp16``.
        built: Nothing is written to run it.
    """

    built: Sequence[Artifact] = ()

    def __init__(
        self, execution: Execution, network: Network, *, precision: str, provider: str
    ) -> None:
        self._execution: Execution | None = execution
        self._network: Network | None = network
        self._provider = provider
        self.precision = precision

    @property
    def inputs(self) -> Sequence[TensorSpec]:
        """What the network takes."""
        return self._open()[1].inputs

    @property
    def outputs(self) -> Sequence[TensorSpec]:
        """What the network gives."""
        return self._open()[1].outputs

    @property
    def provider(self) -> str:
        """The library with its version, the device, and how the network runs on it."""
        return self._provider

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the exporter wrote into the file."""
        return self._open()[1].metadata

    def bind(self, tensors: Mapping[str, Tensor]) -> DeviceBinding:
        """Tie input tensors to the session."""
        return DeviceBinding(self._open()[0], tensors)

    def close(self) -> None:
        """Free the network. The session cannot be used afterwards."""
        if self._execution is not None:
            self._execution.close()
        self._execution = self._network = None

    def _open(self) -> tuple[Execution, Network]:
        if self._execution is None or self._network is None:
            raise RuntimeError("the session is closed")
        return self._execution, self._network
