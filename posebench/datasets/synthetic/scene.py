"""Who and what is where: everything about a picture except how it is painted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from posebench.datasets.synthetic.actions import draw_pose
from posebench.datasets.synthetic.appearance import draw_appearance
from posebench.datasets.synthetic.body import Body, build_body
from posebench.datasets.synthetic.camera import Camera
from posebench.datasets.synthetic.draws import Draws
from posebench.datasets.synthetic.furniture import (
    Prop,
    draw_furniture,
    draw_obstacle,
    seat_under,
)
from posebench.datasets.synthetic.mesh import Mesh, MeshBuilder
from posebench.datasets.synthetic.splits import Split
from posebench.types import IntArray

_SIZE = (640, 480)
_SLACK_M = 0.3  # between the wall and what is before it
_LEFT_SHOULDER, _RIGHT_SHOULDER = 5, 6
_UPRIGHT = ("stand", "walk", "raise")
_CROWD_ACTIONS = {"stand": 0.6, "walk": 0.3, "raise": 0.1}

Place = tuple[float, float]
"""(x, distance from the camera), metres."""


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture before it is painted.

    Attributes:
        camera: What sees it.
        wall_m: Distance of a room's wall, behind everything; None out of doors.
        people: With labels of their own.
        crowd: Annotated together as one region.
        props: Furniture.
    """

    camera: Camera
    wall_m: float | None
    people: Sequence[Body]
    crowd: Sequence[Body]
    props: Sequence[Prop]

    def meshes(self) -> list[Mesh]:
        """Of everything, owner by owner: people, crowd, props."""
        bodies = [body.mesh for body in (*self.people, *self.crowd)]
        return bodies + [prop.mesh for prop in self.props]


@dataclass(frozen=True, eq=False)
class Geometry:
    """All triangles of a scene.

    Attributes:
        mesh: Every mesh joined.
        owner: (F,) which of ``Scene.meshes`` each triangle belongs to.
    """

    mesh: Mesh
    owner: IntArray

    @classmethod
    def of(cls, scene: Scene) -> Geometry:
        """Join the meshes of a scene."""
        builder = MeshBuilder()
        meshes = scene.meshes()
        for mesh in meshes:
            builder.add_mesh(mesh)
        owner = np.repeat(np.arange(len(meshes)), [len(mesh.faces) for mesh in meshes])
        return cls(builder.build(), owner)


def draw_scene(split: Split, draws: Draws) -> Scene:
    """A scene as the split wants it."""
    size = _SIZE[::-1] if draws.chance(split.portrait) else _SIZE
    distance = draws.uniform(*split.distance_m)
    camera = _aim(split, draws, size, distance)
    count = draws.choice(range(len(split.people)), split.people)
    places = _places(split, draws, camera, distance, count)
    people = [
        _person(draws.stream("person", k), split.actions, split.facing_share, place)
        for k, place in enumerate(places)
    ]
    crowd = _crowd(draws.stream("crowd"), split, camera, distance)
    props = _furnish(draws.stream("furniture"), split, camera, distance, places)
    for k, body in enumerate(people):
        if body.pose.action == "sit":
            props += seat_under(body, draws.stream("seat", k))
    wall = draws.uniform(distance * 1.6 + 0.8, distance * 3) if draws.chance(0.5) else None
    if wall is not None:
        meshes = [body.mesh for body in (*people, *crowd)] + [prop.mesh for prop in props]
        wall = max([wall, *(float(-mesh.vertices[:, 2].min()) + _SLACK_M for mesh in meshes)])
    return Scene(camera, wall, people, crowd, props)


def _aim(split: Split, draws: Draws, size: tuple[int, int], distance: float) -> Camera:
    """A camera at a height of the split, at somebody's middle."""
    height = draws.uniform(*split.camera_m)
    field_of_view = math.radians(draws.uniform(38, 62))
    pitch = math.atan2(height - draws.uniform(0.75, 1.15), distance) + draws.normal(0, 0.03)
    return Camera.aimed(size, field_of_view, height, pitch, roll=draws.normal(0, 0.03))


def _places(split: Split, draws: Draws, camera: Camera, distance: float, count: int) -> list[Place]:
    """Where people stand; fewer than asked for if they would not fit."""
    taken: list[Place] = []
    for k in range(count):
        for _ in range(split.tries):
            depth = (0.9, 1.1) if k == 0 else split.depth
            far = distance * draws.uniform(*depth)
            spread = split.spread * (0.6 if k == 0 else 1.0)
            x = draws.uniform(-spread, spread) * camera.width / camera.focal * far
            if _is_free((x, far), taken, split.spacing_m):
                taken.append((x, far))
                break
    return taken


def _person(draws: Draws, actions: dict[str, float], facing_share: float, place: Place) -> Body:
    action = draws.choice(tuple(actions), tuple(actions.values()))
    appearance = draw_appearance(draws, trousers_only=action not in _UPRIGHT)
    towards = draws.chance(facing_share)
    yaw = math.radians(draws.normal(0, 45)) if towards else draws.uniform(-math.pi, math.pi)
    return build_body(appearance, draw_pose(draws, action), yaw, (place[0], -place[1]))


def _crowd(draws: Draws, split: Split, camera: Camera, distance: float) -> list[Body]:
    """A dense group far behind the others, or nobody."""
    if not draws.chance(split.crowd):
        return []
    middle = draws.uniform(-0.35, 0.35) * camera.width / camera.focal
    far = max(distance * 2.4, 9.0) * draws.uniform(1.0, 1.3)
    people = []
    for k in range(draws.integer(7, 13)):
        x = middle * far + (k - 5) * 0.42 + draws.normal(0, 0.12)
        place = (x, far + draws.uniform(-0.8, 0.8))
        people.append(_person(draws.stream("one", k), _CROWD_ACTIONS, 0.7, place))
    return people


def _furnish(
    draws: Draws, split: Split, camera: Camera, distance: float, taken: Sequence[Place]
) -> list[Prop]:
    """Tables, cupboards and crates where nobody stands, and perhaps a block in front."""
    props: list[Prop] = []
    for _ in range(draws.integer(0, 5)):
        x, far = _spot(draws, camera, distance, (1.3, 2.6))
        thing = draw_furniture(draws, (x, -far))
        if _is_free((x, far), taken, 1.0):
            props += thing
    if draws.chance(split.obstacle):
        x, near = _spot(draws, camera, distance, (0.5, 0.75))
        thing = draw_obstacle(draws, (x, -near))
        if _is_free((x, near), taken, 0.7):
            props += thing
    return props


def _spot(draws: Draws, camera: Camera, distance: float, depth: tuple[float, float]) -> Place:
    """Somewhere in the picture or a little beside it, depth as a multiple of the distance."""
    far = draws.uniform(distance * depth[0], distance * depth[1])
    return draws.uniform(-0.55, 0.55) * camera.width / camera.focal * far, far


def _is_free(place: Place, taken: Sequence[Place], clearance_m: float) -> bool:
    return all(math.dist(place, other) > clearance_m for other in taken)


def facing(body: Body, camera: Camera) -> str:
    """How a person's shoulders are turned as the camera sees them: front, back, left or right.

    ``left`` means that the left side of the body is towards the camera.
    """
    shoulders = body.keypoints[_LEFT_SHOULDER], body.keypoints[_RIGHT_SHOULDER]
    to_camera = camera.position - (shoulders[0] + shoulders[1]) / 2
    across = shoulders[0] - shoulders[1]
    chest = math.atan2(-across[2], across[0])
    angle = math.degrees(math.atan2(to_camera[0], to_camera[2]) - chest)
    return ("front", "left", "back", "right")[round(angle / 90) % 4]
