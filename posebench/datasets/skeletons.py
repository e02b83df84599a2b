"""What the numbers of a keypoint vector mean: names, sigmas, flip pairs, limbs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from posebench.datasets.wholebody_skeleton import whole_body
from posebench.errors import InputError
from posebench.types import Skeleton

# Published as tenths. .26 / 10 and .026 are not the same double, and figures must be.
_COCO_TENTHS = (
    *(0.26, 0.25, 0.25, 0.35, 0.35, 0.79, 0.79, 0.72, 0.72),
    *(0.62, 0.62, 1.07, 1.07, 0.87, 0.87, 0.89, 0.89),
)
_COCO_NAMES = (
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear"),
    *("left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist"),
    *("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
)
_COCO_EDGES = (
    *((15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6), (5, 7), (6, 8)),
    *((7, 9), (8, 10), (1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6)),
)

COCO17 = Skeleton(
    name="coco17",
    keypoints=_COCO_NAMES,
    sigmas=tuple(tenths / 10.0 for tenths in _COCO_TENTHS),
    flip_pairs=tuple((i, i + 1) for i in range(1, 17, 2)),
    edges=_COCO_EDGES,
)

_SIDES = ("left", "right")

CROWDPOSE14 = Skeleton(
    name="crowdpose14",
    keypoints=(
        *(
            f"{s}_{p}"
            for p in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
            for s in _SIDES
        ),
        *("head", "neck"),
    ),
    sigmas=(
        *(0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089, 0.089),
        *(0.079, 0.079),
    ),
    flip_pairs=tuple((i, i + 1) for i in range(0, 12, 2)),
    edges=(
        *((10, 8), (8, 6), (11, 9), (9, 7), (6, 7), (0, 6), (1, 7), (0, 1), (0, 2), (1, 3)),
        *((2, 4), (3, 5), (12, 13), (1, 13), (0, 13)),
    ),
)

COCO_WHOLEBODY133 = whole_body(COCO17)

# MPII defines no sigmas and no OKS. These are mmpose's (configs/_base_/datasets/mpii.py), adapted
# from COCO's: they serve to suppress people who were found twice. No OKS is reported with them.
_MPII_SIGMAS = (
    *(0.089, 0.083, 0.107, 0.107, 0.083, 0.089, 0.026, 0.026, 0.026, 0.026),
    *(0.062, 0.072, 0.179, 0.179, 0.072, 0.062),
)

MPII16 = Skeleton(
    name="mpii16",
    keypoints=(
        *("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle"),
        *("pelvis", "thorax", "upper_neck", "head_top"),
        *("right_wrist", "right_elbow", "right_shoulder"),
        *("left_shoulder", "left_elbow", "left_wrist"),
    ),
    sigmas=_MPII_SIGMAS,
    flip_pairs=((0, 5), (1, 4), (2, 3), (10, 15), (11, 14), (12, 13)),
    edges=(
        *((0, 1), (1, 2), (2, 6), (6, 3), (3, 4), (4, 5), (6, 7), (7, 8), (8, 9)),
        *((8, 12), (12, 11), (11, 10), (8, 13), (13, 14), (14, 15)),
    ),
)

SKELETONS: dict[str, Skeleton] = {
    skeleton.name: skeleton for skeleton in (COCO17, CROWDPOSE14, COCO_WHOLEBODY133, MPII16)
}
_SCORED_BY_OKS = tuple(s for s in SKELETONS.values() if s is not MPII16)

_NOT_COCOS = frozenset({"ap10k-17", "h36m-17", "mpi_inf_3dhp-17", "posetrack18-17"})
"""Other 17 keypoints, as cards of mmpose's models call them."""

_OTHER_NAMES = {"tophead": "head"}
"""Of the same keypoint, as other files spell it."""


def get_skeleton(name: str) -> Skeleton:
    """A known skeleton by its name.

    Raises:
        InputError: There is none of that name.
    """
    if name not in SKELETONS:
        raise InputError(f"unknown skeleton {name!r}.", remedy=f"Known: {', '.join(SKELETONS)}.")
    return SKELETONS[name]


def is_another(name: str, wanted: Skeleton) -> bool:
    """Whether a skeleton's name is known, and not that of the wanted one."""
    return name != wanted.name and (name in SKELETONS or name in _NOT_COCOS)


def make_skeleton(
    names: Sequence[str],
    count: int,
    *,
    sigmas: Sequence[float] | None = None,
    edges: Sequence[tuple[int, int]] = (),
    source: str = "annotations",
) -> Skeleton:
    """The skeleton of an annotated category.

    A known one is recognised by its names; 17 keypoints without names are those of COCO. Any other
    needs sigmas: there is no default that would not silently give a wrong OKS.

    Args:
        names: K names, or none.
        count: K.
        sigmas: K per-keypoint standard deviations; None takes those of the known skeleton.
        edges: Zero-based index pairs.
        source: Where it comes from, for the message.

    Raises:
        InputError: Not a known skeleton and no sigmas, or a wrong number or value of them.
    """
    known = recognise(names, count)
    if sigmas is None and known is None:
        raise InputError(
            f"{source}: {count} keypoints that are not the 17 of COCO, so their sigmas are "
            f"unknown. (Known by their names: {', '.join(s.name for s in _SCORED_BY_OKS)}.)",
            remedy=f"Give {count} numbers with --sigmas.",
        )
    if sigmas is not None and len(sigmas) != count:
        raise InputError(f"--sigmas: {len(sigmas)} numbers, but {source} has {count} keypoints.")
    try:
        if known is not None:
            return known if sigmas is None else replace(known, sigmas=tuple(sigmas))
        return _custom(names, count, tuple(sigmas or ()), edges)
    except ValueError as error:
        raise InputError(f"--sigmas: {error}.") from error


def recognise(names: Sequence[str], count: int) -> Skeleton | None:
    """The known skeleton of ``count`` keypoints with these names (or none), if there is one.

    MPII's is not among them: what is recognised here is scored by the OKS.
    """
    if not names:  # Fourteen keypoints may be anybody's; seventeen have always meant COCO.
        return COCO17 if count == len(COCO17.keypoints) else None
    wanted = [_plain(name) for name in names]
    for skeleton in _SCORED_BY_OKS:
        if count == len(wanted) and wanted == [_plain(name) for name in skeleton.keypoints]:
            return skeleton
    return None


def _plain(name: str) -> str:
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    return _OTHER_NAMES.get(plain, plain)


def _custom(
    names: Sequence[str],
    count: int,
    sigmas: tuple[float, ...],
    edges: Sequence[tuple[int, int]],
) -> Skeleton:
    keypoints = tuple(names) or tuple(f"keypoint_{i}" for i in range(count))
    return Skeleton(
        name=f"custom{count}",
        keypoints=keypoints,
        sigmas=sigmas,
        flip_pairs=_flip_pairs(keypoints),
        edges=tuple(edges),
    )


def _flip_pairs(names: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Keypoints that differ in nothing but left and right."""
    place = {name.lower(): index for index, name in enumerate(names)}
    mirrored = [(i, place.get(name.replace("left", "right"))) for name, i in place.items()]
    return tuple((i, j) for i, j in mirrored if j is not None and i != j)
