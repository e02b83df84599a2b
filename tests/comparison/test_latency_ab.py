from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gate_results import write_result
from records import make_environment
from support import require
from timed_results import CONFIG, Medians, rounds

from posebench.comparison.latency_ab import (
    TimedInTurns,
    changes_of,
    compares,
    load_ab,
    note_on,
    refuse_unused,
)
from posebench.comparison.run import compare_records
from posebench.errors import InputError, SchemaError
from posebench.latency.ab_document import LatencyComparison, Side, SpanRatio
from posebench.latency.comparison import detectable, ratios
from posebench.latency.rounds import pooled
from posebench.metrics.paired import Draws
from posebench.record import Record
from posebench.store import read_record
from posebench.timing.ab import AbRounds
from posebench.timing.ab_files import new_path, write_comparison, write_samples

RANDOM = np.random.default_rng(2)
ROUNDS = 20
BASELINE = 10 * RANDOM.normal(1, 0.01, ROUNDS)
CANDIDATE = 1.03 * BASELINE * RANDOM.normal(1, 0.003, ROUNDS)
QUICK = Draws(replicates=20, permutations=19)


def side(record: Record) -> Side:
    assert record.protocol is not None and record.runtime is not None
    return Side(
        label=record.model.label,
        artifacts=record.artifacts,
        protocol=record.protocol,
        runtime=record.runtime,
        environment=make_environment(),
    )


def write_ab(folder: Path, one: Record, other: Record, medians: tuple[Medians, Medians]) -> Path:
    """What ``posebench latency --ab`` writes of two models with these medians."""
    timed = tuple(rounds(side_ms, [0] * len(side_ms)) for side_ms in medians)
    measured = AbRounds(rounds=(timed[0], timed[1]))
    pools = [pooled(of_one).spans for of_one in measured.rounds]
    found = [
        SpanRatio.model_validate(
            {
                "regime": "sustained",
                "span": span,
                "baseline_p50_ms": float(np.median(pools[0][span])),
                "candidate_p50_ms": float(np.median(pools[1][span])),
                "ratio": ratio.value,
                "low": ratio.low,
                "high": ratio.high,
                "level": ratio.coverage,
                "detectable": detectable(ratio, ROUNDS),
            }
        )
        for span, ratio in ratios(*measured.rounds).items()
    ]
    document = LatencyComparison(
        created_at=datetime(2026, 3, 1, tzinfo=timezone.utc),
        posebench_version="0.1.0",
        dataset="coco-val2017",
        baseline=side(one),
        candidate=side(other),
        latency_protocol=CONFIG.model_copy(update={"processes": len(medians[0])}),
        ratios=tuple(found),
    )
    path = new_path(folder, [one.model.label, other.model.label])
    write_samples(path, measured)
    return write_comparison(path, document)


@pytest.fixture
def records(tmp_path: Path) -> tuple[Path, Path]:
    return write_result(tmp_path, model="one"), write_result(tmp_path, model="other")


@pytest.fixture
def timed(tmp_path: Path, records: tuple[Path, Path]) -> TimedInTurns:
    one, other = map(read_record, records)
    return load_ab(write_ab(tmp_path, one, other, (BASELINE, CANDIDATE)))


def test_rounds_by_the_signed_rank_test(timed: TimedInTurns) -> None:
    found = {change.metric: change for change in changes_of(timed)}
    assert set(found) == {"latency/end-to-end/sustained", "latency/network/sustained"}
    change = found["latency/end-to-end/sustained"]
    ratio = timed.document.ratio("end-to-end", "sustained")
    assert change.change == pytest.approx(ratio.ratio - 1)
    assert (change.low, change.high) == pytest.approx((ratio.low - 1, ratio.high - 1))
    wilcoxon = require("scipy.stats").wilcoxon
    expected = wilcoxon(np.log(CANDIDATE / BASELINE), mode="exact")
    assert change.p == pytest.approx(float(expected.pvalue))
    assert (change.test, change.n, change.counted) == ("signed-rank", ROUNDS, 20 * ROUNDS)
    assert note_on(timed).startswith("Latency, sustained: 20 rounds in turns on Intel Xeon")


def test_it_takes_the_place_of_stored_medians(
    timed: TimedInTurns, records: tuple[Path, Path]
) -> None:
    document = compare_records(records[0], [records[1]], QUICK, [timed.path])
    (pair,) = document.pairs
    told = [change for change in pair.changes if change.metric.startswith("latency/end-to-end")]
    assert [(change.metric, change.n) for change in told] == [
        ("latency/end-to-end/sustained", ROUNDS)
    ]
    assert note_on(timed) in pair.notes


def test_two_documents_of_the_same_are_refused(
    timed: TimedInTurns, records: tuple[Path, Path], tmp_path: Path
) -> None:
    one, other = map(read_record, records)
    second = write_ab(tmp_path / "second", one, other, (BASELINE, 1.2 * CANDIDATE))
    with pytest.raises(InputError, match="more than one of them times latency/"):
        compare_records(records[0], [records[1]], QUICK, [timed.path, second])


def test_of_other_records_it_is_refused(
    timed: TimedInTurns, records: tuple[Path, Path], tmp_path: Path
) -> None:
    one, other = map(read_record, records)
    assert compares(timed, one, other)
    assert not compares(timed, other, one)
    third = read_record(write_result(tmp_path, model="third"))
    assert not compares(timed, one, third)
    refuse_unused([timed], [timed])
    with pytest.raises(InputError, match=r"times one .* and other .* no pair of these Records"):
        refuse_unused([timed], [])
    with pytest.raises(InputError, match="in the order A B"):
        compare_records(records[1], [records[0]], QUICK, [timed.path])


@pytest.mark.parametrize("field", ["protocol", "runtime"])
def test_the_same_file_run_otherwise_is_another(
    timed: TimedInTurns, records: tuple[Path, Path], field: str
) -> None:
    one, other = map(read_record, records)
    changed: dict[str, Any] = {
        "protocol": {"boxes": "file"},
        "runtime": {"precision": "fp16"},
    }
    part = getattr(other, field).model_copy(update=changed[field])
    assert not compares(timed, one, other.model_copy(update={field: part}))


@pytest.mark.parametrize(
    "damage",
    [
        lambda table, kept: (table[:, 0], kept),
        lambda table, kept: (table.astype(str), kept),
        lambda table, kept: (table, kept[:-1]),
        lambda table, kept: (table, kept.astype(float)),
        lambda table, kept: (table * 0, kept),
    ],
)
def test_samples_that_are_no_samples_are_refused(timed: TimedInTurns, damage: Any) -> None:
    beside = timed.path.with_suffix(".npz")
    arrays = dict(np.load(beside))
    for name in [name for name in arrays if name.endswith("_ms")]:
        where = name.rsplit("/", 1)[0]
        arrays[name], arrays[f"{where}/kept"] = damage(arrays[name], arrays[f"{where}/kept"])
    np.savez(beside, **arrays)
    with pytest.raises(InputError, match=r"\.npz: not the samples of"):
        changes_of(load_ab(timed.path))


def test_models_without_files_are_told_apart_by_their_names(
    timed: TimedInTurns, records: tuple[Path, Path]
) -> None:
    sides = {
        name: getattr(timed.document, name).model_copy(update={"artifacts": ()})
        for name in ("baseline", "candidate")
    }
    bare = replace(timed, document=timed.document.model_copy(update=sides))
    one, other = (read_record(path).model_copy(update={"artifacts": ()}) for path in records)
    assert compares(bare, one, other)
    model = other.model.model_copy(update={"label": "another"})
    assert not compares(bare, one, other.model_copy(update={"model": model}))
    with pytest.raises(InputError, match="no file"):
        refuse_unused([bare], [])


def test_samples_that_are_missing_or_another_comparisons(
    timed: TimedInTurns, records: tuple[Path, Path], tmp_path: Path
) -> None:
    one, other = map(read_record, records)
    second = write_ab(tmp_path / "second", one, other, (BASELINE, 1.2 * CANDIDATE))
    beside = timed.path.with_suffix(".npz")
    beside.write_bytes(second.with_suffix(".npz").read_bytes())
    with pytest.raises(InputError, match=r"\.npz: not the samples of"):
        changes_of(load_ab(timed.path))
    few = write_ab(tmp_path / "few", one, other, (BASELINE[:9], CANDIDATE[:9]))
    arrays = dict(np.load(few.with_suffix(".npz")))
    np.savez(beside, **{k: v for k, v in arrays.items() if "network" not in k})
    with pytest.raises(InputError, match=r"\.npz: not the samples of"):
        changes_of(load_ab(timed.path))
    beside.write_bytes(b"PK")
    with pytest.raises(InputError, match="cannot be read"):
        load_ab(timed.path)
    beside.unlink()
    with pytest.raises(InputError, match="Keep them beside it"):
        load_ab(timed.path)


def test_another_document(tmp_path: Path, records: tuple[Path, Path]) -> None:
    with pytest.raises(SchemaError, match="not a document of posebench latency --ab"):
        load_ab(records[0])
    with pytest.raises(InputError, match="cannot be read"):
        load_ab(tmp_path / "none.json")
