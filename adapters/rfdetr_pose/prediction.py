"""From pictures to ``supervision.Detections``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import supervision as sv
import torch

from rfdetr_pose.decoding import Decoded, decode
from rfdetr_pose.images import normalise
from rfdetr_pose.inputs import ImageInput, to_rgb, to_square
from rfdetr_pose.network import PoseNetwork

_VISIBLE = 0.5  # least confidence of a keypoint that is called visible


@torch.inference_mode()
def predict_images(
    network: PoseNetwork, images: Sequence[ImageInput], threshold: float
) -> list[sv.Detections]:
    """Objects of a few images that go through the network together.

    Args:
        network: In evaluation mode.
        images: See :func:`rfdetr_pose.inputs.to_rgb`.
        threshold: Least score of an object.

    Raises:
        ValueError: An image cannot be read.
    """
    config = network.config
    pictures = [to_rgb(image) for image in images]
    squares = np.stack([to_square(picture, config.resolution) for picture in pictures])
    device = next(network.parameters()).device
    batch = torch.from_numpy(squares).permute(0, 3, 1, 2).to(device)
    decoded = decode(network(normalise(batch)), config.num_queries)
    sizes = [(picture.shape[1], picture.shape[0]) for picture in pictures]
    return [
        _detections(decoded, row, size, threshold, config.class_names)
        for row, size in enumerate(sizes)
    ]


def _detections(
    decoded: Decoded,
    row: int,
    size: tuple[int, int],
    threshold: float,
    class_names: Sequence[str],
) -> sv.Detections:
    """One image's objects in its own pixels."""
    scores = decoded.scores[row].cpu().numpy()
    kept = scores >= threshold
    scale = np.array(size, np.float32)
    confidences = decoded.confidences[row].cpu().numpy()[kept]
    points = decoded.keypoints[row].cpu().numpy()[kept] * scale
    visibility = np.where(confidences >= _VISIBLE, np.float32(2), np.float32(0))
    labels = decoded.labels[row].cpu().numpy()[kept]
    return sv.Detections(
        xyxy=decoded.boxes[row].cpu().numpy()[kept] * np.tile(scale, 2),
        confidence=scores[kept],
        class_id=labels,
        data={
            "keypoints": np.concatenate([points, visibility[..., None]], axis=-1),
            "keypoints_confidence": confidences,
            "class_name": np.array([class_names[label] for label in labels], dtype=str),
        },
    )
