"""The whole diagnosis as a document, and the predictions that it can be asked for."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coco_problems import Shape, random_problem, run_ours, strip_boxes
from diagnoses import PROBLEM, diagnosed, drawing_little
from pydantic import ValidationError
from records import make_dataset, make_failure, make_record

from posebench.config import EvalProtocol, Evaluation
from posebench.datasets.coco import CocoDataset
from posebench.datasets.results import load_predictions
from posebench.diagnosis.document import Diagnosis
from posebench.diagnosis.reading import Predicted, read
from posebench.errors import InputError
from posebench.evaluation import evaluate
from posebench.predictions import collect, write_shard
from posebench.record import Record
from posebench.store import write_record
from posebench.types import Prediction


@pytest.fixture(scope="module", autouse=True)
def few_draws() -> Iterator[None]:
    with drawing_little():
        yield


@pytest.fixture(scope="module")
def diagnosis(tmp_path_factory: pytest.TempPathFactory, few_draws: None) -> Diagnosis:
    return diagnosed(PROBLEM, tmp_path_factory.mktemp("problem"))


def test_it_survives_the_disk(diagnosis: Diagnosis) -> None:
    text = diagnosis.model_dump_json()
    assert Diagnosis.model_validate_json(text) == diagnosis
    json.loads(text, parse_constant=pytest.fail)
    fields = json.loads(text)
    with pytest.raises(ValidationError, match="extra"):
        Diagnosis.model_validate(fields | {"more": 1})
    fields["thresholds"]["points"][3]["f1"] = math.nan
    with pytest.raises(ValidationError, match="finite"):
        Diagnosis.model_validate(fields)


def test_it_begins_with_the_figures_of_the_evaluator(diagnosis: Diagnosis, tmp_path: Path) -> None:
    ours = run_ours(*PROBLEM.write(tmp_path))
    assert [figure.value for figure in diagnosis.accuracy.values()] == ours.figures
    assert diagnosis.impact.ap.value == diagnosis.accuracy["AP"].value
    assert diagnosis.accuracy["AP"].interval is not None
    steps = [diagnosis.impact.ap, *(step.ap for step in diagnosis.impact.progressive)]
    gains = [step.ap_gain.value for step in diagnosis.impact.progressive]
    assert np.diff([step.value for step in steps]) == pytest.approx(gains)  # type: ignore[arg-type]
    rest = diagnosis.impact.ap_rest
    assert rest is not None and rest == pytest.approx(1 - steps[-1].value)  # type: ignore[operator]


def test_counts_belong_together(diagnosis: Diagnosis) -> None:
    found = diagnosis.localisation
    for kinds in (found.overall, *found.per_keypoint.values(), *found.per_group.values()):
        assert sum(kinds.counts.values()) == kinds.keypoints
        assert not kinds.rates or sum(kinds.rates.values()) == pytest.approx(1)
    for parts in (found.per_keypoint, found.per_group):
        assert sum(kinds.keypoints for kinds in parts.values()) == found.overall.keypoints
    assert list(found.per_keypoint) == list(diagnosis.sigmas)
    assert diagnosis.unmatched.scored <= diagnosis.detections == len(PROBLEM.dt)
    groups = diagnosis.sensitivity
    for split in (groups.overlaps, groups.visible, groups.occluded, groups.grid):
        assert sum(group.people for group in split) == sum(g.people for g in groups.area)


def test_notes_and_names_are_kept(diagnosis: Diagnosis) -> None:
    names = diagnosis.label, diagnosis.dataset, diagnosis.dataset_identity
    assert names == ("mine", "some", "abc")
    assert diagnosis.notes[0] == "read this"
    assert "fewer than 30 pictures" in diagnosis.notes[1]
    assert (diagnosis.images, diagnosis.smallest_area) == (6, 1024)


def test_the_original_factor_puts_keypoints_nearer(diagnosis: Diagnosis, tmp_path: Path) -> None:
    original = diagnosed(PROBLEM, tmp_path, "ronchi-perona")
    assert (diagnosis.factor, original.factor) == ("corrected", "ronchi-perona")
    ours, theirs = (d.impact.alone[0].ap_gain.value for d in (diagnosis, original))
    assert ours is not None and theirs is not None and 0 < ours < theirs


def test_a_single_picture_has_no_intervals(tmp_path: Path) -> None:
    found = diagnosed(strip_boxes(random_problem(Shape(8, images=1, people=9))), tmp_path)
    figures = [*found.accuracy.values(), found.thresholds.olrp]
    figures += [step.ap_gain for step in found.impact.alone]
    assert all(figure.interval is None for figure in figures)
    assert any(figure.value for figure in figures)


@pytest.mark.parametrize("missing", ["predictions", "annotations", "both"])
def test_nobody_is_no_error(missing: str, tmp_path: Path) -> None:
    problem = PROBLEM.copy()
    if missing != "annotations":
        problem.dt = []
    if missing != "predictions":
        problem.gt["annotations"] = []
    found = diagnosed(problem, tmp_path)
    ap = found.accuracy["AP"]
    assert (ap.value, bool(ap.reason)) == ((0.0, False) if found.people else (None, True))
    assert found.localisation.overall.rates == {} and found.calibration.spearman.value is None
    assert Diagnosis.model_validate_json(found.model_dump_json()) == found


def write_run(folder: Path, annotations: Path, **changed: Any) -> Record:
    """A run's folder with the predictions of ``PROBLEM`` for its first three pictures by id."""
    truth = read(annotations.with_name("dt.json"), annotations).ground_truth
    ids = sorted(truth.image_ids.tolist())[:3]
    none = np.zeros(0, np.float32)
    predictions = []
    for image in ids:
        rows = [row for row in PROBLEM.dt if row["image_id"] == image]
        points = np.array([row["keypoints"] for row in rows], np.float32).reshape(-1, 17, 3)
        scores = np.array([row["score"] for row in rows], np.float32) if rows else none
        predictions.append(Prediction(points[..., :2], points[..., 2], scores, scores))
    write_shard(folder / "predictions" / "shard-00000.npz", collect(ids, predictions))
    used = np.isin(truth.image_ids[truth.image_index], ids)
    people = int((used & ~truth.is_crowd & (truth.num_keypoints > 0)).sum())
    protocol: EvalProtocol = changed.get("protocol", EvalProtocol())
    dataset = CocoDataset.open(annotations, limit=3)
    found = load_predictions(folder / "predictions", dataset, dataset.ground_truth())
    tasks = evaluate(dataset.ground_truth(), found.detections, protocol.evaluation)[1]
    fields: dict[str, Any] = {
        "dataset": make_dataset(name="theirs", images=3, people=people),
        "accuracy": {"keypoints": tasks["keypoints"]},
    }
    record = make_record("their-model", **(fields | changed))
    write_record(folder, record)
    return record


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return PROBLEM.write(tmp_path)


def test_a_run_is_read_with_its_pictures_and_its_protocol(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    sigmas = tuple(0.01 * (k + 1) for k in range(17))
    protocol = EvalProtocol(evaluation=Evaluation(sigmas=sigmas, max_dets=7))
    run = tmp_path / "runs" / "theirs" / "model" / "id"
    write_run(run, files[0], protocol=protocol)
    write_record(run, make_failure("their-model"), "record-0.json")
    for place in (run, run / "record.json", run / "predictions", tmp_path / "runs"):
        found = read(place, files[0])
        assert (found.subject.label, found.subject.dataset) == ("their-model", "theirs")
        assert (found.max_dets, found.ground_truth.skeleton.sigmas) == (7, sigmas)
        assert len(found.ground_truth.image_ids) == 3
        assert np.array_equal(
            found.ground_truth.image_ids[found.results.detections.image_index],
            [r["image_id"] for r in sorted(PROBLEM.dt, key=lambda r: int(r["image_id"]))
             if r["image_id"] in found.ground_truth.image_ids],
        )  # fmt: skip
    own = read(run, files[0], sigmas=[0.1] * 17)
    assert own.ground_truth.skeleton.sigmas == (0.1,) * 17


def test_a_file_or_shards_are_called_by_their_name(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    write_run(run, files[0])
    (run / "record.json").unlink()
    plain, shards = read(files[1], files[0]), read(run / "predictions", files[0])
    assert [found.subject.label for found in (plain, shards)] == ["dt", "predictions"]
    assert {found.subject.dataset for found in (plain, shards)} == {"gt"}
    assert (plain.max_dets, len(plain.ground_truth.image_ids)) == (20, 6)
    assert any("predictions cover 3 of 6" in note for note in shards.subject.notes)


def test_moved_labels_are_not_those_of_the_run(files: tuple[Path, Path], tmp_path: Path) -> None:
    record = write_run(tmp_path / "run", files[0])
    assert record.dataset is not None
    subject = read(tmp_path / "run", files[0]).subject
    assert (subject.identity, subject.identity_of) == (record.dataset.identity, "dataset")
    content = json.loads(files[0].read_text())
    for entry in content["annotations"]:
        entry["keypoints"][::3] = [x + 15 for x in entry["keypoints"][::3]]
    files[0].write_text(json.dumps(content))
    assert "in the Record, but" in refused(tmp_path / "run", files[0])


def refused(place: Path, annotations: Path) -> str:
    with pytest.raises(InputError) as caught:
        found: Predicted = read(place, annotations)
        pytest.fail(f"{found.subject} was read")
    return str(caught.value)


def test_a_run_that_cannot_be_diagnosed_is_refused(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    gt, run = files[0], tmp_path / "run"
    record = write_run(run, gt)
    pckh = {"pckh": record.accuracy["keypoints"]}
    write_record(run, record.model_copy(update={"accuracy": pckh}))
    assert "not scored by the OKS" in refused(run, gt)
    write_record(run, make_failure())
    assert "status 'error'. Run again" in refused(run, gt)
    write_record(run, make_record())  # of COCO
    assert "has 5000 pictures with 6352 people" in refused(run, gt)
    assert "Give the annotations of coco-val2017" in refused(run, gt)
    write_record(tmp_path / "results", record)
    assert "published results do not keep them" in refused(tmp_path / "results", gt)
    both = refused(tmp_path, gt)
    assert "2 runs" in both and "Give one of them" in both


def test_other_files_are_refused(files: tuple[Path, Path], tmp_path: Path) -> None:
    gt, dt = files
    assert "nothing.json" in refused(tmp_path / "nothing.json", gt)
    assert "nothing.json" in refused(dt, tmp_path / "nothing.json")
    assert "looks like an annotation file" in refused(gt, gt)
    problem = PROBLEM.copy()
    for row in problem.dt:
        row["keypoints"] = row["keypoints"][:42]
    dt.write_text(json.dumps(problem.dt))
    assert "for each of the 17 keypoints" in refused(dt, gt)
    (tmp_path / "none").mkdir()
    assert "no shard" in refused(tmp_path / "none", gt)
    problem.gt["images"] = problem.gt["annotations"] = problem.dt = []
    (tmp_path / "nobody").mkdir()
    gt, dt = problem.write(tmp_path / "nobody")
    assert "no picture" in refused(dt, gt)
