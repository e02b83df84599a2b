"""``posebench publish``: from a run's folder into a folder of results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def publish(
    runs: Annotated[list[Path], typer.Argument(help="Record files, or folders of them.")],
    to: Annotated[Path, typer.Option(help="Folder of published results.")] = Path("results"),
) -> None:
    """Copy good records, and the matches beside them, into a folder that is kept."""
    from posebench.errors import InputError
    from posebench.store import publish as publish_record
    from posebench.store import read_record, record_paths

    paths = record_paths(runs)
    if not paths:
        raise InputError("no records there.", remedy="Give the folder of a run.")
    for path in paths:
        status = read_record(path).status
        if status == "ok":
            typer.echo(publish_record(path, to))
        else:
            typer.echo(f"not published: {path} (status {status})", err=True)
