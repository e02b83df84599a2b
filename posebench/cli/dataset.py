"""``posebench dataset``: pictures with exact labels, made here."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from posebench.cli.options import INTERRUPTED

dataset = typer.Typer(help="Make datasets.", no_args_is_help=True)


@dataset.callback()
def _group() -> None:
    """Make datasets."""


@dataset.command()
def make(
    out: Annotated[Path, typer.Option(help="Folder of the dataset; new, empty, or to be grown.")],
    split: Annotated[str, typer.Option(help="easy, default or crowded.")] = "default",
    size: Annotated[int, typer.Option(help="Number of pictures, 10 to 5000.")] = 200,
    seed: Annotated[int, typer.Option(help="Another seed gives other pictures.")] = 0,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that render; by default one a core.")
    ] = None,
) -> None:
    """Render people into a folder: images/ and person_keypoints.json in the COCO format."""
    from posebench.datasets.synthetic.export import make_folder
    from posebench.datasets.synthetic.names import make_recipe

    source = f"--split {split} --size {size} --seed {seed}"
    recipe = make_recipe(split, size, seed, source=source)
    try:
        annotations, images = make_folder(recipe, out, workers=workers)
    except KeyboardInterrupt:
        typer.echo("interrupted; the same command takes up where it stopped.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    typer.echo(f"{size} pictures in {out}. To run models on them:", err=True)
    files = ("--annotations", str(annotations), "--images", str(images))
    typer.echo(shlex.join(["posebench", "run", "--dataset", recipe.name, *files]))
