"""Who takes which turn in a latency curve, with fake workers in place of processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from posebench.config import LatencyConfig
from posebench.errors import InputError
from posebench.latency.curve_document import CurveKind
from posebench.latency.measure import Samples
from posebench.latency.rounds import TimedRound
from posebench.machine.watch import MachineWatch
from posebench.record import Failure
from posebench.timing import curves
from posebench.timing.curves import CurvePlan, MeasuredCurve, measure_curves
from posebench.worker_client import WorkerFailure

POINTS = {1: "one", 2: "two", 4: "four", 8: "eight"}
Event = tuple[str, str, str]
"""Load, settle or time; the model; and the pictures."""


@dataclass
class FakeWorkers:
    """Answer at once, and keep in which order they were asked.

    Attributes:
        single: Models whose networks take one picture a run.
        fails: Models that fail, and at which event.
        events: What happened.
    """

    single: frozenset[str] = frozenset()
    fails: dict[str, Event] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    @contextmanager
    def loaded(self, found: Any, config: Any, purpose: str) -> Iterator[tuple[Any, Any]]:
        label = found.task.request.label
        self.happen("load", label, "")
        runs = [1, 2] if label in self.single else [1, 1]
        yield SimpleNamespace(label=label, ask=lambda *_, **__: {"runs": runs}), None

    def timed(self, worker: Any, pictures: Any, config: LatencyConfig, **_: Any) -> Any:
        kind = "settle" if config.samples == 1 else "time"
        if kind == "settle":
            assert config.warmup >= 1 and config.warmup_s > 0

        def time_round(regime: str, *, process: int, position: int) -> TimedRound:
            self.happen(kind, worker.label, pictures.name)
            return TimedRound("sustained", process, position, Samples({"end-to-end": [1.0]}))

        return SimpleNamespace(time_round=time_round)

    def happen(self, kind: str, label: str, pictures: str) -> None:
        event = (kind, label, pictures)
        self.events.append(event)
        if self.fails.get(label) == event:
            failure = Failure(kind="crash", message=f"died at {kind}", remedy="See the log.")
            raise WorkerFailure(failure)


def model(label: str) -> Any:
    limits = SimpleNamespace(silence_s=1)
    config = SimpleNamespace(threads=1, limits=limits)
    config.model_copy = lambda update: SimpleNamespace(**{**vars(config), **update})
    dataset = SimpleNamespace(image_ids=[1], image_path=lambda _: SimpleNamespace(absolute=str))
    request = SimpleNamespace(label=label)
    return SimpleNamespace(
        task=SimpleNamespace(config=config, request=request, dataset=dataset), boxes=None
    )


def measure(
    monkeypatch: pytest.MonkeyPatch,
    workers: FakeWorkers,
    kind: CurveKind = "people",
    points: dict[int, str] = POINTS,
) -> list[MeasuredCurve]:
    monkeypatch.setattr(curves, "loaded_model", workers.loaded)
    monkeypatch.setattr(curves, "TimedModel", workers.timed)
    pictures: dict[int, Any] = {x: SimpleNamespace(name=name) for x, name in points.items()}
    config = LatencyConfig(processes=3, samples=2, repeats=0, seed=1)
    return measure_curves(
        [model("A"), model("B")], CurvePlan(kind, pictures, config), MachineWatch(), lambda: None
    )


def timed(events: list[Event]) -> list[tuple[str, str]]:
    return [(label, pictures) for kind, label, pictures in events if kind == "time"]


def test_points_of_both_models_are_mixed_in_another_order_in_each_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workers = FakeWorkers()
    measured = measure(monkeypatch, workers)
    order = timed(workers.events)
    processes = [order[start : start + 8] for start in (0, 8, 16)]
    everything = {(label, name) for label in "AB" for name in POINTS.values()}
    assert all(set(turn) == everything for turn in processes) and len(order) == 24
    assert len({tuple(turn) for turn in processes}) == 3
    for turn in processes:
        models = "".join(label for label, _ in turn)
        assert models not in ("AAAABBBB", "BBBBAAAA"), "one model after the other"
    for curve in measured:
        for x, name in POINTS.items():
            label = curve.found.task.request.label
            places = [turn.index((label, name)) for turn in processes]
            assert [one.position for one in curve.rounds[x]] == places


@pytest.mark.parametrize("kind", ["people", "batch", "threads"])
def test_each_process_runs_and_throws_away_before_its_first_point(
    monkeypatch: pytest.MonkeyPatch, kind: CurveKind
) -> None:
    workers = FakeWorkers()
    measured = measure(monkeypatch, workers, kind)
    loads = [place for place, event in enumerate(workers.events) if event[0] == "load"]
    assert len(loads) == (24 if kind == "threads" else 6)
    for place in loads:
        after, label = workers.events[place + 1][:2]
        assert (after, label) == ("settle", workers.events[place][1])
    kept = [one for curve in measured for rounds in curve.rounds.values() for one in rounds]
    assert len(kept) == len(timed(workers.events)) == 24


@pytest.mark.parametrize("event", [("load", "B", ""), ("time", "B", "four")])
def test_what_was_measured_of_the_others_outlives_a_model_that_fails(
    monkeypatch: pytest.MonkeyPatch, event: Event
) -> None:
    workers = FakeWorkers(fails={"B": event})
    whole, failed = measure(monkeypatch, workers)
    assert whole.failure is None
    assert {x: len(rounds) for x, rounds in whole.rounds.items()} == dict.fromkeys(POINTS, 3)
    assert failed.failure is not None and failed.failure.message == f"died at {event[0]}"
    assert workers.events.count(event) == 1, "it has no further turn"


def test_of_a_network_that_takes_one_picture_batches_alone_are_refused_before_measuring(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workers = FakeWorkers(single=frozenset("B"))
    with pytest.raises(InputError, match="B: its network takes one picture a run") as error:
        measure(monkeypatch, workers, "batch", {2: "two", 4: "four"})
    assert "--points" in error.value.remedy
    assert timed(workers.events) == []
    both, one = measure(monkeypatch, workers, "batch")
    assert set(both.rounds) == set(POINTS) and set(one.rounds) == {1}
