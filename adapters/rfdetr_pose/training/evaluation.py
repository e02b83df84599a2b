"""Keypoint and box AP of COCO, by pycocotools, on a validation set."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from rfdetr_pose.config import ModelConfig
from rfdetr_pose.data.samples import Sample
from rfdetr_pose.decoding import Decoded

MAX_DETECTIONS = 20  # an image, as COCO's keypoint task scores


def results(decoded: Decoded, indices: Sequence[int], samples: Sequence[Sample]) -> list[Any]:
    """Predictions of a batch in COCO's results format, in pixels of the original images.

    Args:
        decoded: B images.
        indices: Positions of the images in ``samples``.
        samples: Of the validation set.
    """
    rows = []
    for row, index in enumerate(indices):
        size = np.array([samples[index].width, samples[index].height], np.float64)
        corners = decoded.boxes[row].cpu().numpy().reshape(-1, 2, 2) * size
        keypoints = decoded.keypoints[row].cpu().numpy() * size
        confidences = decoded.confidences[row].cpu().numpy()
        for i, score in enumerate(decoded.scores[row].tolist()):
            triplets = np.concatenate([keypoints[i], confidences[i, :, None]], axis=1)
            left, top = corners[i, 0].tolist()
            width, height = (corners[i, 1] - corners[i, 0]).tolist()
            rows.append(
                {
                    "image_id": index,
                    "category_id": int(decoded.labels[row, i]) + 1,
                    "bbox": [left, top, width, height],
                    "keypoints": triplets.reshape(-1).tolist(),
                    "score": score,
                }
            )
    return rows


def average_precision(
    rows: Sequence[Mapping[str, Any]], samples: Sequence[Sample], config: ModelConfig
) -> dict[str, float]:
    """``AP``, ``AP50``, ``AP75``, ``AR`` of keypoints and ``box_AP``, on a scale of 0..1.

    -1 where the validation set has nothing to be found, as pycocotools says it.

    Args:
        rows: Of :func:`results`, of the whole validation set.
        samples: The validation set.
        config: Of the model.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        truth = _truth(samples, config)
        if not rows:
            return dict.fromkeys(("AP", "AP50", "AP75", "AR", "box_AP"), 0.0)
        keypoints = _evaluate(truth, [_without(row, "bbox") for row in rows], "keypoints", config)
        boxes = _evaluate(truth, [_without(row, "keypoints") for row in rows], "bbox", config)
    return {
        "AP": float(keypoints[0]),
        "AP50": float(keypoints[1]),
        "AP75": float(keypoints[2]),
        "AR": float(keypoints[5]),
        "box_AP": float(boxes[0]),
    }


def _evaluate(truth: Any, rows: list[Any], kind: str, config: ModelConfig) -> Any:
    evaluator = COCOeval(truth, truth.loadRes(rows), kind)
    if kind == "keypoints":
        evaluator.params.kpt_oks_sigmas = np.array(config.keypoints.sigmas)
    evaluator.evaluate()
    evaluator.accumulate()
    evaluator.summarize()
    return evaluator.stats


def _without(row: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != key}


def _truth(samples: Sequence[Sample], config: ModelConfig) -> Any:
    truth = COCO()
    truth.dataset = {
        "images": [
            {"id": i, "width": sample.width, "height": sample.height}
            for i, sample in enumerate(samples)
        ],
        "categories": [
            {"id": label + 1, "name": name, "keypoints": list(config.keypoints.names)}
            for label, name in enumerate(config.class_names)
        ],
        "annotations": [
            {"id": number, **annotation}
            for number, annotation in enumerate(
                (a for i, sample in enumerate(samples) for a in _annotations(i, sample)), start=1
            )
        ],
    }
    truth.createIndex()
    return truth


def _annotations(image_id: int, sample: Sample) -> list[dict[str, Any]]:
    found = []
    for i, (left, top, right, bottom) in enumerate(sample.boxes.tolist()):
        keypoints = sample.keypoints[i]
        found.append(
            {
                "image_id": image_id,
                "category_id": int(sample.labels[i]) + 1,
                "bbox": [left, top, right - left, bottom - top],
                "area": float(sample.areas[i]),
                "iscrowd": int(sample.crowd[i]),
                "keypoints": keypoints.astype(np.float64).reshape(-1).tolist(),
                "num_keypoints": int((keypoints[:, 2] > 0).sum()),
            }
        )
    return found
