"""How often intervals, p-values and the gate are wrong, counted on two made-up models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats
from simulated_models import Model, World, two_results

from posebench.comparison.document import Change
from posebench.gate.deciding import loss_of, outcome_of
from posebench.metrics.accumulate import FigureSpec, figures
from posebench.metrics.bootstrap import LEVEL, draw_weights, percentile_interval
from posebench.metrics.matches import Matches
from posebench.metrics.paired import Draws, PairedChange
from posebench.metrics.paired_figures import paired_figures
from posebench.metrics.resampling import replicates

RECORD = Path(__file__).resolve().parents[1] / "results/statistics/comparison.json"
TRIALS = 2000
SEED = 20261122
MARGIN = 0.02
DRAWS = Draws(replicates=500, permutations=200)
WORLD = World()
BASELINE = Model()
_AP = {"AP": FigureSpec()}
_MANY = 1_000_000
"""Pictures by which a true difference is known, to about .0003."""
_STEPS = 12


@dataclass(frozen=True)
class Case:
    """Two models whose true difference is known.

    Attributes:
        name: For the table.
        candidate: Beside ``BASELINE``.
        world: What both meet.
        change: True AP of the candidate minus that of the baseline.
        baseline_ap: True AP of the baseline.
    """

    name: str
    candidate: Model
    world: World
    change: float
    baseline_ap: float


@dataclass(frozen=True)
class Trial:
    """What posebench says of one dataset.

    Attributes:
        covered: Whether the interval of the baseline's AP holds the true one; None if only the
            change is looked at.
        change: Of AP, with interval and p-value.
        oks: Correlation of both models' OKS over the people.
        ap: AP of both.
    """

    covered: bool | None
    change: PairedChange
    oks: float
    ap: tuple[float, float]


def true_aps(world: World, models: tuple[Model, Model], images: int = _MANY) -> tuple[float, float]:
    """AP of both models on very many pictures; the same pictures and luck at each call."""
    pair = two_results(replace(world, images=images), models, np.random.default_rng(SEED))
    first, second = (_ap(matches) for matches in pair)
    return first, second


def equal_cases() -> list[Case]:
    """Models without a true difference: of one kind, less alike, and good in different ways."""
    alike = Case("equal models", BASELINE, WORLD, 0.0, true_aps(WORLD, (BASELINE, BASELINE))[0])
    apart = replace(WORLD, shared=0.5)
    other = _solved(WORLD, 0.0, lambda skill: Model(skill=skill, blur=1.0))
    return [
        alike,
        replace(alike, name="equal models, less alike", world=apart),
        replace(alike, name="better keypoints, worse scores, equal AP", candidate=other),
    ]


def lossy_case(name: str, loss: float) -> Case:
    """A candidate whose true AP is lower by ``loss``."""
    candidate = _solved(WORLD, -loss, lambda skill: Model(skill=skill))
    ap = true_aps(WORLD, (BASELINE, candidate))[0]
    return Case(name, candidate, WORLD, -loss, ap)


def _solved(world: World, change: float, model: Callable[[float], Model]) -> Model:
    """The model of a skill with a true AP that differs by so much, by bisection."""
    low, high = -1.0, 3.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        before, after = true_aps(world, (BASELINE, model(middle)))
        low, high = (middle, high) if after - before < change else (low, middle)
    return model((low + high) / 2)


def trials_of(case: Case, trials: int, draws: Draws = DRAWS, *, workers: int = 1) -> list[Trial]:
    """One dataset a trial, each with draws of its own."""
    work = partial(trial, case, draws)
    if workers == 1:
        return [work(number) for number in range(trials)]
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(work, range(trials), chunksize=20))


def trial(case: Case, draws: Draws, number: int) -> Trial:
    """One dataset, both models on it, and what is said of them."""
    random = np.random.default_rng([SEED, number, *case.name.encode()])
    pair = two_results(case.world, (BASELINE, case.candidate), random)
    change = paired_figures(*pair, _AP, replace(draws, seed=number))["AP"]
    assert isinstance(change, PairedChange), "there are people in every dataset"
    return Trial(
        covered=_covered(case, pair[0], draws, number) if draws.permutations > 1 else None,
        change=change,
        oks=_correlation(*pair),
        ap=(change.baseline, change.candidate),
    )


def _covered(case: Case, matches: Matches, draws: Draws, seed: int) -> bool:
    weights = draw_weights(case.world.images, replicates=draws.replicates, seed=seed)
    found = percentile_interval(replicates(matches, _AP, weights)["AP"])
    assert found is not None, "there are people in every dataset"
    return found.low <= case.baseline_ap <= found.high


def outcome(change: PairedChange, margin: float = MARGIN) -> str:
    """What the gate decides of it."""
    named = Change(metric="keypoints/AP", change=change.change, low=change.low, high=change.high)
    loss = loss_of(named)
    assert loss is not None, "it has an interval"
    return outcome_of(loss, margin)


def rates(case: Case, found: list[Trial]) -> dict[str, Any]:
    """One line of the document."""
    changes = [one.change for one in found]
    outcomes = [outcome(change) for change in changes]
    return {
        "case": case.name,
        "candidate": asdict(case.candidate),
        "world": asdict(case.world),
        "true_ap": case.baseline_ap,
        "true_change": case.change,
        "covered": None if found[0].covered is None else _share([one.covered for one in found]),
        "change_covered": _share([c.low <= case.change <= c.high for c in changes]),
        "shown": _shown(changes),
        "failed": outcomes.count("fail") / len(found),
        "passed": outcomes.count("pass") / len(found),
        "error": float(np.std([c.change for c in changes], ddof=1)),
        "detectable": float(np.mean([c.detectable for c in changes])),
        "correlation_oks": float(np.mean([one.oks for one in found])),
        "correlation_ap": float(np.corrcoef(np.array([one.ap for one in found]).T)[0, 1]),
    }


def document(trials: int = TRIALS, workers: int = 2) -> dict[str, Any]:
    """All rates, with what they depend on."""
    rows = []
    for case in equal_cases():
        rows.append(rates(case, trials_of(case, trials, workers=workers)))
    found, by_interval = rows[0]["detectable"], replace(DRAWS, permutations=1)
    for name, loss in (("loss of the margin", MARGIN), ("margin + detectable", MARGIN + found)):
        case = lossy_case(name, loss)
        rows.append(rates(case, trials_of(case, trials, by_interval, workers=workers)))
    return {
        "trials": trials,
        "seed": SEED,
        "level": LEVEL,
        "margin": MARGIN,
        "replicates": DRAWS.replicates,
        "permutations": DRAWS.permutations,
        "baseline": asdict(BASELINE),
        "cases": rows,
    }


def share_interval(share: float, trials: int) -> tuple[float, float]:
    """Exact interval of a counted share (Clopper and Pearson), at the level of 95 %."""
    found = stats.binomtest(round(share * trials), trials).proportion_ci(LEVEL)
    return float(found.low), float(found.high)


def table(found: Mapping[str, Any]) -> list[str]:
    """The document as a table of Markdown."""
    titles = ("case", "AP covered", "ΔAP covered", "p ≤ .05", "gate fails", "gate passes")
    lines = [f"| {' | '.join(titles)} |", "|---" + "|--:" * (len(titles) - 1) + "|"]
    for row in found["cases"]:
        keys = ("covered", "change_covered", "shown", "failed", "passed")
        shares = ["" if row[key] is None else f"{100 * row[key]:.1f} %" for key in keys]
        lines.append(f"| {' | '.join([row['case'], *shares])} |")
    return lines


def _shown(changes: list[PairedChange]) -> float | None:
    """Share of p-values below the level; None where predictions were not exchanged."""
    if min(change.p for change in changes) > 1 - LEVEL:
        return None
    return _share([change.p <= 1 - LEVEL for change in changes])


def _share(flags: list[bool | None]) -> float:
    return sum(map(bool, flags)) / len(flags)


def _ap(matches: Matches) -> float:
    value = figures(matches, _AP)["AP"].value
    assert value is not None, "there are people"
    return value


def _correlation(one: Matches, other: Matches) -> float:
    """Of the OKS of the people; 0 for whoever is not found."""
    people = len(one.people_ids)
    oks = np.zeros((2, people))
    for row, matches in enumerate((one, other)):
        met = matches.matched_people[0]
        oks[row, met[met >= 0]] = matches.similarity[met >= 0]
    return float(np.corrcoef(oks)[0, 1])
