"""``posebench visualize``: predicted people drawn on their pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posebench.cli.options import INTERRUPTED, parse_sigmas

if TYPE_CHECKING:
    from posebench.visualize.album import Album, Page
    from posebench.visualize.ordering import PictureVerdict

_NAMED = 5
_ROWS = 20


def visualize(
    predictions: Annotated[
        Path, typer.Option(help="COCO results JSON, or posebench's shard-*.npz or their folder.")
    ],
    images: Annotated[Path, typer.Option(help="Folder of the pictures.")],
    out: Annotated[Path, typer.Option(help="Folder of the drawings; new, empty or its own.")],
    annotations: Annotated[
        Path | None,
        typer.Option(help="COCO annotations; without them a picture's name must be its id."),
    ] = None,
    worst: Annotated[
        bool, typer.Option("--worst", help="Worst first, beside what is annotated.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N pictures.")] = None,
    score_threshold: Annotated[
        float, typer.Option(help="Only people with at least this score.")
    ] = 0.3,
    sigmas: Annotated[
        str | None,
        typer.Option(help="For --worst with keypoints that are not known, as in evaluate."),
    ] = None,
) -> None:
    """Draw predicted people on their pictures, or find the pictures that went worst."""
    from posebench.visualize.album import Wish, plan_album
    from posebench.visualize.files import claim_folder, list_drawings

    if not math.isfinite(score_threshold):
        raise typer.BadParameter("not a finite number", param_hint="--score-threshold")
    wish = Wish(
        predictions, images, annotations, worst, limit, score_threshold, parse_sigmas(sigmas)
    )
    album = plan_album(wish)
    for note in album.notes:
        typer.echo(f"note: {note}", err=True)
    claim_folder(out, [page.name for page in album.pages])
    drawn, unreadable = _draw(album, out)
    list_drawings(out, [page.name for page in drawn])
    typer.echo(f"{len(drawn)} drawings in {out}", err=True)
    if worst:
        typer.echo(_table([(page.name, page.verdict) for page in drawn if page.verdict]))
    _report(album, images, unreadable)


def _draw(album: Album, out: Path) -> tuple[list[Page], list[str]]:
    """Draw every page, with a bar; returns the drawn, and what is wrong with the others."""
    from rich.console import Console
    from rich.progress import track

    from posebench.visualize.pages import write_pages

    console = Console(stderr=True)
    bar = track(
        write_pages(album, out),
        description="drawing",
        total=len(album.pages),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    try:
        problems = list(bar)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    pages = zip(album.pages, problems, strict=True)
    return [page for page, problem in pages if not problem], list(filter(None, problems))


def _table(rows: Sequence[tuple[str, PictureVerdict]]) -> str:
    from posebench.cli.tables import plain_table

    titles = ("drawing", "keypoints below OKS .5", "people", "mean OKS", "missed", "extra")
    shown = [
        (
            name,
            ", ".join(verdict.bad_keypoints) or "-",
            str(verdict.people),
            "-" if verdict.mean_oks is None else f"{verdict.mean_oks:.3f}",
            str(verdict.missed),
            str(verdict.extra),
        )
        for name, verdict in rows[:_ROWS]
    ]
    return plain_table([titles, *shown], left=2)


def _report(album: Album, images: Path, unreadable: Sequence[str]) -> None:
    """Name what could not be drawn; that is bad input, although the rest was drawn.

    Raises:
        InputError: Something could not be drawn.
    """
    from posebench.errors import InputError

    for problem in unreadable:
        typer.echo(f"error: {problem}", err=True)
    if album.missing:
        more = ", ..." if len(album.missing) > _NAMED else ""
        raise InputError(
            f"{images}: pictures that are not there: {len(album.missing)} "
            f"({', '.join(album.missing[:_NAMED])}{more}).",
            remedy="The others were drawn; give their folder as --images.",
        )
    if unreadable:
        raise InputError(
            f"unreadable pictures: {len(unreadable)}.", remedy="The others were drawn."
        )
