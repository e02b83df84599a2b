"""Boxes of RF-DETR are those of the package's own decoding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support import require

from posebench.config import EvalProtocol, resolve_protocol
from posebench.errors import InputError
from posebench.pipelines.rfdetr_boxes import COCO_LABELS, PERSON, RFDETRDetectorModel
from posebench.testing import FakeSession
from posebench.types import ModelCost

HEIGHT, WIDTH = 300, 500
PLACES = 300


def protocol(**postprocess: Any) -> EvalProtocol:
    post = {"nms": "none", "score_threshold": 0.0, "max_detections": PLACES, **postprocess}
    size = {"input_height": 64, "input_width": 64, "resize": "stretch"}
    return resolve_protocol({"preprocess": size, "postprocess": post})


def fake(labels: int = COCO_LABELS, **postprocess: Any) -> tuple[RFDETRDetectorModel, Any]:
    random = np.random.default_rng(0)
    logits = random.normal(-3, 1, (1, PLACES, labels)).astype(np.float32)
    logits[..., PERSON] += 3
    outputs = {"dets": random.uniform(0, 1.2, (1, PLACES, 4)).astype(np.float32), "labels": logits}
    cost = ModelCost(None, None, "a fake")
    session = FakeSession(outputs)
    return RFDETRDetectorModel(session, protocol(**postprocess), artifacts=(), cost=cost), outputs


@pytest.mark.framework
def test_the_decoder_is_the_packages() -> None:
    torch: Any = require("torch")
    from rfdetr_pose.torchvision_import import repair_torchvision

    repair_torchvision()
    require("rfdetr")
    models: Any = require("rfdetr.models")
    model, outputs = fake()
    (found,) = model.predict([np.zeros((HEIGHT, WIDTH, 3), np.uint8)])
    named = {"pred_boxes": outputs["dets"], "pred_logits": outputs["labels"]}
    tensors = {name: torch.from_numpy(value) for name, value in named.items()}
    (expected,) = models.PostProcess(PLACES)(tensors, torch.tensor([[HEIGHT, WIDTH]]))
    boxes, scores, labels = (expected[name].numpy() for name in ("boxes", "scores", "labels"))
    people = (labels == PERSON) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    assert found.boxes is not None
    assert PLACES > len(found) == people.sum() > 50
    np.testing.assert_allclose(found.boxes, boxes[people], atol=1e-3)
    np.testing.assert_allclose(found.scores, scores[people], atol=1e-6)


def test_only_scores_at_the_threshold_count() -> None:
    model, _ = fake(score_threshold=0.7)
    (found,) = model.predict([np.zeros((HEIGHT, WIDTH, 3), np.uint8)])
    assert len(found) > 0
    assert found.scores.min() >= 0.7


def test_other_categories_and_suppression_are_refused() -> None:
    with pytest.raises(InputError, match=r"'labels' of an RF-DETR detector .* 91"):
        fake(labels=3)
    with pytest.raises(InputError, match=r"Set postprocess\.nms=none"):
        fake(nms="box-iou")
