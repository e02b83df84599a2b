"""From rounds to the percentiles of a table, and to what their reader should know."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from posebench.config import LatencyConfig
from posebench.latency.location import fewest_values, hodges_lehmann
from posebench.latency.measure import END_TO_END, Samples
from posebench.latency.rounds import TimedRound, pooled, process_medians, without_pictures
from posebench.latency.stability import fewest_samples, warnings
from posebench.record import Cell, LatencyInterval, LatencySummary, Runtime

_LEVEL = 0.95
_PERCENTILES = (90, 95, 99)
_SHOWN = 2


def summarise(samples_ms: Sequence[float]) -> LatencySummary:
    """Percentiles (linear interpolation), mean and extremes of one span's samples in ms.

    A percentile that the largest sample does not bound with a confidence of 95 % is None: it takes
    29 samples for p90, 59 for p95 and 299 for p99.
    """
    values = np.asarray(samples_ms, np.float64)
    high = {
        f"p{q}_ms": float(np.percentile(values, q))
        for q in _PERCENTILES
        if len(values) >= fewest_samples(q / 100)
    }
    return LatencySummary(
        p50_ms=float(np.percentile(values, 50)),
        **high,
        mean_ms=float(values.mean()),
        min_ms=float(values.min()),
        max_ms=float(values.max()),
        n=len(values),
    )


def cells(rounds: Sequence[TimedRound], *, config: LatencyConfig, threads: int) -> tuple[Cell, ...]:
    """One cell a regime and span, in the order measured, and the whole by the number of people."""
    return tuple(
        cell
        for regime in config.regimes
        for cell in _of_regime([r for r in rounds if r.regime == regime], config, threads)
    )


def _of_regime(rounds: Sequence[TimedRound], config: LatencyConfig, threads: int) -> list[Cell]:
    samples = pooled(rounds)
    fixed = {"regime": rounds[0].regime, "threads": threads, "warmup": config.warmup}
    whole = []
    for span, values in samples.spans.items():
        medians = process_medians(rounds, span)
        summary = summarise(values).model_copy(update={"interval": _interval(medians)})
        whole.append({"span": span, "summary": summary, "process_p50_ms": medians})
    groups = [
        {"span": END_TO_END, "people": people, "summary": summarise(values)}
        for people, values in _by_people(samples)
    ]
    return [Cell.model_validate({**fixed, **fields}) for fields in [*whole, *groups]]


def _interval(medians_ms: Sequence[float]) -> LatencyInterval | None:
    """Of the median, from the medians of the processes; None if there are too few of them."""
    if len(medians_ms) < fewest_values(_LEVEL):
        return None
    found = hodges_lehmann(medians_ms, _LEVEL)
    return LatencyInterval(
        low_ms=found.low, high_ms=found.high, level=found.coverage, processes=len(medians_ms)
    )


def _by_people(samples: Samples) -> list[tuple[tuple[int, int], list[float]]]:
    """End-to-end times in groups of 0, 1, 2-3, 4-7, 8-15, ... boxes."""
    groups: dict[int, list[float]] = {}
    for count, value in zip(samples.people or (), samples.spans[END_TO_END], strict=False):
        groups.setdefault(count.bit_length(), []).append(value)
    return [(((1 << size) >> 1, (1 << size) - 1), groups[size]) for size in sorted(groups)]


def notes(rounds: Sequence[TimedRound], config: LatencyConfig) -> tuple[str, ...]:
    """What a reader of a model's latency should know, a sentence each."""
    return (*round_notes(rounds, config), *_too_few(config))


def precision_notes(runtime: Runtime) -> list[str]:
    """That a runtime was given a network in FP16 and computes it in FP32 all the same."""
    if runtime.precision == "fp32" or not runtime.provider.endswith("in fp32"):
        return []
    return [
        f"{runtime.name} computes {runtime.precision} networks in FP32 on this processor: this is "
        f"no latency in {runtime.precision}."
    ]


def round_notes(rounds: Sequence[TimedRound], config: LatencyConfig) -> list[str]:
    """The part of it that the rounds themselves tell, each behind the name of its regime."""
    found = []
    for regime in config.regimes:
        mine = [one for one in rounds if one.regime == regime]
        told = [*_repeated(mine), *_gpu(mine), *warnings(without_pictures(mine, END_TO_END))]
        found += [f"{regime.capitalize()}: {sentence}" for sentence in told]
    return found


def _repeated(rounds: Sequence[TimedRound]) -> list[str]:
    disturbed = [one for one in rounds if one.kept and one.disturbances]
    again = sum(not one.kept for one in rounds)
    kept = sum(one.kept for one in rounds)
    found = []
    if again:
        found.append(f"{again} disturbed round(s) were measured again and are not counted.")
    if disturbed:
        reasons = dict.fromkeys(reason for one in disturbed for reason in one.disturbances)
        told = "; ".join(list(reasons)[:_SHOWN]) + (" and so on" if len(reasons) > _SHOWN else "")
        found.append(f"{len(disturbed)} of {kept} rounds are counted although {told}.")
    remarks = dict.fromkeys(remark for one in rounds if one.kept for remark in one.remarks)
    found += [f"{remark[0].upper()}{remark[1:]}." for remark in list(remarks)[:_SHOWN]]
    return found


def _gpu(rounds: Sequence[TimedRound]) -> list[str]:
    """At which clocks, how hot and on how much power the GPU ran in the rounds that count."""
    seen = [one.gpu for one in rounds if one.kept and one.gpu is not None]
    if not seen:
        return []
    clocks = [clock for gpu in seen for clock in gpu.sm_mhz]
    heat = [degrees for gpu in seen for degrees in gpu.temperature_c]
    power = max((gpu.power_w for gpu in seen if gpu.power_w is not None), default=None)
    watts = "" if power is None else f", at most {power:.0f} W"
    return [
        f"The GPU ran at {min(clocks)} to {max(clocks)} MHz, {min(heat)} to {max(heat)} C{watts}."
    ]


def _too_few(config: LatencyConfig) -> list[str]:
    found = []
    samples = config.processes * config.samples
    missing = [f"p{q} ({fewest_samples(q / 100)})" for q in _PERCENTILES[:2]
               if samples < fewest_samples(q / 100)]  # fmt: skip
    if missing:
        found.append(f"{samples} runs are too few for {' and '.join(missing)}.")
    if config.processes < fewest_values(_LEVEL):
        found.append(
            f"{config.processes} process(es) are too few for an interval, which takes "
            f"{fewest_values(_LEVEL)}."
        )
    return found
