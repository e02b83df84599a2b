"""``posebench evaluate`` on MPII's MATLAB files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import posebench
from mpii_folder import REAL, read_mat, sample, write_folder, write_mat


def evaluated(annotations: Path, predictions: Path, *options: str) -> dict[str, Any]:
    done = posebench(
        *("evaluate", "--annotations", annotations, "--predictions", predictions),
        *("--format", "json", *options),
    )
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_the_known_figures_of_real_predictions(data: Path, tmp_path: Path) -> None:
    real = data / REAL
    found = evaluated(real, real)
    assert found["pckh"]["PCKh@0.5"] == pytest.approx(0.820243, abs=5e-7)
    assert found["pckh"]["PCKh@0.1"] == pytest.approx(0.282063, abs=5e-7)
    assert found["pckh"]["ankle"] == pytest.approx(0.649055, abs=5e-7)
    assert found["people"] == 986
    interval = found["intervals"]["PCKh@0.5"]
    assert interval["low"] < found["pckh"]["PCKh@0.5"] < interval["high"]
    assert interval["resampled"] == "people"
    assert "no valid.json" in found["notes"][0]
    as_hrnet = {"preds": read_mat(real)["pos_pred_src"].transpose(2, 0, 1)}
    assert evaluated(real, write_mat(tmp_path / "pred.mat", as_hrnet)) == found


def test_a_joint_at_exactly_the_threshold(data: Path, tmp_path: Path) -> None:
    """Joint 0 of everybody half a head off: heads of 100 px x .6, so 30 px."""
    annotations = write_folder(tmp_path / "mpii", data, truth=None) / "annot" / "gt_valid.mat"
    truth = read_mat(annotations)
    heads = np.zeros_like(truth["headboxes_src"])
    heads[1] = [[60], [80]]
    people = len(sample(data))
    write_mat(annotations, {**{k: v for k, v in truth.items() if k[0] != "_"},
                            "headboxes_src": heads})  # fmt: skip
    joints = truth["pos_gt_src"].transpose(2, 0, 1).astype(np.float64)
    joints[:, 0, 0] += 30
    predictions = write_mat(tmp_path / "pred.mat", {"preds": joints})
    shown = (~truth["jnt_missing"][0].astype(bool)).sum()
    assert 0 < shown <= people
    at_most = evaluated(annotations, predictions, "--pckh-comparison", "<=")
    below = evaluated(annotations, predictions, "--pckh-comparison", "<")
    assert (at_most["comparison"], below["comparison"]) == ("<=", "<")
    assert at_most["pckh"]["PCKh@0.5"] == 1.0 > below["pckh"]["PCKh@0.5"]
    assert evaluated(annotations, predictions) == at_most


def test_the_comparison_is_mpiis(coco_mini: Path) -> None:
    file = coco_mini / "person_keypoints.json"
    results = coco_mini / "yolov8n-pose.predictions.json"
    done = posebench(
        *("evaluate", "--annotations", file, "--predictions", results, "--pckh-comparison", "<")
    )
    assert done.returncode == 2 and "--pckh-comparison" in done.stderr


def test_pictures_are_drawn_where_it_is_known_who_shares_one(data: Path, tmp_path: Path) -> None:
    people = [*sample(data), sample(data)[0]]
    annotations = write_folder(tmp_path / "mpii", data, people) / "annot" / "gt_valid.mat"
    joints = np.array([person["joints"] for person in people])
    found = evaluated(annotations, write_mat(tmp_path / "pred.mat", {"preds": joints}))
    assert (found["people"], found["images"], found["notes"]) == (6, 5, [])
    assert set(found["pckh"].values()) == {1.0}, "these are the annotations"


def test_the_table_shows_intervals(data: Path) -> None:
    done = posebench("evaluate", "--annotations", data / REAL, "--predictions", data / REAL)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("PCKh@0.5")]
    assert line.split()[1] == "0.8202"
    assert " to " in line
    assert "distance <= the threshold" in done.stdout


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"preds": np.zeros((4, 16, 2))}, "4 people, but .*has 986"),
        ({"preds": np.zeros((986, 17, 2))}, r"preds is \(986, 17, 2\), not \(people, 16, 2\)"),
        ({"preds": np.full((986, 16, 2), np.nan)}, "person 0 has a NaN"),
        ({"other": np.zeros(3)}, "neither preds nor pos_pred_src"),
        (
            {"preds": np.zeros((986, 16, 2)), "pos_pred_src": np.zeros((16, 2, 986))},
            "both preds and pos_pred_src",
        ),
    ],
)
def test_bad_predictions_are_named(
    data: Path, tmp_path: Path, content: dict[str, Any], message: str
) -> None:
    path = write_mat(tmp_path / "pred.mat", content)
    done = posebench("evaluate", "--annotations", data / REAL, "--predictions", path)
    assert done.returncode == 2
    assert "pred.mat" in done.stderr
    assert re.search(message, done.stderr), done.stderr


@pytest.mark.parametrize(
    "options",
    [("--limit", "3"), ("--sigmas", "1,2"), ("--protocol", "mmpose"), ("--per-keypoint-ap",)],
)
def test_what_only_the_oks_knows_is_refused(data: Path, options: tuple[str, ...]) -> None:
    done = posebench(
        "evaluate", "--annotations", data / REAL, "--predictions", data / REAL, *options
    )
    assert done.returncode == 2
    assert options[0] in done.stderr and "PCKh" in done.stderr
