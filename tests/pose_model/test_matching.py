"""The assignment against brute force, with costs written out by hand."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pose_networks import SIGMAS, perfect_output, random_output, random_targets
from rfdetr_pose.losses import LossConfig, PoseLoss
from rfdetr_pose.matching import MatchCosts, Matches, match
from rfdetr_pose.network import PoseOutput, Proposals
from rfdetr_pose.targets import Targets

pytestmark = pytest.mark.framework
COSTS = MatchCosts(keypoints=1.5)


def pairs(matches: Matches) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Query and target of every pair, by layer and image."""
    found = defaultdict(list)
    rows = zip(*(part.tolist() for part in vars(matches).values()), strict=True)
    for layer, image, query, target in rows:
        found[layer, image].append((query, target))
    return found


def assign(
    output: PoseOutput, targets: Targets, groups: int = 1, costs: MatchCosts = COSTS
) -> Matches:
    found: Matches = match(
        output.logits,
        output.boxes,
        targets,
        groups=groups,
        costs=costs,
        keypoints=output.keypoints,
    )
    return found


def giou(a: list[float], b: list[float]) -> float:
    edges = [(x - w / 2, y - h / 2, x + w / 2, y + h / 2) for x, y, w, h in (a, b)]
    left, top, right, bottom = zip(*edges, strict=True)
    inside = max(0, min(right) - max(left)) * max(0, min(bottom) - max(top))
    union = a[2] * a[3] + b[2] * b[3] - inside
    hull = (max(right) - min(left)) * (max(bottom) - min(top))
    value: float = inside / union - (hull - union) / hull
    return value


def cost(output: PoseOutput, targets: Targets, where: tuple[int, int, int], target: int) -> float:
    """Of one query and one object."""
    image = where[1]
    logit = float(output.logits[where][targets.labels[image, target]])
    score = 1 / (1 + math.exp(-logit))
    positive = -0.25 * (1 - score) ** 2 * math.log(score)
    negative = -0.75 * score**2 * math.log(1 - score)
    found, wanted = output.boxes[where].tolist(), targets.boxes[image, target].tolist()
    distance = sum(abs(p - q) for p, q in zip(found, wanted, strict=True))
    width, height = targets.sizes[image].tolist()
    labelled = [k for k in range(17) if targets.visibility[image, target, k] > 0]
    points = (output.keypoints[where] - targets.keypoints[image, target]).abs().tolist()
    far = sum(points[k][0] * width + points[k][1] * height for k in labelled) / len(labelled)
    scale = math.sqrt(targets.areas[image, target])
    terms: float = (
        COSTS.classes * (positive - negative)
        + COSTS.boxes * distance
        - COSTS.giou * giou(found, wanted)
        + COSTS.keypoints * far / scale
    )
    return terms


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**31),
    counts=st.lists(st.integers(0, 3), min_size=1, max_size=2),
    queries=st.integers(1, 4),
    groups=st.integers(1, 2),
    layers=st.integers(1, 2),
)
def test_assignment_is_the_best_of_all(
    seed: int, counts: list[int], queries: int, groups: int, layers: int
) -> None:
    targets = random_targets(counts, seed=seed, classes=2)
    output = random_output(targets, layers=layers, queries=groups * queries, classes=2, seed=seed)
    found = pairs(assign(output, targets, groups))
    for layer, (image, count) in itertools.product(range(layers), enumerate(counts)):
        for group in range(groups):
            mine = range(group * queries, (group + 1) * queries)
            table = {
                (q, t): cost(output, targets, (layer, image, q), t)
                for q in mine
                for t in range(count)
            }
            chosen = [pair for pair in found[layer, image] if pair[0] in mine]
            # Every object and every query once at most, and as many as there can be.
            assert len(chosen) == min(queries, count)
            assert len({q for q, _ in chosen}) == len({t for _, t in chosen}) == len(chosen)
            assert {t for _, t in chosen} <= set(range(count))
            assert sum(table[pair] for pair in chosen) == pytest.approx(
                least(table, list(mine), count), abs=1e-4
            )


def least(table: dict[tuple[int, int], float], queries: list[int], count: int) -> float:
    size = min(len(queries), count)
    return min(
        sum(table[pair] for pair in zip(chosen, objects, strict=True))
        for chosen in itertools.permutations(queries, size)
        for objects in itertools.combinations(range(count), size)
    )


def test_every_group_finds_every_object_by_itself() -> None:
    targets = random_targets([3, 1])
    one = perfect_output(targets)
    order = [2, 0, 4, 1, 3]
    both = {name: torch.cat([value, value[:, :, order]], 2) for name, value in vars(one).items()}
    found = pairs(assign(PoseOutput(**both), targets, groups=2))
    assert sorted(found[0, 0]) == [(0, 0), (1, 1), (2, 2), (5, 2), (6, 0), (8, 1)]
    assert sorted(found[0, 1]) == [(0, 0), (6, 0)]


def test_padding_is_never_matched() -> None:
    targets = random_targets([1, 0, 3])
    # Of every slot, a perfect prediction, also of those in which there is nobody.
    everybody = replace(targets, present=torch.ones(3, 3, dtype=torch.bool))
    found = pairs(assign(perfect_output(everybody), targets))
    assert found == {(0, 0): [(0, 0)], (0, 2): [(0, 0), (1, 1), (2, 2)]}


def test_no_objects_no_pairs() -> None:
    targets = random_targets([0, 0])
    matches = assign(random_output(targets), targets)
    assert [part.shape for part in vars(matches).values()] == [(0,)] * 4
    assert all(part.dtype == torch.int64 for part in vars(matches).values())


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
@pytest.mark.parametrize("own", [True, False])
def test_keypoints_tell_people_in_equal_boxes_apart(order: list[int], own: bool) -> None:
    targets = random_targets([2])
    targets.boxes[:] = torch.tensor([0.5, 0.5, 0.4, 0.8])
    output = perfect_output(targets, spare=0)
    swapped = replace(output, keypoints=output.keypoints[:, :, order])
    costs = MatchCosts(keypoints=1.0) if own else MatchCosts()
    found = pairs(assign(swapped, targets, costs=costs))[0, 0]
    # Without their term the order of the keypoints makes no difference.
    assert found == ([(0, order[0]), (1, order[1])] if own else [(0, 0), (1, 1)])


def test_the_loss_matches_by_keypoints_if_it_is_told_to() -> None:
    targets = random_targets([2])
    targets.boxes[:] = torch.tensor([0.5, 0.5, 0.4, 0.8])
    output = perfect_output(targets)
    crossed = replace(output, keypoints=output.keypoints[:, :, [1, 0, 2, 3]])
    crossed = replace(crossed, visibility=output.visibility[:, :, [1, 0, 2, 3]])
    first = Proposals(output.logits[0], output.boxes[0])
    l1 = {}
    for weight in (0.0, 1.0):
        config = LossConfig(costs=MatchCosts(keypoints=weight))
        l1[weight] = float(PoseLoss(config, SIGMAS, 1)(crossed, first, targets, 2)["keypoints_l1"])
    assert l1[0.0] > 1
    assert l1[1.0] == pytest.approx(0, abs=1e-5)


def test_unlabelled_keypoints_do_not_influence_the_assignment() -> None:
    targets = random_targets([2])
    targets.boxes[:] = torch.tensor([0.5, 0.5, 0.4, 0.8])
    targets.visibility[:, :, 1:] = 0
    output = perfect_output(targets, spare=0)
    points = output.keypoints.clone()
    points[:, :, :, 1:] = points[:, :, [1, 0], 1:]  # all but the labelled one are exchanged
    assert pairs(assign(replace(output, keypoints=points), targets))[0, 0] == [(0, 0), (1, 1)]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("part", ["logits", "boxes", "keypoints"])
@pytest.mark.parametrize("every", [True, False])
def test_a_diverged_network_is_matched_all_the_same(part: str, value: float, every: bool) -> None:
    targets = random_targets([2, 1])
    output = random_output(targets, queries=6)
    broken = getattr(output, part).clone()
    broken[:, :, slice(None) if every else 0] = value
    found = pairs(assign(replace(output, **{part: broken}), targets, groups=2))
    assert [sorted(t for _, t in found[0, image]) for image in (0, 1)] == [[0, 0, 1, 1], [0, 0]]
    if not every and math.isnan(value):
        assert all(query != 0 for image in (0, 1) for query, _ in found[0, image])
