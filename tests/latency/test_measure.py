from __future__ import annotations

from typing import Any

import pytest
from latency.timed_models import FakeClock, Staged, Whole, pictures

from posebench.config import LatencyConfig, Regime
from posebench.latency.measure import Samples, time_round, warm_up
from posebench.types import Spans

NO_WARM_UP: dict[str, Any] = {"warmup": 0, "warmup_s": 0}


def timed(model: Whole, regime: Regime = "sustained", **config: Any) -> Samples:
    settings = LatencyConfig(**{**NO_WARM_UP, "samples": 4, **config})
    drain = model.drain if isinstance(model, Staged) else tuple
    timed_model: Any = model
    seen = pictures(model.clock)
    warm_up(timed_model, seen, settings, clock=model.clock)
    return time_round(timed_model, seen, settings, regime, clock=model.clock, drain=drain)


def test_every_span_begins_and_ends_where_the_documents_say() -> None:
    samples = timed(Staged(FakeClock(), lambda run: 10.0 + run), samples=3)
    assert samples.spans == {
        "image-decode": [3.0] * 3,
        "preprocess": [1.0] * 3,
        "network": [10.0, 11.0, 12.0],
        "postprocess": [2.0] * 3,
        "network+postprocess": [12.0, 13.0, 14.0],
        "end-to-end": [13.0, 14.0, 15.0],
        "end-to-end-encoded": [16.0, 17.0, 18.0],
    }


def test_a_model_of_one_piece_has_the_whole_only() -> None:
    model = Whole(FakeClock())
    samples = timed(model, samples=3)
    assert samples.spans == {
        "image-decode": [3.0] * 3,
        "end-to-end": [7.0] * 3,
        "end-to-end-encoded": [10.0] * 3,
    }
    assert samples.people is None
    assert model.sizes == [4, 6, 4], "real pictures in turn"


def test_the_warm_up_lasts_so_many_runs() -> None:
    """The first three runs are slow, as when kernels are still being chosen."""
    model = Whole(FakeClock(), lambda run: 500.0 if run < 3 else 7.0)
    assert timed(model, warmup=3).spans["end-to-end"] == [7.0] * 4
    assert timed(Whole(model.clock, model.cost_ms), warmup=2).spans["end-to-end"][0] == 500.0


def test_the_warm_up_lasts_so_many_seconds() -> None:
    model = Whole(FakeClock())
    timed(model, warmup=2, warmup_s=1.0)
    assert len(model.sizes) == 100 + 4, "runs of 10 ms, decoding included"


def test_the_first_timed_run_is_on_the_first_picture_whatever_the_warm_up() -> None:
    model = Whole(FakeClock())
    timed(model, warmup=3, samples=2)
    assert model.sizes == [4, 6, 4, 4, 6]


def test_a_pause_comes_before_each_run_of_the_paced_regime_and_is_not_timed() -> None:
    model = Whole(FakeClock())
    samples = timed(model, "paced", warmup=5, pause_ms=150)
    assert model.clock.slept == [0.15] * 4, "none in the warm-up"
    assert samples.spans["end-to-end-encoded"] == [10.0] * 4


def test_the_sustained_regime_knows_no_pause() -> None:
    model = Whole(FakeClock())
    timed(model, "sustained", warmup=5)
    assert model.clock.slept == []


def test_a_tail_is_neither_clipped_nor_smoothed() -> None:
    samples = timed(Whole(FakeClock(), lambda run: 10.0 if run % 20 == 19 else 7.0), samples=60)
    assert sorted(samples.spans["end-to-end"]) == [7.0] * 57 + [10.0] * 3


def test_the_spans_of_a_device_are_those_of_the_pose_network_alone() -> None:
    model = Staged(FakeClock())
    model.measured = (Spans(4.0, 0.5, 0.25), Spans(3.0, 0.5, 0.25))
    spans = timed(model, samples=2).spans
    assert spans["device"] == [7.0, 7.0], "both batches of crops"
    assert spans["host-to-device"] == [1.0, 1.0]
    assert spans["device-to-host"] == [0.5, 0.5]


def test_where_nobody_is_the_device_spends_no_time() -> None:
    """A top-down model whose detector finds nobody runs no network."""
    model = Staged(FakeClock())
    found = iter([(), (Spans(4.0, 0.5, 0.25),), ()])
    model.drain = lambda: list(next(found)) if model.ran() else []  # type: ignore[method-assign]
    assert timed(model, samples=3).spans["device"] == [0.0, 4.0, 0.0]


def test_a_runtime_that_cannot_tell_transfers_apart_has_no_device_spans() -> None:
    model = Staged(FakeClock())
    model.measured = (Spans(4.0),)
    assert "device" not in timed(model).spans


def test_what_a_detector_measured_is_not_the_pose_networks() -> None:
    class Detected(Staged):
        def preprocess(self, images: Any, boxes: Any = None) -> Any:
            self.log = [Spans(100.0, 1.0, 1.0)]
            return super().preprocess(images, boxes)

    model = Detected(FakeClock())
    model.measured = (Spans(4.0, 0.5, 0.25),)
    assert timed(model).spans["device"] == [4.0] * 4


def test_what_ran_before_is_not_counted() -> None:
    model = Staged(FakeClock())
    model.log = [Spans(100.0, 1.0, 1.0)]
    model.measured = (Spans(4.0, 0.5, 0.25),)
    assert timed(model).spans["device"] == [4.0] * 4


@pytest.mark.parametrize("regime", ["paced", "sustained"])
def test_somebody_hears_of_every_run(regime: Regime) -> None:
    model, heard = Whole(FakeClock()), []
    anything: Any = model
    config = LatencyConfig(warmup=2, warmup_s=0, samples=3)

    def alive() -> None:
        heard.append(model.clock.time_ns)

    warm_up(anything, pictures(model.clock), config, clock=model.clock, alive=alive)
    time_round(anything, pictures(model.clock), config, regime, clock=model.clock, alive=alive)
    assert len(heard) == 5
