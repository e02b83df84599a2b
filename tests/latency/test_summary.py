from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posebench.config import LatencyConfig, Regime
from posebench.latency.measure import Samples
from posebench.latency.rounds import TimedRound
from posebench.latency.summary import cells, notes, summarise
from posebench.machine.gpu import GpuWatch, throttling_of

QUIET = LatencyConfig(processes=6, samples=50, regimes=("sustained",))


def rounds(
    *medians: float, samples: int = 50, regime: Regime = "sustained", people: Sequence[int] = ()
) -> list[TimedRound]:
    """One round a process, its samples within half a percent of its median."""
    wave = 1 + 0.005 * np.sin(np.arange(samples) * 2.4)
    return [
        TimedRound(
            regime, process, 0, Samples({"end-to-end": list(m * wave)}, list(people) or None)
        )
        for process, m in enumerate(medians)
    ]


@given(st.lists(st.floats(0.01, 1e4), min_size=299, max_size=400))
def test_percentiles_are_numpys_and_nothing_is_clipped(values: list[float]) -> None:
    summary = summarise(values)
    for name, q in (("p50_ms", 50), ("p90_ms", 90), ("p95_ms", 95), ("p99_ms", 99)):
        assert getattr(summary, name) == pytest.approx(float(np.percentile(values, q)))
    assert (summary.min_ms, summary.max_ms, summary.n) == (min(values), max(values), len(values))


@pytest.mark.parametrize(("name", "fewest"), [("p90_ms", 29), ("p95_ms", 59), ("p99_ms", 299)])
def test_a_percentile_needs_its_samples(name: str, fewest: int) -> None:
    assert getattr(summarise([1.0] * (fewest - 1)), name) is None
    assert getattr(summarise([1.0] * fewest), name) == 1.0


def test_a_tail_of_three_milliseconds_is_seen_in_p95_and_not_in_p50() -> None:
    summary = summarise([7.0] * 270 + [10.0] * 30)
    assert (summary.p50_ms, summary.p95_ms, summary.p99_ms) == (7.0, 10.0, 10.0)


def test_cells_say_how_they_were_measured() -> None:
    config = LatencyConfig(warmup=5, processes=6, samples=50)
    found = cells(
        [*rounds(*[5.0] * 6, regime="paced"), *rounds(*[4.0] * 6)], config=config, threads=2
    )
    assert [(c.regime, c.span) for c in found] == [
        ("paced", "end-to-end"),
        ("sustained", "end-to-end"),
    ]
    assert {(c.threads, c.warmup, c.batch, c.summary.n) for c in found} == {(2, 5, 1, 300)}
    assert len(found[0].process_p50_ms) == 6


def test_the_interval_is_that_of_the_processes() -> None:
    """Two hundred runs that agree say nothing about the next process."""
    (cell,) = cells(rounds(4.0, 4.1, 4.2, 4.3, 4.4, 4.5), config=QUIET, threads=1)
    interval = cell.summary.interval
    assert interval is not None
    assert interval.low_ms == pytest.approx(4.0, rel=1e-3)
    assert interval.high_ms == pytest.approx(4.5, rel=1e-3)
    assert interval.level == 1 - 2 / 2**6


def test_five_processes_have_no_interval() -> None:
    config = QUIET.model_copy(update={"processes": 5})
    (cell,) = cells(rounds(*[4.0] * 5), config=config, threads=1)
    assert cell.summary.interval is None
    assert any("5 process(es) are too few" in note for note in notes(rounds(*[4.0] * 5), config))


def test_numbers_of_people_are_told_apart() -> None:
    people = [0, 1, 2, 3, 7] * 10
    found = cells(rounds(4.0, people=people), config=QUIET, threads=1)
    groups = [(cell.people, cell.summary.n) for cell in found if cell.people is not None]
    assert groups == [((0, 0), 10), ((1, 1), 10), ((2, 3), 20), ((4, 7), 10)]


def test_there_is_nothing_to_say_of_quiet_rounds() -> None:
    assert notes(rounds(*[4.0] * 6), QUIET) == ()


def test_a_planted_drift_is_told() -> None:
    (note,) = notes(rounds(4.0, 4.1, 4.2, 4.3, 4.4, 4.5), QUIET)
    assert note.startswith("Sustained: Runs became 9") and "slower" in note


def test_a_planted_throttle_is_told_with_its_reason() -> None:
    slow = rounds(*[4.0] * 6)
    reason = f"the GPU slowed down in 40% of the readings: {throttling_of(0x4)[0]}"
    slow[2] = TimedRound("sustained", 2, 0, slow[2].samples, (reason,))
    (note,) = notes(slow, QUIET)
    assert note == f"Sustained: 1 of 6 rounds are counted although {reason}."


def test_what_the_gpu_did_is_told_over_all_rounds() -> None:
    cool = GpuWatch(9, (1005, 1590), (50, 58), 61.4, (), 0.0, 0)
    hot = GpuWatch(9, (1200, 1590), (55, 63), 69.6, (), 0.0, 0)
    watched = [
        replace(one, gpu=gpu) for one, gpu in zip(rounds(4.0, 4.0), (cool, hot), strict=True)
    ]
    told = notes([*watched, *rounds(*[4.0] * 4)], QUIET)
    assert told == ("Sustained: The GPU ran at 1005 to 1590 MHz, 50 to 63 C, at most 70 W.",)


def test_rounds_that_were_measured_again_are_told() -> None:
    again = TimedRound(
        "sustained", 0, 0, Samples({"end-to-end": [9.0] * 50}), ("heat",), kept=False
    )
    (note,) = notes([again, *rounds(*[4.0] * 6)], QUIET)
    assert "1 disturbed round(s) were measured again" in note


def test_too_few_runs_are_told() -> None:
    config = LatencyConfig(processes=6, samples=5, regimes=("sustained",))
    told = notes(rounds(*[4.0] * 6, samples=5), config)
    assert "30 runs are too few for p95 (59)." in told
    told = notes(rounds(*[4.0] * 6, samples=4), config.model_copy(update={"samples": 4}))
    assert "24 runs are too few for p90 (29) and p95 (59)." in told


def test_pictures_that_take_longer_draw_no_warning() -> None:
    """Some have one person, some have ten."""
    slow = 1 + np.arange(50) % 10
    varied = [
        replace(one, samples=Samples({"end-to-end": list(slow * one.samples.spans["end-to-end"])}))
        for one in rounds(*[4.0] * 6)
    ]
    assert notes(varied, QUIET) == ()


def test_what_belongs_to_the_regime_is_told() -> None:
    hot = [
        replace(one, remarks=("the GPU slowed down: power limit",)) for one in rounds(*[4.0] * 6)
    ]
    assert notes(hot, QUIET) == ("Sustained: The GPU slowed down: power limit.",)


def test_the_gpu_of_rounds_that_are_not_counted_is_not_told() -> None:
    hot = GpuWatch(9, (600, 1590), (90, 91), 71.0, (), 0.0, 0)
    (first, *others) = rounds(*[4.0] * 6)
    again = replace(first, gpu=hot, disturbances=("heat",), kept=False)
    assert not any("91 C" in note for note in notes([again, first, *others], QUIET))
