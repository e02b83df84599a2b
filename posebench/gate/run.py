"""The gate as a whole: from two folders of Records and rules to a verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import posebench
from posebench.comparison.latency_ab import TimedInTurns, compares, load_ab, refuse_unused
from posebench.comparison.run import compare_records
from posebench.errors import IncomparableError, InputError
from posebench.gate.applying import fits_model
from posebench.gate.deciding import exit_code, false_alarm
from posebench.gate.judging import judge
from posebench.gate.patterns import matches as fits
from posebench.gate.records import Match, match_records
from posebench.gate.rules import Rules, read_rules
from posebench.gate.subjects import Absence, Subject
from posebench.gate.verdict import Verdict
from posebench.gate.wording import one_line
from posebench.metrics.bootstrap import REPLICATES, SEED
from posebench.metrics.paired import Draws
from posebench.record import Record
from posebench.store import BOX_MATCHES, HEAD_DISTANCES, MATCHES

_TOLD = ("Protocol:", "Boxes:", "Scored:")
"""Notes of a comparison that a reader of a verdict should know: another model input is another
model. What it ran on is not among them, since no accuracy depends on it."""
_PERMUTATIONS = 1
"""The gate decides by intervals and looks at no p-value."""
_OF_EQUALS = 40
"""Draws of two results that are one: each gives the same, no difference."""


def run_gate(
    baseline: Path,
    candidate: Path,
    rules: Path,
    *,
    now: datetime,
    replicates: int = REPLICATES,
    seed: int = SEED,
    latency_ab: Sequence[Path] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> Verdict:
    """Compare every model of a candidate with the baseline, and judge.

    Args:
        baseline: A Record's file, or a folder of Records.
        candidate: Likewise.
        rules: A ``gate.toml``.
        now: Its date decides which acknowledgements are valid.
        replicates: How often pictures are drawn for an interval.
        seed: Of the draws.
        latency_ab: Documents of ``posebench latency --ab``.
        progress: Gets a line before each model.

    Raises:
        InputError: A file is missing or wrong, or a rule fits nothing.
    """
    asked = read_rules(rules)
    matches, warnings = match_records(baseline, candidate)
    draws = Draws(replicates, permutations=_PERMUTATIONS, seed=seed)
    timed = [load_ab(path) for path in latency_ab]
    refuse_unused(timed, [one for match in matches for one in _of(match, timed)])
    subjects = []
    for number, match in enumerate(matches, 1):
        progress(one_line(f"{number}/{len(matches)} {match.model} on {match.dataset}"))
        subjects.append(_subject(match, asked, draws, _of(match, timed)))
        warnings += [f"{match.model} on {match.dataset}: {told}" for told in subjects[-1].notes]
    try:
        decisions, more = judge(asked, subjects, now.date())
    except InputError as error:
        raise InputError(f"{rules}: {error}") from error
    return Verdict(
        created_at=now,
        posebench_version=posebench.__version__,
        baseline=str(baseline),
        candidate=str(candidate),
        rules=str(rules),
        decisions=tuple(decisions),
        warnings=tuple(warnings + more),
        false_alarm=false_alarm(decisions),
        exit_code=exit_code(decisions),
    )


def _of(match: Match, timed: Sequence[TimedInTurns]) -> list[TimedInTurns]:
    """Comparisons of latency that are those of a match."""
    one, other = match.baseline, match.candidate
    if one is None or other is None:
        return []
    return [ab for ab in timed if compares(ab, one.record, other.record)]


def _subject(match: Match, rules: Rules, draws: Draws, timed: Sequence[TimedInTurns]) -> Subject:
    one, other = match.baseline, match.candidate
    blank = Subject(match.dataset, match.model, label=match.label)
    if one is None or other is None or not other.good:
        return replace(blank, absence=_absence(match))

    def asked(metric: str) -> bool:
        ours = (rule for rule in rules.rule if fits_model(rule, blank))
        return any(fits(rule.metric, metric) for rule in ours)

    drawn = replace(draws, replicates=_OF_EQUALS) if _equal(one.record, other.record) else draws
    try:
        paths = [ab.path for ab in timed]
        compared = compare_records(one.path, [other.path], drawn, paths, asked)
    except IncomparableError as error:
        return replace(blank, absence=Absence("incomparable", str(error)))
    (pair,) = compared.pairs
    told = tuple(note for note in pair.notes if note.startswith(_TOLD))
    return replace(blank, changes=pair.changes, notes=told)


def _equal(one: Record, other: Record) -> bool:
    """Whether the files that figures are drawn from are the same, byte for byte."""
    names = (MATCHES, BOX_MATCHES, HEAD_DISTANCES)
    return all(one.files.get(name) == other.files.get(name) for name in names)


def _absence(match: Match) -> Absence:
    """Why a match cannot even be tried."""
    if match.candidate is None:
        return Absence("missing", match.lack or "")
    record = match.candidate.record
    if record.status != "ok":
        told = record.failure.message if record.failure else "no reason was given"
        return Absence("missing", f"its run ended with status {record.status}: {told}")
    return Absence("no-baseline", match.lack or "")
