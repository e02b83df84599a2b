"""Rendered people in a folder of the user's."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from posebench.cache import atomic_path
from posebench.datasets.synthetic.folder import STATE, PictureFolder, written
from posebench.datasets.synthetic.making import complete
from posebench.datasets.synthetic.names import Recipe, make_recipe
from posebench.datasets.synthetic.splits import GENERATOR_VERSION
from posebench.errors import InputError

_ANOTHER = "Choose another folder with --out."


def make_folder(recipe: Recipe, out: Path, *, workers: int | None = None) -> tuple[Path, Path]:
    """Render pictures into a folder, or go on with what an earlier call began there.

    Args:
        recipe: What to render.
        out: New, empty, or made from the same split and seed with no more pictures.
        workers: Processes that render at once; None for one a core.

    Returns:
        The annotation file ``person_keypoints.json`` and the folder ``images``.

    Raises:
        InputError: There is something else in the folder, which is left as it is, or the folder
            cannot be written.
        PosebenchError: A process that rendered came to an end.
    """
    folder = PictureFolder(out, recipe.split, recipe.seed)
    annotations = out / "person_keypoints.json"
    marker = folder.state / "made-by.json"
    with written(out, remedy=_ANOTHER):
        _check(out, marker, recipe)
        with folder.claimed():
            _check(out, marker, recipe)  # another process may have been faster
            with atomic_path(marker) as temporary:
                temporary.write_bytes(orjson.dumps(_origin(recipe)))
            complete(folder, recipe.size, annotations, workers=workers)
    return annotations, folder.images


def _origin(recipe: Recipe) -> dict[str, Any]:
    return {"generator_version": GENERATOR_VERSION, **asdict(recipe)}


def _check(out: Path, marker: Path, recipe: Recipe) -> None:
    """Refuse a folder that holds anything but these pictures, or more of them."""
    if not marker.exists():
        if out.exists() and any(path.name != STATE for path in out.iterdir()):
            raise InputError(f"{out}: there is something else in it.", remedy=_ANOTHER)
        return
    found = _read(marker)
    for field, value in _origin(recipe).items():
        if field != "size" and found[field] != value:
            text = field.replace("_", " ")
            raise InputError(
                f"{out}: made with {text} {found[field]}, not {value}.", remedy=_ANOTHER
            )
    if recipe.size < found["size"]:
        raise InputError(
            f"{out}: made for {found['size']} pictures, more than {recipe.size}.",
            remedy=f"Give --size {found['size']} or more, another --out, or delete the folder.",
        )


def _read(marker: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = orjson.loads(marker.read_bytes())
        version = found.pop("generator_version")
        recipe = make_recipe(found["split"], found["size"], found["seed"], source=str(marker))
        return {"generator_version": version, **asdict(recipe)}
    except (InputError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{marker}: damaged ({error}).", remedy=_ANOTHER) from error
