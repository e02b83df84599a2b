"""The feature decoupling module against its formulas, written out cell by cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import product
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


@dataclass(frozen=True)
class Decoupled:
    """Every tensor on the way, of one picture.

    Attributes:
        at_anchor: (C,) a.
        channel_factors: (C,) W_c a + b_c.
        correlation: (C,) W_s a + b_s.
        spatial: (3, h, w) what the 5x5 convolution sees.
        mask: (1, h, w) what it gives, before the sigmoid.
        both: (2C, h, w) F_c and F_s.
        fusion: (C, h, w) of the 1x1 convolution.
        result: (C, h, w).
    """

    at_anchor: Array
    channel_factors: Array
    correlation: Array
    spatial: Array
    mask: Array
    both: Array
    fusion: Array
    result: Array


def decoupled_by_hand(
    features: Array, anchor: tuple[int, int], weights: Mapping[str, Array]
) -> Decoupled:
    """Of one picture, (C, h, w)."""
    height, width = features.shape[1:]
    a = features[:, anchor[0], anchor[1]]
    factors = weights["channel_factors.weight"] @ a + weights["channel_factors.bias"]
    similarity = weights["correlation.weight"] @ a + weights["correlation.bias"]
    spatial = _spatial_by_hand(features, anchor, similarity)
    mask = _convolved_by_hand(spatial, weights["mask.weight"][0], weights["mask.bias"][0])
    both = np.zeros((2 * len(features), height, width))
    fusion = np.zeros_like(features)
    for y in range(height):
        for x in range(width):
            share = 1 / (1 + np.exp(-mask[y, x]))
            both[:, y, x] = [*(features[:, y, x] * factors), *(features[:, y, x] * share)]
            fusion[:, y, x] = weights["fusion.weight"][:, :, 0, 0] @ both[:, y, x]
            fusion[:, y, x] += weights["fusion.bias"]
    result = np.maximum(fusion, 0)
    return Decoupled(a, factors, similarity, spatial, mask[None], both, fusion, result)


def _spatial_by_hand(features: Array, anchor: tuple[int, int], similarity: Array) -> Array:
    channels, height, width = features.shape
    spatial = np.zeros((3, height, width))
    for y in range(height):
        for x in range(width):
            spatial[0, y, x] = sum(features[k, y, x] * similarity[k] for k in range(channels))
            spatial[1, y, x] = (anchor[1] - x) / 32
            spatial[2, y, x] = (anchor[0] - y) / 32
    return spatial


def _convolved_by_hand(maps: Array, weight: Array, bias: float) -> Array:
    """(3, h, w) under (3, 5, 5), zeros around."""
    height, width = maps.shape[1:]
    total = np.full((height, width), bias)
    for y, x, source, i, j in product(range(height), range(width), range(3), range(5), range(5)):
        row, column = y + i - 2, x + j - 2
        if 0 <= row < height and 0 <= column < width:
            total[y, x] += weight[source, i, j] * maps[source, row, column]
    return total


def decoupled_by_module(
    module: FeatureDecoupling, features: torch.Tensor, anchors: list[tuple[int, int]]
) -> list[Decoupled]:
    """Of every picture, (B, C, h, w), as the module's parts see and give them."""
    seen: dict[str, torch.Tensor] = {}

    def keep(name: str, given: str | None = None) -> Any:
        def hook(_: Any, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
            seen[name] = output
            if given is not None:
                seen[given] = inputs[0]

        return module.get_submodule(name).register_forward_hook(hook)

    parts = (("channel_factors", "at_anchor"), ("correlation", None), ("mask", "spatial"))
    hooks = [keep(*part) for part in (*parts, ("fusion", "both"))]
    with torch.no_grad():
        seen["result"] = module(features, torch.tensor(anchors))
    for hook in hooks:
        hook.remove()
    names = [field.name for field in fields(Decoupled)]
    return [Decoupled(*(seen[name][i].numpy() for name in names)) for i in range(len(anchors))]


def assert_same(found: Decoupled, expected: Decoupled) -> None:
    """Tensor by tensor."""
    for field in fields(Decoupled):
        pair = getattr(found, field.name), getattr(expected, field.name)
        np.testing.assert_allclose(*pair, atol=1e-12, rtol=1e-12, err_msg=field.name)


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


def test_every_tensor_is_what_the_formulas_say(module: FeatureDecoupling, features: Any) -> None:
    weights = {name: value.numpy() for name, value in module.state_dict().items()}
    found = decoupled_by_module(module, features, ANCHORS)
    signs = np.concatenate([one.fusion.ravel() for one in found]) > 0
    assert signs.any() and not signs.all()
    for picture, anchor, one in zip(features.numpy(), ANCHORS, found, strict=True):
        assert_same(one, decoupled_by_hand(picture, anchor, weights))


@pytest.mark.parametrize("size", [(4, 4), (1, 7)], ids=str)
def test_any_size_of_map(module: FeatureDecoupling, size: tuple[int, int]) -> None:
    picture = np.random.default_rng(2).normal(size=(CHANNELS, *size))
    weights = {name: value.numpy() for name, value in module.state_dict().items()}
    (found,) = decoupled_by_module(module, torch.from_numpy(picture)[None], [(0, 3)])
    assert_same(found, decoupled_by_hand(picture, (0, 3), weights))


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
