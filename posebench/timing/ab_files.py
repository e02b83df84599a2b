"""Comparisons of latencies on disk: the document, and every sample beside it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from posebench.cache import atomic_path
from posebench.latency.ab_document import LatencyComparison
from posebench.latency.rounds import arrays
from posebench.store import slug
from posebench.timing.ab import AbRounds

FOLDER = "latency-ab"


def new_path(out: Path, labels: Sequence[str]) -> Path:
    """``OUT/latency-ab/<baseline>--<candidate>--<time>``, without a suffix."""
    stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S")
    return out / FOLDER / f"{'--'.join(map(slug, labels))}--{stamp}"


def write_samples(path: Path, measured: AbRounds) -> None:
    """Write what was measured so far, if it was anything, to the path's ``.npz``.

    The arrays are those of a run's samples, behind ``baseline/`` and ``candidate/``.
    """
    samples = {
        f"{side}/{name}": array
        for side, rounds in zip(("baseline", "candidate"), measured.rounds, strict=True)
        for name, array in arrays(rounds).items()
    }
    if samples:
        with (
            atomic_path(path.with_name(f"{path.name}.npz")) as temporary,
            temporary.open("wb") as stream,
        ):
            np.savez(stream, **samples)


def write_comparison(path: Path, document: LatencyComparison) -> Path:
    """Write the document to the path's ``.json``."""
    target = path.with_name(f"{path.name}.json")
    with atomic_path(target) as temporary:
        temporary.write_text(document.model_dump_json(indent=2) + "\n")
    return target
