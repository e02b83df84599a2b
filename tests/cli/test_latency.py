"""``posebench latency --ab``, with real processes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import posebench
from stickworld import StickWorld, make_stickworld

from posebench.latency.ab_document import LatencyComparison

FEW = ("--rounds", "6", "--runs", "4")


@pytest.fixture
def world(tmp_path: Path) -> StickWorld:
    return make_stickworld(tmp_path / "world")


@pytest.fixture
def quick(tmp_path: Path) -> tuple[str, str]:
    """A machine that runs tests is never quiet, and these models need no warm-up."""
    path = tmp_path / "quick.toml"
    path.write_text("[latency]\nwarmup = 1\nwarmup_s = 0\nrepeats = 0\n")
    return ("--config", str(path))


def document(done: Any) -> LatencyComparison:
    assert done.returncode == 0, done.stderr
    return LatencyComparison.model_validate_json(done.stdout)


def test_a_slow_model_is_found_to_be_slow(
    world: StickWorld, quick: tuple[str, str], tmp_path: Path
) -> None:
    """It sleeps for 20 ms a picture; the other one takes some microseconds."""
    pair = [f"stick-{name}={world.weights}" for name in ("figure", "slow")]
    done = posebench(
        *("latency", "--ab", *pair, *world.options, *FEW, *quick, "--format", "json"), cwd=tmp_path
    )
    found = document(done)
    assert (found.baseline.label, found.candidate.label) == tuple(
        f"stick-{name}=weights.txt" for name in ("figure", "slow")
    )
    ratio = found.ratio("end-to-end", "sustained")
    assert 20 < ratio.candidate_p50_ms < 60
    assert 10 < ratio.low <= ratio.ratio <= ratio.high
    assert ratio.level == 1 - 2 / 2**6, "six rounds"


def test_every_sample_is_kept(world: StickWorld, quick: tuple[str, str], tmp_path: Path) -> None:
    model = f"stick-figure={world.weights}"
    done = posebench(
        *("latency", "--ab", model, model, *world.options, *FEW, *quick, "--paced"), cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "| paced | end-to-end |" in done.stdout
    (written,) = (tmp_path / "runs" / "latency-ab").glob("*.json")
    stored = LatencyComparison.model_validate_json(written.read_text())
    ratio = stored.ratio("end-to-end", "paced")
    with np.load(written.with_suffix(".npz")) as arrays:
        first, second = (
            arrays[f"{side}/paced/end-to-end_ms"] for side in ("baseline", "candidate")
        )
        positions = [arrays[f"{side}/paced/position"] for side in ("baseline", "candidate")]
    assert first.shape == second.shape == (6, 4)
    assert ratio.baseline_p50_ms == pytest.approx(np.median(first))
    assert ratio.candidate_p50_ms == pytest.approx(np.median(second))
    np.testing.assert_array_equal(positions[0] + positions[1], 1)
    assert len(set(positions[0])) == 2, "now one, now the other goes first"


def test_another_installation_runs_the_candidate(
    world: StickWorld, quick: tuple[str, str], tmp_path: Path
) -> None:
    """The wrapper stands for the Python of another environment."""
    wrapper = tmp_path / "other-python"
    wrapper.write_text(f'#!/bin/sh\necho used >> "{tmp_path}/used"\nexec {sys.executable} "$@"\n')
    wrapper.chmod(0o755)
    model = f"stick-figure={world.weights}"
    done = posebench(
        *("latency", "--ab", model, model, *world.options, *FEW, *quick),
        *("--python-b", wrapper, "--format", "json"),
        cwd=tmp_path,
    )
    document(done)
    assert (tmp_path / "used").read_text().splitlines() == ["used"] * 6, "once a round, for B alone"


def test_too_few_rounds_for_an_interval_are_refused(world: StickWorld, tmp_path: Path) -> None:
    model = f"stick-figure={world.weights}"
    done = posebench(
        *("latency", "--ab", model, model, *world.options, "--rounds", "5"), cwd=tmp_path
    )
    assert done.returncode == 2
    assert "5 rounds are too few for an interval. Take 6 or more." in done.stderr


def test_a_side_of_several_models_is_refused(world: StickWorld, tmp_path: Path) -> None:
    done = posebench(
        *("latency", "--ab", "stick-*", f"stick-figure={world.weights}", *world.options),
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert "--ab takes one model on each side" in done.stderr


def test_a_model_that_fails_says_why(
    world: StickWorld, quick: tuple[str, str], tmp_path: Path
) -> None:
    pair = [f"stick-{name}={world.weights}" for name in ("figure", "raise")]
    done = posebench("latency", "--ab", *pair, *world.options, *FEW, *quick, cwd=tmp_path)
    assert done.returncode != 0
    assert "box of matches is empty" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_document_is_described_key_by_key() -> None:
    page = (Path(__file__).parents[2] / "docs" / "latency.md").read_text(encoding="utf-8")
    schema = LatencyComparison.model_json_schema()
    names = [*schema["properties"], *schema["$defs"]["SpanRatio"]["properties"]]
    missing = [name for name in names if f"`{name}`" not in page]
    assert not missing, json.dumps(missing)
