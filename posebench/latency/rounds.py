"""Rounds: who takes a turn when, which round is repeated, and what is kept of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np

from posebench.config import Regime
from posebench.latency.clock import Clock
from posebench.latency.measure import Samples
from posebench.machine.gpu import GpuWatch
from posebench.types import Float64Array


@dataclass(frozen=True)
class TimedRound:
    """One round of one model.

    Attributes:
        regime: With or without pauses.
        process: Which of the model's processes it was measured in, from 0.
        position: How many models had their turn before it since all of them began one.
        samples: What was timed.
        disturbances: Why it should have been repeated, in words; empty if nothing came between.
        remarks: What else there is to say of the machine meanwhile.
        gpu: What the GPU did meanwhile; None without one, or if it was not watched.
        kept: False if it was disturbed and measured again: its samples are stored, not counted.
    """

    regime: Regime
    process: int
    position: int
    samples: Samples
    disturbances: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    gpu: GpuWatch | None = None
    kept: bool = True


def turns(models: int, rounds: int, seed: int) -> list[list[int]]:
    """In which order models take turns: a shuffled order of 0 .. models - 1 for each round.

    Drift of the machine therefore favours none of them.
    """
    random = Random(seed)
    orders = [list(range(models)) for _ in range(rounds)]
    for order in orders:
        random.shuffle(order)
    return orders


class Repeats:
    """Measures rounds, and disturbed ones again as long as the budget lasts.

    Args:
        budget: Rounds that may be measured again.
        cool_down_s: Wait before each of them.
        clock: Waits.
    """

    def __init__(self, budget: int, cool_down_s: float, clock: Clock) -> None:
        self._left = budget
        self._cool_down_s = cool_down_s
        self._clock = clock

    def measure(self, turn: Sequence[Callable[[], TimedRound]]) -> list[TimedRound]:
        """Every attempt at some rounds that belong together; the last attempt counts.

        Args:
            turn: Measures one round each. If one of them is disturbed, all are measured again.
        """
        attempts = [once() for once in turn]
        last = attempts
        while any(one.disturbances for one in last) and self._left:
            self._left -= 1
            self._clock.sleep(self._cool_down_s)
            attempts[-len(turn) :] = [replace(one, kept=False) for one in last]
            last = [once() for once in turn]
            attempts += last
        return attempts


def pooled(rounds: Sequence[TimedRound]) -> Samples:
    """The samples of the rounds that count, one after another."""
    kept = [one.samples for one in rounds if one.kept]
    people = [count for one in kept for count in one.people or ()]
    spans = {span: [v for one in kept for v in one.spans[span]] for span in kept[0].spans}
    return Samples(spans, people if len(people) == len(next(iter(spans.values()))) else None)


def process_medians(rounds: Sequence[TimedRound], span: str) -> list[float]:
    """Medians (ms) of the rounds that count, process by process."""
    values: dict[int, list[float]] = {}
    for one in rounds:
        if one.kept:
            values.setdefault(one.process, []).extend(one.samples.spans[span])
    return [float(np.median(values[process])) for process in sorted(values)]


def without_pictures(rounds: Sequence[TimedRound], span: str) -> Float64Array:
    """Samples of the rounds that count over their picture's median, in order; about 1.

    Rounds see the same pictures, so that what is left is noise of the machine, not the number of
    people. A single round is compared with its own median instead.
    """
    table = np.array([one.samples.spans[span] for one in rounds if one.kept], np.float64)
    usual = np.median(table, axis=0) if len(table) > 1 else np.median(table)
    return np.asarray(table / usual, np.float64).ravel()


def arrays(rounds: Sequence[TimedRound]) -> Mapping[str, np.ndarray[tuple[int, ...], np.dtype]]:  # type: ignore[type-arg]
    """Everything that was timed, for a ``.npz``: rounds x runs by regime and span.

    ``<regime>/<span>_ms`` and ``<regime>/people`` are (R, N); ``<regime>/process``,
    ``<regime>/position``, ``<regime>/disturbed`` and ``<regime>/kept`` are (R,).
    """
    found = {}
    for regime in dict.fromkeys(one.regime for one in rounds):
        mine = [one for one in rounds if one.regime == regime]
        for span in mine[0].samples.spans:
            found[f"{regime}/{span}_ms"] = np.array([one.samples.spans[span] for one in mine])
        if all(one.samples.people is not None for one in mine):
            found[f"{regime}/people"] = np.array([one.samples.people for one in mine])
        for field in ("process", "position", "kept"):
            found[f"{regime}/{field}"] = np.array([getattr(one, field) for one in mine])
        found[f"{regime}/disturbed"] = np.array([bool(one.disturbances) for one in mine])
    return found
