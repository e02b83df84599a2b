from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posebench.config import LatencyConfig
from posebench.latency.measure import Samples, time_round
from posebench.latency.summary import cells, summarise
from posebench.types import Image, Prediction

IMAGES = [np.zeros((4, 4, 3), np.uint8), np.zeros((6, 6, 3), np.uint8)]


class Ticking:
    """A clock that stands still until somebody spends time on it."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns

    def spend(self, ms: float) -> None:
        self.now_ns += round(ms * 1e6)


class Whole:
    """A model of one piece that takes 7 ms."""

    num_keypoints = 1

    def __init__(self, clock: Ticking) -> None:
        self.clock = clock
        self.sizes: list[int] = []

    def predict(self, images: Sequence[Image], boxes: object = None) -> list[Prediction]:
        self.clock.spend(7)
        self.sizes.append(len(images[0]))
        return [Prediction.empty(1) for _ in images]


class Staged(Whole):
    """Stages of 1, 10 + n and 2 ms, n counting the runs."""

    def __init__(self, clock: Ticking) -> None:
        super().__init__(clock)
        self.runs = count()

    def preprocess(self, images: Sequence[Image], boxes: object = None) -> Sequence[Image]:
        self.clock.spend(1)
        return images

    def infer(self, prepared: Any) -> Any:
        self.clock.spend(10 + next(self.runs))
        return prepared

    def postprocess(self, raw: Any) -> list[Prediction]:
        self.clock.spend(2)
        return [Prediction.empty(1)]


def test_stages_are_told_apart_and_warm_up_is_thrown_away() -> None:
    clock = Ticking()
    samples = time_round(Staged(clock), IMAGES, warmup=3, samples=4, clock=clock)  # type: ignore[arg-type]
    assert samples.spans["preprocess"] == [1.0] * 4
    assert samples.spans["network"] == [13.0, 14.0, 15.0, 16.0]
    assert samples.spans["postprocess"] == [2.0] * 4
    assert samples.spans["end-to-end"] == [16.0, 17.0, 18.0, 19.0]


def test_a_model_of_one_piece_has_the_whole_only() -> None:
    clock = Ticking()
    model = Whole(clock)
    samples = time_round(model, IMAGES, warmup=1, samples=3, clock=clock)  # type: ignore[arg-type]
    assert samples.spans == {"end-to-end": [7.0, 7.0, 7.0]}
    assert samples.people is None
    assert model.sizes == [4, 6, 4, 6], "real pictures in turn"


@given(st.lists(st.floats(0.01, 1e4), min_size=59, max_size=200))
def test_percentiles_are_numpys_and_nothing_is_clipped(values: list[float]) -> None:
    summary = summarise(values)
    assert summary.p50_ms == pytest.approx(float(np.median(values)))
    assert summary.p95_ms == pytest.approx(float(np.percentile(values, 95)))
    assert summary.max_ms == max(values)
    assert summary.n == len(values)


def test_too_few_samples_have_no_p95() -> None:
    assert summarise([1.0] * 58).p95_ms is None
    assert summarise([1.0] * 59).p95_ms == 1.0


def test_cells_say_how_they_were_measured() -> None:
    (cell,) = cells(Samples({"network": [1.0, 2.0]}), config=LatencyConfig(warmup=5), threads=2)
    assert (cell.span, cell.threads, cell.warmup, cell.batch) == ("network", 2, 5, 1)
