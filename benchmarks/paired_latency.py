"""The latency of one network as a multiple of another's, from runs that alternate."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from scipy import stats

_PLANNING = 2  # pairs: the first ones also plan the memory


@dataclass(frozen=True)
class Ratio:
    """Geometric mean of the ratios, and its 95 % interval (Student's t on their logarithms)."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


def open_network(path: Path) -> Any:
    """An exported network in ONNX Runtime, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def seconds(session: Any, tensor: Any) -> float:
    """One run on the network's only input."""
    feed = {session.get_inputs()[0].name: tensor}
    start = time.perf_counter()
    session.run(None, feed)
    return time.perf_counter() - start


def latency_ratio(measured: Any, reference: Any, tensor: Any, pairs: int) -> Ratio:
    """Seconds of ``measured`` / seconds of ``reference``; who runs first alternates."""
    logs = []
    for pair in range(pairs + _PLANNING):
        order = (measured, reference) if pair % 2 else (reference, measured)
        taken = {id(session): seconds(session, tensor) for session in order}
        logs.append(np.log(taken[id(measured)] / taken[id(reference)]))
    kept = logs[_PLANNING:]
    mean, error = float(np.mean(kept)), float(stats.sem(kept))
    half = float(stats.t.ppf(0.975, len(kept) - 1)) * error
    return Ratio(*(float(np.exp(value)) for value in (mean, mean - half, mean + half)))


def parameters_m(path: Path) -> float:
    """Millions of numbers in the initializers of a file."""
    weights = onnx.load(path).graph.initializer
    return sum(int(np.prod(weight.dims)) for weight in weights) / 1e6
