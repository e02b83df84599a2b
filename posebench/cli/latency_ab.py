"""``posebench latency --ab``: how much slower one model is than another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from posebench.cli.latency_progress import measuring
from posebench.errors import InputError

if TYPE_CHECKING:
    from posebench.latency.ab_document import LatencyComparison
    from posebench.model_findings import Findings
    from posebench.planning import Plan


def compare_two(
    config: Path | None, options: dict[str, Any], pair: tuple[str, str], python_b: Path | None
) -> LatencyComparison:
    """Time two models in turns and write what was found.

    Args:
        config: TOML with the fields of RunConfig, or None.
        options: The same fields; those of ``latency`` are the comparison's.
        pair: The two models.
        python_b: Runs the second; None for the Python of the configuration.
    """
    sides = [
        _side(config, {**options, "models": [name], "interpreter": python})
        for name, python in zip(pair, (None, python_b), strict=True)
    ]
    return _compare(sides)


def _side(config: Path | None, options: dict[str, Any]) -> Findings:
    from posebench.planned_models import look_up
    from posebench.planning import plan

    planned = _with_protocol(plan(config, options, download=False))
    if len(planned.models) != 1:
        names = ", ".join(request.label for request in planned.models)
        raise InputError(f"--ab takes one model on each side, {options['models'][0]} is {names}.")
    return look_up(planned)[0]


def _with_protocol(planned: Plan) -> Plan:
    """The plan with a comparison's protocol, as far as options and configuration leave it open."""
    from posebench.latency.comparison import REPEATS, ROUNDS, RUNS

    usual: dict[str, Any] = {"processes": ROUNDS, "samples": RUNS, "repeats": REPEATS}
    usual["regimes"] = ("sustained",)
    given = planned.config.latency
    left = {name: value for name, value in usual.items() if name not in given.model_fields_set}
    latency = given.model_copy(update=left)
    return replace(planned, config=planned.config.model_copy(update={"latency": latency}))


def _compare(sides: list[Findings]) -> LatencyComparison:
    from posebench.machine.watch import watch
    from posebench.timing.ab import AbRounds, compare, measure_ab
    from posebench.timing.ab_files import new_path, write_comparison, write_samples

    config = sides[0].task.config
    machine, measured = watch(config.device, config.threads), AbRounds()
    path = new_path(config.out, [side.task.request.label for side in sides])
    try:
        with measuring("rounds", config.latency.processes) as advanced:
            measure_ab(sides, config.latency, machine, measured, advanced)
    finally:
        write_samples(path, measured)
    document = compare(sides, measured, config.latency, machine)
    typer.echo(f"written to {write_comparison(path, document)}", err=True)
    return document
