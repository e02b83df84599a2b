"""``posebench compare``: is one result better than another, and by how much?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posebench.cli.options import OutputFormat

if TYPE_CHECKING:
    from posebench.comparison.document import Comparison

_FILE_WIDTH = 120
"""Columns of a table that goes into a file or a pipe, where no terminal sets a width."""


def compare(
    baseline: Annotated[
        str,
        typer.Argument(
            help="A Record, the folder of one, or FOLDER::LABEL for that of a model.",
            show_default=False,
        ),
    ],
    candidates: Annotated[
        list[str],
        typer.Argument(help="What is compared with it, likewise.", show_default=False),
    ],
    latency_ab: Annotated[
        list[Path] | None,
        typer.Option(
            "--latency-ab",
            help="Document of posebench latency --ab of the two; may be given more than once.",
        ),
    ] = None,
    replicates: Annotated[
        int | None, typer.Option(min=100, help="How often pictures are drawn for the intervals.")
    ] = None,
    permutations: Annotated[
        int | None,
        typer.Option(min=100, help="How often predictions are exchanged for the p-values."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of both.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="File that the JSON document is written to as well.")
    ] = None,
    output: Annotated[OutputFormat, typer.Option("--format")] = OutputFormat.table,
) -> None:
    """Say what changed between results of the same pictures, and how sure that is."""
    from rich.console import Console

    from posebench.comparison.run import compare_records
    from posebench.metrics.paired import Draws

    given = {"replicates": replicates, "permutations": permutations, "seed": seed}
    draws = Draws(**{name: value for name, value in given.items() if value is not None})
    with Console(stderr=True).status("drawing pictures (minutes, if there are thousands)"):
        document = compare_records(baseline, candidates, draws, latency_ab or ())
    if out is not None:
        _write(document, out)
    _show(document, output)


def _write(document: Comparison, out: Path) -> None:
    from posebench.cache import atomic_path

    with atomic_path(out) as temporary:
        temporary.write_text(document.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _show(document: Comparison, output: OutputFormat) -> None:
    if output is OutputFormat.json:
        typer.echo(document.model_dump_json(indent=2))
        return
    from posebench.comparison.text import markdown_comparison, rich_comparison

    if output is OutputFormat.md:
        typer.echo(markdown_comparison(document), nl=False)
        return
    import os
    import sys

    from rich.console import Console

    known = sys.stdout.isatty() or "COLUMNS" in os.environ
    console = Console(width=None if known else _FILE_WIDTH)
    for part in rich_comparison(document):
        console.print(part)
