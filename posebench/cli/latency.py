"""``posebench latency``: compare latencies on this machine, or draw them as curves."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posebench.cli.options import OutputFormat
from posebench.errors import InputError

if TYPE_CHECKING:
    from posebench.latency.ab_document import LatencyComparison
    from posebench.latency.curve_document import LatencyCurves


class Kind(str, Enum):
    """What a curve is drawn against."""

    people = "people"
    batch = "batch"
    threads = "threads"


def latency(
    ab: Annotated[
        tuple[str, str] | None,
        typer.Option("--ab", help="Two models, each as --models of run takes one."),
    ] = None,
    curve: Annotated[
        Kind | None,
        typer.Option(help="Latency against people in the picture, pictures a batch, or threads."),
    ] = None,
    models: Annotated[
        list[str] | None, typer.Option(help="Of a curve, as for run; by commas.")
    ] = None,
    points: Annotated[
        str | None, typer.Option(help="Where a curve is measured: whole numbers by commas.")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Whose pictures are timed; as for run.")
    ] = None,
    annotations: Annotated[Path | None, typer.Option(help="COCO keypoints JSON.")] = None,
    images: Annotated[Path | None, typer.Option(help="Folder of the pictures.")] = None,
    boxes: Annotated[str | None, typer.Option(help="Boxes for top-down models.")] = None,
    runtime: Annotated[str | None, typer.Option(help="As for run.")] = None,
    precision: Annotated[str | None, typer.Option(help="fp32, fp16 or int8.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or cuda:N.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of the network.")] = None,
    rounds: Annotated[
        int | None,
        typer.Option(min=1, help="Rounds, each in new processes (default: 60; of a curve 6)."),
    ] = None,
    runs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Runs of each model in a round (default: 30), or of each point of a curve "
            "(default: 4; of threads 20).",
        ),
    ] = None,
    paced: Annotated[
        bool | None,
        typer.Option(
            "--paced/--sustained", help="Pause before each run or not (default: --sustained)."
        ),
    ] = None,
    python_b: Annotated[
        Path | None,
        typer.Option(help="Python that runs B: another installation, e.g. of another revision."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="TOML file with the fields of RunConfig; options win.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the result (default: runs).")] = None,
    output: Annotated[OutputFormat, typer.Option("--format")] = OutputFormat.table,
) -> None:
    """Time two models in turns and say how much slower the second is, or draw latency curves."""
    from posebench.cli.latency_ab import compare_two
    from posebench.cli.latency_curve import draw_curves

    options: dict[str, Any] = {
        "dataset": {"name": dataset, "annotations": annotations, "images": images},
        "boxes": boxes,
        "runtime": runtime,
        "precision": precision,
        "device": device,
        "threads": threads,
        "latency": {
            "regimes": None if paced is None else ["paced" if paced else "sustained"],
            "processes": rounds,
            "samples": runs,
        },
        "out": out,
    }
    if ab is not None and curve is None:
        _refuse("--ab", {"--models": models, "--points": points})
        _show_comparison(compare_two(config, options, ab, python_b), output)
    elif curve is not None and ab is None:
        _refuse("--curve", {"--python-b": python_b})
        options["models"] = [name for part in models or [] for name in part.split(",")] or None
        _show_curves(draw_curves(config, options, curve.value, points), output)
    else:
        raise InputError(
            "latency takes either --ab or --curve.",
            remedy="Give --ab A B to compare two models, or --curve people, batch or threads.",
        )


def _refuse(wanted: str, given: dict[str, Any]) -> None:
    for name, value in given.items():
        if value is not None:
            raise InputError(f"{name} says nothing beside {wanted}.", remedy="Leave it out.")


def _show_comparison(document: LatencyComparison, output: OutputFormat) -> None:
    if output is OutputFormat.json:
        typer.echo(document.model_dump_json(indent=2))
    else:
        from posebench.report.latency_ab import comparison_text

        typer.echo(comparison_text(document))


def _show_curves(document: LatencyCurves, output: OutputFormat) -> None:
    if output is OutputFormat.json:
        typer.echo(document.model_dump_json(indent=2))
    else:
        from posebench.report.latency_curves import curves_text

        typer.echo(curves_text(document))
