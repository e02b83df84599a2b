"""The parts of the loss, by their formulas and by what may and may not influence them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from pose_networks import SIGMAS, TINY, perfect_output, random_output, random_targets
from rfdetr_pose.losses import (
    KeypointParts,
    LossConfig,
    PoseLoss,
    VisibilityRule,
    class_part,
    keypoint_parts,
)
from rfdetr_pose.matching import Matches
from rfdetr_pose.network import PoseOutput, Proposals
from rfdetr_pose.targets import Targets
from torch import Tensor

pytestmark = pytest.mark.framework
RULES: list[VisibilityRule] = ["labelled", "as-documented"]
PARTS = ("l1", "oks", "visibility")
NAMES = [
    *("classes", "boxes", "giou", "keypoints_l1", "keypoints_oks", "visibility"),
    *("proposal_classes", "proposal_boxes", "proposal_giou"),
]


def one_to_one(targets: Targets, layers: int = 1) -> Matches:
    """Query i of every layer answers for object i of its image."""
    layer, image, target = torch.nonzero(targets.present.expand(layers, -1, -1), as_tuple=True)
    return Matches(layer, image, target.clone(), target)


def parts(output: PoseOutput, targets: Targets, rule: VisibilityRule = "labelled") -> KeypointParts:
    return keypoint_parts(output, targets, one_to_one(targets), torch.tensor(SIGMAS), rule)


def values(found: KeypointParts) -> dict[str, float]:
    return {name: getattr(found, name).item() for name in PARTS}


def one_keypoint(visibility: int) -> tuple[PoseOutput, Targets]:
    """One person with one labelled keypoint, found 3 px too far right and 4 px too high."""
    targets = random_targets([1], size=(200.0, 100.0))
    seen = torch.zeros(1, 1, 17, dtype=torch.int64)
    seen[..., 5] = visibility
    areas = torch.tensor([[400.0]])
    targets = replace(targets, visibility=seen, areas=areas)
    output = random_output(targets, queries=1)
    points = output.keypoints.clone()
    points[0, 0, 0, 5] = targets.keypoints[0, 0, 5] + torch.tensor([3 / 200, -4 / 100])
    logits = torch.full((1, 1, 1, 17), 0.7)
    return replace(output, keypoints=points, visibility=logits), targets


@pytest.mark.parametrize(("visibility", "sign"), [(2, -1), (1, 1)])
def test_the_formulas(visibility: int, sign: int) -> None:
    found = parts(*one_keypoint(visibility))
    oks = math.exp(-(3**2 + 4**2) / (2 * 400 * (2 * SIGMAS[5]) ** 2))
    expected = {
        "l1": (3 + 4) / 20,
        "oks": 1 - oks,
        "visibility": math.log(1 + math.exp(sign * 0.7)),
    }
    assert values(found) == pytest.approx(expected, rel=1e-4)
    assert found.similarity.tolist() == pytest.approx([oks], rel=1e-4)


@pytest.mark.parametrize("layers", [1, 3])
def test_a_perfect_prediction_costs_nothing(layers: int) -> None:
    targets = random_targets((2, 0, 3))
    output = perfect_output(targets, layers=layers)
    first = Proposals(output.logits[0], output.boxes[0])
    found = PoseLoss(LossConfig(), SIGMAS, groups=1)(output, first, targets, targets.count)
    assert list(found) == NAMES
    for name, value in found.items():
        assert float(value) == pytest.approx(0, abs=1e-5), name


@pytest.mark.parametrize("rule", RULES)
def test_an_object_without_labelled_keypoints_adds_nothing(rule: VisibilityRule) -> None:
    targets = random_targets([2])
    targets.visibility[0, 1] = 0
    targets.keypoints[0, 1] = 0
    targets.areas[0, 1] = 0
    output = random_output(targets)
    for value in (output.keypoints, output.visibility):
        value.requires_grad_()
    both = parts(output, targets, rule)
    alone = parts(output, replace(targets, present=torch.tensor([[True, False]])), rule)
    assert values(both) == values(alone)
    assert both.labelled.tolist() == [True, False]
    (both.l1 + both.oks + both.visibility).backward()
    for value in (output.keypoints, output.visibility):
        assert value.grad is not None
        assert bool(value.grad.isfinite().all())
        assert bool(value.grad[0, 0, 0].any())
        assert not bool(value.grad[0, 0, 1].any())


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("stretch", [0.25, 3.0])
def test_the_shape_of_the_picture_does_not_matter(rule: VisibilityRule, stretch: float) -> None:
    targets = random_targets([3], size=(400.0, 400.0))
    output = random_output(targets)
    scale = torch.tensor([stretch, 1.0])
    wide = replace(targets, keypoints=targets.keypoints / scale, sizes=targets.sizes * scale)
    moved = replace(output, keypoints=output.keypoints / scale)
    assert values(parts(moved, wide, rule)) == pytest.approx(
        values(parts(output, targets, rule)), rel=1e-5
    )
    squeezed = values(parts(moved, targets, rule))  # the same numbers in a picture of equal sides
    assert squeezed["l1"] != pytest.approx(values(parts(output, targets, rule))["l1"], rel=1e-2)


def disturbed(output: PoseOutput, where: Tensor) -> PoseOutput:
    """Other predictions for the keypoints of (1, T, K) ``where``, whose queries come first."""
    points, logits = output.keypoints.clone(), output.visibility.clone()
    points[:, :, : where.shape[1]][:, where] += 0.1
    logits[:, :, : where.shape[1]][:, where] += 1
    return replace(output, keypoints=points, visibility=logits)


def changed(targets: Targets, visibility: int, rule: VisibilityRule) -> set[str]:
    """Parts that depend on what is predicted for keypoints of this visibility."""
    output = random_output(targets)
    before = values(parts(output, targets, rule))
    after = values(parts(disturbed(output, targets.visibility == visibility), targets, rule))
    return {name for name in PARTS if before[name] != after[name]}


@pytest.mark.parametrize(
    ("visibility", "rule", "expected"),
    [
        (0, "labelled", set()),
        (1, "labelled", {"l1", "oks", "visibility"}),
        (2, "labelled", {"l1", "oks", "visibility"}),
        (0, "as-documented", {"visibility"}),
        (1, "as-documented", {"oks", "visibility"}),
        (2, "as-documented", {"l1", "oks", "visibility"}),
    ],
)
def test_which_keypoints_count(visibility: int, rule: VisibilityRule, expected: set[str]) -> None:
    targets = random_targets([3])
    assert bool((targets.visibility == visibility).any())
    assert changed(targets, visibility, rule) == expected


def test_people_count_alike_however_many_keypoints_they_have() -> None:
    targets = random_targets([2])
    targets.visibility[0, 0] = 2
    targets.visibility[0, 1] = 0
    targets.visibility[0, 1, 5] = 2
    output = random_output(targets)
    output.keypoints[0, 0, :2] = targets.keypoints[0] + 0.05
    output.visibility[:] = -1.0
    targets.areas[:] = 10_000.0
    single = [
        values(parts(output, replace(targets, present=torch.tensor([mask]))))
        for mask in ([True, False], [False, True])
    ]
    assert single[0]["l1"] == pytest.approx(single[1]["l1"], rel=1e-4)
    assert single[0]["visibility"] == pytest.approx(single[1]["visibility"], rel=1e-4)


def test_classes_by_the_formula() -> None:
    targets = random_targets([2, 1], classes=3, seed=3)
    output = random_output(targets, layers=2, classes=3)
    matches = one_to_one(targets, layers=2)
    quality = torch.linspace(0.0, 1.0, len(matches.query))
    wanted = {}
    for m, q in enumerate(quality.tolist()):
        image, target = int(matches.image[m]), int(matches.target[m])
        where = (int(matches.layer[m]), image, int(matches.query[m]))
        key = (*where, int(targets.labels[image, target]))
        wanted[key] = q
    expected = 0.0
    for index in torch.cartesian_prod(*(torch.arange(n) for n in output.logits.shape)).tolist():
        score = 1 / (1 + math.exp(-float(output.logits[tuple(index)])))
        if tuple(index) in wanted:
            target = max(score**0.25 * wanted[tuple(index)] ** 0.75, 0.01)
            expected -= target * math.log(score) + (1 - target) * math.log(1 - score)
        else:
            expected -= score**2 * math.log(1 - score)
    assert float(class_part(output.logits, targets, matches, quality)) == pytest.approx(expected)


def test_weights_and_objects_scale_the_parts() -> None:
    targets = random_targets()
    output = random_output(targets, queries=8)
    first = Proposals(output.logits[0], output.boxes[0])
    config = LossConfig()
    loss = PoseLoss(config, SIGMAS, groups=2)
    found = loss(output, first, targets, 4.0)
    assert all(float(value) > 0 for value in found.values())
    for name, value in loss(output, first, targets, 8.0).items():
        assert float(value) == pytest.approx(float(found[name]) / 2)
    heavy = replace(config, keypoints_oks=2 * config.keypoints_oks, keypoints_l1=0.0)
    again = PoseLoss(heavy, SIGMAS, groups=2)(output, first, targets, 4.0)
    factors = {name: float(again[name] / found[name]) for name in NAMES}
    assert factors == pytest.approx(
        {n: 1.0 for n in NAMES} | {"keypoints_oks": 2, "keypoints_l1": 0}
    )


def test_a_second_group_of_queries_does_not_weigh_more() -> None:
    targets = random_targets()
    one = random_output(targets, queries=8)
    two = PoseOutput(**{name: torch.cat([value, value], 2) for name, value in vars(one).items()})
    losses = [
        PoseLoss(LossConfig(), SIGMAS, groups)(
            output, Proposals(output.logits[0], output.boxes[0]), targets, targets.count
        )
        for groups, output in ((1, one), (2, two))
    ]
    torch.testing.assert_close(losses[0], losses[1])


def test_a_batch_without_objects_teaches_only_that_there_are_none() -> None:
    targets = random_targets([0, 0])
    output = random_output(targets, queries=8)
    output.logits.requires_grad_()
    first = Proposals(output.logits[0], output.boxes[0])
    found = PoseLoss(LossConfig(), SIGMAS, TINY.query_groups)(output, first, targets, 0.0)
    assert {name for name, value in found.items() if value.item()} == {
        "classes",
        "proposal_classes",
    }
    found["classes"].backward()
    assert output.logits.grad is not None
    assert bool((output.logits.grad > 0).all())
