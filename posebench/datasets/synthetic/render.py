"""One picture of a split, from its seed and index."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posebench.datasets.synthetic.backdrop import Backdrop, paint_outdoors, paint_room
from posebench.datasets.synthetic.draws import Draws
from posebench.datasets.synthetic.labels import Annotation, annotate
from posebench.datasets.synthetic.lens import develop, encode
from posebench.datasets.synthetic.light import Light, ShadowMap, draw_light
from posebench.datasets.synthetic.rasteriser import rasterise
from posebench.datasets.synthetic.scene import Geometry, Scene, draw_scene
from posebench.datasets.synthetic.shading import shade
from posebench.datasets.synthetic.splits import Split
from posebench.datasets.synthetic.surface import SAMPLES, Surface, View, surface_of
from posebench.types import BoolArray, Float32Array


@dataclass(frozen=True)
class Picture:
    """A rendered picture and its labels.

    Attributes:
        width, height: px.
        jpeg: The encoded picture.
        annotations: COCO annotations without ``id``, ``image_id`` and ``category_id``.
    """

    width: int
    height: int
    jpeg: bytes
    annotations: tuple[Annotation, ...]


def render(split: Split, seed: int, index: int) -> Picture:
    """Render picture ``index`` (from 0) of a split.

    The labels are the same for the same arguments everywhere; the bytes of the picture are with
    the same versions of numpy and OpenCV.
    """
    draws = Draws(seed, index, *split.name.encode())
    scene = draw_scene(split, draws.stream("scene"))
    view = _look(scene)
    light = draw_light(draws.stream("light"), indoor=scene.wall_m is not None)
    picture = _paint(scene, view, light, draws.stream("backdrop"))
    people = _shows_person(scene, view)
    lens = draws.stream("lens")
    jpeg = encode(develop(picture, people, lens), lens)
    return Picture(view.width, view.height, jpeg, tuple(annotate(scene, view)))


def _look(scene: Scene) -> View:
    camera, geometry = scene.camera, Geometry.of(scene)
    points = camera.project(geometry.mesh.vertices) * [SAMPLES, SAMPLES, 1]
    width, height = camera.width * SAMPLES, camera.height * SAMPLES
    fragments = rasterise(points, geometry.mesh.faces, width, height)
    seen = fragments.nearest(width * height)
    return View(camera.width, camera.height, geometry, points, fragments, seen)


def _paint(scene: Scene, view: View, light: Light, draws: Draws) -> Float32Array:
    """(height, width, 3) RGB: backdrop, and before it what is in the scene."""
    shadows = ShadowMap(light, view.geometry.mesh)
    backdrop = Backdrop.of(scene.camera, light, shadows, draws)
    if scene.wall_m is None:
        behind = paint_outdoors(backdrop, draws)
    else:
        behind = paint_room(backdrop, scene.wall_m, draws)
    surface = surface_of(view)
    return _blend(behind, surface, shade(scene, view, surface, light, shadows))


def _blend(behind: Float32Array, surface: Surface, colours: Float32Array) -> Float32Array:
    """Put the points of a surface before a backdrop, by their share of each pixel."""
    height, width = behind.shape[:2]
    row, column = np.divmod(surface.sample, width * SAMPLES)
    pixel = (row // SAMPLES) * width + column // SAMPLES
    share = surface.share / SAMPLES**2
    cover = np.bincount(pixel, share, height * width).reshape(height, width, 1)
    before = [
        np.bincount(pixel, share * colours[:, k], height * width).reshape(height, width)
        for k in range(3)
    ]
    return np.asarray(behind * (1 - cover) + np.stack(before, axis=-1), np.float32)


def _shows_person(scene: Scene, view: View) -> BoolArray:
    """(height, width) where the first sample of a pixel is somebody's."""
    owners = view.owners[::SAMPLES, ::SAMPLES]
    return np.asarray((owners >= 0) & (owners < len(scene.people) + len(scene.crowd)))
