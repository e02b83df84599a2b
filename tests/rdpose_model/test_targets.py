"""What the heat maps are to become, and where the off-target anchors lie."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from rdpose.anchors import off_target_anchor
from rdpose.config import HRNetBackbone, ModelConfig, ResNetBackbone, Variant
from rdpose.joints import COCO17, JOINTS, MPII16, JointSet
from rdpose.targets import Points, heatmap_targets, labelled_center, nearest_cell

from posebench.datasets.skeletons import SKELETONS

pytestmark = pytest.mark.framework
Flags = npt.NDArray[np.bool_]
W32 = HRNetBackbone()
SMALL = ModelConfig(input_size=(64, 96))  # 16 rows, 24 columns
CENTRED: tuple[Variant, ...] = ("fixed", "perturbed")
EVERY: tuple[Variant, ...] = ("bare", "as-published", "fixed", "perturbed")
POINTS = hnp.arrays(
    np.float64, (17, 2), elements=st.floats(-200, 300, allow_nan=False, allow_infinity=False)
)
SEEN = hnp.arrays(np.bool_, 17)


def config_of(variant: Variant, **fields: object) -> ModelConfig:
    return ModelConfig.model_validate({**SMALL.model_dump(), "variant": variant, **fields})


@pytest.mark.parametrize("joints", [COCO17, MPII16], ids=lambda joints: joints.name)
def test_joints_are_those_that_posebench_knows(joints: JointSet) -> None:
    known = SKELETONS[joints.name]
    assert joints.names == known.keypoints
    assert set(joints.flip_pairs) == set(known.flip_pairs)
    assert JOINTS[joints.name] is joints
    if joints.sigmas is not None:
        assert joints.sigmas == known.sigmas


@pytest.mark.parametrize("joints", [COCO17, MPII16], ids=lambda joints: joints.name)
def test_the_lower_body_is_what_hangs_from_the_hips(joints: JointSet) -> None:
    lower = {name for i, name in enumerate(joints.names) if i not in joints.upper_body}
    legs = {f"{side}_{part}" for side in ("left", "right") for part in ("hip", "knee", "ankle")}
    assert lower == legs | ({"pelvis"} if joints is MPII16 else set())


@given(joints=POINTS, visible=SEEN, sigma=st.sampled_from([1.0, 2.0, 3.0]))
def test_a_joint_in_the_map_has_its_peak_at_its_cell(
    joints: Points, visible: Flags, sigma: float
) -> None:
    maps, weights = heatmap_targets(joints, visible, config_of("bare", sigma=sigma))
    assert maps.shape == (17, 16, 24) and maps.dtype == weights.dtype == np.float32
    for point, is_seen, values, weight in zip(joints, visible, maps, weights, strict=True):
        cell = nearest_cell(point / 4, (16, 24))
        if cell is not None and is_seen:
            assert weight == 1 and values[cell] == 1 == values.max()
            assert (values == 1).sum() == 1
            reach = int(3 * sigma)
            far = np.abs(np.indices(values.shape) - np.array(cell)[:, None, None]).max(0) > reach
            assert not values[far].any()
        if not is_seen:
            assert weight == 0
        if weight == 0:
            assert not values.any()


@given(joints=POINTS, visible=SEEN)
def test_a_joint_whose_gaussian_is_out_of_the_map_has_no_weight(
    joints: Points, visible: Flags
) -> None:
    _, weights = heatmap_targets(joints, visible, config_of("bare"))
    cells = joints / 4
    out = (cells < -8.5) | (cells >= np.array([24, 16]) + 6)  # three deviations of two cells
    assert not weights[out.any(1)].any()


@pytest.mark.parametrize("variant", CENTRED)
@given(joints=POINTS, visible=SEEN)
def test_the_centre_is_the_mean_of_the_labelled_joints(
    variant: Variant, joints: Points, visible: Flags
) -> None:
    maps, weights = heatmap_targets(joints, visible, config_of(variant))
    bare = heatmap_targets(joints, visible, config_of("bare"))
    np.testing.assert_array_equal(maps[:-1], bare[0])
    np.testing.assert_array_equal(weights[:-1], bare[1])
    labelled = [point for point, is_seen in zip(joints, visible, strict=True) if is_seen]
    x, y = np.sum(labelled, 0) / len(labelled) if labelled else (-1e3, -1e3)
    column, row = np.floor(x / 4 + 0.5), np.floor(y / 4 + 0.5)
    assume(abs((x / 4) % 1 - 0.5) > 1e-6 and abs((y / 4) % 1 - 0.5) > 1e-6)
    inside = bool(labelled) and 0 <= column < 24 and 0 <= row < 16
    assert weights[-1] == inside
    assert bool(maps[-1].any()) == inside
    if inside:
        assert maps[-1, int(row), int(column)] == 1


@given(joints=POINTS, visible=SEEN)
def test_the_published_centre_is_never_learnt(joints: Points, visible: Flags) -> None:
    maps, weights = heatmap_targets(joints, visible, config_of("as-published"))
    assert maps.shape[0] == 18
    assert weights[-1] == 0 and not maps[-1].any()


def test_nobody_is_labelled() -> None:
    nowhere = np.zeros((17, 2))
    for variant in EVERY:
        maps, weights = heatmap_targets(nowhere, np.zeros(17, bool), config_of(variant))
        assert not maps.any() and not weights.any()
    assert labelled_center(nowhere, np.zeros(17, bool)) is None


CELLS = st.tuples(st.floats(-20, 40), st.floats(-20, 40)).map(np.array)
SIZES = st.tuples(st.integers(1, 4), st.integers(1, 4)).map(lambda s: (32 * s[0], 32 * s[1]))


@given(
    variant=st.sampled_from(EVERY),
    resnet=st.booleans(),
    size=SIZES,
    center=st.none() | CELLS,
    neighbours=st.lists(CELLS, max_size=4),
    seed=st.integers(0, 2**32 - 1),
)
def test_an_anchor_is_in_the_map_and_reproducible(
    variant: Variant,
    resnet: bool,
    size: tuple[int, int],
    center: Points | None,
    neighbours: list[Points],
    seed: int,
) -> None:
    backbone = ResNetBackbone() if resnet else W32
    config = ModelConfig(backbone=backbone, input_size=size, variant=variant)
    others = np.reshape(neighbours, (-1, 2))
    first, again = (
        off_target_anchor(config, center, others, np.random.default_rng(seed)) for _ in range(2)
    )
    assert first == again
    assert all(0 <= at < cells for at, cells in zip(first, config.heatmap_size, strict=True))
    if variant == "perturbed" and center is not None:
        assert first != nearest_cell(center, config.heatmap_size)


@pytest.mark.parametrize(
    ("variant", "backbone", "input_size", "expected"),
    [
        ("as-published", W32, (256, 192), (32, 32)),
        ("as-published", W32, (384, 288), (32, 32)),
        ("as-published", W32, (256, 256), (32, 32)),
        ("as-published", W32, (64, 96), (15, 23)),
        ("as-published", ResNetBackbone(), (256, 192), (32, 24)),
        ("fixed", W32, (256, 192), (32, 24)),
        ("fixed", W32, (384, 288), (48, 36)),
    ],
)
def test_the_fixed_anchors(
    variant: Variant,
    backbone: HRNetBackbone | ResNetBackbone,
    input_size: tuple[int, int],
    expected: tuple[int, int],
) -> None:
    config = ModelConfig(backbone=backbone, input_size=input_size, variant=variant)
    generator = np.random.default_rng(0)
    before = generator.bit_generator.state
    anchor = off_target_anchor(config, np.array([1.0, 2.0]), np.array([[3.0, 4.0]]), generator)
    assert anchor == expected
    assert generator.bit_generator.state == before


def drawn(center: Points | None, neighbours: list[tuple[float, float]]) -> list[tuple[int, int]]:
    config, generator = config_of("perturbed"), np.random.default_rng(0)
    others = np.reshape(np.array(neighbours, float), (-1, 2))
    return [off_target_anchor(config, center, others, generator) for _ in range(1500)]


def test_half_of_the_anchors_lie_on_other_people() -> None:
    center = np.array([11.8, 8.2])
    people = [(11.0, 7.0), (13.4, 9.0), (99.0, 9.0), (12.2, 7.9)]  # near, near, out, the same cell
    found = drawn(center, people)
    on_people = [found.count(cell) for cell in ((7, 11), (9, 13))]
    # Four deviations of a binomial of 1500 draws are .052 and .045.
    assert abs(sum(on_people) / 1500 - 0.5) < 0.052
    assert all(abs(count / 1500 - 0.25) < 0.045 for count in on_people)
    others = [cell for cell in found if cell not in {(7, 11), (9, 13)}]
    assert (8, 12) not in others
    assert min(np.hypot(row - 8, column - 12) for row, column in others) > 16 / 4


def test_every_background_cell_is_drawn() -> None:
    everywhere = set(itertools.product(range(16), range(24)))
    near = {(r, c) for r, c in everywhere if np.hypot(r - 8, c - 12) <= 4}
    config, generator = config_of("perturbed"), np.random.default_rng(0)
    none = np.empty((0, 2))
    for center, cells in ((np.array([12.0, 8.0]), everywhere - near), (None, everywhere)):
        found = {off_target_anchor(config, center, none, generator) for _ in range(6000)}
        assert found == cells
