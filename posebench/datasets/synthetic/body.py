"""A whole person: mesh and the 17 keypoints of COCO, in metres."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from posebench.datasets.skeletons import COCO17
from posebench.datasets.synthetic.appearance import Appearance
from posebench.datasets.synthetic.geometry import snap
from posebench.datasets.synthetic.head import build_head
from posebench.datasets.synthetic.limbs import build_arm, build_leg
from posebench.datasets.synthetic.mesh import Mesh, MeshBuilder
from posebench.datasets.synthetic.skeleton import Pose
from posebench.datasets.synthetic.trunk import add_skirt, build_trunk
from posebench.types import Float64Array

_SIDES = (("left", 1), ("right", -1))


@dataclass(frozen=True, eq=False)
class Body:
    """A person in the world: x to the right of the picture, y up, the ground at 0, metres.

    Attributes:
        mesh: Surface.
        keypoints: (17, 3) where annotators of COCO mark them.
        appearance, pose: What it was made from.
        yaw: Radians; 0 looks along +z, towards the camera.
        hips: (3,) the middle of the pelvis.
    """

    mesh: Mesh
    keypoints: Float64Array
    appearance: Appearance
    pose: Pose
    yaw: float
    hips: Float64Array


def build_body(appearance: Appearance, pose: Pose, yaw: float, place: tuple[float, float]) -> Body:
    """Somebody who stands, sits or jumps at a place (x, z) of the ground."""
    builder = MeshBuilder()
    marks = _build_parts(builder, appearance, pose, yaw)
    mesh = builder.build()
    height = appearance.height_m
    ground = pose.lift - float(mesh.vertices[:, 1].min())
    hips = np.array([place[0], ground * height, place[1]])
    keypoints = np.array([marks[name] for name in COCO17.keypoints]) * height + hips
    placed = replace(mesh, vertices=snap(mesh.vertices * height + hips))
    return Body(placed, snap(keypoints), appearance, pose, yaw, hips)


def _build_parts(
    builder: MeshBuilder, appearance: Appearance, pose: Pose, yaw: float
) -> dict[str, Float64Array]:
    """Everything in body heights about the hips; returns the keypoints by name."""
    marks: dict[str, Float64Array] = {}
    trunk = build_trunk(builder, appearance, pose, yaw)
    for (name, side), arm, leg in zip(_SIDES, pose.arms, pose.legs, strict=True):
        joints = build_arm(builder, appearance, trunk, arm, side)
        marks[f"{name}_shoulder"], marks[f"{name}_elbow"] = joints.root, joints.middle
        marks[f"{name}_wrist"] = joints.end
        joints = build_leg(builder, appearance, trunk, leg, side)
        marks[f"{name}_hip"], marks[f"{name}_knee"] = joints.root, joints.middle
        marks[f"{name}_ankle"] = joints.end
    if appearance.skirt:
        add_skirt(builder, appearance, trunk, (marks["left_knee"], marks["right_knee"]))
    return {**marks, **build_head(builder, appearance, trunk, pose)}
