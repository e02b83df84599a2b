"""Small COCO problems full of ties and borders, and the reference evaluators to score them with."""

from __future__ import annotations

import contextlib
import copy
import importlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from support import require_oracle

from posebench.datasets.coco import CocoDataset
from posebench.datasets.detected import Results
from posebench.datasets.results import load_predictions
from posebench.datasets.skeletons import COCO17
from posebench.evaluation import Accuracy, score
from posebench.types import GroundTruth

SIGMAS = np.array(COCO17.sigmas)
AREAS = (0.0, 1.0, 1023.9999, 1024.0, 1024.0001, 5000.0, 9215.99, 9216.0, 9216.01, 40000.0, 1e10)
SPREADS = (0.0, 1.0, 2.0, 5.0, 15.0)


@dataclass(frozen=True)
class Shape:
    """How a random problem looks."""

    seed: int
    images: int = 3
    people: int = 5
    detections: int = 24
    score_levels: int = 4
    classes: int = 1
    grid: float = 8.0


@dataclass
class Problem:
    """A ground truth and results, as decoded JSON."""

    gt: dict[str, Any]
    dt: list[dict[str, Any]]

    def copy(self) -> Problem:
        return copy.deepcopy(self)

    def write(self, folder: Path) -> tuple[Path, Path]:
        annotations, predictions = folder / "gt.json", folder / "dt.json"
        annotations.write_text(json.dumps(self.gt))
        predictions.write_text(json.dumps(self.dt))
        return annotations, predictions


@dataclass(frozen=True)
class Ours:
    """What posebench makes of files."""

    accuracy: Accuracy
    ground_truth: GroundTruth
    results: Results
    notes: list[str]

    @property
    def figures(self) -> list[float | None]:
        return [figure.value for figure in self.accuracy.keypoints.values()]


@dataclass(frozen=True)
class Theirs:
    """What a reference evaluator makes of the same."""

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    stats: list[float | None]


def random_problem(shape: Shape) -> Problem:
    rng = np.random.default_rng(shape.seed)
    ids = rng.permutation(np.arange(3, 3 + 4 * shape.images, 4))[: shape.images].tolist()
    people = [p for image in ids for p in _people(image, shape, rng)]
    for number, person in enumerate(rng.permutation(len(people)).tolist(), start=1):
        people[person]["id"] = number * 7
    rng.shuffle(people)  # type: ignore[arg-type]
    detections = [d for image in ids for d in _detections(image, people, shape, rng)]
    rng.shuffle(detections)  # type: ignore[arg-type]
    if not detections:
        detections = [_detection(ids[0], [], shape, rng)]
    names = list(COCO17.keypoints)
    categories = [
        {"id": 1 + 2 * c, "name": f"class {c}", "keypoints": names} for c in range(shape.classes)
    ]
    images = [{"id": image, "file_name": f"{image}.jpg"} for image in ids]
    return Problem({"images": images, "annotations": people, "categories": categories}, detections)


def _people(image: int, shape: Shape, rng: np.random.Generator) -> list[dict[str, Any]]:
    people = [_person(image, shape, rng) for _ in range(rng.integers(shape.people + 1))]
    # Twins: two annotations that are equally similar to every detection.
    return people + [copy.deepcopy(p) for p in people if rng.random() < 0.2]


def _person(image: int, shape: Shape, rng: np.random.Generator) -> dict[str, Any]:
    corner = np.round(rng.uniform(0, 120, 2) / shape.grid) * shape.grid
    size = np.round(rng.uniform(8, 120, 2) / shape.grid) * shape.grid + 1
    points = np.zeros((17, 3))
    points[:, :2] = np.round(corner + rng.random((17, 2)) * size)
    points[:, 2] = rng.integers(0, 3, 17)
    kind = rng.random()
    if kind < 0.2:
        points[:] = 0
    area = rng.choice(AREAS) if rng.random() < 0.5 else float(np.prod(size) * 0.6)
    return {
        "image_id": image,
        "category_id": 1 + 2 * int(rng.integers(shape.classes)),
        "keypoints": [int(v) for v in points.ravel()],
        "num_keypoints": int((points[:, 2] > 0).sum()),
        "bbox": [float(v) for v in (*corner, *size)],
        "area": float(area),
        "iscrowd": int(0.2 <= kind < 0.3 or 0.15 < kind < 0.2),
    }


def _detections(
    image: int, people: list[dict[str, Any]], shape: Shape, rng: np.random.Generator
) -> list[dict[str, Any]]:
    own = [person for person in people if person["image_id"] == image]
    return [_detection(image, own, shape, rng) for _ in range(rng.integers(shape.detections + 1))]


def _detection(
    image: int, own: list[dict[str, Any]], shape: Shape, rng: np.random.Generator
) -> dict[str, Any]:
    points = rng.uniform(0, 200, (17, 2))
    box = np.round(rng.uniform(1, 100, 4))
    category = 1 + 2 * int(rng.integers(shape.classes))
    if own and rng.random() < 0.8:
        person = own[rng.integers(len(own))]
        known = np.array(person["keypoints"], np.float64).reshape(17, 3)
        points = known[:, :2] + rng.normal(0, rng.choice(SPREADS), (17, 2))
        if not known.any():
            low, size = np.array(person["bbox"]).reshape(2, 2)
            points = low + rng.uniform(-1.2, 2.2, (17, 2)) * size
        box = np.array(person["bbox"]) + rng.choice([0.0, 1.0, 4.0], 4)
        category = person["category_id"]
    triplets = np.column_stack([np.round(points, 2), rng.uniform(0.1, 1, 17)])
    return {
        "image_id": image,
        "category_id": category,
        "keypoints": triplets.ravel().tolist(),
        "score": float(rng.integers(1, shape.score_levels + 1) / shape.score_levels),
        "bbox": box.tolist(),
    }


def strip_boxes(problem: Problem) -> Problem:
    stripped = problem.copy()
    for entry in stripped.dt:
        entry.pop("bbox", None)
    return stripped


def run_ours(
    annotations: Path,
    predictions: Path,
    *,
    compat: bool = False,
    sigmas: list[float] | None = None,
    max_dets: int = 20,
    per_keypoint_ap: bool = False,
) -> Ours:
    dataset = CocoDataset.open(annotations, sigmas=sigmas, pycocotools_ids=compat)
    truth = dataset.ground_truth()
    results = load_predictions(predictions, dataset, truth, compat=compat)
    dataset = dataset.for_keypoints(results.detections.keypoints.shape[1])
    truth = dataset.ground_truth()
    accuracy = score(
        truth,
        results.detections,
        compat=compat,
        detection_areas=results.areas,
        max_dets=max_dets,
        per_keypoint_ap=per_keypoint_ap,
    )
    return Ours(accuracy, truth, results, [*dataset.notes, *results.notes])


def run_reference(
    problem: Problem,
    *,
    package: str = "pycocotools",
    task: str = "keypoints",
    sigmas: list[float] | None = None,
    max_dets: list[int] | None = None,
) -> Theirs:
    """Score with a reference evaluator; -1 becomes None."""
    require_oracle(package)
    problem = problem.copy()
    with contextlib.redirect_stdout(io.StringIO()):
        evaluator = _reference(package, problem, task)
        if sigmas is not None:
            evaluator.params.kpt_oks_sigmas = evaluator.sigmas = np.array(sigmas)
        if max_dets is not None:
            evaluator.params.maxDets = max_dets
        evaluator.evaluate()
        evaluator.accumulate()
        if max_dets is None:
            evaluator.summarize()
    stats = [None if value == -1 else float(value) for value in np.asarray(evaluator.stats)]
    found = evaluator.eval
    return Theirs(np.asarray(found["precision"]), np.asarray(found["recall"]), stats)


def _reference(package: str, problem: Problem, task: str) -> Any:
    if package == "hotcoco":
        hotcoco = importlib.import_module("hotcoco")
        truth = hotcoco.COCO(problem.gt)
        return hotcoco.COCOeval(truth, truth.load_res(problem.dt), task)
    coco = importlib.import_module(f"{package}.coco").COCO
    truth = coco()
    truth.dataset = problem.gt
    truth.createIndex()
    evaluator = importlib.import_module(f"{package}.cocoeval").COCOeval
    return evaluator(truth, truth.loadRes(problem.dt), task)
