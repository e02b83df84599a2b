"""What a keypoint vector means: names, limbs, tolerances and which sides a mirror exchanges."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field, model_validator

COCO_KEYPOINT_NAMES = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)
COCO_SKELETON = (
    (15, 13),
    (13, 11),
    (16, 14),
    (14, 12),
    (11, 12),
    (5, 11),
    (6, 12),
    (5, 6),
    (5, 7),
    (6, 8),
    (7, 9),
    (8, 10),
    (1, 2),
    (0, 1),
    (0, 2),
    (1, 3),
    (2, 4),
    (3, 5),
    (4, 6),
)
"""Zero-based pairs of keypoints joined by a limb, the 19 that COCO's annotations list."""

# https://cocodataset.org/#keypoints-eval
_COCO_SIGMAS = (
    *(0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072),
    *(0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089, 0.089),
)
_UNIFORM_SIGMA = 0.05
_SIDES = (("left", "right"), ("Left", "Right"), ("LEFT", "RIGHT"))


class KeypointSchema(BaseModel):
    """The K keypoints of one object.

    Attributes:
        names: K unique names, in order.
        skeleton: Zero-based pairs joined by a limb, for drawing.
        sigmas: K standard deviations of the OKS, relative to the root of the object's area.
        flip_pairs: Zero-based pairs that exchange their places in a mirrored image.

    Raises:
        pydantic.ValidationError: A length, an index or a sigma is out of range, or a keypoint is
            in two flip pairs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    names: tuple[str, ...] = Field(min_length=1)
    skeleton: tuple[tuple[int, int], ...] = ()
    sigmas: tuple[float, ...]
    flip_pairs: tuple[tuple[int, int], ...] = ()

    @property
    def count(self) -> int:
        """K."""
        return len(self.names)

    @property
    def flip_order(self) -> list[int]:
        """Where each keypoint of a mirrored image comes from: a permutation of 0..K-1."""
        order = list(range(self.count))
        for a, b in self.flip_pairs:
            order[a], order[b] = b, a
        return order

    @model_validator(mode="after")
    def _consistent(self) -> KeypointSchema:
        if len(set(self.names)) != self.count:
            raise ValueError(f"keypoint names are not unique: {self.names}")
        if len(self.sigmas) != self.count or min(self.sigmas) <= 0:
            raise ValueError(f"{self.count} positive sigmas are needed, not {self.sigmas}")
        for field, pairs in (("skeleton", self.skeleton), ("flip_pairs", self.flip_pairs)):
            if any(not 0 <= index < self.count for pair in pairs for index in pair):
                raise ValueError(f"{field} has an index outside 0..{self.count - 1}: {pairs}")
        mirrored = [index for pair in self.flip_pairs for index in pair]
        if len(set(mirrored)) != len(mirrored):
            raise ValueError(f"a keypoint is in two flip pairs, or paired with itself: {mirrored}")
        return self


COCO_KEYPOINTS = KeypointSchema(
    names=COCO_KEYPOINT_NAMES,
    skeleton=COCO_SKELETON,
    sigmas=_COCO_SIGMAS,
    flip_pairs=((1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16)),
)


def keypoint_schema(
    num_keypoints: int | None = None,
    names: Sequence[str] | None = None,
    skeleton: Sequence[Sequence[int]] | None = None,
    sigmas: Sequence[float] | None = None,
    flip_pairs: Sequence[Sequence[int]] | None = None,
) -> KeypointSchema:
    """The schema that a user described in part; COCO's 17 keypoints if nothing was said.

    Args:
        num_keypoints: K; without it, the number of names, of sigmas, or 17.
        names: K names; ``keypoint_0`` ... if left out.
        skeleton: Zero-based pairs; none if left out.
        sigmas: K tolerances; 0.05 each if left out, as COCO has none for other keypoints.
        flip_pairs: Zero-based pairs; if left out, read from names such as ``left_…``/``right_…``.

    Raises:
        ValueError: The parts contradict each other.
    """
    if all(part is None for part in (names, skeleton, sigmas, flip_pairs)) and num_keypoints in (
        None,
        COCO_KEYPOINTS.count,
    ):
        return COCO_KEYPOINTS
    count = num_keypoints or len(names or sigmas or COCO_KEYPOINT_NAMES)
    if names is None:
        names = COCO_KEYPOINT_NAMES if count == 17 else [f"keypoint_{i}" for i in range(count)]
    if len(names) != count:
        raise ValueError(f"num_keypoints is {count}, but {len(names)} keypoint_names were given")
    is_coco = tuple(names) == COCO_KEYPOINT_NAMES
    if sigmas is None:
        sigmas = _COCO_SIGMAS if is_coco else [_UNIFORM_SIGMA] * count
    if skeleton is None:
        skeleton = COCO_SKELETON if is_coco else ()
    return KeypointSchema(
        names=tuple(names),
        skeleton=_pairs(skeleton),
        sigmas=tuple(sigmas),
        flip_pairs=_pairs(flip_pairs) if flip_pairs is not None else mirrored_pairs(names),
    )


def mirrored_pairs(names: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Index pairs whose names differ only in their side, e.g. ``left_eye`` and ``right_eye``."""
    found = []
    for index, name in enumerate(names):
        for left, right in _SIDES:
            other = name.replace(left, right)
            if other != name and other in names:
                found.append((index, list(names).index(other)))
                break
    return tuple(found)


def _pairs(values: Sequence[Sequence[int]]) -> tuple[tuple[int, int], ...]:
    pairs = tuple(tuple(int(index) for index in pair) for pair in values)
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError(f"pairs of keypoint indices are needed, not {values}")
    return pairs  # type: ignore[return-value]
