"""A model's latency under pytest-benchmark.

A project loads it in its ``conftest.py``::

    pytest_plugins = ["posebench.testing.pytest_plugin"]

and times a model in a test::

    def test_latency(pose_benchmark):
        pose_benchmark("onnx:models/mine.onnx", pictures="tests/pictures")

``pytest --benchmark-autosave`` keeps the figures, ``pytest --benchmark-compare`` sets them beside
the next ones, and ``--benchmark-compare-fail=median:5%`` makes a slower model a failure.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from posebench import __version__
from posebench.config import LatencyConfig
from posebench.in_process import InProcess, load_in_process, pictures_in, rendered_people
from posebench.latency.clock import SystemClock
from posebench.latency.measure import Picture, time_round
from posebench.registry import select
from posebench.types import Image

_SPANS_RUNS = 20
_RENDERED = 8


class PoseBenchmark:
    """Measures models with pytest-benchmark's fixture.

    Args:
        benchmark: The fixture ``benchmark``.
    """

    def __init__(self, benchmark: Any) -> None:
        self._benchmark = benchmark

    def __call__(
        self,
        model: str,
        *,
        pictures: str | Path | None = None,
        runtime: str | None = None,
        precision: str = "fp32",
        device: str = "cpu",
        threads: int = 1,
        rounds: int = 100,
        warmup_s: float = 1.0,
    ) -> None:
        """Time a model from the decoded picture to final keypoints, batch 1.

        A top-down model is given one box around each picture, so that its time is that of one
        person. What ran, and the medians of the spans in milliseconds, are in ``extra_info``.

        Args:
            model: As ``posebench run --models`` takes one.
            pictures: Folder of pictures that are timed in turn; rendered people if left out.
            runtime: None for what the weights ask for.
            precision: ``fp32``, ``fp16`` or ``int8``.
            device: ``cpu``, ``cuda`` or ``cuda:N``.
            threads: Of the runtime.
            rounds: Runs that are timed.
            warmup_s: Seconds of warm-up before.

        Raises:
            InputError: No such model or picture, or it does not run so.
        """
        (request,) = select([model])
        images = pictures_in(Path(pictures)) if pictures is not None else rendered_people(_RENDERED)
        loaded = load_in_process(
            request, runtime=runtime, precision=precision, device=device, threads=threads
        )
        try:
            self._benchmark.extra_info.update(_what_runs(request.label, loaded))
            self._benchmark.extra_info.update(_spans_ms(loaded, images, warmup_s))
            turn = itertools.cycle(images)
            self._benchmark.pedantic(
                loaded.model.predict, setup=lambda: (([next(turn)],), {}), rounds=rounds
            )
        finally:
            loaded.model.close()


@pytest.fixture
def pose_benchmark(benchmark: Any) -> PoseBenchmark:
    """Times a model under pytest-benchmark; see :class:`PoseBenchmark`."""
    return PoseBenchmark(benchmark)


def _what_runs(label: str, loaded: InProcess) -> dict[str, Any]:
    return {
        "model": label,
        "artifacts": [artifact.sha256 for artifact in loaded.model.artifacts()],
        "runtime": loaded.runtime.describe(loaded.card.extra).model_dump(mode="json"),
        "posebench": __version__,
    }


def _spans_ms(loaded: InProcess, images: Sequence[Image], warmup_s: float) -> dict[str, float]:
    """Medians of the spans; measuring them warms the model up."""
    pictures = [Picture(lambda image=image: image) for image in images]  # type: ignore[misc]
    samples = time_round(
        loaded.model,
        pictures,
        LatencyConfig(warmup_s=warmup_s, samples=_SPANS_RUNS),
        "sustained",
        clock=SystemClock(),
        drain=loaded.runtime.drain,
    )
    shown = (span for span in samples.spans if span != "image-decode" and "encoded" not in span)
    return {f"{span}_p50_ms": median(samples.spans[span]) for span in shown}
