"""The keypoint head: two small networks on the decoder's query features."""

from __future__ import annotations

from torch import Tensor, nn

from rfdetr_pose.upstream import MLP


class KeypointHead(nn.Module):
    """Coordinates and visibilities of K keypoints from each query's feature vector.

    Two networks, so that a classification (is it visible?) and a regression (where is it?) do not
    share weights. With a hidden dimension of 256 and 17 keypoints they have 140,322 and 135,953
    parameters.

    Args:
        hidden_dim: C, length of a query's feature vector.
        num_keypoints: K.
    """

    def __init__(self, hidden_dim: int, num_keypoints: int) -> None:
        super().__init__()
        self.num_keypoints = num_keypoints
        self.coordinates = MLP(hidden_dim, hidden_dim, 2 * num_keypoints, num_layers=3)
        self.visibility = MLP(hidden_dim, hidden_dim, num_keypoints, num_layers=3)
        # sigmoid(0) = 1/2: every keypoint starts at the centre of its box.
        nn.init.zeros_(self.coordinates.layers[-1].weight)
        nn.init.zeros_(self.coordinates.layers[-1].bias)

    def forward(self, features: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Keypoints of each query.

        Args:
            features: (..., C) query features.
            boxes: (..., 4) centre x, centre y, width, height of the same queries, 0..1 of the
                image.

        Returns:
            (..., K, 2) x and y, 0..1 of the image, and (..., K) logits of the visibility.
        """
        offsets = self.coordinates(features).sigmoid().unflatten(-1, (self.num_keypoints, 2))
        return place_in_box(offsets, boxes), self.visibility(features)


def place_in_box(offsets: Tensor, boxes: Tensor) -> Tensor:
    """Offsets inside a box to image coordinates: ``x = box_left + dx · box_width``.

    Args:
        offsets: (..., K, 2), 0..1 from the left and upper edge of the box.
        boxes: (..., 4) centre x, centre y, width, height.

    Returns:
        (..., K, 2) in the unit of the boxes.
    """
    boxes = boxes.unsqueeze(-2)
    return boxes[..., :2] + (offsets - 0.5) * boxes[..., 2:]
