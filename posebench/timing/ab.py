"""Two models, or one in two installations, timed in turns: how much slower is the second?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial
from statistics import median

from posebench import __version__
from posebench.config import LatencyConfig, Regime
from posebench.errors import InputError
from posebench.latency.ab_document import LatencyComparison, Side, SpanRatio
from posebench.latency.clock import SystemClock
from posebench.latency.comparison import detectable, ratios
from posebench.latency.location import fewest_values
from posebench.latency.rounds import Repeats, TimedRound, pooled, turns
from posebench.latency.summary import precision_notes, round_notes
from posebench.loading import LoadedModel
from posebench.machine.watch import MachineWatch
from posebench.model_findings import Findings
from posebench.model_worker import loaded_model
from posebench.timing.timed_model import TimedModel
from posebench.worker_client import WorkerClient


@dataclass(eq=False)
class AbRounds:
    """What was measured.

    Attributes:
        sides: What the workers said of the two models, by position.
        rounds: Of each of the two, also those that were measured again.
    """

    sides: dict[int, LoadedModel] = field(default_factory=dict)
    rounds: tuple[list[TimedRound], list[TimedRound]] = field(default_factory=lambda: ([], []))


def measure_ab(
    sides: Sequence[Findings],
    config: LatencyConfig,
    machine: MachineWatch,
    measured: AbRounds,
    advanced: Callable[[], None],
) -> None:
    """Time two models in turns, each round in new processes.

    A process that lived through the whole session would lend its own luck, such as where its
    memory lies, to its model. Both are loaded before either is timed, and chance says who begins.

    Args:
        sides: The baseline and the candidate, looked up.
        config: ``processes`` is the number of rounds.
        machine: Watches it meanwhile.
        measured: Gets what was measured, round by round, so that a late failure loses nothing.
        advanced: Called after each round.

    Raises:
        InputError: Too few rounds for an interval.
        WorkerFailure: A model failed.
    """
    if config.processes < fewest_values(0.95):
        raise InputError(
            f"{config.processes} rounds are too few for an interval.",
            remedy=f"Take {fewest_values(0.95)} or more.",
        )
    repeats = Repeats(config.repeats, config.cool_down_s, SystemClock())
    for process, order in enumerate(turns(2, config.processes, config.seed)):
        with ExitStack() as stack:
            models = {}
            for index in order:
                worker, measured.sides[index] = stack.enter_context(
                    loaded_model(sides[index], sides[index].task.config, f"ab-{index}")
                )
                models[index] = _timed(worker, sides[index], config, machine)
            for number, one in enumerate(repeats.measure(_turn(models, order, process, config))):
                measured.rounds[order[number % 2]].append(one)
        advanced()


def _turn(
    models: Mapping[int, TimedModel], order: Sequence[int], process: int, config: LatencyConfig
) -> list[Callable[[], TimedRound]]:
    """What is measured in one round: in each regime one model, then the other."""
    return [
        partial(models[index].time_round, regime, process=process, position=position)
        for regime in config.regimes
        for position, index in enumerate(order)
    ]


def compare(
    sides: Sequence[Findings], measured: AbRounds, config: LatencyConfig, machine: MachineWatch
) -> LatencyComparison:
    """What the rounds say, as a document."""
    told = [
        f"{name}: {sentence}"
        for name, rounds in zip("AB", measured.rounds, strict=True)
        for sentence in round_notes(rounds, config)
    ]
    told += dict.fromkeys(
        sentence for side in measured.sides.values() for sentence in precision_notes(side.runtime)
    )
    first, second = (_side(side, measured.sides[index]) for index, side in enumerate(sides))
    return LatencyComparison(
        created_at=datetime.now(timezone.utc),
        posebench_version=__version__,
        dataset=sides[0].task.dataset.name,
        baseline=first,
        candidate=second,
        latency_protocol=config,
        ratios=tuple(r for regime in config.regimes for r in _ratios(measured, regime)),
        notes=(*machine.notes, *told),
    )


def _timed(
    worker: WorkerClient, found: Findings, config: LatencyConfig, machine: MachineWatch
) -> TimedModel:
    silence_s = found.task.config.limits.silence_s
    return TimedModel(worker, found.task.dataset, config, silence_s=silence_s, machine=machine)


def _side(found: Findings, loaded: LoadedModel) -> Side:
    return Side(
        label=found.task.request.label,
        artifacts=loaded.artifacts,
        runtime=loaded.runtime,
        environment=loaded.environment,
        protocol=loaded.protocol,
    )


def _ratios(measured: AbRounds, regime: Regime) -> list[SpanRatio]:
    first, second = ([r for r in side if r.regime == regime] for side in measured.rounds)
    before, after = pooled(first).spans, pooled(second).spans
    return [
        SpanRatio.model_validate(
            {
                "regime": regime,
                "span": span,
                "baseline_p50_ms": median(before[span]),
                "candidate_p50_ms": median(after[span]),
                "ratio": found.value,
                "low": found.low,
                "high": found.high,
                "level": found.coverage,
                "detectable": detectable(found, sum(one.kept for one in first)),
            }
        )
        for span, found in ratios(first, second).items()
    ]
