"""Results whose latencies have samples beside them, as runs leave them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
from gate_results import write_result
from numpy.typing import NDArray

from posebench.cache import file_sha256
from posebench.comparison.sources import Result, load_result
from posebench.config import LatencyConfig
from posebench.latency.measure import Samples
from posebench.latency.rounds import TimedRound, arrays
from posebench.latency.summary import cells
from posebench.store import latency_name, read_record, write_record

WRITTEN = datetime(2026, 3, 1, tzinfo=timezone.utc)
CONFIG = LatencyConfig(regimes=("sustained",), samples=20)
Medians = NDArray[np.float64]


def rounds(medians_ms: Medians, places: list[int]) -> list[TimedRound]:
    """One a process; its runs lie about the median."""
    spread = np.linspace(0.9, 1.1, CONFIG.samples + 1 - CONFIG.samples % 2)
    return [
        TimedRound(
            regime="sustained",
            process=process,
            position=place,
            samples=Samples(
                {span: (share * median * spread).tolist() for span, share in _SHARES.items()}, None
            ),
        )
        for process, (median, place) in enumerate(zip(medians_ms, places, strict=True))
    ]


_SHARES = {"network": 0.8, "end-to-end": 1.0}


def timed_result(
    folder: Path,
    model: str,
    medians_ms: Medians,
    place: int = 0,
    *,
    later_s: float = 0.0,
    **overrides: Any,
) -> Result:
    """A scored result that was timed too.

    Args:
        folder: Gets a folder for it.
        model: Its label.
        medians_ms: Of the processes.
        place: At which it had its turn in each round.
        later_s: When its Record was written.
        **overrides: Fields of the Record.
    """
    path = write_result(folder, model=model)
    record = read_record(path)
    timed = rounds(medians_ms, [place] * len(medians_ms))
    assert record.latency_id is not None
    samples = path.parent / latency_name(record.latency_id)
    np.savez(samples, **arrays(timed))
    config = CONFIG.model_copy(update={"processes": len(medians_ms)})
    fields = {
        "created_at": WRITTEN + timedelta(seconds=later_s),
        "latency": cells(timed, config=config, threads=1),
        "latency_protocol": config,
        "files": {**record.files, samples.name: file_sha256(samples)},
    }
    write_record(path.parent, record.model_copy(update=fields | overrides))
    return load_result(path)
