"""Render what is missing in a folder, and write its annotation file."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from posebench.cache import atomic_path
from posebench.datasets.synthetic.document import coco_document
from posebench.datasets.synthetic.folder import PictureFolder
from posebench.datasets.synthetic.pool import cores, render_all


def is_complete(folder: PictureFolder, size: int, annotations: Path) -> bool:
    """Whether the first ``size`` pictures and their annotation file are there and undamaged."""
    if folder.missing(size):
        return False
    try:
        with annotations.open("rb") as stream:
            same = all(stream.read(len(part)) == part for part in coco_document(folder, size))
            return same and not stream.read(1)
    except OSError:
        return False


def complete(
    folder: PictureFolder, size: int, annotations: Path, *, workers: int | None = None
) -> None:
    """Render what is missing of the first ``size`` pictures, then write the annotation file.

    The caller has claimed the folder. Every picture is kept as soon as it is done.

    Args:
        folder: Of the pictures.
        size: Number of pictures.
        annotations: File that receives the COCO annotations.
        workers: Processes that render at once; None for one a core.

    Raises:
        PosebenchError: A process that rendered came to an end.
        OSError: The folder cannot be written.
    """
    missing = folder.missing(size)
    if missing:
        _render(folder, missing, size, workers or cores())
    with atomic_path(annotations) as temporary, temporary.open("wb") as stream:
        stream.writelines(coco_document(folder, size))


def _render(folder: PictureFolder, missing: Sequence[int], size: int, workers: int) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with (
        Progress(*columns, console=console, transient=True) as progress,
        closing(render_all(folder.split, folder.seed, missing, workers=workers)) as pictures,
    ):
        task = progress.add_task("rendering", total=size, completed=size - len(missing))
        for index, picture in pictures:
            folder.write(index, picture)
            progress.advance(task)
