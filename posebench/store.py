"""Records on disk.

A run's folder is ``OUT/<dataset>/<model>/<accuracy id>/``: ``predictions/``, ``matches.npz`` and
``matches-bbox.npz`` or, for MPII, ``pckh.npz``; for each latency protocol and machine a
``record-<latency id>.json`` with its ``latency-<latency id>.npz``; ``record.json`` if latency was
not measured. A published one is
``results/<dataset>/<model>/<accuracy id>-<latency id>/``, so that folders of several machines are
merged by copying them into one another.
"""

from __future__ import annotations

import fcntl
import json
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from posebench.cache import atomic_path, file_sha256
from posebench.errors import InputError, NewerSchemaError, SchemaError
from posebench.record import Record, parse_record

RECORD_NAME = "record.json"
"""Of a published record, and of a run without latency."""
RECORD_PATTERN = "record*.json"
UNRESOLVED = "unresolved"
"""Folder of a record that failed before its identity was known."""
MATCHES, BOX_MATCHES, HEAD_DISTANCES = "matches.npz", "matches-bbox.npz", "pckh.npz"
PUBLISHED_FILES = (MATCHES, BOX_MATCHES, HEAD_DISTANCES)
_ID_LENGTH = 12


def slug(name: str) -> str:
    """A folder name made of ``[a-z0-9._-]``, at most 80 characters."""
    cleaned = re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-.")
    return cleaned[:80] or "unnamed"


def run_folder(out: Path, dataset: str, label: str, accuracy_id: str | None) -> Path:
    """Where a run of that model on that dataset keeps its files."""
    key = accuracy_id[:_ID_LENGTH] if accuracy_id else UNRESOLVED
    return out / slug(dataset) / slug(label) / key


def record_name(latency_id: str | None) -> str:
    """File name of a run's record."""
    return f"record-{latency_id[:_ID_LENGTH]}.json" if latency_id else RECORD_NAME


def latency_name(latency_id: str) -> str:
    """File name of a run's raw latency samples."""
    return f"latency-{latency_id[:_ID_LENGTH]}.npz"


def check_writable(out: Path) -> None:
    """Fail before any work if results could not be kept.

    Raises:
        InputError: The folder cannot be made or written.
    """
    probe = out / ".writable"
    try:
        with atomic_path(probe) as temporary:
            temporary.write_text("")
        probe.unlink()
    except OSError as error:
        raise InputError(
            f"results folder {out} cannot be written: {error.strerror or error}.",
            remedy="Choose another with --out.",
        ) from error


def write_record(folder: Path, record: Record, name: str = RECORD_NAME) -> Path:
    """Write a record, whole or not at all."""
    path = folder / name
    document = record.model_dump(mode="json")
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n")
    return path


def read_record(path: Path) -> Record:
    """Read a record of this schema or an older one.

    Raises:
        SchemaError: Not JSON, not a record, or of a newer schema.
        InputError: It cannot be read.
    """
    try:
        document: Any = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise SchemaError(f"{path}: not JSON ({error}).") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
    return parse_record(document, source=str(path))


def record_paths(folders: Sequence[Path]) -> list[Path]:
    """Every record below some folders (or given as a file), sorted, each once."""
    found: set[Path] = set()
    for folder in folders:
        if not folder.exists():
            raise InputError(f"{folder}: no such file or folder.")
        found.update([folder] if folder.is_file() else folder.rglob(RECORD_PATTERN))
    return sorted(found)


def load_records(folders: Sequence[Path]) -> list[Record]:
    """The records below some folders, merged: of equal identities the newest counts.

    A record that failed before it had an identity counts as long as no other record of the same
    model and dataset is there.
    """
    return [record for _, record in locate_records(folders)]


def locate_records(folders: Sequence[Path]) -> list[tuple[Path, Record]]:
    """The same records, each with the file that it is in."""
    found = [(path, read_record(path)) for path in record_paths(folders)]
    places = {id(record): path for path, record in found}
    return [(places[id(record)], record) for record in merge(record for _, record in found)]


def merge(records: Iterable[Record]) -> list[Record]:
    """Drop all but the newest of records with equal identities, in order of model and identity."""
    newest: dict[tuple[str, ...], Record] = {}
    for record in sorted(records, key=lambda r: r.created_at):
        newest[_key(record)] = record
    resolved = {key[:2] for key in newest if key[2] != UNRESOLVED}
    kept = {k: r for k, r in newest.items() if k[2] != UNRESOLVED or k[:2] not in resolved}
    return [kept[key] for key in sorted(kept)]


def _key(record: Record) -> tuple[str, ...]:
    dataset = record.dataset.name if record.dataset else ""
    identity = record.accuracy_id or UNRESOLVED
    return (dataset, record.model.label, identity, record.latency_id or "")


def publish(path: Path, results: Path) -> Path:
    """Copy a good record and what belongs beside it into a folder of results.

    Returns:
        The new record's path.

    Raises:
        InputError: The record is not ``ok``, or a file beside it is missing or was changed.
    """
    record = read_record(path)
    if record.status != "ok" or record.dataset is None or record.accuracy_id is None:
        raise InputError(f"{path}: status {record.status!r}, only 'ok' records are published.")
    published = {name: s for name, s in record.files.items() if _is_published(name)}
    for name, sha256 in published.items():
        source = path.parent / name
        if not source.exists() or file_sha256(source) != sha256:
            raise InputError(f"{source}: missing or changed since the record was written.")
    key = "-".join(i[:_ID_LENGTH] for i in (record.accuracy_id, record.latency_id) if i)
    folder = results / slug(record.dataset.name) / slug(record.model.label) / key
    for name in published:
        with atomic_path(folder / name) as temporary:
            shutil.copyfile(path.parent / name, temporary)
    return write_record(folder, record.model_copy(update={"files": published}))


def _is_published(name: str) -> bool:
    return name in PUBLISHED_FILES or name.startswith("latency-")


def side_files(folder: Path, latency_id: str | None) -> dict[str, str]:
    """sha256 of the files that belong to a run's record, by relative name."""
    latency = [folder / latency_name(latency_id)] if latency_id else []
    scored = [folder / name for name in PUBLISHED_FILES]
    paths = [*scored, *(folder / "predictions").glob("shard-*"), *latency]
    return {p.relative_to(folder).as_posix(): file_sha256(p) for p in sorted(paths) if p.exists()}


def good_records(folder: Path, accuracy_id: str) -> list[Record]:
    """The good records of a run's folder whose files are whole, in the order of their names.

    One that is damaged counts as absent and will be written anew.

    Raises:
        SchemaError: One was written by a newer posebench.
    """
    found = []
    for path in sorted(folder.glob(RECORD_PATTERN)):
        try:
            record = read_record(path)
        except NewerSchemaError:
            raise
        except (SchemaError, InputError):
            continue
        same = record.status == "ok" and record.accuracy_id == accuracy_id
        if same and files_are_whole(folder, record):
            found.append(record)
    return found


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Keep other runs out of a run's folder as long as this one works in it.

    Raises:
        InputError: Another run works in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"{folder}: another run is at work in it.",
                remedy="Wait for it, or use another --out.",
            ) from None
        yield


def files_are_whole(folder: Path, record: Record) -> bool:
    """Whether every file that a record names is there and unchanged."""
    return all(
        (folder / name).is_file() and file_sha256(folder / name) == sha256
        for name, sha256 in record.files.items()
    )


def remove_records(folder: Path, *, keep: Sequence[Record]) -> None:
    """Drop a run's records but for some: failures, and what a newer one makes superfluous."""
    names = {record_name(record.latency_id) for record in keep}
    for path in folder.glob(RECORD_PATTERN):
        if path.name not in names:
            path.unlink()


def remove_unresolved(folder: Path) -> None:
    """Drop the record of an earlier failure, once the same model has a good one."""
    shutil.rmtree(folder.parent / UNRESOLVED, ignore_errors=True)
