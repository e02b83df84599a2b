"""PCKh against the figures of real predictions and against mmpose."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mpii_folder import REAL
from support import require_mmpose

from posebench.datasets.mpii_mat import read_predictions, read_truth
from posebench.errors import InputError
from posebench.metrics.head_distances import HeadDistances, head_distances
from posebench.metrics.pckh import (
    AUC_THRESHOLDS,
    FIGURES,
    GROUPS,
    THRESHOLDS,
    count,
    figures_of,
    pckh,
)
from posebench.types import BoolArray, Float64Array

EVERY = np.ones(16, np.bool_)


def problem(
    distances: Float64Array, visible: BoolArray | None = None, predicted: BoolArray = EVERY
) -> HeadDistances:
    """People whose joints lie so many heads away, one in each picture."""
    people = np.arange(len(distances), dtype=np.int64)
    seen = np.ones(distances.shape, np.bool_) if visible is None else visible
    return HeadDistances(np.where(seen, distances, 0), seen, predicted, people, people)


def values(found: HeadDistances, **options: Any) -> dict[str, float | None]:
    return {name: figure.value for name, figure in pckh(found, **options).items()}


def random_people(seed: int, people: int = 40) -> tuple[Float64Array, BoolArray]:
    rng = np.random.default_rng(seed)
    visible = rng.random((people, 16)) < 0.8
    visible[0] = True
    return rng.gamma(1.5, 0.3, size=(people, 16)), visible


def test_real_predictions_have_their_known_figures(data: Path) -> None:
    """Those of Tompson et al. on every third person; the README of the data has the figures."""
    truth, joints = read_truth(data / REAL), read_predictions(data / REAL)
    distances = head_distances(joints, truth.joints, truth.visible, truth.head_sizes)
    people = np.arange(len(joints))
    figures = values(HeadDistances(distances, truth.visible, EVERY, people, people))
    known = {
        "PCKh@0.5": 82.0243,
        "PCKh@0.1": 28.2063,
        "head": 95.2917,
        "shoulder": 92.7654,
        "elbow": 83.5959,
        "wrist": 76.6253,
        "hip": 81.0779,
        "knee": 72.6748,
        "ankle": 64.9055,
    }
    assert list(figures) == list(FIGURES)
    for name, figure in known.items():
        assert figures[name] == pytest.approx(figure / 100, abs=5e-7), name


@pytest.mark.mmpose
@pytest.mark.parametrize("seed", range(8))
def test_it_is_what_mmpose_computes(seed: int) -> None:
    require_mmpose()
    from mmpose.evaluation.metrics import MpiiPCKAccuracy

    rng = np.random.default_rng(seed)
    distances, visible = random_people(seed)
    sizes = rng.uniform(20, 120, len(distances))
    places = rng.uniform(0, 500, (*visible.shape, 2))
    angles = rng.uniform(0, 2 * math.pi, visible.shape)
    reach = (distances * sizes[:, None])[..., None]
    joints = places + reach * np.stack([np.cos(angles), np.sin(angles)], axis=2)
    theirs = MpiiPCKAccuracy().compute_metrics(
        [
            {  # mmpose adds 1 to the predictions alone: its annotations count pixels from 1
                "pred_coords": joints - 1,
                "gt_coords": places,
                "mask": visible,
                "head_size": np.stack([sizes, sizes], axis=1),
            }
        ]
    )
    found = head_distances(joints, places, visible, sizes)
    ours = values(problem(found, visible), comparison="<")
    assert ours["PCKh@0.5"] == pytest.approx(theirs["PCK"] / 100, abs=1e-6)
    assert ours["PCKh@0.1"] == pytest.approx(theirs["PCK@0.1"] / 100, abs=1e-6)
    for name in GROUPS:
        assert ours[name] == pytest.approx(theirs[f"{name.capitalize()} PCK"] / 100, abs=1e-6)


@pytest.mark.parametrize(("comparison", "share"), [("<=", 1.0), ("<", 0.0)])
@pytest.mark.parametrize(("name", "threshold"), THRESHOLDS.items())
def test_a_joint_at_the_threshold_is_a_recorded_choice(
    name: str, threshold: float, comparison: str, share: float
) -> None:
    exactly = problem(np.full((2, 16), threshold))
    assert values(exactly, comparison=comparison)[name] == share


def test_the_third_threshold_is_the_one_that_hrnet_calls_a_tenth() -> None:
    between = values(problem(np.full((2, 16), 0.105)))
    assert (between["PCKh@0.1"], between["PCKh@0.11"]) == (0.0, 1.0)


def test_the_mean_counts_visible_joints_without_pelvis_and_thorax() -> None:
    distances, visible = random_people(1)
    visible[:, 9] = np.arange(len(visible)) < 3  # head top is seen in three people only
    right = (distances <= 0.5) & visible
    counted = [joint for joint in range(16) if joint not in (6, 7)]
    expected = right[:, counted].sum() / visible[:, counted].sum()
    assert values(problem(distances, visible))["PCKh@0.5"] == expected


def test_auc_is_the_mean_over_its_thresholds() -> None:
    distances, visible = random_people(2)
    seen = distances[:, [*range(6), *range(8, 16)]][visible[:, [*range(6), *range(8, 16)]]]
    curve = [(seen <= threshold).mean() for threshold in AUC_THRESHOLDS]
    assert len(curve) == 51
    assert values(problem(distances, visible))["AUC"] == pytest.approx(np.mean(curve), abs=1e-12)
    assert values(problem(np.zeros((2, 16))))["AUC"] == 1.0


def test_a_person_whom_nobody_predicted_is_wrong_everywhere() -> None:
    visible = np.ones((2, 16), np.bool_)
    places = np.zeros((2, 16, 2))
    joints = places.copy()
    joints[1] = np.inf
    distances = head_distances(joints, places, visible, np.ones(2))
    assert values(problem(distances, visible)) == dict.fromkeys(FIGURES, 0.5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_coordinate_that_is_not_finite_is_refused(bad: float) -> None:
    joints = np.zeros((3, 16, 2))
    joints[1, 4, 0] = bad
    with pytest.raises(InputError, match="person 1 has a NaN or infinite"):
        head_distances(joints, np.zeros((3, 16, 2)), np.ones((3, 16), np.bool_), np.ones(3))


def test_what_nobody_sees_has_no_figure_but_a_reason() -> None:
    distances, visible = random_people(3)
    visible[:, 12] = False
    figures = pckh(problem(distances, visible))
    assert figures["shoulder"].value is None and figures["shoulder"].interval is None
    assert figures["shoulder"].reason is not None and "right_shoulder" in figures["shoulder"].reason
    assert figures["PCKh@0.5"].value is not None
    nobody = pckh(problem(distances, np.zeros_like(visible)))
    assert all(figure.value is None and figure.reason for figure in nobody.values())


def test_joints_that_the_model_does_not_predict_are_left_out() -> None:
    predicted = EVERY.copy()
    predicted[[8, 9]] = False
    distances, visible = random_people(4)
    distances[:, [8, 9]] = 0
    figures = pckh(problem(distances, visible, predicted))
    assert figures["head"].value is None
    assert figures["head"].reason is not None and "head_top" in figures["head"].reason
    limbs = [*range(6), *range(10, 16)]
    right = ((distances <= 0.5) & visible)[:, limbs].sum() / visible[:, limbs].sum()
    assert figures["PCKh@0.5"].value == right


def test_weights_of_one_give_the_figures_exactly() -> None:
    distances, visible = random_people(5)
    found = problem(distances, visible)
    counts = count(found, "<=")
    ones = figures_of(counts, np.ones((1, len(distances))))
    assert {name: array[0] for name, array in ones.items()} == values(found)


def test_a_replicate_is_the_figure_of_the_pictures_that_were_drawn() -> None:
    """Two people share each picture: they are drawn together."""
    distances, visible = random_people(6, people=20)
    pictures = np.repeat(np.arange(10), 2)
    found = HeadDistances(np.where(visible, distances, 0), visible, EVERY, pictures, np.arange(10))
    drawn = np.array([3, 0, 0, 1, 2, 0, 1, 1, 0, 2], np.float64)
    replicate = figures_of(count(found, "<="), drawn[None])
    rows = np.repeat(np.arange(20), drawn[pictures].astype(int))
    again = values(problem(distances[rows], visible[rows]))
    for name in FIGURES:
        assert replicate[name][0] == pytest.approx(again[name], abs=1e-12, nan_ok=True), name


def test_intervals_hold_their_figure_and_one_unit_has_none() -> None:
    distances, visible = random_people(7, people=60)
    for figure in pckh(problem(distances, visible)).values():
        assert figure.value is not None and figure.interval is not None
        assert 0 <= figure.interval.low <= figure.value <= figure.interval.high <= 1
    alone = pckh(problem(distances[:1], visible[:1]))
    assert all(figure.interval is None for figure in alone.values())


def test_distances_survive_their_file(tmp_path: Path) -> None:
    distances, visible = random_people(8)
    distances[3] = np.inf
    found = problem(distances, visible)
    found.save(tmp_path / "pckh.npz")
    again = HeadDistances.load(tmp_path / "pckh.npz")
    assert values(again) == values(found)
    (tmp_path / "pckh.npz").write_bytes(b"PK no")
    with pytest.raises(InputError, match=r"pckh\.npz: not a readable"):
        HeadDistances.load(tmp_path / "pckh.npz")
    np.savez(tmp_path / "old.npz", format_version=np.int64(0), distances=distances)
    with pytest.raises(InputError, match=r"old\.npz: distances of format 0"):
        HeadDistances.load(tmp_path / "old.npz")
