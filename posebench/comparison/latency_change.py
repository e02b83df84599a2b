"""How much slower a candidate is than the baseline, from the medians of their processes."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp

import numpy as np

from posebench.comparison.campaign import same_campaign
from posebench.comparison.comparable import latency_obstacle
from posebench.comparison.document import Change, Test
from posebench.comparison.shift import Shift, paired_shift, unpaired_shift
from posebench.comparison.sources import Result
from posebench.config import Regime
from posebench.record import Cell, Record, Span
from posebench.types import Float64Array

SPANS: tuple[Span, ...] = ("end-to-end", "network")
REGIMES: tuple[Regime, ...] = ("sustained", "paced")
PAIRED_FROM = 12
"""Processes from which those of one campaign are paired. The signed-rank test is too coarse for
fewer: of six it gives no p-value under 1 / 32, which no adjustment for several tests survives."""


def latency_changes(baseline: Result, candidate: Result) -> list[Change]:
    """The change of each span in each regime that either side has."""
    return [
        _change(baseline, candidate, span, regime)
        for regime in REGIMES
        for span in SPANS
        if any(_cell(side.record, span, regime) for side in (baseline, candidate))
    ]


def blank_change(
    span: Span, regime: Regime, baseline_ms: float | None, candidate_ms: float | None
) -> Change:
    """Both medians, and no change yet."""
    return Change(
        metric=f"latency/{span}/{regime}",
        unit="relative",
        higher_is_better=False,
        baseline=baseline_ms,
        candidate=candidate_ms,
    )


def with_shift(blank: Change, shift: Shift, test: Test, *, n: int, counted: int) -> Change:
    """A change from a shift of logarithms.

    The smallest detectable one is as large as the interval is wide: the interval has to lie above 0
    with one half, and once in forty times the estimate falls below its centre by the other. That
    holds for a symmetric estimate under any noise; under normal noise it is 2 x 1.96 standard
    errors.

    Args:
        blank: Of ``blank_change``.
        shift: Log candidate over log baseline.
        test: Where the p-value comes from.
        n: Processes or rounds.
        counted: Runs.
    """
    told = {
        "change": exp(shift.value) - 1,
        "low": exp(shift.low) - 1,
        "high": exp(shift.high) - 1,
        "level": shift.coverage,
        "p": shift.p,
        "test": test,
        "detectable": exp(shift.high - shift.low) - 1,
        "n": n,
        "counted": counted,
    }
    return blank.model_copy(update=told)


def measured_apart(baseline: Result, candidate: Result, changes: Sequence[Change]) -> list[str]:
    """A sentence if latencies were subtracted that no common run measured."""
    if all(change.test != "mann-whitney" for change in changes):
        return []
    if same_campaign(baseline, candidate):
        return []
    return [
        "Latency was measured in two runs: what changed on the machine in between is part of the "
        "difference. posebench latency --ab measures in turns."
    ]


def _change(baseline: Result, candidate: Result, span: Span, regime: Regime) -> Change:
    records = baseline.record, candidate.record
    first, second = (_cell(record, span, regime) for record in records)
    blank = blank_change(span, regime, _p50_ms(first), _p50_ms(second))
    if first is None or second is None:
        side = "baseline" if first is None else "candidate"
        return blank.model_copy(update={"reason": f"the {side} was not timed so"})
    obstacle = latency_obstacle(*records, regime)
    if obstacle is not None:
        return blank.model_copy(update={"reason": obstacle, "incomparable": True})
    try:
        return _compared(blank, (first, second), paired=same_campaign(baseline, candidate))
    except ValueError:
        return blank.model_copy(update={"reason": _too_few(first, second)})


def _compared(blank: Change, cells: tuple[Cell, Cell], *, paired: bool) -> Change:
    """The change, in pairs if there are enough of them.

    Raises:
        ValueError: Too few processes for an interval.
    """
    first, second = (_logs(cell.process_p50_ms) for cell in cells)
    fewer, counted = min(len(first), len(second)), min(cell.summary.n for cell in cells)
    if paired and fewer >= PAIRED_FROM:
        shift = paired_shift(first, second)
        return with_shift(blank, shift, "signed-rank", n=fewer, counted=counted)
    shift = unpaired_shift(first, second)
    return with_shift(blank, shift, "mann-whitney", n=fewer, counted=counted)


def _too_few(first: Cell, second: Cell) -> str:
    counts = len(first.process_p50_ms), len(second.process_p50_ms)
    return (
        f"{counts[0]} and {counts[1]} processes are too few for an interval: "
        "measure 4 or more a side"
    )


def _cell(record: Record, span: Span, regime: Regime) -> Cell | None:
    """Of any number of people, one picture a call."""
    found = (c for c in record.cells(regime) if c.span == span and c.people is None)
    return next((cell for cell in found if cell.batch == 1), None)


def _p50_ms(cell: Cell | None) -> float | None:
    return cell.summary.p50_ms if cell else None


def _logs(values_ms: Sequence[float]) -> Float64Array:
    return np.log(np.asarray(values_ms, np.float64))
