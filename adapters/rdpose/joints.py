"""The joints of COCO and of MPII: names, sides that a mirror exchanges, halves of the body."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class JointSet:
    """The K joints that a network finds.

    Attributes:
        name: As posebench calls the skeleton.
        names: Of the joints, in the order of the heat maps.
        flip_pairs: Joints that change places in a mirror image.
        sigmas: K standard deviations of COCO's OKS, or None where no OKS is defined.
        upper_body: Joints of the upper half of the body; the others are the lower half. By these
            a person is cut in two for training (HRNet, lib/dataset).
    """

    name: str
    names: tuple[str, ...]
    flip_pairs: tuple[tuple[int, int], ...]
    sigmas: tuple[float, ...] | None
    upper_body: tuple[int, ...]

    @property
    def count(self) -> int:
        """K."""
        return len(self.names)


# pycocotools divides these by ten: .26 / 10 and .026 are not the same double.
_COCO_TENTHS = (
    *(0.26, 0.25, 0.25, 0.35, 0.35, 0.79, 0.79, 0.72, 0.72),
    *(0.62, 0.62, 1.07, 1.07, 0.87, 0.87, 0.89, 0.89),
)

COCO17 = JointSet(
    name="coco17",
    names=(
        *("nose", "left_eye", "right_eye", "left_ear", "right_ear"),
        *("left_shoulder", "right_shoulder", "left_elbow", "right_elbow"),
        *("left_wrist", "right_wrist", "left_hip", "right_hip"),
        *("left_knee", "right_knee", "left_ankle", "right_ankle"),
    ),
    flip_pairs=tuple((left, left + 1) for left in range(1, 17, 2)),
    sigmas=tuple(tenths / 10.0 for tenths in _COCO_TENTHS),
    upper_body=tuple(range(11)),
)

MPII16 = JointSet(
    name="mpii16",
    names=(
        *("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle"),
        *("pelvis", "thorax", "upper_neck", "head_top"),
        *("right_wrist", "right_elbow", "right_shoulder"),
        *("left_shoulder", "left_elbow", "left_wrist"),
    ),
    flip_pairs=((0, 5), (1, 4), (2, 3), (10, 15), (11, 14), (12, 13)),
    sigmas=None,
    upper_body=tuple(range(7, 16)),
)

JOINTS: dict[str, JointSet] = {joints.name: joints for joints in (COCO17, MPII16)}
