"""Averaging the heat maps of a crop and of its mirror image (Newell et al., ECCV 2016, §3.2)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from posebench.config import TopDown
from posebench.errors import InputError
from posebench.types import Float32Array, IntArray


def mirror(tensor: Float32Array) -> Float32Array:
    """The (M, 3, H, W) network input with left and right exchanged, in memory of its own."""
    return np.ascontiguousarray(tensor[..., ::-1])


def average_flipped(
    heatmaps: Float32Array,
    flipped: Float32Array,
    flip_pairs: Sequence[tuple[int, int]],
    top_down: TopDown,
) -> Float32Array:
    """The mean of the maps of a crop and those of its mirror image, turned back.

    Args:
        heatmaps: (M, C, h, w) float32 of the crops; C as for ``heatmaps.decode_heatmaps``.
        flipped: (M, C, h, w) float32 that the network gave for the mirrored crops.
        flip_pairs: Keypoints that a mirror exchanges (``Skeleton.flip_pairs``).
        top_down: Its ``decode`` says what the channels are. With ``shift_flipped`` the maps that
            were turned back are moved right by a cell, column 0 stays: where cell x lies at pixel
            s · x, turning leaves them 1 - 1/s cells too far left.

    Returns:
        (M, C, h, w) float32, in memory of its own.

    Raises:
        InputError: A flip pair names a keypoint that has no map.
    """
    per_keypoint = 3 if top_down.decode == "udp-offset" else 1
    turned = flipped[:, _order(heatmaps.shape[1], per_keypoint, flip_pairs)]
    if per_keypoint == 3:
        # What lies right of the keypoint in the mirror, lies left of it.
        turned[:, 1::3] *= -1
    turned = turned[..., ::-1]
    mean = np.empty_like(heatmaps)
    if top_down.shift_flipped:
        np.add(heatmaps[..., 1:], turned[..., :-1], out=mean[..., 1:])
        np.add(heatmaps[..., 0], turned[..., 0], out=mean[..., 0])
    else:
        np.add(heatmaps, turned, out=mean)
    mean *= np.float32(0.5)
    return mean


def _order(channels: int, per_keypoint: int, flip_pairs: Sequence[tuple[int, int]]) -> IntArray:
    """(C,) the channel that takes each channel's place."""
    order = np.arange(channels).reshape(-1, per_keypoint)
    for first, second in flip_pairs:
        if max(first, second) >= len(order):
            raise InputError(
                f"the skeleton's flip pair ({first}, {second}) names a keypoint that the network "
                f"does not give: it has {len(order)}.",
                remedy="Use weights that were trained for this skeleton.",
            )
        order[[first, second]] = order[[second, first]]
    return order.reshape(-1)
