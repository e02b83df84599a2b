"""Whether two Records were timed in turns by one run, so that their processes make pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.cache import read_arrays
from posebench.comparison.sources import Result, side_file
from posebench.store import latency_name

Arrays = Mapping[str, npt.NDArray[Any]]


def same_campaign(baseline: Result, candidate: Result) -> bool:
    """Whether the i-th processes of both took their turns in the same round.

    A run writes all its Records when the last turn is over. Two that were written within less time
    than either was timed for belong to one run, if machine and protocol agree and no two of their
    processes held the same place in a round. Should that be wrong, pairing is no error: numbers of
    processes have nothing to do with their times.
    """
    first, second = baseline.record, candidate.record
    alike = first.environment.fingerprint == second.environment.fingerprint
    if not alike or first.latency_protocol != second.latency_protocol:
        return False
    samples = [_samples(side) for side in (baseline, candidate)]
    if not all(samples):
        return False
    apart_s = abs((first.created_at - second.created_at).total_seconds())
    return apart_s < min(map(_timed_s, samples)) and _took_turns(*samples)


def _samples(side: Result) -> Arrays:
    """Everything that was timed; nothing if it is not beside the Record."""
    identity = side.record.latency_id
    file = side_file(side.path, side.record, latency_name(identity)) if identity else None
    return read_arrays(file) if file else {}


def _timed_s(samples: Arrays) -> float:
    """Seconds for which the model ran, at least."""
    return sum(float(a.sum()) for n, a in samples.items() if n.endswith("/end-to-end_ms")) / 1e3


def _took_turns(first: Arrays, second: Arrays) -> bool:
    """Whether they never held the same place in a round."""
    places = [_places(samples) for samples in (first, second)]
    shared = places[0].keys() & places[1].keys()
    return bool(shared) and all(places[0][turn] != places[1][turn] for turn in shared)


def _places(samples: Arrays) -> dict[int, int]:
    """Place of each process in its round."""
    found: dict[int, int] = {}
    for name in (n for n in samples if n.endswith("/process")):
        positions = samples[name.replace("/process", "/position")]
        found |= dict(zip(samples[name].tolist(), np.asarray(positions).tolist(), strict=True))
    return found
