"""Problems of other skeletons, and the evaluators of mmpose to score them with."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from coco_problems import Problem
from numpy.typing import NDArray
from support import require_mmpose, require_oracle

from posebench.conventions.case import Case
from posebench.conventions.ladder import Rung, Wish, climb, rules_of
from posebench.datasets.coco import CocoDataset
from posebench.datasets.results import load_predictions
from posebench.datasets.skeletons import CROWDPOSE14
from posebench.datasets.wholebody import PARTS


def load_case(annotations: Path, predictions: Path) -> Case:
    dataset = CocoDataset.open(annotations)
    results = load_predictions(predictions, dataset, dataset.ground_truth())
    dataset = dataset.for_keypoints(results.detections.keypoints.shape[1])
    crowd = dataset.crowd_index if dataset.skeleton.name == CROWDPOSE14.name else None
    return Case(dataset.ground_truth(), results, crowd_index=crowd)


def climbed(case: Case, wish: Wish) -> tuple[Case, list[Rung]]:
    return climb(case, rules_of(wish, case))


def figure_values(figures: Any) -> list[float | None]:
    return [figure.value for figure in figures.values()]


def with_fourteen_keypoints(problem: Problem, seed: int) -> Problem:
    """As CrowdPose has it: no area, a crowd index, num_keypoints counts v = 2."""
    changed, rng = problem.copy(), np.random.default_rng(seed)
    changed.gt["categories"][0]["keypoints"] = [*CROWDPOSE14.keypoints]
    for image in changed.gt["images"]:
        image["crowdIndex"] = float(rng.choice([0.0, 0.1, 0.2, 0.5, 0.8, 1.0]))
    for entry in [*changed.gt["annotations"], *changed.dt]:
        entry["keypoints"] = entry["keypoints"][: 3 * 14]
    for person in changed.gt["annotations"]:
        del person["area"]
        person["num_keypoints"] = sum(v == 2 for v in person["keypoints"][2::3])
    return changed


def with_whole_body(problem: Problem, seed: int) -> Problem:
    """Feet, face and hands, each sometimes missing; detected ones sometimes without scores."""
    changed, rng = problem.copy(), np.random.default_rng(seed)
    for person in changed.gt["annotations"]:
        corner, size = np.array(person["bbox"]).reshape(2, 2)
        for part in beyond_body():
            count = part.stop - part.start
            points = np.round(corner + rng.random((count, 2)) * size, 1)
            shown = rng.integers(0, 3, count) * (rng.random() < 0.7)
            person[part.field] = np.column_stack([points * (shown[:, None] > 0), shown]).ravel()
            person[part.field] = person[part.field].tolist()
            person[part.valid_field] = bool(shown.any())
    for entry in changed.dt:
        _detect_parts(entry, changed.gt["annotations"], rng)
    return changed


def _detect_parts(
    entry: dict[str, Any], people: list[dict[str, Any]], rng: np.random.Generator
) -> None:
    own = [person for person in people if person["image_id"] == entry["image_id"]]
    near = own[rng.integers(len(own))] if own else None
    for part in beyond_body():
        count = part.stop - part.start
        points = rng.uniform(0, 150, (count, 2))
        if near is not None:
            points = np.array(near[part.field]).reshape(-1, 3)[:, :2] + rng.normal(
                0, rng.choice([0.0, 0.3, 1.0, 3.0]), (count, 2)
            )
        scores = rng.random(count) * (rng.random() < 0.8)
        entry[part.field] = np.column_stack([np.round(points, 2), scores]).ravel().tolist()


def beyond_body() -> list[Any]:
    return [part for part in PARTS.values() if part.valid_field]


def xtcocotools_evaluator(
    problem: Problem, iou_type: str, sigmas: Any, *, use_area: bool = True, folder: Path
) -> Any:
    """After ``summarize``; the annotation file is written, because it is read again there."""
    require_oracle("xtcocotools")
    annotations = folder / "xtcocotools.json"
    annotations.write_text(json.dumps(problem.gt))
    with contextlib.redirect_stdout(io.StringIO()):
        truth = importlib.import_module("xtcocotools.coco").COCO(str(annotations))
        detected = truth.loadRes(problem.copy().dt)
        evaluator = importlib.import_module("xtcocotools.cocoeval").COCOeval(
            truth, detected, iou_type, np.array(sigmas), use_area
        )
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return evaluator


def or_none(values: Any) -> list[float | None]:
    return [None if value == -1 else float(value) for value in values]


def run_mmpose(
    metric: str, annotations: Path, entries: list[dict[str, Any]], sigmas: Any, **options: Any
) -> dict[str, float]:
    """mmpose's own metric on entries of a results file, the score being that of the box."""
    require_oracle("xtcocotools")
    require_mmpose()
    metrics = importlib.import_module("mmpose.evaluation.metrics")
    with contextlib.redirect_stdout(io.StringIO()):
        evaluator = getattr(metrics, metric)(ann_file=str(annotations), **options)
        evaluator.dataset_meta = {
            "dataset_name": "any", "num_keypoints": len(sigmas), "sigmas": np.array(sigmas),
        }  # fmt: skip
        samples = [_sample(image, entries) for image in _images(entries)]
        evaluator.process([], samples)
        found: dict[str, float] = evaluator.compute_metrics(evaluator.results)
    return found


def _images(entries: list[dict[str, Any]]) -> list[int]:
    return list(dict.fromkeys(entry["image_id"] for entry in entries))


def _sample(image: int, entries: list[dict[str, Any]]) -> dict[str, Any]:
    own = [entry for entry in entries if entry["image_id"] == image]
    points = np.stack([_all_keypoints(entry) for entry in own])
    instances: dict[str, NDArray[np.float64] | NDArray[np.float32]] = {
        "keypoints": points[:, :, :2],
        "keypoint_scores": points[:, :, 2].astype(np.float32),
        "bbox_scores": np.array([entry["score"] for entry in own], np.float32),
    }
    if all("bbox" in entry for entry in own):
        boxes = np.array([entry["bbox"] for entry in own])
        instances["bboxes"] = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    return {"id": [image], "img_id": image, "pred_instances": instances, "gt_instances": {}}


def _all_keypoints(entry: dict[str, Any]) -> NDArray[np.float64]:
    fields = [part.field for part in beyond_body() if part.field in entry]
    joined = [value for field in ["keypoints", *fields] for value in entry[field]]
    return np.array(joined, np.float64).reshape(-1, 3)
