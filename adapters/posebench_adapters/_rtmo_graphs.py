"""The two halves of RTMO as torch modules that can be exported."""

from __future__ import annotations

from typing import Any

import torch


class RtmoNetwork(torch.nn.Module):  # type: ignore[misc]
    """Pictures to what is known of every place of the grids.

    Args:
        estimator: mmpose's network, prepared for deployment.
    """

    def __init__(self, estimator: Any) -> None:
        super().__init__()
        self.estimator = estimator

    def forward(self, images: Any) -> tuple[Any, ...]:
        """(1, 3, H, W) BGR 0..255 to scores, boxes, visibilities and pose vectors.

        Returns:
            (1, N) 0..1; (1, N, 4) x1, y1, x2, y2 px; (1, N, K) 0..1; (1, N, C).
        """
        head = self.estimator.head
        levels = head.forward(self.estimator.extract_feat(images))
        scores, offsets, _, seen, poses = map(head._flatten_predictions, levels)
        boxes = head.decode_bbox(offsets, head.flatten_priors, head.flatten_stride)
        return scores.sigmoid().amax(-1), boxes, seen.sigmoid(), poses


class RtmoDecoder(torch.nn.Module):  # type: ignore[misc]
    """People that were kept to their keypoints.

    Args:
        head: mmpose's, prepared for deployment but for the part that decodes keypoints.
    """

    def __init__(self, head: Any) -> None:
        super().__init__()
        self.dcc = head.dcc
        self.padding = head.bbox_padding
        self.register_buffer("places", head.flatten_priors)

    def forward(self, pose_vectors: Any, boxes: Any, indices: Any) -> Any:
        """Pose vectors (M, C), boxes (M, 4) px and indices (M,) to keypoints (M, K, 2) px."""
        sides = (boxes[:, 2:] - boxes[:, :2]) * self.padding
        centres = (boxes[:, 2:] + boxes[:, :2]) * 0.5
        padded = torch.cat([centres, sides], dim=-1)
        return self.dcc.forward_test(pose_vectors, padded, self.places[indices])
