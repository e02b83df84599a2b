"""From folders to a verdict, with the real comparison."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gate_results import IMAGES, MODEL, RULES, write_ab, write_result
from records import make_dataset, make_environment, make_failure

from posebench.comparison import accuracy_change
from posebench.comparison.sources import load_result
from posebench.config import resolve_protocol
from posebench.errors import InputError
from posebench.gate.run import run_gate
from posebench.gate.verdict import Decision, Verdict
from posebench.metrics.paired import Draws
from posebench.store import read_record, write_record

NOW = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)
LATENCY = '[[rule]]\nmetric = "latency/end-to-end/sustained"\nmargin = 0.05\n'
FAST = (10.0, 10.1, 9.9, 10.05, 10.2, 9.95)
SLOW = tuple(ms * 1.2 for ms in FAST)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One model as it was, once more, and worse; the Records' files."""
    folder = tmp_path_factory.mktemp("models")
    return {
        "old": write_result(folder / "old", 8.0, p50_ms=FAST),
        "same": write_result(folder / "same", 8.0, p50_ms=FAST),
        "worse": write_result(folder / "worse", 12.0, p50_ms=SLOW),
    }


def judged(
    baseline: Path, candidate: Path, rules: str = RULES, latency_ab: Sequence[Path] = ()
) -> Verdict:
    path = candidate.parent / "gate.toml"
    path.write_text(rules)
    return run_gate(baseline, candidate, path, now=NOW, replicates=200, latency_ab=latency_ab)


def one(verdict: Verdict) -> Decision:
    (decision,) = verdict.decisions
    return decision


def test_the_same_predictions_lose_nothing(models: dict[str, Path]) -> None:
    verdict = judged(models["old"], models["same"])
    decision = one(verdict)
    assert (decision.outcome, decision.loss, decision.high) == ("pass", 0, 0)
    assert (verdict.exit_code, verdict.created_at, verdict.warnings) == (0, NOW, ())
    assert verdict.false_alarm == pytest.approx(0.025)


def test_another_input_is_told(models: dict[str, Path], tmp_path: Path) -> None:
    candidate = write_result(
        tmp_path, 8.0, p50_ms=FAST, protocol=resolve_protocol({"preprocess": {"input_width": 320}})
    )
    (warning,) = judged(models["old"], candidate).warnings
    assert warning.startswith(f"{MODEL} on ") and "preprocess.input_width 640 → 320" in warning


def test_a_worse_model_fails_and_the_better_one_passes(models: dict[str, Path]) -> None:
    worse, better = (judged(models[a], models[b]) for a, b in (("old", "worse"), ("worse", "old")))
    assert (one(worse).outcome, worse.exit_code) == ("fail", 1)
    assert (one(better).outcome, better.exit_code) == ("pass", 0)
    assert one(worse).loss == pytest.approx(-(one(better).loss or 0), abs=1e-12)


def test_the_decision_has_the_figures_of_the_records(models: dict[str, Path]) -> None:
    decision = one(judged(models["old"], models["worse"]))
    known = [read_record(models[name]).figure("keypoints", "AP") for name in ("old", "worse")]
    assert [decision.baseline, decision.candidate] == known
    assert decision.n == IMAGES


def test_latency_of_one_machine_is_judged(models: dict[str, Path]) -> None:
    decision = one(judged(models["old"], models["worse"], LATENCY))
    assert (decision.outcome, decision.unit, decision.higher_is_better) == (
        "fail",
        "relative",
        False,
    )
    assert decision.loss == pytest.approx(0.2, rel=1e-6)
    assert np.isclose([decision.baseline or 0, decision.candidate or 0], [10.025, 12.03]).all()


def test_latency_of_unlike_machines_is_incomparable(
    models: dict[str, Path], tmp_path: Path
) -> None:
    other = make_environment(fingerprint="another", cpu="Graviton 4")
    candidate = write_result(tmp_path, 8.0, p50_ms=FAST, environment=other)
    verdict = judged(models["old"], candidate, RULES + LATENCY)
    outcomes = {d.metric: d.outcome for d in verdict.decisions}
    assert sorted(outcomes.values()) == ["incomparable", "pass"]
    assert verdict.exit_code == 4
    assert "Graviton 4" in (verdict.decisions[0].reason or "")
    warned = judged(models["old"], candidate, RULES + LATENCY + 'incomparable = "warn"\n')
    assert warned.exit_code == 0


def test_too_few_processes_are_inconclusive(models: dict[str, Path], tmp_path: Path) -> None:
    candidate = write_result(tmp_path, 8.0, p50_ms=FAST[:2])
    verdict = judged(models["old"], candidate, LATENCY + 'inconclusive = "fail"\n')
    assert (one(verdict).outcome, verdict.exit_code) == ("inconclusive", 5)
    assert "processes" in (one(verdict).reason or "")


def test_a_latency_that_was_not_measured_is_missing(
    models: dict[str, Path], tmp_path: Path
) -> None:
    verdict = judged(models["old"], write_result(tmp_path, 8.0), LATENCY)
    assert (one(verdict).outcome, verdict.exit_code) == ("missing", 4)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"dataset": make_dataset(identity="0" * 64, images=30)}, "dataset"),
        ({"protocol": resolve_protocol({"evaluation": {"max_dets": 5}})}, "max_dets"),
    ],
)
def test_other_pictures_or_rules_of_scoring_are_incomparable(
    models: dict[str, Path], tmp_path: Path, fields: dict[str, Any], told: str
) -> None:
    verdict = judged(models["old"], write_result(tmp_path, 8.0, **fields))
    assert (one(verdict).outcome, verdict.exit_code) == ("incomparable", 4)
    assert told in (one(verdict).reason or "")


def test_a_baseline_without_predictions_is_incomparable(tmp_path: Path) -> None:
    baseline, candidate = (write_result(tmp_path / side, 8.0) for side in ("old", "new"))
    (baseline.parent / "matches.npz").unlink()
    verdict = judged(baseline, candidate)
    assert (one(verdict).outcome, verdict.exit_code) == ("incomparable", 4)
    assert "matches.npz: missing" in (one(verdict).reason or "")


def test_a_model_that_failed_is_missing_with_its_reason(
    models: dict[str, Path], tmp_path: Path
) -> None:
    failed = write_record(tmp_path / "new", make_failure(MODEL))
    verdict = judged(models["old"], failed)
    assert (one(verdict).outcome, verdict.exit_code) == ("missing", 4)
    assert "the worker died of signal 9" in (one(verdict).reason or "")


def test_models_without_a_counterpart_are_told(models: dict[str, Path], tmp_path: Path) -> None:
    write_result(tmp_path, 8.0, model="new")
    verdict = judged(models["old"].parents[1], tmp_path, RULES)
    assert [(d.model, d.outcome) for d in verdict.decisions] == [
        ("new", "no-baseline"),
        (MODEL, "missing"),
    ]
    assert verdict.exit_code == 4
    mild = RULES + 'no_baseline = "warn"\nmissing = "pass"\n'
    assert judged(models["old"].parents[1], tmp_path, mild).exit_code == 0


def test_the_date_of_now_ends_acknowledgements(models: dict[str, Path]) -> None:
    accepted = '[[acknowledged]]\nmetric = "*"\nmodel = "*"\nreason = "r"\nloss = 0.5\nexpires = '
    rules = [f"{RULES}{accepted}2026-{day}\n" for day in ("06-01", "05-31")]
    outcomes = [one(judged(models["old"], models["worse"], text)).outcome for text in rules]
    assert outcomes == ["acknowledged", "fail"]


def test_a_rule_that_fits_nothing_is_named_with_its_file(models: dict[str, Path]) -> None:
    with pytest.raises(InputError, match=r"gate\.toml: rule 'keypoints/XX'"):
        judged(models["old"], models["same"], RULES.replace("/AP", "/XX"))


def test_every_figure_of_a_comparison_can_be_judged(models: dict[str, Path]) -> None:
    rules = '[defaults]\nincomparable = "pass"\n[[rule]]\nmetric = "*"\nmargin = 0\n'
    verdict = judged(models["old"], models["same"], rules)
    assert verdict.exit_code == 0
    outcomes = {d.metric: d.outcome for d in verdict.decisions}
    assert {"keypoints/AP", "keypoints/oks[nose]"} <= set(outcomes)
    assert outcomes["keypoints/APm"] == "inconclusive"  # everybody is large


def test_no_figure_is_drawn_that_no_rule_asks_for(
    models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    for name in ("paired_figures", "paired_groups", "paired_keypoints"):
        real = getattr(accuracy_change, name)

        def counted(*given: Any, real: Any = real, name: str = name) -> Any:
            drawn.append(name)
            return real(*given)

        monkeypatch.setattr(accuracy_change, name, counted)
    alone = judged(models["old"], models["worse"])
    assert drawn == ["paired_figures"]
    everything = judged(models["old"], models["worse"], RULES.replace("keypoints/AP", "*"))
    assert sorted(drawn[1:]) == ["paired_figures", "paired_groups", "paired_keypoints"]
    (same,) = (d for d in everything.decisions if d.metric == "keypoints/AP")
    assert one(alone).model_copy(update={"rule": "*"}) == same


def test_equal_files_lose_nothing_in_any_number_of_draws(models: dict[str, Path]) -> None:
    baseline, candidate = (load_result(models[name]) for name in ("old", "same"))
    changes = [
        accuracy_change.accuracy_changes(baseline, candidate, Draws(count, 1))
        for count in (40, 400)
    ]
    assert changes[0] == changes[1]


def test_what_is_lacking_is_told_with_what_is_there(
    models: dict[str, Path], tmp_path: Path
) -> None:
    write_result(tmp_path / "new", 8.0, model="another")
    old = models["old"].parents[1]
    verdict = judged(old, tmp_path / "new")
    reasons = {d.outcome: d.reason or "" for d in verdict.decisions}
    there = f"{old} has no good Record of another"
    assert reasons["no-baseline"].startswith(there) and MODEL in reasons["no-baseline"]
    assert reasons["missing"].startswith(f"{tmp_path / 'new'} has no good Record of {MODEL}")


def test_latencies_measured_in_turns_take_the_place_of_stored_ones(tmp_path: Path) -> None:
    other = make_environment(fingerprint="another")
    pairs = {
        model: (
            write_result(tmp_path / "old", 8.0, model=model, p50_ms=FAST),
            write_result(tmp_path / "new", 8.0, model=model, p50_ms=SLOW, environment=other),
        )
        for model in ("a", "b")
    }
    documents = [
        write_ab(tmp_path / f"{model}.json", *pair, ratio=1.01) for model, pair in pairs.items()
    ]
    verdict = judged(tmp_path / "old", tmp_path / "new", LATENCY, documents[:1])
    outcomes = {d.model: (d.outcome, d.n) for d in verdict.decisions}
    assert outcomes == {"a": ("pass", 12), "b": ("incomparable", 0)}
    with pytest.raises(InputError, match=r"b\.json: times b .* which is no pair"):
        judged(*pairs["a"], LATENCY, documents)
