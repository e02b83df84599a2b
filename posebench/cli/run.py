"""``posebench run``: benchmark models on a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from posebench.cli.options import FAILED, INTERRUPTED, OutputFormat, parse_sigmas

_FILE_WIDTH = 160
"""Columns of a table that goes into a file or a pipe, where no terminal sets a width."""


def run(
    models: Annotated[
        list[str] | None,
        typer.Option(
            help="Names, globs, 'all', onnx:FILE, each with an optional =WEIGHTS; by commas."
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(help="Known name, data.yaml, folder, or the name to give to --annotations."),
    ] = None,
    annotations: Annotated[Path | None, typer.Option(help="COCO keypoints JSON.")] = None,
    images: Annotated[Path | None, typer.Option(help="Folder of the pictures.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N pictures.")] = None,
    download: Annotated[bool, typer.Option(help="Fetch a known dataset if need be.")] = False,
    boxes: Annotated[
        str | None,
        typer.Option(
            help="Boxes for top-down models: ground-truth, a COCO results .json, or a detector."
        ),
    ] = None,
    runtime: Annotated[
        str | None,
        typer.Option(help="onnxruntime, openvino, torch, tensorrt, native; by default what fits."),
    ] = None,
    precision: Annotated[str | None, typer.Option(help="fp32, fp16 or int8.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or cuda:N.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of the network.")] = None,
    sigmas: Annotated[
        str | None, typer.Option(help="Numbers separated by commas, or a file, one a keypoint.")
    ] = None,
    per_keypoint_ap: Annotated[bool, typer.Option(help="Also AP keypoint by keypoint.")] = False,
    map_keypoints: Annotated[
        str | None,
        typer.Option(help="coco17-to-mpii16: score COCO's keypoints on MPII, head left out."),
    ] = None,
    latency: Annotated[
        bool | None, typer.Option("--latency/--no-latency", help="Measure latency too, or not.")
    ] = None,
    trust_checkpoint: Annotated[
        list[str] | None, typer.Option(help="sha256:HEX of a pickle that may be loaded.")
    ] = None,
    trust_config: Annotated[
        list[str] | None,
        typer.Option(help="sha256:HEX of a Python configuration that may be run."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="TOML file with the fields of RunConfig; options win.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the runs (default: runs).")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False,
    output: Annotated[OutputFormat, typer.Option("--format")] = OutputFormat.table,
) -> None:
    """Measure accuracy and latency of several models on one dataset."""
    from posebench.planning import plan

    evaluation = {
        "sigmas": parse_sigmas(sigmas),
        "per_keypoint_ap": per_keypoint_ap or None,
    }
    options = {
        "models": [name for part in models or [] for name in part.split(",")] or None,
        "dataset": {"name": dataset, "annotations": annotations, "images": images, "limit": limit},
        "boxes": boxes,
        "runtime": runtime,
        "precision": precision,
        "device": device,
        "threads": threads,
        "protocol": {"evaluation": evaluation, "pckh": {"mapping": map_keypoints}},
        "latency": {"enabled": latency},
        "trust_checkpoints": trust_checkpoint,
        "trust_configs": trust_config,
        "out": out,
    }
    planned = plan(config, options, download=download)
    typer.echo(planned.describe(), err=True)
    if not dry_run:
        raise typer.Exit(_execute(planned, output))


def _execute(planned: Any, output: OutputFormat) -> int:
    import signal

    from posebench.cli.progress import RunProgress
    from posebench.runner import run as run_models

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a cancelled job ends its workers
    try:
        with RunProgress() as progress:
            records = run_models(planned.config, planned.models, planned.dataset, progress)
    except KeyboardInterrupt:
        typer.echo("interrupted; the same command takes up where it stopped.", err=True)
        return INTERRUPTED
    _show(records, output)
    named = {request.label for request in planned.models if request.by_name}
    failed = any(
        record.status == "error" or (record.status == "skipped" and record.model.label in named)
        for record in records
    )
    return FAILED if failed else 0


def _show(records: list[Any], output: OutputFormat) -> None:
    if output is OutputFormat.json:
        import json

        documents = [record.model_dump(mode="json") for record in records]
        typer.echo(json.dumps(documents, indent=2, allow_nan=False))
    elif output is OutputFormat.md:
        from posebench.report.terminal import markdown_table

        typer.echo(markdown_table(records))
    else:
        import os
        import sys

        from rich.console import Console

        from posebench.report.terminal import rich_table

        known = sys.stdout.isatty() or "COLUMNS" in os.environ
        Console(width=None if known else _FILE_WIDTH).print(rich_table(records))
