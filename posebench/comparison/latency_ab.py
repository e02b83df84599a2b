"""Latencies that were measured in turns: the best evidence, where there is a comparison of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from posebench.cache import read_arrays
from posebench.comparison.campaign import Arrays
from posebench.comparison.document import Change
from posebench.comparison.latency_change import SPANS, blank_change, with_shift
from posebench.comparison.shift import paired_shift
from posebench.config import describe_validation
from posebench.errors import InputError, SchemaError
from posebench.latency.ab_document import LatencyComparison, Side, SpanRatio
from posebench.record import ArtifactInfo, Record
from posebench.types import Float64Array

_SIDES = ("baseline", "candidate")


@dataclass(frozen=True, eq=False)
class TimedInTurns:
    """A document of ``posebench latency --ab`` with its samples.

    Attributes:
        path: Of the document.
        document: What was found.
        samples: Rounds x runs, by side, regime and span.
    """

    path: Path
    document: LatencyComparison
    samples: Arrays


def load_ab(path: Path) -> TimedInTurns:
    """Read a comparison and the samples that lie beside it.

    Raises:
        InputError: There is none, or its samples are missing or damaged.
        SchemaError: It is no such document.
    """
    try:
        document = LatencyComparison.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
    except ValidationError as error:
        raise SchemaError(
            f"{path}: not a document of posebench latency --ab: {describe_validation(error)}"
        ) from error
    beside = path.with_suffix(".npz")
    try:
        return TimedInTurns(path, document, read_arrays(beside))
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise InputError(
            f"{beside}: the samples of {path.name} cannot be read ({error}).",
            remedy="Keep them beside it, as posebench latency wrote them.",
        ) from error


def compares(timed: TimedInTurns, baseline: Record, candidate: Record) -> bool:
    """Whether these two are what was timed: files, protocols, runtimes."""
    document = timed.document
    return _is(document.baseline, baseline) and _is(document.candidate, candidate)


def changes_of(timed: TimedInTurns) -> list[Change]:
    """The change of each span that a comparison of Records tells.

    Raises:
        InputError: The samples are not those of the document.
    """
    return [_change(timed, ratio) for ratio in timed.document.ratios if ratio.span in SPANS]


def note_on(timed: TimedInTurns) -> str:
    """Where the figures come from, a sentence."""
    document = timed.document
    rounds = document.latency_protocol.processes
    on = document.baseline.environment
    machine = on.gpu if on.gpu and document.baseline.runtime.device != "cpu" else on.cpu
    regimes = " and ".join(dict.fromkeys(ratio.regime for ratio in document.ratios))
    return f"Latency, {regimes}: {rounds} rounds in turns on {machine} ({timed.path.name})."


def refuse_unused(given: Sequence[TimedInTurns], used: Sequence[TimedInTurns]) -> None:
    """Refuse a comparison of other models than those of the Records.

    Raises:
        InputError: Naming the file and its two models.
    """
    for timed in given:
        if not any(timed is one for one in used):
            sides = timed.document.baseline, timed.document.candidate
            files = " and ".join(
                f"{s.label} ({(_files(s.artifacts) or ['no file'])[0][:12]}…)" for s in sides
            )
            raise InputError(
                f"{timed.path}: times {files}, which is no pair of these Records: files, protocol "
                "and runtime of both sides must be the same.",
                remedy="Give the Records in the order A B of that comparison, or leave it out.",
            )


def _is(side: Side, record: Record) -> bool:
    return (
        (_files(side.artifacts) or side.label) == (_files(record.artifacts) or record.model.label)
        and side.protocol == record.protocol
        and side.runtime == record.runtime
    )


def _files(artifacts: Sequence[ArtifactInfo]) -> list[str]:
    return sorted(artifact.sha256 for artifact in artifacts)


def _change(timed: TimedInTurns, ratio: SpanRatio) -> Change:
    first, second = (_logs(timed, side, ratio) for side in _SIDES)
    if len(first) != len(second):
        raise _other_samples(timed)
    try:
        shift = paired_shift(first, second)
    except ValueError as error:
        raise _other_samples(timed) from error
    if not np.isclose(np.exp(shift.value), ratio.ratio, rtol=1e-9, atol=0):
        raise _other_samples(timed)
    blank = blank_change(ratio.span, ratio.regime, ratio.baseline_p50_ms, ratio.candidate_p50_ms)
    runs = len(first) * timed.document.latency_protocol.samples
    return with_shift(blank, shift, "signed-rank", n=len(first), counted=runs)


def _logs(timed: TimedInTurns, side: str, ratio: SpanRatio) -> Float64Array:
    """(R,) log of the median of each round that counts."""
    where = f"{side}/{ratio.regime}"
    try:
        table = timed.samples[f"{where}/{ratio.span}_ms"]
        kept: npt.NDArray[np.bool_] = timed.samples[f"{where}/kept"]
    except KeyError as error:
        raise _other_samples(timed) from error
    if table.ndim != 2 or table.dtype.kind != "f" or kept.dtype != np.bool_:
        raise _other_samples(timed)
    if kept.shape != table.shape[:1] or not (table[kept] > 0).all():
        raise _other_samples(timed)
    return np.asarray(np.log(np.median(table[kept], axis=1)), np.float64)


def _other_samples(timed: TimedInTurns) -> InputError:
    return InputError(
        f"{timed.path.with_suffix('.npz')}: not the samples of {timed.path.name}.",
        remedy="Keep both as posebench latency wrote them.",
    )
