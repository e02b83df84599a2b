"""Draws the picture of docs/rfdetr-pose.md: what rfdetr-pose-demo finds on unseen rendered people.

python docs/draw_demo.py; needs the extras onnxruntime and rfdetr-pose.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import cv2
import numpy as np
from rfdetr_pose import draw_keypoints

from posebench.config import resolve_protocol
from posebench.datasets.synthetic.render import render
from posebench.datasets.synthetic.splits import SPLITS
from posebench.protocols import PoseModel
from posebench.registry import import_adapter, recommended_protocol, resolve_reference
from posebench.sessions import open_session
from posebench.types import Image
from posebench.weights import require_weights

OUT = Path(__file__).with_name("images") / "rfdetr-pose-demo.jpg"
SEED = 9001
ROWS = (("easy", range(4)), ("default", range(4)))
SIZE = (320, 240)
LEAST_SCORE = 0.35


def load() -> PoseModel:
    """The embedded model in ONNX Runtime."""
    entry = resolve_reference("rfdetr-pose-demo")
    adapter = import_adapter(entry.adapter)
    weights = require_weights(entry.card, None).path
    protocol = resolve_protocol(*recommended_protocol(adapter, entry.card, weights))
    session = partial(
        open_session, runtime="onnxruntime", device="cpu", threads=1, precision="fp32"
    )
    model: PoseModel = adapter.load(entry.card, weights, protocol, session)
    return model


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
    """Write the picture."""
    model = load()
    rows = [np.concatenate([tile(model, s, i) for i in indices], axis=1) for s, indices in ROWS]
    sheet = cv2.cvtColor(np.concatenate(rows), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(OUT), sheet, [cv2.IMWRITE_JPEG_QUALITY, 85])


if __name__ == "__main__":
    main()
