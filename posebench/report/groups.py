"""Which Records may stand in one table, and what tells one table from the next."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from posebench.config import identity
from posebench.record import Record
from posebench.report.scores import main_figure
from posebench.report.text import EMPTY

Ranks: TypeAlias = "Mapping[tuple[str, str], str]"
"""By the key of a group and the accuracy id of a record: its rank, e.g. ``2-3``."""
RANK_NOTE = (
    "By AP or PCKh@0.5; 2-4: the pictures leave open whether it is second, third or fourth. The "
    "ranks of a table hold together with 95 %: see docs/intervals.md."
)
NO_DATASET = "no-dataset"
"""Name of the report on runs that all failed before their dataset was opened."""


@dataclass(frozen=True)
class Group:
    """Records of one dataset, runtime, precision, machine and way of scoring.

    Attributes:
        setting: What the records have in common, flat: ``runtime.version`` → ``1.20.1``.
        records: Best AP or PCKh@0.5 first, then by label; those without figures last.
    """

    setting: Mapping[str, Any]
    records: tuple[Record, ...]

    @property
    def key(self) -> str:
        """First eight hex digits of the setting's digest, for file names."""
        return identity(self.setting)[:8]

    @property
    def slug(self) -> str:
        """Stable file name stem, e.g. ``onnxruntime-fp32-cpu-1a2b3c4d``."""
        parts = (self.setting[f"runtime.{part}"] for part in ("name", "precision", "device"))
        return slugify("-".join([*parts, self.key]))

    @property
    def measured(self) -> tuple[Record, ...]:
        """The records that have figures."""
        return tuple(record for record in self.records if record.status == "ok")


@dataclass(frozen=True)
class Report:
    """Everything that one page tells of one dataset.

    Attributes:
        name: The dataset's name as a file name.
        groups: Tables, in a stable order.
        without_figures: Failed and skipped runs, those that never reached a dataset included.
    """

    name: str
    groups: tuple[Group, ...]
    without_figures: tuple[Record, ...]


def reports(records: Iterable[Record]) -> list[Report]:
    """One report a dataset name, as far as names differ as file names, sorted.

    A run that failed before its dataset was opened is listed in every report.
    """
    by_page: dict[str, list[Record]] = {}
    homeless = []
    for record in records:
        if record.dataset is None:
            homeless.append(record)
        else:
            by_page.setdefault(slugify(record.dataset.name), []).append(record)
    if homeless and not by_page:
        return [_report(NO_DATASET, homeless)]
    return [_report(name, [*found, *homeless]) for name, found in sorted(by_page.items())]


def _report(name: str, records: Sequence[Record]) -> Report:
    failed = [record for record in records if record.status != "ok"]
    return Report(name, group(records), tuple(sorted(failed, key=lambda r: r.model.label)))


def group(records: Iterable[Record]) -> tuple[Group, ...]:
    """Records with a known dataset, protocol and runtime, split by setting."""
    found: dict[str, tuple[dict[str, Any], list[Record]]] = {}
    for record in records:
        setting = _setting(record)
        if setting is not None:
            found.setdefault(identity(setting), (setting, []))[1].append(record)
    groups = [Group(setting, tuple(sorted(rows, key=_rank))) for setting, rows in found.values()]
    return tuple(sorted(groups, key=lambda g: g.slug))


def ranks_of(one: Group, ranks: Ranks) -> list[str] | None:
    """The rank of each record of a table, a dash for one without; None if none has any."""
    found = [ranks.get((one.key, record.accuracy_id or "")) for record in one.records]
    return [rank or EMPTY for rank in found] if any(found) else None


def differences(groups: Sequence[Group]) -> list[str]:
    """Names of the setting's fields in which the groups differ."""
    fields = sorted({field for g in groups for field in g.setting})
    return [f for f in fields if len({repr(g.setting.get(f)) for g in groups}) > 1]


def labels(records: Sequence[Record]) -> list[str]:
    """A label for each record, no two alike: with whose boxes, the time or the id if need be."""
    names = [record.model.label for record in records]
    boxes = [f", boxes of {r.boxes.label}" if r.boxes else "" for r in records]
    times = [f" ({record.created_at:%Y-%m-%d %H:%M})" for record in records]
    ids = [f" {(record.accuracy_id or '')[:6]}".rstrip() for record in records]
    for suffixes in (boxes, times, ids):
        names = [
            name if names.count(name) == 1 else f"{name}{suffix}"
            for name, suffix in zip(names, suffixes, strict=True)
        ]
    return names


def slugify(text: str) -> str:
    """Letters, digits, dots and dashes only, for a file name."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.") or "unnamed"


def _setting(record: Record) -> dict[str, Any] | None:
    if record.dataset is None or record.protocol is None or record.runtime is None:
        return None
    scoring = record.protocol.model_dump(mode="json", include={"augmentation", "evaluation"})
    # Annotated boxes are told to the model; detected ones are its own business, like a head.
    told = record.protocol.boxes == "ground-truth"
    nested = {
        "dataset": {"identity": record.dataset.identity},
        "runtime": {k: v for k, v in record.runtime.model_dump().items() if v != {}},
        "machine": {"fingerprint": record.environment.fingerprint},
        "boxes": {"source": "ground-truth" if told else "none"},
        **scoring,
    }
    if record.protocol.pckh is not None:
        nested["pckh"] = record.protocol.pckh.model_dump()
    return {f"{part}.{key}": v for part, fields in nested.items() for key, v in fields.items()}


def _rank(record: Record) -> tuple[bool, float, str, str]:
    figure = main_figure(record)
    return (
        record.status != "ok",
        -(figure if figure is not None else -1.0),
        record.model.label,
        record.created_at.isoformat(),
    )
