"""`posebench report`: tables and plots from Records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from posebench.errors import InputError


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
) -> None:
    """Render tables and plots from Records, one page a dataset."""
    from posebench.report import files
    from posebench.store import check_writable, load_records

    folders = records or [Path("results")]
    found = load_records(folders)
    if not found:
        names = ", ".join(str(folder) for folder in folders)
        raise InputError(
            f"No Records in {names}.", remedy="Give the folder of a run with --records."
        )
    if not check:
        check_writable(out)
        for path in files.render(found, out):
            typer.echo(path)
        return
    problems = files.check(found, out)
    for problem in problems:
        typer.echo(f"{out}: {problem}")
    if problems:
        raise typer.Exit(1)
