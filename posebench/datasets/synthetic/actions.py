"""Poses, drawn by what a person is doing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from posebench.datasets.synthetic.draws import Draws
from posebench.datasets.synthetic.skeleton import Arm, Leg, Pose, clamp

Range = tuple[float, float]
"""Lowest and highest, degrees."""


def draw_pose(draws: Draws, action: str) -> Pose:
    """A pose of a class of ``ACTIONS``, every angle within ``RANGES``."""
    return ACTIONS[action](draws, _relaxed(draws, action))


def _arm(draws: Draws, abduction: float, flexion: float, twist: float, elbow: float) -> Arm:
    return Arm(
        clamp("abduction", abduction),
        clamp("arm_flexion", flexion),
        clamp("arm_twist", twist),
        clamp("elbow", elbow),
        hand_roll=draws.normal(0, 8),
        hand_pitch=draws.normal(-8, 11),
        hand_turn=draws.uniform(20, 90),
        curl=draws.uniform(6, 63),
    )


def _arm_within(draws: Draws, abduction: Range, flexion: Range, twist: Range, elbow: Range) -> Arm:
    return _arm(
        draws,
        draws.uniform(*abduction),
        draws.uniform(*flexion),
        draws.uniform(*twist),
        draws.uniform(*elbow),
    )


def _leg(
    draws: Draws, spread: float, flexion: float, twist: float, knee: float, lifted: bool = False
) -> Leg:
    return Leg(
        clamp("leg_spread", spread),
        clamp("leg_flexion", flexion),
        clamp("leg_twist", twist),
        clamp("knee", knee),
        foot_pitch=draws.normal(25, 8) if lifted else 0.0,
    )


def _spine(pitch: float, yaw: float, roll: float) -> tuple[float, float, float]:
    return (
        clamp("spine_pitch", pitch),
        clamp("spine_yaw", yaw),
        clamp("spine_roll", roll),
    )


def _neck(pitch: float, yaw: float, roll: float) -> tuple[float, float, float]:
    return clamp("neck_pitch", pitch), clamp("neck_yaw", yaw), clamp("neck_roll", roll)


def _hanging(draws: Draws) -> Arm:
    return _arm(
        draws,
        6 + abs(draws.normal(4, 5)),
        draws.normal(4, 12),
        draws.normal(-10, 12),
        draws.uniform(5, 35),
    )


def _hand_on_hip(draws: Draws) -> Arm:
    return _arm(
        draws,
        draws.uniform(42, 55),
        draws.normal(-15, 6),
        draws.normal(-58, 7),
        draws.uniform(80, 98),
    )


def _forearm_up(draws: Draws) -> Arm:
    return _arm_within(draws, (8, 22), (20, 50), (-32, -4), (60, 130))


def _reaching(draws: Draws) -> Arm:
    return _arm_within(draws, (5, 25), (50, 100), (-40, 10), (5, 60))


def _any_arm(draws: Draws) -> Arm:
    gesture = draws.choice((_hanging, _hand_on_hip, _forearm_up, _reaching), (4, 1, 1, 1))
    return gesture(draws)


def _standing_leg(draws: Draws) -> Leg:
    return _leg(
        draws, draws.normal(4, 3), draws.normal(0, 4), draws.normal(8, 6), draws.uniform(0, 8)
    )


def _relaxed(draws: Draws, action: str) -> Pose:
    """Upright, arms hanging: what every class changes some part of."""
    return Pose(
        action,
        _spine(draws.normal(3, 5), draws.normal(0, 6), draws.normal(0, 4)),
        _neck(draws.normal(3, 9), draws.normal(0, 22), draws.normal(0, 6)),
        (_hanging(draws), _hanging(draws)),
        (_standing_leg(draws), _standing_leg(draws)),
    )


def _stand(draws: Draws, base: Pose) -> Pose:
    legs = list(base.legs)
    if draws.chance(0.4):  # the weight on one leg
        knee = draws.uniform(15, 35)
        legs[draws.integer(0, 2)] = _leg(
            draws, draws.normal(4, 3), draws.uniform(5, 20), draws.normal(8, 6), knee
        )
    return replace(base, arms=(_any_arm(draws), _any_arm(draws)), legs=(legs[0], legs[1]))


def _walk(draws: Draws, base: Pose) -> Pose:
    stride = draws.choice((-1, 1)) * draws.uniform(0.5, 1.2)
    arms = [_swung(draws, -24 * sign * stride, draws.uniform(10, 45)) for sign in (1, -1)]
    if draws.chance(0.3):
        arms[draws.integer(0, 2)] = _any_arm(draws)
    legs = (_step(draws, stride), _step(draws, -stride))
    return replace(base, arms=(arms[0], arms[1]), legs=legs)


def _run(draws: Draws, base: Pose) -> Pose:
    stride = draws.choice((-1, 1)) * draws.uniform(0.7, 1.2)
    arms = [_swung(draws, -41 * sign * stride, draws.uniform(70, 105)) for sign in (1, -1)]
    legs = [_step(draws, sign * stride, 1.6) for sign in (1, -1)]
    behind = 0 if stride < 0 else 1
    legs[behind] = replace(legs[behind], knee=clamp("knee", draws.uniform(60, 100)))
    spine = _spine(draws.uniform(8, 20), base.spine[1], base.spine[2])
    return replace(base, spine=spine, arms=(arms[0], arms[1]), legs=(legs[0], legs[1]))


def _swung(draws: Draws, flexion: float, elbow: float) -> Arm:
    # A bent forearm that swings turns outwards, clear of the belly.
    return _arm(draws, 10 + abs(draws.normal(0, 6)), flexion, draws.normal(2, 8), elbow)


def _step(draws: Draws, stride: float, reach: float = 1.0) -> Leg:
    """One leg of a stride, -1.2 (wholly behind) to 1.2 (wholly in front)."""
    knee = 8.0 if stride > 0 else 8 + 30 * abs(stride) * draws.uniform(0.5, 1.4)
    flexion = (25 * stride + 4) * reach
    return _leg(draws, draws.normal(3, 2), flexion, draws.normal(6, 5), knee, knee > 50)


def _sit(draws: Draws, base: Pose) -> Pose:
    def leg() -> Leg:
        return _leg(
            draws,
            draws.uniform(4, 18),
            draws.uniform(78, 95),
            draws.normal(0, 6),
            draws.uniform(70, 100),
        )

    arms = [_arm_within(draws, (8, 20), (18, 50), (-24, 4), (30, 80)) for _ in range(2)]
    if draws.chance(0.3):
        arms[draws.integer(0, 2)] = _any_arm(draws)
    spine = _spine(draws.normal(8, 10), base.spine[1], base.spine[2])
    lean = (clamp("lean", -draws.uniform(0, 12)), 0.0)
    return replace(base, spine=spine, arms=(arms[0], arms[1]), legs=(leg(), leg()), lean=lean)


def _raise(draws: Draws, base: Pose) -> Pose:
    def raised() -> Arm:
        return _arm(
            draws,
            draws.uniform(85, 168),
            draws.normal(10, 12),
            draws.normal(-10, 20),
            draws.uniform(5, 70),
        )

    other = raised() if draws.chance(0.6) else base.arms[1]
    return replace(base, arms=(raised(), other) if draws.chance(0.5) else (other, raised()))


def _crouch(draws: Draws, base: Pose) -> Pose:
    def leg() -> Leg:
        hip = draws.uniform(50, 110)
        return _leg(
            draws,
            draws.uniform(8, 25),
            hip,
            draws.normal(10, 6),
            hip * draws.uniform(1.0, 1.25),
        )

    spine = _spine(draws.uniform(15, 40), base.spine[1], base.spine[2])
    neck = _neck(-15, base.neck[1], base.neck[2])
    arms = (_any_arm(draws), _any_arm(draws))
    return replace(base, spine=spine, neck=neck, arms=arms, legs=(leg(), leg()))


def _free(draws: Draws, base: Pose) -> Pose:
    """Dance, sport, play: any limb anywhere, now and then off the ground."""

    def arm() -> Arm:
        return _arm_within(draws, (0, 160), (-30, 90), (-60, 30), (0, 130))

    def leg() -> Leg:
        return _leg(
            draws,
            draws.uniform(0, 35),
            draws.uniform(-20, 75),
            draws.uniform(-10, 25),
            draws.uniform(0, 90),
            lifted=True,
        )

    return replace(
        base,
        spine=_spine(draws.uniform(-10, 35), draws.uniform(-30, 30), draws.uniform(-15, 15)),
        arms=(arm(), arm()),
        legs=(leg(), leg()),
        lean=(clamp("lean", draws.normal(0, 8)), clamp("lean", draws.normal(0, 6))),
        lift=draws.uniform(0.03, 0.17) if draws.chance(0.3) else 0.0,
    )


ACTIONS: dict[str, Callable[[Draws, Pose], Pose]] = {
    "stand": _stand,
    "walk": _walk,
    "run": _run,
    "sit": _sit,
    "raise": _raise,
    "crouch": _crouch,
    "free": _free,
}
