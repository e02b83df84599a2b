"""The candidate's figures for services that draw them over time.

- https://github.com/benchmark-action/github-action-benchmark, tools ``customBiggerIsBetter`` and
  ``customSmallerIsBetter``: a list of ``name``, ``unit``, ``value``, ``extra``. A file is of one
  direction, so there are two.
- https://bencher.dev/docs/reference/bencher-metric-format/: benchmark → measure → ``value``.

Neither gets an interval: the one known here is that of the loss, not of the figure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from posebench.gate.verdict import Decision, Verdict
from posebench.gate.wording import one_line, sentence

_MEASURE_LENGTH = 64
"""Characters that Bencher allows in the name of a measure."""
_BENCHMARK_LENGTH = 1024


def benchmark_action(verdict: Verdict, *, bigger_is_better: bool) -> list[dict[str, Any]]:
    """Figures that improve in one direction, for github-action-benchmark."""
    return [
        {
            "name": one_line(f"{d.dataset}: {d.model}: {d.metric}"),
            "unit": _unit(d),
            "value": d.candidate,
            "extra": sentence(d),
        }
        for d in _measured(verdict)
        if d.higher_is_better == bigger_is_better
    ]


def bencher(verdict: Verdict) -> dict[str, dict[str, dict[str, float]]]:
    """All figures, in Bencher's format."""
    document: dict[str, dict[str, dict[str, float]]] = {}
    for d in _measured(verdict):
        assert d.candidate is not None, "it was measured"
        benchmark = _short(one_line(f"{d.dataset}: {d.model}"), _BENCHMARK_LENGTH)
        measures = document.setdefault(benchmark, {})
        measures[_short(one_line(d.metric), _MEASURE_LENGTH)] = {"value": d.candidate}
    return document


def _measured(verdict: Verdict) -> Iterator[Decision]:
    return (d for d in verdict.decisions if d.candidate is not None)


def _unit(decision: Decision) -> str:
    return "ms" if decision.unit == "relative" else "fraction"


def _short(name: str, length: int) -> str:
    """A name that is cut, if it must be, so that it stays another than its neighbours'."""
    if len(name) <= length:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: length - 9]}-{digest}"
