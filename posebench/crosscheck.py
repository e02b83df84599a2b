"""The same files scored by another evaluator, for users who want to see that figures are equal."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np

from posebench.conventions.case import Case
from posebench.datasets.jsonfile import parse, read_bytes
from posebench.errors import InputError, MissingExtraError
from posebench.metrics.accumulate import KEYPOINT_FIGURES, Figure, FigureSpec
from posebench.types import Detections, Float64Array, FloatArray, GroundTruth

Package = Literal["pycocotools", "xtcocotools", "hotcoco"]


@dataclass(frozen=True)
class CrossCheck:
    """What another evaluator says.

    Attributes:
        package: Its name.
        version: Its version.
        figures: The ten figures; None where it has none.
        max_difference: Largest difference to ours; None if one has a figure that the other lacks.
    """

    package: str
    version: str
    figures: Mapping[str, float | None]
    max_difference: float | None

    def document(self) -> dict[str, Any]:
        """As it stands in the JSON of ``posebench evaluate``."""
        return {
            "package": self.package,
            "version": self.version,
            "coco": dict(self.figures),
            "max_difference": self.max_difference,
        }


def check_files(
    package: Package,
    annotations: Path,
    predictions: Path,
    case: Case,
    ours: Mapping[str, Figure],
    *,
    category_ids: Sequence[int],
    keep_boxes: bool,
) -> tuple[CrossCheck, list[str]]:
    """Score the user's files with another package.

    Args:
        package: Which.
        annotations: COCO annotation JSON.
        predictions: COCO results JSON, a shard or a folder of shards.
        case: The same files as we read them, by the rules of COCO.
        ours: Our ten figures.
        category_ids: Of the classes.
        keep_boxes: As in ``results_entries``.

    Returns:
        The comparison, and what the user should know of it.

    Raises:
        MissingExtraError: It is not installed, or cannot be imported.
        InputError: It fails on these files, or does not know such people.
    """
    truth, results = case.ground_truth, case.results
    if case.whole_body or case.crowd_index is not None:
        raise InputError(
            f"--cross-check compares COCO's ten figures, not those of {truth.skeleton.name}.",
            remedy="Leave it out.",
        )
    if predictions.suffix == ".npz" or predictions.is_dir():
        entries = detection_entries(results.detections, truth, category_ids)
        keypoint_scores: FloatArray = np.ones(results.keypoint_scores.shape)
    else:
        entries = results_entries(predictions, keep_boxes=keep_boxes)
        keypoint_scores = results.keypoint_scores
    found = cross_check(
        package, annotations, entries, ours,
        sigmas=truth.skeleton.sigmas, max_dets=case.max_dets,
    )  # fmt: skip
    notes = [xtcocotools_note(truth, keypoint_scores)] if package == "xtcocotools" else []
    return found, notes


def cross_check(
    package: Package,
    annotations: Path,
    entries: list[dict[str, Any]],
    ours: Mapping[str, Figure],
    *,
    sigmas: Sequence[float],
    max_dets: int = 20,
) -> CrossCheck:
    """Score with another package.

    Args:
        package: Which.
        annotations: COCO annotation JSON.
        entries: Results in the COCO format.
        ours: Our ten figures.
        sigmas: One a keypoint.
        max_dets: Detections an image and class that are scored.

    Raises:
        MissingExtraError: It is not installed, or cannot be imported.
        InputError: It fails on these files.
    """
    module = _import(package)
    run = _run_hotcoco if package == "hotcoco" else _run_pycocotools
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            result = run(module, annotations, entries, np.array(sigmas), max_dets)
    except (LookupError, ValueError, TypeError, AssertionError) as error:
        raise InputError(
            f"{package} cannot score these files: {type(error).__name__}: {error}."
        ) from error
    theirs = {name: _figure(result, spec) for name, spec in KEYPOINT_FIGURES.items()}
    version = importlib.metadata.version(package)
    return CrossCheck(package, version, theirs, _difference(theirs, ours))


def xtcocotools_note(ground_truth: GroundTruth, keypoint_scores: FloatArray) -> str:
    """In which two rules xtcocotools differs from pycocotools, and whom that concerns here.

    Args:
        ground_truth: G annotations.
        keypoint_scores: (D, K) of the detections as xtcocotools is given them.
    """
    counted = np.count_nonzero(ground_truth.keypoints[:, :, 2] > 0, axis=1)
    people = int(np.count_nonzero((counted == 0) != (ground_truth.num_keypoints == 0)))
    dropped = int(np.count_nonzero(~(keypoint_scores > 0).any(axis=1)))
    return (
        "xtcocotools ignores people without v > 0, whatever num_keypoints says "
        f"({people} people differ here), and leaves out detections without a keypoint score "
        f"above 0 ({dropped} here)."
    )


def results_entries(path: Path, *, keep_boxes: bool) -> list[dict[str, Any]]:
    """The entries of a results file as another evaluator is given them.

    Args:
        path: COCO results JSON.
        keep_boxes: Leave ``bbox`` and ``segmentation``, from which it would take areas.
    """
    found: list[dict[str, Any]] = parse(read_bytes(path), path)
    if keep_boxes:
        return found
    stripped = ("bbox", "segmentation")
    return [{k: v for k, v in entry.items() if k not in stripped} for entry in found]


def detection_entries(
    detections: Detections, ground_truth: GroundTruth, category_ids: Sequence[int]
) -> list[dict[str, Any]]:
    """Detections as results in the COCO format, without boxes and with confidences of 1."""
    people, points = detections.keypoints.shape[:2]
    ones = np.ones((people, points, 1))
    triplets = np.concatenate([detections.keypoints, ones], axis=2).reshape(people, 3 * points)
    return [
        {"image_id": image, "category_id": int(category_ids[c]), "keypoints": k, "score": s}
        for image, c, k, s in zip(
            ground_truth.image_ids[detections.image_index].tolist(),
            detections.class_ids,
            triplets.tolist(),
            detections.scores.tolist(),
            strict=True,
        )
    ]


def _import(package: Package) -> ModuleType:
    name = package if package == "hotcoco" else f"{package}.cocoeval"
    try:
        return importlib.import_module(name)
    except (ImportError, ValueError) as error:  # ValueError: built for another numpy
        message = f"{package} cannot be imported ({error})."
        raise MissingExtraError(message, extra="cross-check") from error


def _run_pycocotools(
    module: ModuleType,
    annotations: Path,
    entries: list[dict[str, Any]],
    sigmas: Float64Array,
    max_dets: int,
) -> Mapping[str, Any]:
    coco = importlib.import_module(f"{module.__package__}.coco").COCO
    truth = coco()
    truth.dataset = parse(read_bytes(annotations), annotations)
    truth.createIndex()
    if entries:
        detected = truth.loadRes(entries)
    else:
        detected = coco()
        detected.dataset = {**truth.dataset, "annotations": []}
        detected.createIndex()
    evaluator = module.COCOeval(truth, detected, "keypoints")
    evaluator.params.kpt_oks_sigmas = evaluator.sigmas = sigmas
    return _evaluate(evaluator, max_dets)


def _run_hotcoco(
    module: ModuleType,
    annotations: Path,
    entries: list[dict[str, Any]],
    sigmas: Float64Array,
    max_dets: int,
) -> Mapping[str, Any]:
    truth = module.COCO(parse(read_bytes(annotations), annotations))
    evaluator = module.COCOeval(truth, truth.load_res(entries), "keypoints")
    if not np.array_equal(evaluator.params.kpt_oks_sigmas, sigmas):
        evaluator.params.kpt_oks_sigmas = sigmas
    return _evaluate(evaluator, max_dets)


def _evaluate(evaluator: Any, max_dets: int) -> Mapping[str, Any]:
    evaluator.params.maxDets = [max_dets]
    evaluator.evaluate()
    evaluator.accumulate()
    result: Mapping[str, Any] = evaluator.eval
    return result


def _figure(result: Mapping[str, Any], spec: FigureSpec) -> float | None:
    values = np.asarray(result["recall" if spec.recall else "precision"])
    if spec.threshold is not None:
        values = values[[spec.threshold]]
    values = values[..., spec.area, spec.max_dets]
    present = values[values > -1]
    return float(np.mean(present)) if len(present) else None


def _difference(theirs: Mapping[str, float | None], ours: Mapping[str, Figure]) -> float | None:
    differences = [0.0]
    for name, value in theirs.items():
        mine = ours[name].value
        if (mine is None) != (value is None):
            return None
        if mine is not None and value is not None:
            differences.append(abs(mine - value))
    return max(differences)
