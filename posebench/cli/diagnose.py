"""``posebench diagnose``: which errors cost the accuracy of a result."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from posebench.cache import collector_paused
from posebench.cli.options import OutputFormat, parse_sigmas


class PlacedBy(str, Enum):
    """How far from its place a repaired keypoint is put."""

    corrected = "corrected"
    ronchi_perona = "ronchi-perona"


@collector_paused()
def diagnose(
    predictions: Annotated[
        Path,
        typer.Argument(
            help="COCO results JSON, posebench's shard-*.npz or their folder, or a run's folder."
        ),
    ],
    annotations: Annotated[Path, typer.Option(help="COCO keypoint annotation JSON.")],
    factor: Annotated[
        PlacedBy,
        typer.Option(help="Place repaired keypoints by the formula, or as the original code does."),
    ] = PlacedBy.corrected,
    sigmas: Annotated[
        str | None,
        typer.Option(help="Numbers separated by commas, or a file of them, one a keypoint."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for diagnosis.json, diagnosis.md and the plots.")
    ] = None,
    output: Annotated[OutputFormat, typer.Option("--format")] = OutputFormat.table,
) -> None:
    """Find the errors of a result, what each kind costs, and what its scores are worth."""
    from posebench.cli.diagnosis_text import render
    from posebench.diagnosis.reading import read
    from posebench.diagnosis.run import diagnose as find_errors
    from posebench.report.diagnosis_files import write_diagnosis
    from posebench.store import check_writable

    if out is not None:
        check_writable(out)
    found = read(predictions, annotations, sigmas=parse_sigmas(sigmas))
    for note in found.subject.notes:
        typer.echo(f"note: {note}", err=True)
    document = find_errors(
        found.ground_truth,
        found.results.detections,
        found.results.keypoint_scores,
        subject=found.subject,
        factor=factor.value,
        max_dets=found.max_dets,
    )
    if out is not None:
        write_diagnosis(document, out)
        typer.echo(f"written to {out}", err=True)
    typer.echo(render(document, output))
