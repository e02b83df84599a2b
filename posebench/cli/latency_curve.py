"""``posebench latency --curve``: latency against people, batch or threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from posebench.cli.latency_progress import measuring
from posebench.config import DEFAULT_DATASET, DatasetRef
from posebench.errors import InputError, PosebenchError

if TYPE_CHECKING:
    from posebench.latency.curve_document import CurveKind, LatencyCurves
    from posebench.machine.watch import MachineWatch
    from posebench.planning import Plan
    from posebench.protocols import Dataset
    from posebench.timing.curves import CurvePlan, MeasuredCurve

PEOPLE = (0, 1, 2, 3, 4, 6, 8, 12, 16, 20, 25, 30)
BATCHES = (1, 2, 4, 8, 16, 32)
_RENDERED = 40
"""Rendered pictures that are made for a curve if the user names no dataset."""
_PROTOCOL = {
    "regimes": ("sustained",),
    "processes": 6,
    "warmup": 2,
    "warmup_s": 0.0,
    "samples": 4,
    "repeats": 6,
}
"""Of a curve, where options and configuration leave it open; short, as points are many."""


def draw_curves(
    config: Path | None, options: dict[str, Any], kind: CurveKind, points: str | None
) -> LatencyCurves:
    """Measure the curves of some models and write what was found.

    Args:
        config: TOML with the fields of RunConfig, or None.
        options: The same fields; None means "not given".
        kind: What the points differ in.
        points: Whole numbers by commas; None for the usual ones.

    Raises:
        InputError: An option or a model is wrong.
    """
    from posebench.planning import plan
    from posebench.timing.curves import thread_counts

    usual = {"people": PEOPLE, "batch": BATCHES, "threads": thread_counts()}[kind]
    chosen = usual if points is None else _parsed(points, kind)
    _check(options, kind)
    if kind == "people":  # replaces the configuration's dataset, and nothing of it is rendered
        options = {**options, "dataset": {"name": DEFAULT_DATASET}}
    planned = _with_few(_with_protocol(plan(config, options, download=False), kind))
    if kind == "threads" and planned.config.device != "cpu":
        raise InputError(
            f"--curve threads on {planned.config.device}: a GPU's threads are its own.",
            remedy="Use --device cpu.",
        )
    pictures: Mapping[int, Dataset] = dict.fromkeys(chosen, planned.dataset)
    if kind == "people":
        planned, pictures = _with_people(planned, chosen)
    return _measure(planned, kind, pictures)


def _parsed(points: str, kind: str) -> Sequence[int]:
    parts = [part.strip() for part in points.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise InputError(
            f"--points {points}: not whole numbers.", remedy="Separate them by commas: 1,2,4."
        )
    numbers = sorted({int(part) for part in parts})
    if kind != "people" and numbers[0] < 1:
        raise InputError(f"--points {points}: {kind} begins with 1.")
    return numbers


def _check(options: dict[str, Any], kind: str) -> None:
    dataset = options["dataset"]
    if kind == "people" and (dataset["name"] or dataset["annotations"] or dataset["images"]):
        raise InputError(
            "--curve people renders pictures with known numbers of people.",
            remedy="Leave --dataset, --annotations and --images out.",
        )
    if kind == "threads" and options["threads"] is not None:
        raise InputError(
            "--curve threads takes every number of threads.",
            remedy="Leave --threads out, or choose the numbers with --points.",
        )


def _with_few(planned: Plan) -> Plan:
    """The plan with only as many rendered pictures as a curve can use, if nobody named others."""
    from posebench.datasets.loading import open_dataset

    if planned.config.dataset != DatasetRef():
        return planned
    return replace(planned, dataset=open_dataset(DatasetRef(limit=_RENDERED)))


def _with_protocol(planned: Plan, kind: str) -> Plan:
    """The plan with a curve's protocol, as far as options and configuration leave it open."""
    given = planned.config.latency
    chosen = {**_PROTOCOL, **({"samples": 20} if kind == "threads" else {})}
    latency = given.model_copy(
        update={name: value for name, value in chosen.items() if name not in given.model_fields_set}
    )
    return replace(planned, config=planned.config.model_copy(update={"latency": latency}))


def _with_people(planned: Plan, levels: Sequence[int]) -> tuple[Plan, Mapping[int, Dataset]]:
    from posebench.datasets.people_levels import people_levels

    typer.echo("rendering pictures, unless they are in the cache", err=True)
    found = people_levels(levels, planned.config.latency.samples)
    return replace(planned, dataset=found.whole), found.parts


def _measure(planned: Plan, kind: CurveKind, pictures: Mapping[int, Dataset]) -> LatencyCurves:
    from posebench.machine.watch import watch
    from posebench.planned_models import look_up
    from posebench.timing.curves import CurvePlan, measure_curves

    sides, config = look_up(planned), planned.config
    wanted = CurvePlan(kind, pictures, config.latency)
    most = max(pictures) if kind == "threads" else config.threads
    machine = watch(config.device, most)
    total = len(sides) * len(pictures) * config.latency.processes
    with measuring("points", total) as advanced:
        measured = measure_curves(sides, wanted, machine, advanced)
    return _written(measured, wanted, machine, config.out)


def _written(
    measured: Sequence[MeasuredCurve], wanted: CurvePlan, machine: MachineWatch, out: Path
) -> LatencyCurves:
    """The document of what was measured; the samples are on disk before anything is made of them.

    Raises:
        PosebenchError: A model failed; those that did not are written.
    """
    from datetime import datetime, timezone

    from posebench.timing.curve_files import write_document, write_samples
    from posebench.timing.curve_summary import summarise_curves

    if not any(one.rounds for one in measured):
        raise _failed(measured)
    now = datetime.now(timezone.utc)
    path = write_samples(out, wanted.kind, measured, now)
    if all(one.failure for one in measured):
        raise _failed(measured)
    document = summarise_curves(measured, wanted, machine, now)
    write_document(path, document)
    typer.echo(f"written to {path}", err=True)
    _draw(document, path)
    if any(one.failure for one in measured):
        raise _failed(measured)
    return document


def _failed(measured: Sequence[MeasuredCurve]) -> PosebenchError:
    """Of the first model that failed, the others named with it."""
    failures = [(one.found.task.request.label, one.failure) for one in measured if one.failure]
    message = " ".join(f"{label}: {failure.message}" for label, failure in failures)
    return PosebenchError(message, remedy=failures[0][1].remedy)


def _draw(document: LatencyCurves, path: Path) -> None:
    """The picture beside the document; measurements are told even if there is none."""
    from posebench.report.curve_plot import latency_curves
    from posebench.report.plots import save

    try:
        save(latency_curves(document), path.with_suffix(""))
    except Exception as error:  # whatever is the matter with it, the document is written
        typer.echo(f"not drawn: {error}", err=True)
