"""The folder of the drawings: what this command made in it, and nothing else, may be replaced."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from posebench.cache import atomic_path
from posebench.errors import InputError
from posebench.types import Image

MANIFEST = ".posebench-visualize.json"
"""Lists the drawings, so that the next run knows what is its own."""

_LOSSLESS = frozenset({".png", ".bmp"})
_QUALITY = 93


def drawing_names(pictures: Sequence[Path], *, ranked: bool) -> list[str]:
    """A name for each drawing: the picture's, as PNG if the picture is lossless, else as JPEG.

    Pictures of one name, from several folders or formats, are told apart by ``-2``, ``-3``, ...;
    so are names that differ in case only, which is no difference on some disks.

    Args:
        pictures: The files drawn on, in order.
        ranked: Begin the names with 0001_, 0002_, ...
    """
    taken: set[str] = set()
    names = []
    for place, picture in enumerate(pictures, start=1):
        suffix = ".png" if picture.suffix.lower() in _LOSSLESS else ".jpg"
        stem = f"{place:04d}_{picture.stem}" if ranked else picture.stem
        name, copy = f"{stem}{suffix}", 1
        while name.casefold() in taken:
            copy += 1
            name = f"{stem}-{copy}{suffix}"
        taken.add(name.casefold())
        names.append(name)
    return names


def claim_folder(folder: Path, names: Sequence[str]) -> None:
    """Make the folder ready for these drawings: earlier drawings go, foreign files stay.

    Raises:
        InputError: It is not a folder, holds files but no drawings, or a foreign file has the
            name of a drawing.
        OSError: It cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: not a folder.", remedy="Give another --out.")
    folder.mkdir(parents=True, exist_ok=True)
    earlier = _earlier(folder)
    if earlier is None and any(folder.iterdir()):
        raise InputError(
            f"{folder}: not empty, and not made by posebench visualize.",
            remedy="Give a new or an empty folder as --out.",
        )
    foreign = {path.name for path in folder.iterdir()} - set(earlier or ())
    for name in sorted(foreign & set(names)):
        raise InputError(
            f"{folder / name}: not made by posebench visualize, and would be overwritten.",
            remedy="Move it away, or give another --out.",
        )
    # First the list: interrupted anywhere, what is there is known.
    list_drawings(folder, sorted({*(earlier or ()), *names}))
    for name in earlier or ():
        (folder / name).unlink(missing_ok=True)
    list_drawings(folder, names)


def _earlier(folder: Path) -> list[str] | None:
    """Names of the drawings of an earlier run; None if there was none."""
    try:
        names = json.loads((folder / MANIFEST).read_text("utf-8"))["drawings"]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        names = None
    if not isinstance(names, list) or not all(_is_plain(name) for name in names):
        raise InputError(
            f"{folder / MANIFEST}: damaged, so nobody knows which files are drawings.",
            remedy="Give another --out.",
        )
    return names


def _is_plain(name: object) -> bool:
    """Whether it is the name of a drawing in the folder itself."""
    return isinstance(name, str) and name == Path(name).name and name.endswith((".jpg", ".png"))


def list_drawings(folder: Path, names: Sequence[str]) -> None:
    """Write which files of a claimed folder are drawings, and may go when the next run comes.

    Raises:
        OSError: It cannot be written.
    """
    with atomic_path(folder / MANIFEST) as temporary:
        temporary.write_text(json.dumps({"drawings": list(names)}, indent=1), "utf-8")


def write_drawing(path: Path, image: Image) -> None:
    """Write a PNG or JPEG, whole or not at all.

    Args:
        path: Ends with ``.png`` or ``.jpg``.
        image: (H, W, 3) uint8, RGB.

    Raises:
        OSError: It cannot be written.
    """
    options = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY] if path.suffix == ".jpg" else []
    _, encoded = cv2.imencode(path.suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    with atomic_path(path) as temporary:
        temporary.write_bytes(np.asarray(encoded).tobytes())
