"""The three splits, and what may happen in the pictures of each."""

from __future__ import annotations

from dataclasses import dataclass

GENERATOR_VERSION = 1
"""Raised whenever a picture or a label would come out differently."""


@dataclass(frozen=True)
class Split:
    """What the pictures of a split are like.

    Attributes:
        name: As users write it.
        people: Weight of a picture with 0, 1, 2 … people.
        actions: Weight of each class of poses.
        distance_m: From the camera to the first person, lowest and highest.
        depth: Distance of the others as a multiple of the first's, lowest and highest.
        spacing_m: Two people are never closer than this.
        spread: Half of the picture's width over which people stand, as a share of the width.
        facing_share: Share of the people who more or less face the camera.
        obstacle: Probability of a block in front of people.
        crowd: Probability of a group in the background that is annotated as one region.
        camera_m: Height of the camera, lowest and highest.
        portrait: Share of the pictures that are taller than wide.
        tries: Places that are tried for a person before it is left out.
    """

    name: str
    people: tuple[float, ...]
    actions: dict[str, float]
    distance_m: tuple[float, float]
    depth: tuple[float, float]
    spacing_m: float
    spread: float
    facing_share: float
    obstacle: float
    crowd: float
    camera_m: tuple[float, float] = (0.8, 2.1)
    portrait: float = 0.25
    tries: int = 12


SPLITS = {
    split.name: split
    for split in (
        Split(
            name="easy",
            people=(0.04, 0.66, 0.30),
            actions={"stand": 0.5, "walk": 0.25, "raise": 0.15, "sit": 0.1},
            distance_m=(2.6, 5.0),
            depth=(0.9, 1.3),
            spacing_m=0.8,
            spread=0.36,
            facing_share=0.85,
            obstacle=0.0,
            crowd=0.0,
        ),
        Split(
            name="default",
            people=(0.05, 0.29, 0.24, 0.17, 0.12, 0.08, 0.05),
            actions={
                **{"stand": 0.32, "walk": 0.2, "run": 0.05, "sit": 0.17},
                **{"raise": 0.12, "crouch": 0.05, "free": 0.09},
            },
            distance_m=(2.0, 6.5),
            depth=(0.75, 2.2),
            spacing_m=0.55,
            spread=0.46,
            facing_share=0.7,
            obstacle=0.15,
            crowd=0.05,
        ),
        Split(
            name="crowded",
            people=(0.02, 0, 0, 0, 0.14, 0.16, 0.18, 0.18, 0.14, 0.1, 0.08),
            actions={
                **{"stand": 0.4, "walk": 0.25, "run": 0.03, "sit": 0.08},
                **{"raise": 0.14, "crouch": 0.03, "free": 0.07},
            },
            distance_m=(2.4, 5.0),
            depth=(0.8, 1.7),
            spacing_m=0.38,
            spread=0.34,
            facing_share=0.7,
            obstacle=0.2,
            crowd=0.25,
        ),
    )
}
