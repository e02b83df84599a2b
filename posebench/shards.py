"""The accuracy pass over a dataset, in shards that a later run finds and keeps."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posebench.cache import atomic_path, file_sha256
from posebench.config import Limits
from posebench.protocols import Pictures
from posebench.record import Failure
from posebench.worker_client import WorkerClient, WorkerFailure

SHARD_SIZE = 256
_SHOWN = 5


@dataclass
class PassNotes:
    """What there is to say of a pass beside its predictions.

    Attributes:
        undecodable: Why a picture could not be read, by image id.
        peak_memory_mb: Largest resident set of the worker, 10^6 bytes; None before the first shard.
    """

    undecodable: dict[int, str] = field(default_factory=dict)
    peak_memory_mb: float | None = None

    def add(self, noted: dict[str, Any]) -> None:
        """Take up what was noted of one shard."""
        self.undecodable.update({int(k): why for k, why in noted["undecodable"].items()})
        self.peak_memory_mb = max(self.peak_memory_mb or 0.0, noted["peak_memory_mb"])


def predict_dataset(
    worker: WorkerClient,
    pictures: Pictures,
    folder: Path,
    limits: Limits,
    advanced: Callable[[int], None],
) -> PassNotes:
    """Predict what an earlier run has not.

    Args:
        worker: With the model loaded.
        pictures: Those that are predicted, in the order of their ids.
        folder: Receives ``shard-00000.npz`` and a JSON seal beside each.
        limits: When to give up.
        advanced: Told how many pictures were finished, or found finished.

    Raises:
        WorkerFailure: The worker failed, or too many pictures cannot be read. Finished shards
            stay.
    """
    ids = list(pictures.image_ids)
    notes = PassNotes()
    for number, start in enumerate(range(0, len(ids), SHARD_SIZE)):
        image_ids = ids[start : start + SHARD_SIZE]
        shard = folder / f"shard-{number:05d}.npz"
        noted = _noted(shard)
        if noted is None:
            noted = _predict(worker, pictures, image_ids, shard, limits, advanced)
        else:
            advanced(len(image_ids))
        notes.add(noted)
        _check_undecodable(notes, len(ids), limits)
    return notes


def _predict(
    worker: WorkerClient,
    pictures: Pictures,
    image_ids: list[int],
    shard: Path,
    limits: Limits,
    advanced: Callable[[int], None],
) -> dict[str, Any]:
    request = {
        "op": "predict",
        "image_ids": image_ids,
        "paths": [str(pictures.image_path(image_id).absolute()) for image_id in image_ids],
        "shard": str(shard.absolute()),
    }
    noted = worker.ask(request, silence_s=limits.silence_s, progress=advanced)
    with atomic_path(_seal(shard)) as temporary:
        temporary.write_text(json.dumps({**noted, "sha256": file_sha256(shard)}))
    return noted


def _seal(shard: Path) -> Path:
    return shard.with_suffix(".json")


def _noted(shard: Path) -> dict[str, Any] | None:
    """What an earlier run noted of a shard, if the shard is still as it was.

    One with unreadable pictures is predicted again: they may have been repaired.
    """
    try:
        noted: dict[str, Any] = json.loads(_seal(shard).read_text())
        whole = noted["sha256"] == file_sha256(shard) and not noted["undecodable"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return noted if whole else None


def _check_undecodable(notes: PassNotes, pictures: int, limits: Limits) -> None:
    share = len(notes.undecodable) / pictures
    if share > limits.undecodable_share:
        shown = "; ".join(list(notes.undecodable.values())[:_SHOWN])
        raise WorkerFailure(
            Failure(
                kind="undecodable-images",
                message=f"{len(notes.undecodable)} pictures ({share:.1%}) cannot be read, more "
                f"than {limits.undecodable_share:.1%}: {shown}",
                remedy="Repair the pictures, or raise limits.undecodable_share.",
            )
        )
