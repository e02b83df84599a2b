"""`posebench report`: tables and plots from Records."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posebench.errors import InputError

if TYPE_CHECKING:
    from posebench.html_sources import Predicted


def report(
    records: Annotated[
        list[Path] | None,
        typer.Option("--records", help="Folder with Records; may be given more than once."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder that the report is written to.")] = Path(
        "reports"
    ),
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 when the report is not current.")
    ] = False,
    html: Annotated[
        bool, typer.Option("--html", help="Also one self-contained HTML file a dataset.")
    ] = False,
    annotations: Annotated[
        Path | None,
        typer.Option(help="COCO annotations of the run, for the gallery."),
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="Folder of the pictures, for the gallery.")
    ] = None,
) -> None:
    """Render tables and plots from Records, one page a dataset."""
    from posebench.comparison.leaderboard import ranks_of
    from posebench.report import files
    from posebench.store import check_writable, locate_records

    if check and html:
        raise typer.BadParameter(
            "HTML is not checked: leave one of the two out", param_hint="--html"
        )
    folders = records or [Path("results")]
    predicted = _predicted(html, annotations, images, folders)
    located = locate_records(folders)
    found, ranks = [record for _, record in located], ranks_of(located)
    if not found:
        names = ", ".join(str(folder) for folder in folders)
        raise InputError(
            f"No Records in {names}.", remedy="Give the folder of a run with --records."
        )
    if not check:
        check_writable(out)
        for path in files.render(found, out, ranks):
            typer.echo(path)
        if html:
            from posebench.html_report import write_html

            for path in write_html(found, out, ranks, predicted, partial(typer.echo, err=True)):
                typer.echo(path)
        return
    problems = files.check(found, out, ranks)
    for problem in problems:
        typer.echo(f"{out}: {problem}")
    if problems:
        raise typer.Exit(1)


def _predicted(
    html: bool, annotations: Path | None, images: Path | None, folders: list[Path]
) -> Predicted | None:
    """What the gallery is made of, if there is to be one."""
    if annotations is None and images is None:
        return None
    if not html:
        raise typer.BadParameter("only with --html", param_hint="--annotations, --images")
    if annotations is None or images is None:
        raise typer.BadParameter(
            "the gallery needs both, or neither", param_hint="--annotations, --images"
        )
    from posebench.html_sources import Predicted

    return Predicted(annotations, images, folders)
