from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from latency.timed_models import FakeClock, Whole, pictures

from posebench.config import LatencyConfig
from posebench.latency.batches import network_runs, time_batches
from posebench.latency.crossing import Band, crossings, known_signs
from posebench.latency.measure import Samples
from posebench.latency.rounds import TimedRound
from posebench.timing.curve_summary import compare_curves
from posebench.timing.curves import MeasuredCurve
from posebench.types import Artifact, Image, ModelCost, PersonBoxes, Prediction


def band(values: Sequence[float], half: float = 0.0, x: Sequence[float] | None = None) -> Band:
    value = np.array(values, np.float64)
    places = np.arange(len(values), dtype=np.float64) if x is None else np.array(x, np.float64)
    return Band(places, value, value - half, value + half)


def test_a_crossing_is_interpolated_and_its_interval_is_where_the_sign_is_not_known() -> None:
    (found,) = crossings(band([-4, -2, 2, 4], half=1))
    assert (found.at, found.low, found.high) == (1.5, 1.25, 1.75)
    assert found.rising


def test_places_need_not_lie_at_even_distances() -> None:
    (found,) = crossings(band([-1, 3], x=[10, 30]))
    assert found.at == 15
    (falling,) = crossings(band([3, -1], x=[10, 30]))
    assert falling.at == 25 and not falling.rising


def test_curves_that_do_not_cross() -> None:
    assert crossings(band([1, 0.5, 2])) == []
    assert known_signs(band([1, 0.5, 2])) == {1}
    assert known_signs(band([1, 0.5, 2], half=3)) == set()
    assert crossings(band([1, 0, 2])) == [], "they touch"


def test_several_crossings() -> None:
    found = crossings(band([-2, 2, -2, 2]))
    assert [one.at for one in found] == [0.5, 1.5, 2.5]
    assert [one.rising for one in found] == [True, False, True]


def test_equal_over_a_stretch_is_one_crossing_in_its_middle() -> None:
    (found,) = crossings(band([-1, 0, 0, 1]))
    assert (found.at, found.low, found.high) == (1.5, 1, 2)


def test_an_estimate_that_wavers_where_nothing_is_known_crosses_once_or_not_at_all() -> None:
    (once,) = crossings(band([-5, -0.5, 0.5, -0.5, 0.5, 5], half=1))
    assert once.at == pytest.approx(2.5)
    assert once.low == pytest.approx(0.888888, abs=1e-5) and once.high == pytest.approx(4.11111)
    assert crossings(band([-5, 0.5, -5], half=1)) == []


def test_at_an_end_the_interval_is_open() -> None:
    (end,) = crossings(band([-3, -2, 0.5], half=1))
    assert (end.at, end.high, end.rising) == (1.8, None, True)
    (start,) = crossings(band([0.5, -2, -3], half=1))
    assert start.at == pytest.approx(0.2)
    assert start.low is None and not start.rising
    assert crossings(band([-3, -2, -0.5], half=1)) == [], "the estimate does not cross"


@given(
    st.lists(st.floats(-10, 10).map(lambda v: round(v, 1)), min_size=2, max_size=8),
    st.floats(0, 4),
)
def test_crossings_alternate_and_lie_in_their_intervals(values: list[float], half: float) -> None:
    found = crossings(band(values, half))
    assert all(a.rising != b.rising for a, b in pairwise(found))
    for one in found:
        assert one.low is None or one.low <= one.at
        assert one.high is None or one.at <= one.high
    mirrored = crossings(band([-v for v in values], half))
    assert [one.at for one in mirrored] == [one.at for one in found]


def measured(label: str, ms: dict[int, list[float]]) -> MeasuredCurve:
    """A model with one run a process at each number of people."""
    task = SimpleNamespace(request=SimpleNamespace(label=label))
    found: Any = SimpleNamespace(task=task)
    rounds = {
        x: [
            TimedRound("sustained", process, 0, Samples({"end-to-end": [value]}))
            for process, value in enumerate(values)
        ]
        for x, values in ms.items()
    }
    return MeasuredCurve(found, rounds=rounds)


def drifting(latency_ms: float) -> list[float]:
    """Of a machine that slows down from process to process, by the same for everybody."""
    return [latency_ms + 10 * process for process in range(6)]


def test_what_happens_to_both_models_does_not_blur_where_they_cross() -> None:
    flat = measured("flat", {0: drifting(50), 10: drifting(50)})
    steep = measured("steep", {0: drifting(20), 10: drifting(80)})
    pair = compare_curves(flat, steep)
    (crossing,) = pair.crossings
    assert (crossing.slower, crossing.at) == ("steep", 5)
    assert (crossing.low, crossing.high) == (5, 5)
    assert pair.level is not None and pair.level >= 0.95
    (same,) = compare_curves(steep, flat).crossings
    assert same == crossing


def test_without_enough_processes_there_is_a_crossing_but_no_interval() -> None:
    flat = measured("flat", {0: [50, 51], 10: [50, 51]})
    steep = measured("steep", {0: [20, 20], 10: [80, 80]})
    pair = compare_curves(flat, steep)
    (crossing,) = pair.crossings
    assert crossing.low is None and crossing.high is None and pair.level is None


def test_without_a_crossing_the_slower_one_is_named() -> None:
    slow = measured("slow", {0: drifting(90), 10: drifting(95)})
    fast = measured("fast", {0: drifting(20), 10: drifting(80)})
    assert compare_curves(slow, fast).slower == "slow"
    assert compare_curves(fast, slow).slower == "slow"
    twin = compare_curves(fast, fast)
    assert twin.slower is None and twin.crossings == ()


class Batching(Whole):
    """Takes 2 ms a picture and 10 ms a run of its network, which takes whole batches or not."""

    def __init__(self, clock: FakeClock, *, whole: bool) -> None:
        super().__init__(clock)
        self.whole = whole
        self.log: list[Any] = []
        self.given: list[list[int]] = []

    def predict(
        self,
        images: Sequence[Image],
        boxes: Sequence[PersonBoxes] | None = None,  # type: ignore[override]
    ) -> list[Prediction]:
        self.given.append([len(image) for image in images])
        self.looked = boxes
        runs = 1 if self.whole else len(images)
        self.log += [None] * runs
        self.clock.spend(2 * len(images) + 10 * runs)
        return [Prediction.empty(1) for _ in images]

    def drain(self) -> list[Any]:
        found, self.log = self.log, []
        return found

    def artifacts(self) -> list[Artifact]:
        return []

    def cost(self) -> ModelCost:
        return ModelCost(None, None, "")

    def close(self) -> None:
        pass


def test_a_batch_is_timed_as_a_whole_and_takes_the_pictures_in_turn() -> None:
    clock = FakeClock()
    model = Batching(clock, whole=True)
    config = LatencyConfig(warmup=1, warmup_s=0, samples=2)
    samples = time_batches(
        model, pictures(clock, sizes=(4, 6, 8)), 4, config, "sustained", clock=clock
    )
    assert samples.spans == {"end-to-end": [18.0, 18.0]}, "decoding is not in it"
    assert model.given == [[4, 6, 8, 4], [6, 8, 4, 6], [8, 4, 6, 8]]
    assert model.looked is None


def test_boxes_go_with_their_pictures() -> None:
    clock, boxes = FakeClock(), PersonBoxes.none()
    model = Batching(clock, whole=False)
    config = LatencyConfig(warmup=0, warmup_s=0, samples=1, pause_ms=7)
    time_batches(model, pictures(clock, boxes=boxes), 3, config, "paced", clock=clock)
    assert model.looked == [boxes] * 3
    assert clock.slept == [0.007]


@pytest.mark.parametrize(("whole", "expected"), [(True, [1, 1]), (False, [1, 2])])
def test_a_network_that_takes_one_picture_a_run_is_told_apart(
    whole: bool, expected: list[int]
) -> None:
    clock = FakeClock()
    model = Batching(clock, whole=whole)
    picture, *_ = pictures(clock)
    assert [network_runs(model, picture, size, model.drain) for size in (1, 2)] == expected


def test_a_single_point_tells_of_no_crossing_but_of_who_is_slower_there() -> None:
    assert crossings(band([2], half=1)) == [] == crossings(band([-2]))
    assert known_signs(band([2], half=1)) == {1}
    assert known_signs(band([-2], half=3)) == set()
    pair = compare_curves(measured("slow", {3: [90]}), measured("fast", {3: [20]}))
    assert (pair.slower, pair.crossings, pair.level) == ("slow", (), None)
