"""Draws what the embedded models find on unseen rendered people, for the pages on them.

python docs/draw_demo.py; needs the extras onnxruntime and rfdetr-pose.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from rfdetr_pose import draw_keypoints

from posebench.box_source import recommended_boxes
from posebench.config import DEFAULT_MODELS
from posebench.datasets.synthetic.render import render
from posebench.datasets.synthetic.splits import SPLITS
from posebench.protocols import PoseModel
from posebench.registry import resolve_reference
from posebench.types import Image
from posebench.weights import require_weights
from posebench.worker_loading import load
from posebench.worker_runtime import RuntimeHandle

OUT = Path(__file__).with_name("images")
SEED = 9001
ROWS = (("easy", range(4)), ("default", range(4)))
SIZE = (320, 240)
LEAST_SCORE = 0.35


def load_named(name: str) -> PoseModel:
    """An embedded model in ONNX Runtime, with the detector that its card names."""
    runtime = RuntimeHandle(name="onnxruntime", precision="fp32", device="cpu", threads=1)
    request = {"reference": name, "weights": weights_of(name), "overrides": {}}
    detector = recommended_boxes(resolve_reference(name).card)
    if detector:
        source = {"reference": detector, "name": detector, "weights": weights_of(detector)}
        request |= {"box_source": source, "overrides": {"boxes": "detector", "top_down": {}}}
    return load(request, runtime).model


def weights_of(name: str) -> str:
    """Where an embedded network lies."""
    return str(require_weights(resolve_reference(name).card, None).path)


def tile(model: PoseModel, split: str, index: int) -> Image:
    """One picture with the people that were found, the first ``SIZE`` of it."""
    jpeg = np.frombuffer(render(SPLITS[split], SEED, index).jpeg, np.uint8)
    decoded = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
    image = np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)
    (found,) = model.predict([image])
    people = found.scores >= LEAST_SCORE
    shown = np.ones((*found.keypoints[people].shape[:2], 1), np.float32)
    drawn = draw_keypoints(image, np.concatenate([found.keypoints[people], shown], axis=-1))
    return np.asarray(cv2.resize(drawn, SIZE, interpolation=cv2.INTER_AREA), np.uint8)


def main() -> None:
    """Write the pictures."""
    for name in DEFAULT_MODELS:
        model = load_named(name)
        rows = [np.concatenate([tile(model, s, i) for i in indices], axis=1) for s, indices in ROWS]
        sheet = cv2.cvtColor(np.concatenate(rows), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(OUT / f"{name}.jpg"), sheet, [cv2.IMWRITE_JPEG_QUALITY, 85])


if __name__ == "__main__":
    main()
