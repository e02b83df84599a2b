"""Latency against people, batch or threads: models and points take turns, process by process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial

from posebench.config import LatencyConfig
from posebench.errors import InputError
from posebench.latency.clock import SystemClock
from posebench.latency.curve_document import CurveKind
from posebench.latency.rounds import Repeats, TimedRound, turns
from posebench.loading import LoadedModel
from posebench.machine.watch import MachineWatch
from posebench.model_findings import Findings
from posebench.model_worker import loaded_model
from posebench.protocols import Dataset
from posebench.record import Failure
from posebench.timing.timed_model import TimedModel
from posebench.worker_client import WorkerClient, WorkerFailure

_SETTLING = {"warmup": 5, "warmup_s": 1.0, "samples": 1}
"""What a process does, and throws away, before its first point."""


@dataclass(frozen=True, eq=False)
class CurvePlan:
    """What is measured.

    Attributes:
        kind: What the points differ in.
        pictures: Of each point, by its x: the models' own dataset, or some of its pictures.
        config: Of the latency, with one regime; ``samples`` is the runs of a point in a process.
    """

    kind: CurveKind
    pictures: Mapping[int, Dataset]
    config: LatencyConfig


@dataclass(eq=False)
class MeasuredCurve:
    """What was measured of one model.

    Attributes:
        found: The model.
        loaded: What its workers said of it, by threads.
        rounds: All of them by x, also those that were measured again.
        single: Whether its network takes one picture a run, so that batches say nothing.
        failure: Why it was not measured to the end; None if it was.
    """

    found: Findings
    loaded: dict[int, LoadedModel] = field(default_factory=dict)
    rounds: dict[int, list[TimedRound]] = field(default_factory=dict)
    single: bool = False
    failure: Failure | None = None


def thread_counts() -> list[int]:
    """1, 2, 4, ... and the number of processors that this process may use."""
    usable = len(os.sched_getaffinity(0))
    powers = [2**k for k in range(usable.bit_length()) if 2**k < usable]
    return [*powers, usable]


def measure_curves(
    sides: Sequence[Findings],
    plan: CurvePlan,
    machine: MachineWatch,
    advanced: Callable[[], None],
) -> list[MeasuredCurve]:
    """Time every model at every point, in as many processes as the protocol says.

    The points of one process come in a random order, mixed with those of the other models, which
    are loaded beside it. Threads are set when a model is loaded, so that each of their points has
    a process of its own. A model that fails takes no further turn; the others go on.

    Args:
        sides: The models, looked up.
        plan: What is measured.
        machine: Watches it meanwhile.
        advanced: Called after each point of each process.

    Raises:
        InputError: Larger batches are asked for alone, of a network that takes one picture a run.
    """
    session = _Session(sides, plan, machine)
    pairs = [(side, x) for side in range(len(sides)) for x in plan.pictures]
    for process, order in enumerate(turns(len(pairs), plan.config.processes, plan.config.seed)):
        shuffled = [pairs[index] for index in order]
        together = [[pair] for pair in shuffled] if plan.kind == "threads" else [shuffled]
        for turn in together:
            session.measure(turn, process, advanced)
    return session.measured


class _Session:
    """Loads models and times their points.

    Args:
        sides: The models.
        plan: What is measured.
        machine: Watches it meanwhile.
    """

    def __init__(self, sides: Sequence[Findings], plan: CurvePlan, machine: MachineWatch) -> None:
        self._plan = plan
        self._machine = machine
        self.measured = [MeasuredCurve(found) for found in sides]
        config = plan.config
        self._repeats = [Repeats(config.repeats, config.cool_down_s, SystemClock()) for _ in sides]

    def measure(
        self, turn: Sequence[tuple[int, int]], process: int, advanced: Callable[[], None]
    ) -> None:
        """Load the models of some points, (index of the model, x) each, and time them in order."""
        with ExitStack() as stack:
            workers: dict[int, WorkerClient] = {}
            for side, x in turn:
                curve = self.measured[side]
                if side not in workers and curve.failure is None:
                    with _noted(curve):
                        workers[side] = self._load(stack, curve, x)
            for position, (side, x) in enumerate(turn):
                curve = self.measured[side]
                if curve.failure is None and (x == 1 or not curve.single):
                    with _noted(curve):
                        self._time(workers[side], side, x, (process, position))
                advanced()

    def _load(self, stack: ExitStack, curve: MeasuredCurve, x: int) -> WorkerClient:
        found = curve.found
        threads = x if self._plan.kind == "threads" else found.task.config.threads
        config = found.task.config.model_copy(update={"threads": threads})
        worker, curve.loaded[threads] = stack.enter_context(loaded_model(found, config, "curve"))
        if self._plan.kind == "batch":
            curve.single = self._takes_one(worker, found)
            if curve.single and 1 not in self._plan.pictures:
                raise InputError(
                    f"{found.task.request.label}: its network takes one picture a run.",
                    remedy="Put 1 among --points, or leave the model out.",
                )
        settling = self._plan.config.model_copy(update=_SETTLING)
        regime = settling.regimes[0]
        self._timed(worker, found, x, settling).time_round(regime, process=0, position=0)
        return worker

    def _time(self, worker: WorkerClient, side: int, x: int, turn: tuple[int, int]) -> None:
        curve, config = self.measured[side], self._plan.config
        timed = self._timed(worker, curve.found, x, config)
        process, position = turn
        once = partial(timed.time_round, config.regimes[0], process=process, position=position)
        curve.rounds.setdefault(x, []).extend(self._repeats[side].measure([once]))

    def _timed(
        self, worker: WorkerClient, found: Findings, x: int, config: LatencyConfig
    ) -> TimedModel:
        pictures = self._plan.pictures[x]
        silence_s = found.task.config.limits.silence_s
        return TimedModel(
            worker,
            pictures,
            config,
            silence_s=silence_s,
            machine=self._machine,
            batch=x if self._plan.kind == "batch" else None,
        )

    def _takes_one(self, worker: WorkerClient, found: Findings) -> bool:
        """Whether two pictures take twice as many runs of the networks as one."""
        dataset = found.task.dataset
        first = dataset.image_ids[0]
        path = str(dataset.image_path(first).absolute())
        request = {"op": "network_runs", "image_ids": [first], "paths": [path]}
        one, two = worker.ask(request, silence_s=found.task.config.limits.silence_s)["runs"]
        return bool(one and two >= 2 * one)


@contextmanager
def _noted(curve: MeasuredCurve) -> Iterator[None]:
    """Keep why a model failed, so that what was measured of the others is not lost."""
    try:
        yield
    except WorkerFailure as error:
        curve.failure = error.failure
