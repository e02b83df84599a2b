"""Bodies: what is anatomy, and what is left and right."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posebench.datasets.skeletons import COCO17
from posebench.datasets.synthetic.actions import ACTIONS, draw_pose
from posebench.datasets.synthetic.appearance import draw_appearance
from posebench.datasets.synthetic.body import Body, build_body
from posebench.datasets.synthetic.draws import Draws
from posebench.datasets.synthetic.mesh import Part
from posebench.datasets.synthetic.skeleton import RANGES, Pose

SEEDS = st.integers(0, 10**6)
INDEX = {name: k for k, name in enumerate(COCO17.keypoints)}


def _body(action: str, seed: int, yaw: float = 0.0) -> Body:
    draws = Draws(seed)
    return build_body(draw_appearance(draws), draw_pose(draws, action), yaw, (0.0, -4.0))


def _angles(pose: Pose) -> dict[str, list[float]]:
    spine, neck = pose.spine, pose.neck
    return {
        "abduction": [arm.abduction for arm in pose.arms],
        "arm_flexion": [arm.flexion for arm in pose.arms],
        "arm_twist": [arm.twist for arm in pose.arms],
        "elbow": [arm.elbow for arm in pose.arms],
        "leg_spread": [leg.spread for leg in pose.legs],
        "leg_flexion": [leg.flexion for leg in pose.legs],
        "leg_twist": [leg.twist for leg in pose.legs],
        "knee": [leg.knee for leg in pose.legs],
        **{f"spine_{n}": [v] for n, v in zip(("pitch", "yaw", "roll"), spine, strict=True)},
        **{f"neck_{n}": [v] for n, v in zip(("pitch", "yaw", "roll"), neck, strict=True)},
        "lean": list(pose.lean),
    }


@given(st.sampled_from(sorted(ACTIONS)), SEEDS)
def test_no_joint_leaves_its_range(action: str, seed: int) -> None:
    angles = _angles(draw_pose(Draws(seed), action))
    assert angles.keys() == RANGES.keys()
    for name, values in angles.items():
        low, high = RANGES[name]
        assert all(low <= value <= high for value in values), name


@settings(max_examples=30)
@given(st.sampled_from(sorted(ACTIONS)), SEEDS, st.floats(-3, 3))
def test_bones_keep_their_length_and_feet_their_ground(action: str, seed: int, yaw: float) -> None:
    body = _body(action, seed, yaw)
    height = body.appearance.height_m
    points = {name: body.keypoints[k] / height for name, k in INDEX.items()}

    def length(first: str, second: str) -> float:
        return float(np.linalg.norm(points[first] - points[second]))

    for side in ("left", "right"):
        assert length(f"{side}_hip", f"{side}_knee") == pytest.approx(0.245, abs=0.012)
        assert length(f"{side}_knee", f"{side}_ankle") == pytest.approx(0.231, abs=0.012)
        assert length(f"{side}_shoulder", f"{side}_elbow") == pytest.approx(0.168, abs=0.03)
        assert length(f"{side}_elbow", f"{side}_wrist") == pytest.approx(0.143, abs=0.02)
    assert length("left_eye", "right_eye") == pytest.approx(
        0.037 * body.appearance.head_scale, abs=0.002
    )
    lowest = body.mesh.vertices[:, 1].min()
    assert lowest == pytest.approx(body.pose.lift * height, abs=1e-3)
    assert not body.pose.lift or action == "free"


def test_left_is_the_persons_own_left() -> None:
    facing, turned = _body("stand", 3), _body("stand", 3, np.pi)
    for name in ("shoulder", "hip", "ear"):
        left, right = INDEX[f"left_{name}"], INDEX[f"right_{name}"]
        # Who looks at the camera (+z) has the left side at the picture's right (+x).
        assert facing.keypoints[left, 0] > facing.keypoints[right, 0]
        assert turned.keypoints[left, 0] < turned.keypoints[right, 0]
    nose = INDEX["nose"]
    assert facing.keypoints[nose, 2] > facing.keypoints[INDEX["left_ear"], 2]


@pytest.mark.parametrize(
    ("keypoint", "part", "radius"),
    [
        ("left_wrist", Part.ARM_LEFT, 0.025),
        ("right_elbow", Part.ARM_RIGHT, 0.04),
        ("left_knee", Part.LEG_LEFT, 0.06),
        ("right_ankle", Part.LEG_RIGHT, 0.05),
        ("nose", Part.NOSE, 0.01),
        ("left_ear", Part.EAR_LEFT, 0.025),
    ],
)
def test_keypoints_are_on_their_parts(keypoint: str, part: Part, radius: float) -> None:
    for seed in range(8):
        body = _body("raise", seed)
        vertices = body.mesh.vertices[np.unique(body.mesh.faces[body.mesh.parts == part])]
        distance = np.linalg.norm(vertices - body.keypoints[INDEX[keypoint]], axis=1).min()
        assert distance < radius * body.appearance.height_m, seed


def test_surfaces_point_outwards() -> None:
    mesh = _body("stand", 5).mesh
    corners = mesh.vertices[mesh.faces]
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    smooth = mesh.normals[mesh.faces].mean(axis=1)
    area = np.linalg.norm(flat, axis=1)
    agree = (flat * smooth).sum(axis=1) > 0
    assert area[agree].sum() > 0.97 * area.sum()
