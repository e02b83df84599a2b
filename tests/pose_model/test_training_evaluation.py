"""AP of a validation set: equal to posebench's own evaluator, and right where it is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from coco_problems import Problem, Shape, random_problem, run_ours
from pose_networks import TINY
from rfdetr_pose.config import ModelConfig
from rfdetr_pose.data.samples import Sample
from rfdetr_pose.decoding import Decoded
from rfdetr_pose.keypoints import keypoint_schema
from rfdetr_pose.training.evaluation import average_precision, results

pytestmark = pytest.mark.framework
FIGURES = ("AP", "AP50", "AP75", "AR", "box_AP")


def as_samples(problem: Problem) -> list[Sample]:
    """The annotations as the training reads them, by the images' ids."""
    labels = {category["id"]: i for i, category in enumerate(problem.gt["categories"])}
    samples = []
    for image in sorted(image["id"] for image in problem.gt["images"]):
        people = [p for p in problem.gt["annotations"] if p["image_id"] == image]
        boxes = np.array([p["bbox"] for p in people], np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        keypoints = np.array([p["keypoints"] for p in people], np.float32).reshape(-1, 17, 3)
        areas = np.array([p["area"] for p in people], np.float32)
        classes = np.array([labels[p["category_id"]] for p in people], np.int64)
        crowd = np.array([p["iscrowd"] for p in people], np.bool_)
        path = Path(f"{image}.jpg")
        samples.append(Sample(path, 200, 200, boxes, keypoints, areas, classes, crowd))
    return samples


def as_rows(problem: Problem) -> list[dict[str, Any]]:
    """The detections with the images' positions and our category ids."""
    images = sorted(image["id"] for image in problem.gt["images"])
    labels = {category["id"]: i for i, category in enumerate(problem.gt["categories"])}
    numbers = {
        "image_id": {image: index for index, image in enumerate(images)},
        "category_id": {category: label + 1 for category, label in labels.items()},
    }
    return [
        {**row, **{key: known[row[key]] for key, known in numbers.items()}} for row in problem.dt
    ]


@pytest.mark.parametrize("classes", [1, 2])
@pytest.mark.parametrize("seed", range(6))
def test_figures_equal_posebench_s_own(seed: int, classes: int, tmp_path: Path) -> None:
    problem = random_problem(Shape(seed, images=4, detections=12, classes=classes))
    config = TINY.model_copy(update={"class_names": ("a", "b")[:classes]})
    found = average_precision(as_rows(problem), as_samples(problem), config)
    accuracy = run_ours(*problem.write(tmp_path)).accuracy
    assert accuracy.boxes is not None
    figures = {**accuracy.keypoints, "box_AP": accuracy.boxes["AP"]}
    expected = {name: figures[name].value for name in FIGURES}
    assert found == pytest.approx({k: -1 if v is None else v for k, v in expected.items()})


def person(left: float, *, crowd: bool = False, keypoints: int = 17) -> Sample:
    """An image of 100 x 60 px with one person, 20 x 40 px, at ``left``."""
    rng = np.random.default_rng(int(left))
    points = np.full((1, keypoints, 3), 2, np.float32)
    points[..., :2] = rng.uniform([left, 10], [left + 20, 50], (keypoints, 2))
    return Sample(
        path=Path("image.png"),
        width=100,
        height=60,
        boxes=np.array([[left, 10, left + 20, 50]], np.float32),
        keypoints=points,
        areas=np.array([500], np.float32),
        labels=np.zeros(1, np.int64),
        crowd=np.array([crowd]),
    )


def together(first: Sample, second: Sample) -> Sample:
    """Both people on one image."""
    names = ("boxes", "keypoints", "areas", "labels", "crowd")
    joined = {n: np.concatenate([getattr(first, n), getattr(second, n)]) for n in names}
    return replace(first, **joined)


def decoded(samples: Sequence[Sample], *, shift: float = 0.0) -> Decoded:
    """Every annotated person, as many on each image, with keypoints moved by ``shift`` px."""
    sizes = torch.tensor([[sample.width, sample.height] for sample in samples]).view(-1, 1, 1, 2)
    boxes = torch.from_numpy(np.stack([sample.boxes for sample in samples]))
    keypoints = torch.from_numpy(np.stack([sample.keypoints for sample in samples]))
    shape = boxes.shape[:2]
    return Decoded(
        scores=torch.linspace(0.9, 0.5, shape[1]).expand(shape),
        labels=torch.zeros(shape, dtype=torch.int64),
        boxes=(boxes.unflatten(-1, (2, 2)) / sizes).flatten(2),
        keypoints=(keypoints[..., :2] + torch.tensor([shift, 0.0])) / sizes,
        confidences=torch.ones(keypoints.shape[:3]),
    )


def figures(
    predicted: Sequence[Sample],
    truth: Sequence[Sample],
    config: ModelConfig = TINY,
    *,
    shift: float = 0.0,
) -> dict[str, float]:
    rows = results(decoded(predicted, shift=shift), range(len(predicted)), truth)
    return average_precision(rows, truth, config)


def test_perfect_predictions_have_an_ap_of_one() -> None:
    samples = [person(5), person(50), together(person(5), person(70))]
    rows = results(decoded(samples[:2]), [0, 1], samples)
    rows += results(decoded(samples[2:]), [2], samples)
    assert average_precision(rows, samples, TINY) == dict.fromkeys(FIGURES, pytest.approx(1.0))


def test_a_batch_in_another_order_is_the_same() -> None:
    samples = [person(5), replace(person(50), width=200, height=90)]
    rows = results(decoded(samples[::-1]), [1, 0], samples)
    assert average_precision(rows, samples, TINY)["AP"] == pytest.approx(1.0)


def test_a_person_that_is_missed_costs_half_of_two() -> None:
    truth = [together(person(5), person(70))]
    assert figures([person(5)], truth)["AR"] == pytest.approx(0.5)


def test_a_crowd_is_neither_a_miss_nor_a_mistake() -> None:
    truth = [together(person(5), person(70, crowd=True))]
    assert figures([person(5)], truth) == dict.fromkeys(FIGURES, pytest.approx(1.0))
    # The person in the crowd has the higher score, and would halve the precision.
    assert figures([together(person(70), person(5))], truth)["AP"] == pytest.approx(1.0)


def test_the_model_s_own_sigmas_are_used() -> None:
    truth = [person(5, keypoints=3), person(50, keypoints=3)]
    found = {
        sigma: figures(
            truth,
            truth,
            TINY.model_copy(update={"keypoints": keypoint_schema(3, sigmas=[sigma] * 3)}),
            shift=2.0,
        )["AP"]
        for sigma in (0.01, 0.05, 0.3)
    }
    # exp(-2² / (2 · 500 · (2 · 0.05)²)) = 0.67: above four of the ten thresholds.
    assert found == pytest.approx({0.01: 0.0, 0.05: 0.4, 0.3: 1.0})


def test_without_a_single_prediction_the_ap_is_zero() -> None:
    assert average_precision([], [person(5)], TINY) == dict.fromkeys(FIGURES, 0.0)
