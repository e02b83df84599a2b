"""The 133 keypoints of COCO-WholeBody (Jin et al., ECCV 2020): body, feet, face and both hands."""

from __future__ import annotations

from posebench.types import Skeleton

_FINGERS = ("thumb", "forefinger", "middle_finger", "ring_finger", "pinky_finger")
_NAMES_BEYOND_BODY = (
    *(f"{side}_{p}" for side in ("left", "right") for p in ("big_toe", "small_toe", "heel")),
    *(f"face-{index}" for index in range(68)),
    *(
        name
        for side in ("left", "right")
        for name in (
            f"{side}_hand_root",
            *(f"{side}_{finger}{joint}" for finger in _FINGERS for joint in range(1, 5)),
        )
    ),
)

_BODY_SIGMAS = (
    *(0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062),
    *(0.107, 0.107, 0.087, 0.087, 0.089, 0.089),
)
_FOOT_SIGMAS = (0.068, 0.066, 0.066, 0.092, 0.094, 0.094)
_FACE_SIGMAS = (
    *(0.042, 0.043, 0.044, 0.043, 0.040, 0.035, 0.031, 0.025, 0.020),
    *(0.023, 0.029, 0.032, 0.037, 0.038, 0.043, 0.041, 0.045),
    *(0.013, 0.012, 0.011, 0.011, 0.012, 0.012, 0.011, 0.011, 0.013, 0.015),
    *(0.009, 0.007, 0.007, 0.007, 0.012, 0.009, 0.008, 0.016, 0.010),
    *(0.017, 0.011, 0.009, 0.011, 0.009, 0.007, 0.013, 0.008, 0.011, 0.012, 0.010, 0.034),
    *(0.008, 0.008, 0.009, 0.008, 0.008, 0.007, 0.010, 0.008, 0.009, 0.009, 0.009, 0.007),
    *(0.007, 0.008, 0.011, 0.008, 0.008, 0.008, 0.010, 0.008),
)
_HAND_SIGMAS = (
    *(0.029, 0.022, 0.035, 0.037, 0.047, 0.026, 0.025, 0.024, 0.035, 0.018, 0.024),
    *(0.022, 0.026, 0.017, 0.021, 0.021, 0.032, 0.020, 0.019, 0.022, 0.031),
)

_FOOT, _FACE, _LEFT_HAND, _RIGHT_HAND = 17, 23, 91, 112
_FACE_PAIRS = (
    *((i, 16 - i) for i in range(8)),
    *((i, 43 - i) for i in range(17, 22)),
    *((31, 35), (32, 34)),
    *((36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)),
    *((48, 54), (49, 53), (50, 52), (55, 59), (56, 58), (60, 64), (61, 63), (65, 67)),
)
_FOOT_EDGES = tuple((15 + (i > 2), _FOOT + i) for i in range(6))


def _hand_edges(root: int) -> tuple[tuple[int, int], ...]:
    """Five chains of four joints, all from the wrist's end of the hand."""
    return tuple(
        (root if joint == 0 else root + 4 * finger + joint, root + 4 * finger + joint + 1)
        for finger in range(5)
        for joint in range(4)
    )


def whole_body(body: Skeleton) -> Skeleton:
    """The whole body around the 17 keypoints of COCO's ``body``.

    The sigmas are those of the COCO-WholeBody evaluator, also for the body: .026 where COCO has
    .26 / 10, which is not always the same double.
    """
    return Skeleton(
        name="coco-wholebody133",
        keypoints=(*body.keypoints, *_NAMES_BEYOND_BODY),
        sigmas=(*_BODY_SIGMAS, *_FOOT_SIGMAS, *_FACE_SIGMAS, *_HAND_SIGMAS, *_HAND_SIGMAS),
        flip_pairs=(
            *body.flip_pairs,
            *((_FOOT + i, _FOOT + 3 + i) for i in range(3)),
            *((_FACE + i, _FACE + j) for i, j in _FACE_PAIRS),
            *((_LEFT_HAND + i, _RIGHT_HAND + i) for i in range(21)),
        ),
        edges=(*body.edges, *_FOOT_EDGES, *_hand_edges(_LEFT_HAND), *_hand_edges(_RIGHT_HAND)),
    )
