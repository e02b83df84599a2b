"""What posebench adds to the latency it measures: nothing that matters.

The same file is timed by posebench, as the span ``network``, and by a bare loop around the
runtime's own call, on a network that the runtime's own documented call opened. Both take turns in
an order drawn by chance.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import posebench_adapters
import pytest

from posebench.config import LatencyConfig
from posebench.in_process import load_in_process, rendered_people
from posebench.latency.clock import SystemClock
from posebench.latency.measure import NETWORK, Picture, time_round, warm_up
from posebench.latency.ratio import latency_ratio
from posebench.latency.rounds import turns
from posebench.planning import plan
from posebench.registry import select
from posebench.run_observer import RunObserver
from posebench.runner import run

MODEL = "rfdetr-pose-demo"
ROUNDS = 80
RUNS = 20
QUICK = LatencyConfig(warmup=2, warmup_s=0, samples=RUNS)


def bare_call(runtime: str, path: Path, tensor: Any) -> Callable[[], Any]:
    """The call that the runtime's own documentation times, on a network that it opened itself."""
    if runtime == "onnxruntime":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return partial(session.run, None, {session.get_inputs()[0].name: tensor})
    import openvino

    settings = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    request = openvino.Core().compile_model(path, "CPU", settings).create_infer_request()
    return partial(request.infer, {0: tensor}, share_inputs=True)


def bare_round(call: Callable[[], Any]) -> list[float]:
    """Milliseconds of ``RUNS`` calls in a loop."""
    taken = []
    for _ in range(QUICK.warmup + RUNS):
        start = time.perf_counter_ns()
        call()
        taken.append((time.perf_counter_ns() - start) / 1e6)
    return taken[QUICK.warmup :]


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_posebench_adds_less_than_two_percent(runtime: str, benchmark: Any) -> None:
    (request,) = select([MODEL])
    loaded = load_in_process(request, runtime=runtime)
    images = rendered_people(RUNS)
    prepared = [loaded.model.preprocess([image]) for image in images]  # type: ignore[attr-defined]
    network = Path(posebench_adapters.__path__[0], "models", f"{MODEL}.onnx")
    call = bare_call(runtime, network, prepared[0].tensors[0])
    pictures = [Picture(lambda image=image: image) for image in images]  # type: ignore[misc]

    def measured() -> list[float]:
        warm_up(loaded.model, pictures, QUICK, clock=SystemClock())
        samples = time_round(loaded.model, pictures, QUICK, "sustained", clock=SystemClock())
        return list(samples.spans[NETWORK])

    ways = (lambda: bare_round(call), measured)
    rounds: tuple[list[list[float]], list[list[float]]] = ([], [])
    for order in turns(2, ROUNDS, seed=0):
        for way in order:
            rounds[way].append(ways[way]())
    ratio = latency_ratio(*rounds)
    benchmark.extra_info["ratio"] = [ratio.value, ratio.low, ratio.high]
    print(f"\n{runtime}: measured / bare {ratio.value:.4f} [{ratio.low:.4f}, {ratio.high:.4f}]")
    benchmark.pedantic(call, rounds=5)
    loaded.model.close()
    assert ratio.low > 0.98 and ratio.high < 1.02


class Silent(RunObserver):
    """Nobody watches."""

    def started(self, label: str, images: int) -> None: ...
    def stage(self, label: str, stage: str) -> None: ...
    def advanced(self, images: int) -> None: ...
    def timing(self, turns: int) -> None: ...
    def timed(self) -> None: ...
    def finished(self, record: object, *, kept: bool) -> None: ...


def test_repeated_runs_agree_within_their_intervals(tmp_path: Path) -> None:
    intervals = []
    for attempt in ("first", "second"):
        options = {
            "models": [MODEL],
            "dataset": {"name": "synthetic-easy:40"},
            "latency": {"regimes": ["sustained"]},
            "out": tmp_path / attempt,
        }
        planned = plan(None, options, download=False)
        (record,) = run(planned.config, planned.models, planned.dataset, Silent())
        whole = record.span("end-to-end")
        assert whole is not None and whole.interval is not None
        intervals.append((whole.interval.low_ms, whole.interval.high_ms))
        print(
            f"\n{attempt}: p50 {whole.p50_ms:.2f} ms, interval {intervals[-1]}",
            *record.latency_notes,
        )
    (low, high), (again_low, again_high) = intervals
    assert low <= again_high and again_low <= high
