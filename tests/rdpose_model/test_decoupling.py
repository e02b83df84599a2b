"""The feature decoupling module against its formulas, written out cell by cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from rdpose.decoupling import FeatureDecoupling

pytestmark = pytest.mark.framework
Array = npt.NDArray[np.float64]

CHANNELS, HEIGHT, WIDTH = 3, 4, 5
ANCHORS = [(1, 3), (0, 0), (3, 4), (0, 2), (3, 0)]  # inside, corners, borders


def decoupled_by_hand(
    features: Array, anchor: tuple[int, int], weights: Mapping[str, Array]
) -> Array:
    """Of one picture: (C, h, w) to (C, h, w)."""
    channels, height, width = features.shape
    at_anchor = features[:, anchor[0], anchor[1]]
    factors = weights["channel_factors.weight"] @ at_anchor + weights["channel_factors.bias"]
    similarity = weights["correlation.weight"] @ at_anchor + weights["correlation.bias"]
    spatial = np.zeros((3, height, width))
    for y in range(height):
        for x in range(width):
            spatial[0, y, x] = sum(features[k, y, x] * similarity[k] for k in range(channels))
            spatial[1, y, x] = (anchor[1] - x) / 32
            spatial[2, y, x] = (anchor[0] - y) / 32
    result = np.zeros_like(features)
    for y in range(height):
        for x in range(width):
            total = weights["mask.bias"][0]
            for source in range(3):
                for i in range(5):
                    for j in range(5):
                        row, column = y + i - 2, x + j - 2
                        if 0 <= row < height and 0 <= column < width:
                            weight = weights["mask.weight"][0, source, i, j]
                            total += weight * spatial[source, row, column]
            mask = 1 / (1 + np.exp(-total))
            both = np.concatenate((features[:, y, x] * factors, features[:, y, x] * mask))
            fused = weights["fusion.weight"][:, :, 0, 0] @ both + weights["fusion.bias"]
            result[:, y, x] = np.maximum(fused, 0)
    return result


@pytest.fixture(scope="module")
def module() -> FeatureDecoupling:
    """Of three channels, in double precision, every weight of ordinary size."""
    torch.manual_seed(0)
    made = FeatureDecoupling(CHANNELS)
    made.double()
    with torch.no_grad():
        for value in made.parameters():
            value.normal_()
    return made


@pytest.fixture(scope="module")
def features() -> Any:
    """Of a batch, one picture for every anchor."""
    return torch.from_numpy(np.random.default_rng(1).normal(size=(5, CHANNELS, HEIGHT, WIDTH)))


def test_every_cell_is_what_the_formulas_say(module: FeatureDecoupling, features: Any) -> None:
    weights = {name: value.numpy() for name, value in module.state_dict().items()}
    with torch.no_grad():
        found = module(features, torch.tensor(ANCHORS)).numpy()
    assert (found > 0).any() and (found == 0).any()
    for picture, anchor, result in zip(features.numpy(), ANCHORS, found, strict=True):
        np.testing.assert_allclose(result, decoupled_by_hand(picture, anchor, weights), atol=1e-12)


@pytest.mark.parametrize("size", [(4, 4), (1, 7)], ids=str)
def test_any_size_of_map(module: FeatureDecoupling, size: tuple[int, int]) -> None:
    picture = np.random.default_rng(2).normal(size=(CHANNELS, *size))
    weights = {name: value.numpy() for name, value in module.state_dict().items()}
    with torch.no_grad():
        found = module(torch.from_numpy(picture)[None], torch.tensor([(0, 3)]))[0].numpy()
    np.testing.assert_allclose(found, decoupled_by_hand(picture, (0, 3), weights), atol=1e-12)


def test_a_picture_does_not_depend_on_the_others_of_its_batch(
    module: FeatureDecoupling, features: Any
) -> None:
    anchors = torch.tensor(ANCHORS)
    together = module(features, anchors)
    alone = [module(features[i : i + 1], anchors[i : i + 1]) for i in range(len(anchors))]
    torch.testing.assert_close(together, torch.cat(alone))


def test_the_anchor_decides(module: FeatureDecoupling, features: Any) -> None:
    one, other = (module(features[:1], torch.tensor([a])) for a in ((1, 3), (3, 1)))
    assert not torch.allclose(one, other)
