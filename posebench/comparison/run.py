"""``posebench compare``: results to a document."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from posebench import __version__
from posebench.comparison.accuracy_change import Asked, accuracy_changes, everything
from posebench.comparison.comparable import check_comparable, notes
from posebench.comparison.document import Change, Comparison, Pair, Side
from posebench.comparison.families import adjusted, too_few
from posebench.comparison.latency_ab import (
    TimedInTurns,
    changes_of,
    compares,
    load_ab,
    note_on,
    refuse_unused,
)
from posebench.comparison.latency_change import latency_changes, measured_apart
from posebench.comparison.sources import Result, load_result
from posebench.errors import IncomparableError, InputError
from posebench.metrics.paired import Draws


def compare_records(
    baseline: str | Path,
    candidates: Sequence[str | Path],
    draws: Draws | None = None,
    latency_ab: Sequence[Path] = (),
    asked: Asked = everything,
) -> Comparison:
    """Compare results by where their Records lie (``load_result``).

    Args:
        baseline: What the candidates are compared with.
        candidates: One or more.
        draws: How often pictures are drawn and predictions exchanged.
        latency_ab: Documents of ``posebench latency --ab`` of the baseline and a candidate. Their
            latencies take the place of the stored ones.
        asked: Which metrics of accuracy are drawn; the others have their name and a reason.

    Raises:
        InputError: Something is not there or not what it should be.
        IncomparableError: Another dataset, task or way of scoring, or no predictions.
    """
    return compare_results(
        load_result(baseline), [load_result(one) for one in candidates], draws, latency_ab, asked
    )


def compare_results(
    baseline: Result,
    candidates: Sequence[Result],
    draws: Draws | None = None,
    latency_ab: Sequence[Path] = (),
    asked: Asked = everything,
) -> Comparison:
    """Compare results that were read; as ``compare_records``.

    Raises:
        InputError: A document of ``latency_ab`` is not of these Records.
        IncomparableError: Another dataset, task or way of scoring.
    """
    draws = draws or Draws()
    for candidate in candidates:
        check_comparable(baseline.record, candidate.record)
    in_turns = _in_turns(baseline, candidates, latency_ab)
    changes = [
        _changes(baseline, candidate, draws, timed, asked)
        for candidate, timed in zip(candidates, in_turns, strict=True)
    ]
    few = too_few([change for of_one in changes for change in of_one], draws.permutations)
    pairs = [
        Pair(
            candidate=_side(candidate),
            changes=tuple(of_one),
            notes=(*_notes(baseline, candidate, of_one, timed), *few),
        )
        for candidate, of_one, timed in zip(candidates, adjusted(changes), in_turns, strict=True)
    ]
    return _document(baseline, pairs, draws)


def _in_turns(
    baseline: Result, candidates: Sequence[Result], latency_ab: Sequence[Path]
) -> list[list[TimedInTurns]]:
    """The documents that time each candidate; one that times none of them is refused."""
    timed = [load_ab(path) for path in latency_ab]
    found = [
        [one for one in timed if compares(one, baseline.record, candidate.record)]
        for candidate in candidates
    ]
    refuse_unused(timed, [one for of_one in found for one in of_one])
    return found


def _changes(
    baseline: Result,
    candidate: Result,
    draws: Draws,
    in_turns: Sequence[TimedInTurns],
    asked: Asked,
) -> list[Change]:
    measured = {change.metric: change for change in latency_changes(baseline, candidate)}
    measured |= _timed_in_turns(in_turns)
    try:
        accuracy = accuracy_changes(baseline, candidate, draws, asked)
    except IncomparableError as error:
        raise IncomparableError(f"{baseline.path} and {candidate.path}: {error}") from error
    return [*(_recorded(c, baseline, candidate) for c in accuracy), *measured.values()]


def _timed_in_turns(in_turns: Sequence[TimedInTurns]) -> dict[str, Change]:
    """Latency from rounds that took turns, by metric.

    Raises:
        InputError: Two documents time the same.
    """
    found: dict[str, Change] = {}
    for timed in in_turns:
        for change in changes_of(timed):
            if change.metric in found:
                names = ", ".join(str(one.path) for one in in_turns)
                raise InputError(
                    f"{names}: more than one of them times {change.metric} of these two.",
                    remedy="Give one.",
                )
            found[change.metric] = change
    return found


def _recorded(change: Change, baseline: Result, candidate: Result) -> Change:
    """A change; where there is none, with what the Records have of the figure."""
    if change.reason is None:
        return change
    values = (side.record.figure(*change.metric.split("/", 1)) for side in (baseline, candidate))
    return change.model_copy(update=dict(zip(("baseline", "candidate"), values, strict=True)))


def _notes(
    baseline: Result,
    candidate: Result,
    changes: Sequence[Change],
    in_turns: Sequence[TimedInTurns],
) -> list[str]:
    return [
        *notes(baseline.record, candidate.record),
        *measured_apart(baseline, candidate, changes),
        *map(note_on, in_turns),
    ]


def _document(baseline: Result, pairs: Sequence[Pair], draws: Draws) -> Comparison:
    dataset = baseline.record.dataset
    assert dataset is not None, "a good Record has it"
    return Comparison(
        created_at=datetime.now(timezone.utc),
        posebench_version=__version__,
        dataset=dataset.name,
        dataset_identity=dataset.identity,
        images=dataset.images,
        baseline=_side(baseline),
        pairs=tuple(pairs),
        replicates=draws.replicates,
        permutations=draws.permutations,
        seed=draws.seed,
    )


def _side(result: Result) -> Side:
    record = result.record
    assert record.runtime is not None, "a good Record has it"
    return Side(
        label=result.label,
        record=result.path.as_posix(),
        accuracy_id=record.accuracy_id,
        artifacts=record.artifacts,
        runtime=record.runtime,
        environment=record.environment,
    )
