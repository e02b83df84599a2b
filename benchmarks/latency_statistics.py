"""How often the analysis of latencies is wrong, counted on made-up ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from latency_noise import Noise, Plan, machine, sessions
from scipy import stats

from posebench.latency.location import Location
from posebench.latency.ratio import latency_ratio
from posebench.latency.stability import warnings

RECORD = Path(__file__).resolve().parents[1] / "results/statistics/latency-ab.json"
TRIALS = 4000
SEED = 20261121
LEVEL = 0.95
SLOWER = 1.01
POWER = 0.9
BASE_MS = 10.0

CONDITIONS: Mapping[str, Noise] = {
    "independent": Noise(),
    "AR(1) .5": Noise(correlation=0.5),
    "AR(1) .9": Noise(correlation=0.9),
    "spikes": Noise(spikes=0.01),
    "linear drift": Noise(drift=0.05),
    "slow swing": Noise(swing=0.03),
    "AR(1) .5, spikes, drift and swing": Noise(0.5, spikes=0.01, drift=0.05, swing=0.03),
    "AR(1) .9, spikes, drift and swing": Noise(0.9, spikes=0.01, drift=0.05, swing=0.03),
    "swing with the period of a round": Noise(swing=0.03, period=60),
    "a process a round": Noise(process=0.005, restarts=True),
    "AR(1) .9, spikes, drift, swing and a process a round": Noise(
        0.9, spikes=0.01, drift=0.05, swing=0.03, process=0.005, restarts=True
    ),
    "a process a session": Noise(process=0.005),
}

NO_LEVEL = "a process a session"
"""Where no analysis of one session, however many its rounds, can keep its level: the process is
part of the candidate."""

_DRIFT = CONDITIONS["linear drift"]
_FIRST, _BLOCKS = Plan(order="baseline first"), Plan(order="one after the other")

NAIVE: Sequence[tuple[str, str, Plan]] = (
    ("runs", "independent", Plan()),
    ("runs", "AR(1) .5", Plan()),
    ("runs", "AR(1) .9", Plan()),
    ("runs", "linear drift", _BLOCKS),
    ("runs", "AR(1) .9", _BLOCKS),
    ("rounds", "linear drift", _FIRST),
    ("rounds", "linear drift", _BLOCKS),
)
"""What is compared, under which condition and in which order."""

SERIES: Mapping[str, Noise] = {
    "independent": Noise(),
    "AR(1) .5": Noise(correlation=0.5),
    "spikes": Noise(spikes=0.01),
    "AR(1) .9": Noise(correlation=0.9),
    "drift of 5 %": Noise(drift=0.05),
    "spread of 10 %": Noise(spread=0.1),
    "spikes in a tenth": Noise(spikes=0.1),
}
LENGTHS = (60, 300)
_SENTENCES = {"drift": "Runs became", "unsteady": "middle half", "outliers": "far from"}


def document(trials: int = TRIALS) -> dict[str, Any]:
    """All rates, with what they depend on."""
    return {
        "trials": trials,
        "seed": SEED,
        "level": LEVEL,
        "slower": SLOWER,
        "plan": asdict(Plan()),
        "noise": {name: asdict(noise) for name, noise in CONDITIONS.items()},
        "comparisons": [_comparison(name, trials) for name in CONDITIONS],
        "naive": [_naive(*row, trials) for row in NAIVE],
        "warnings": [_warnings(name, runs, trials) for name in SERIES for runs in LENGTHS],
    }


def intervals(
    noise: Noise, plan: Plan, random: np.random.Generator, trials: int, slower: float = 1.0
) -> list[Location]:
    """What ``posebench`` says of a candidate, a session each."""
    factors = BASE_MS * sessions(noise, plan, random, trials)
    factors[:, :, 1] *= slower
    return [latency_ratio(one[:, 0].tolist(), one[:, 1].tolist(), LEVEL) for one in factors]


def misses(found: Sequence[Location], true: float) -> int:
    """Intervals without the true ratio; of equals these are the false alarms."""
    return sum(not one.low <= true <= one.high for one in found)


def run_alarms(noise: Noise, plan: Plan, random: np.random.Generator, trials: int) -> int:
    """Sessions of equals in which a Mann-Whitney test of all the runs sees a difference."""
    pairs = sessions(noise, plan, random, trials).swapaxes(1, 2).reshape(trials, 2, -1)
    tested = stats.mannwhitneyu(pairs[:, 0], pairs[:, 1], axis=1, method="asymptotic")
    return int((tested.pvalue <= 1 - LEVEL).sum())


def share_interval(share: float, trials: int) -> tuple[float, float]:
    """Exact interval of a counted share (Clopper and Pearson), at the level of 95 %."""
    found = stats.binomtest(round(share * trials), trials).proportion_ci(LEVEL)
    return float(found.low), float(found.high)


def _random(*names: object) -> np.random.Generator:
    """A stream of its own for each figure, so that none changes when another is added."""
    return np.random.default_rng([SEED, *"/".join(map(str, names)).encode()])


def _comparison(name: str, trials: int) -> dict[str, Any]:
    noise = CONDITIONS[name]
    equal = intervals(noise, Plan(), _random("equal", name), trials)
    slower = intervals(noise, Plan(), _random("slower", name), trials, SLOWER)
    return {
        "condition": name,
        "false_alarms": misses(equal, 1.0) / trials,
        "covered": 1 - misses(slower, SLOWER) / trials,
        "found": float(np.mean([one.low > 1 for one in slower])),
        "half_width": float(np.median([(one.high - one.low) / 2 for one in equal])),
    }


def _naive(unit: str, name: str, plan: Plan, trials: int) -> dict[str, Any]:
    random = _random("naive", unit, name, plan.order)
    if unit == "runs":
        alarms = run_alarms(CONDITIONS[name], plan, random, trials)
    else:
        alarms = misses(intervals(CONDITIONS[name], plan, random, trials), 1.0)
    return {"unit": unit, "condition": name, "order": plan.order, "false_alarms": alarms / trials}


def _warnings(name: str, runs: int, trials: int) -> dict[str, Any]:
    series = BASE_MS * machine(SERIES[name], _random("series", name, runs), trials, runs)
    said = [" ".join(warnings(one.tolist())) for one in series]
    shares = {kind: _share(said, words) for kind, words in _SENTENCES.items()}
    return {"series": name, "runs": runs, "any": _share(said, "."), **shares}


def _share(said: Sequence[str], words: str) -> float:
    return sum(words in one for one in said) / len(said)
