"""Rendered people as a dataset, kept in the cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from posebench.cache import CACHE_VARIABLE, cache_dir
from posebench.datasets.coco import CocoDataset
from posebench.datasets.skeletons import COCO17, make_skeleton
from posebench.datasets.synthetic.folder import PictureFolder, written
from posebench.datasets.synthetic.making import complete, is_complete
from posebench.datasets.synthetic.names import Recipe, parse_name
from posebench.datasets.synthetic.splits import GENERATOR_VERSION
from posebench.types import GroundTruth, Skeleton

_NOTE = "the people are rendered: do not compare the figures with those on photographs."


@dataclass(frozen=True, eq=False)
class SyntheticDataset:
    """Pictures that are rendered when the first of their files or labels is asked for.

    What needs none of them, such as the plan of a run, renders nothing.

    Attributes:
        name: Short name for tables and folders.
        skeleton: Names and sigmas of the keypoints.
        recipe: What is rendered; its size is the number of pictures in use.
    """

    name: str
    skeleton: Skeleton
    recipe: Recipe

    @classmethod
    def open(
        cls, name: str, *, sigmas: Sequence[float] | None = None, limit: int | None = None
    ) -> SyntheticDataset:
        """A dataset by its name, without rendering it.

        Args:
            name: See ``names.parse_name``.
            sigmas: One number a keypoint; None takes COCO's.
            limit: Use only so many pictures, the first ones. As a picture does not depend on how
                many there are, no others are rendered.

        Raises:
            InputError: The name or the sigmas are wrong.
        """
        recipe = parse_name(name)
        skeleton = make_skeleton(COCO17.keypoints, 17, sigmas=sigmas, source=name)
        size = recipe.size if limit is None else min(limit, recipe.size)
        return cls(recipe.name, skeleton, replace(recipe, size=size))

    @cached_property
    def _files(self) -> CocoDataset:
        annotations, images = render_into_cache(self.recipe)
        sigmas = self.skeleton.sigmas
        return CocoDataset.open(annotations, images, sigmas=sigmas, name=self.name)

    @property
    def notes(self) -> Sequence[str]:
        """What a user should know about the annotations, one sentence each."""
        return [_NOTE]

    @property
    def image_ids(self) -> Sequence[int]:
        """1, 2, ... up to the number of pictures in use."""
        return range(1, self.recipe.size + 1)

    def image_path(self, image_id: int) -> Path:
        """Where a picture lies.

        Raises:
            InputError: There is none of that id, or the pictures cannot be rendered.
        """
        return self._files.image_path(image_id)

    def ground_truth(self) -> GroundTruth:
        """The annotations of the pictures in use, as arrays.

        Raises:
            InputError: The pictures cannot be rendered.
        """
        return replace(self._files.ground_truth(), area_source="visible mask of rendered people")

    def identity(self) -> str:
        """Hex digest of the annotation file, the image ids in use and the sigmas.

        The annotation file names the version of the generator, the split, the seed and the size,
        so that the same pictures made into a folder of one's own have the same identity.

        Raises:
            InputError: The pictures cannot be rendered.
        """
        return self._files.identity()


def render_into_cache(recipe: Recipe, *, workers: int | None = None) -> tuple[Path, Path]:
    """Annotation file and picture folder, in the cache; what is there already is kept.

    Args:
        recipe: What to render.
        workers: Processes that render at once; None for one a core.

    Raises:
        InputError: The cache cannot be written.
        PosebenchError: A process that rendered came to an end.
    """
    root = cache_dir(
        *("datasets", "synthetic", f"v{GENERATOR_VERSION}-{recipe.split}-{recipe.seed}")
    )
    folder = PictureFolder(root, recipe.split, recipe.seed)
    annotations = root / f"person_keypoints-{recipe.size}.json"
    if not is_complete(folder, recipe.size, annotations):
        remedy = f"Make room or make it writable, or move the cache with {CACHE_VARIABLE}."
        with written(root, remedy=remedy), folder.claimed():
            complete(folder, recipe.size, annotations, workers=workers)
    return annotations, folder.images
