"""Which Record of a candidate is compared with which of a baseline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from posebench.errors import InputError
from posebench.gate.found import UNKNOWN, Found, lack_of, of_known_kind, read_found
from posebench.gate.kinds import Kind, names
from posebench.record import Record


@dataclass(frozen=True)
class Match:
    """A model of either side.

    Attributes:
        dataset: Name of the dataset.
        model: Name of the model: its label, with more where several have that.
        label: Its label.
        kind: Of the candidate, or of the baseline without one.
        baseline: None if the baseline does not have the model.
        candidate: None if the candidate does not.
        lack: Why one of them is None, with where it was looked for and what is there.
    """

    dataset: str
    model: str
    label: str
    kind: Kind
    baseline: Found | None
    candidate: Found | None
    lack: str | None = None


def match_records(baseline: Path, candidate: Path) -> tuple[list[Match], list[str]]:
    """Match models by dataset, label and kind.

    Where a side has one kind of a label, and so has the other, the two are matched whatever they
    are. Of several Records of a kind the newest is the candidate, a failed one too; the baseline is
    the one that is most like it, and of equal ones the newest. Two files are a match whatever their
    labels. The baseline's datasets count as far as the candidate has them.

    Args:
        baseline: A Record's file, or a folder of Records.
        candidate: Likewise.

    Returns:
        Matches by dataset and name, and warnings, one sentence each.

    Raises:
        InputError: The candidate has no Records, or shares one with the baseline.
        SchemaError: A file is no Record, or of a newer schema.
    """
    old, new = read_found(baseline), read_found(candidate)
    if not new:
        raise InputError(f"no Records in {candidate}.", remedy="Give the folder of a run.")
    shared = {found.path.resolve() for found in old} & {found.path.resolve() for found in new}
    if shared:
        raise InputError(
            f"{min(shared)} is in the baseline and in the candidate.",
            remedy="Give two folders of which neither holds the other.",
        )
    if baseline.is_file() and candidate.is_file():
        return [_match(new[0], _best(old, new[0]), baseline, old)], []
    new = [of_known_kind(one, [*old, *new]) for one in new]
    candidates, warnings = _newest(new)
    matches = [_match(one, _best(_alike(one, old, new), one), baseline, old) for one in candidates]
    lost, other_runs = _only_in_baseline(old, candidates, matches)
    matches += [_missing(one, candidate, new) for one in lost]
    return _named(matches), [*warnings, *_told(other_runs), *_uncovered(old, matches)]


def _alike(candidate: Found, old: Sequence[Found], new: Sequence[Found]) -> list[Found]:
    """The baseline's Records of a candidate's kind, or of the only kind that both sides have."""
    named = [one for one in old if one.good and one.key == candidate.key]
    same = [one for one in named if one.kind == candidate.kind]
    kinds = {one.kind for one in named}, {one.kind for one in new if one.key == candidate.key}
    return named if not same and [len(of_side) for of_side in kinds] == [1, 1] else same


def _match(candidate: Found, found: Found | None, place: Path, old: Sequence[Found]) -> Match:
    dataset, label = candidate.key
    lack = None if found else lack_of(place, candidate, old)
    return Match(dataset, label, label, candidate.kind, found, candidate, lack)


def _missing(baseline: Found, place: Path, new: Sequence[Found]) -> Match:
    dataset, label = baseline.key
    return Match(dataset, label, label, baseline.kind, None, None, lack_of(place, baseline, new))


def _named(matches: Sequence[Match]) -> list[Match]:
    """The matches in order, no two names of a dataset alike where anything tells them apart."""
    by_dataset: dict[str, list[Match]] = {}
    for match in matches:
        by_dataset.setdefault(match.dataset, []).append(match)
    named = [
        replace(match, model=name)
        for several in by_dataset.values()
        for match, name in zip(several, names([(m.label, m.kind) for m in several]), strict=True)
    ]
    return sorted(named, key=lambda m: (m.dataset, m.model))


def _newest(found: Iterable[Found]) -> tuple[list[Found], list[str]]:
    """The newest of each dataset, label and kind, and a warning where it was not the only one."""
    by_kind: dict[tuple[tuple[str, str], Kind], list[Found]] = {}
    for one in found:
        by_kind.setdefault((one.key, one.kind), []).append(one)
    newest = [max(several, key=_age) for several in by_kind.values()]
    warnings = [
        f"The candidate has {len(by_kind[one.key, one.kind])} Records of {one.key[1]} on "
        f"{one.key[0]}; the newest is compared, {one.path}."
        for one in newest
        if len(by_kind[one.key, one.kind]) > 1
    ]
    return newest, warnings


def _age(found: Found) -> tuple[float, str]:
    return (found.record.created_at.timestamp(), str(found.path))


def _best(baseline: Sequence[Found], candidate: Found) -> Found | None:
    """The good Record that was made most like the candidate, first in what decides accuracy."""
    good = [one for one in baseline if one.good]
    wished = _setting(candidate.record)

    def likeness(one: Found) -> tuple[tuple[bool, ...], tuple[float, str]]:
        setting = _setting(one.record)
        return tuple(a == b for a, b in zip(setting, wished, strict=True)), _age(one)

    return max(good, key=likeness, default=None)


def _setting(record: Record) -> tuple[object, ...]:
    dataset, protocol, runtime = record.dataset, record.protocol, record.runtime
    return (
        dataset and dataset.identity,
        protocol and (protocol.evaluation, protocol.pckh),
        protocol and protocol.boxes,
        record.boxes and record.boxes.sha256,
        protocol and protocol.preprocess,
        protocol,
        runtime and (runtime.name, runtime.precision),
        runtime and (runtime.device, runtime.threads),
        record.environment.fingerprint,
    )


def _only_in_baseline(
    baseline: Iterable[Found], candidates: Sequence[Found], matches: Sequence[Match]
) -> tuple[list[Found], list[Found]]:
    """What the candidate lacks on a dataset that it has, or of a model that failed early.

    Returns:
        Models, or models with other boxes; then those that it has, but ran in something else.
    """
    taken = {(m.baseline.key, m.baseline.kind) for m in matches if m.baseline}
    left = {(o.key, o.kind): o for o in baseline if o.good and (o.key, o.kind) not in taken}
    keys = {one.key for one in candidates}
    datasets = {dataset for dataset, _ in keys}
    asked = [
        one for one in left.values() if one.key[0] in datasets or (UNKNOWN, one.key[1]) in keys
    ]
    boxes = {(one.key, one.kind.boxes) for one in candidates}
    ran = [one for one in asked if {(one.key, one.kind.boxes), (one.key, None)} & boxes]
    return [one for one in asked if one not in ran], ran


def _told(found: Iterable[Found]) -> list[str]:
    """A warning for each model that the candidate did not run as the baseline did."""
    return [
        f"The baseline has {one.key[1]}{one.kind.words} on {one.key[0]}, which the candidate did "
        "not run so."
        for one in found
    ]


def _uncovered(baseline: Iterable[Found], matches: Iterable[Match]) -> list[str]:
    """A warning if the baseline has datasets on which nothing is compared."""
    covered = {match.dataset for match in matches}
    others = sorted({one.key[0] for one in baseline} - covered)
    if not others:
        return []
    return [f"The candidate has nothing on {', '.join(others)}, which the baseline has."]
