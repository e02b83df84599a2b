"""The angles of a body's joints, and how far each of them goes."""

from __future__ import annotations

import math
from dataclasses import dataclass

# Degrees. No drawn joint leaves these ranges; hinge joints bend one way only.
RANGES: dict[str, tuple[float, float]] = {
    "abduction": (-5, 170),
    "arm_flexion": (-60, 180),
    "arm_twist": (-100, 60),
    "elbow": (0, 145),
    "leg_spread": (-8, 45),
    "leg_flexion": (-40, 125),
    "leg_twist": (-30, 45),
    "knee": (0, 150),
    "spine_pitch": (-20, 55),
    "spine_yaw": (-40, 40),
    "spine_roll": (-25, 25),
    "neck_pitch": (-40, 40),
    "neck_yaw": (-60, 60),
    "neck_roll": (-25, 25),
    "lean": (-25, 25),
}


@dataclass(frozen=True)
class Arm:
    """Degrees; positive flexion is forward."""

    abduction: float
    flexion: float
    twist: float
    elbow: float
    hand_roll: float
    hand_pitch: float
    hand_turn: float
    curl: float


@dataclass(frozen=True)
class Leg:
    """Degrees; positive flexion is forward, and the knee bends backward."""

    spread: float
    flexion: float
    twist: float
    knee: float
    foot_pitch: float


@dataclass(frozen=True)
class Pose:
    """What a body does; left before right.

    Attributes:
        action: Name of the class it was drawn from.
        spine, neck: Pitch, yaw and roll over their whole length, degrees.
        lean: Pitch and roll of the pelvis, degrees.
        lift: Height of the lowest point above the ground, in body heights.
    """

    action: str
    spine: tuple[float, float, float]
    neck: tuple[float, float, float]
    arms: tuple[Arm, Arm]
    legs: tuple[Leg, Leg]
    lean: tuple[float, float] = (0.0, 0.0)
    lift: float = 0.0


def clamp(name: str, degrees: float) -> float:
    """An angle moved into its range."""
    low, high = RANGES[name]
    return min(max(degrees, low), high)


def radians(degrees: tuple[float, float, float]) -> tuple[float, float, float]:
    """Three angles in radians."""
    return math.radians(degrees[0]), math.radians(degrees[1]), math.radians(degrees[2])
