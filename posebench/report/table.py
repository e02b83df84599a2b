"""Records to rows: which figures a table shows, and why one is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from posebench.config import Regime
from posebench.errors import MissingExtraError
from posebench.record import ClaimInfo, Estimate, Record, Span
from posebench.report.groups import labels
from posebench.report.scores import Column, Scores, scores_of

if TYPE_CHECKING:
    import pandas as pd

UNMATCHED = "the weights that were run match no published checkpoint by their digest"
SPANS: tuple[Span, ...] = (
    "preprocess",
    "network",
    "postprocess",
    "end-to-end",
    "end-to-end-encoded",
)
DETECTED_SPANS: tuple[Span, ...] = ("detector", "crop")


_COSTS = (Column("params_m", "params (M)"), Column("gflops", "GFLOPs"))
_BOX_AP = Column("box_AP", "box AP", 100)
_LATENCIES = (
    Column("end_to_end_p50_ms", "end-to-end p50 (ms)", digits=2),
    Column("network_p50_ms", "network p50 (ms)", digits=2),
)


def columns_of(scores: Scores) -> tuple[Column, ...]:
    """Every numeric column of a table: costs, accuracy, latency."""
    boxes = (_BOX_AP,) if scores.boxes else ()
    return (*_COSTS, *scores.figures, *boxes, *_LATENCIES)


@dataclass(frozen=True)
class Row:
    """One record as a line of a table.

    Attributes:
        label: Unique where the records' own labels and times are.
        figures: By ``Column.key``; a figure that is None has a reason.
        published: Published figures that may be set beside the measured AP or PCKh@0.5.
        record: Where the row comes from.
    """

    label: str
    figures: Mapping[str, Estimate]
    published: tuple[ClaimInfo, ...]
    record: Record

    @property
    def unmatched(self) -> bool:
        """Whether it is unknown to which checkpoint the published figures should be compared."""
        unknown = self.record.model.checkpoint_generation is None
        return self.record.status == "ok" and unknown and any(c.weights for c in self.published)


def rows(records: Sequence[Record]) -> list[Row]:
    """A row for each record, in the order given."""
    scores = scores_of(records)
    return [
        Row(label, _figures(record, scores), published(record, scores.main), record)
        for label, record in zip(labels(records), records, strict=True)
    ]


def data_frame(records: Sequence[Record]) -> pd.DataFrame:
    """The label as ``model`` and the numeric columns, unrounded.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    lines = [
        {"model": row.label, **{key: figure.value for key, figure in row.figures.items()}}
        for row in rows(records)
    ]
    keys = [column.key for column in columns_of(scores_of(records))]
    frame: pd.DataFrame = _frame(lines, ["model", *keys]).astype(dict.fromkeys(keys, float))
    return frame


def keypoint_frame(records: Sequence[Record]) -> pd.DataFrame:
    """Mean keypoint similarity and count, one line for each model and keypoint.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    lines = [
        {"model": label, "keypoint": keypoint, "oks": score.oks.value, "count": score.count}
        for label, record in zip(labels(records), records, strict=True)
        if "keypoints" in record.accuracy
        for keypoint, score in record.accuracy["keypoints"].per_keypoint.items()
    ]
    columns = ["model", "keypoint", "oks", "count"]
    frame: pd.DataFrame = _frame(lines, columns).astype({"oks": float})
    return frame


def published(record: Record, metric: str) -> tuple[ClaimInfo, ...]:
    """Published figures of a metric, of the checkpoint that was run.

    When its digest matched a published generation, only the claims for that generation; otherwise
    every claim, each to be printed with its generation.
    """
    claims = tuple(claim for claim in record.model.claims if claim.metric == metric)
    generation = record.model.checkpoint_generation
    if generation is None:
        return claims
    return tuple(claim for claim in claims if claim.weights in ("", generation))


def published_text(claim: ClaimInfo) -> str:
    """A published AP or PCKh on a scale of 100, with the checkpoint generation it belongs to."""
    generation = f" ({claim.weights})" if claim.weights else ""
    return f"{claim.value * 100:.1f}{generation}"


def _figures(record: Record, scores: Scores) -> dict[str, Estimate]:
    measured = record.measured
    params = measured.params if measured else None
    figures = {column.key: _accuracy(record, scores.task, column.key) for column in scores.figures}
    if scores.boxes:
        # Of a top-down model, those that it looked into; it predicts none of its own.
        boxes = record.boxes
        figures["box_AP"] = boxes.ap if boxes else _accuracy(record, "bbox", "AP")
    return {
        "params_m": _cost(None if params is None else params / 1e6, "the parameters"),
        "gflops": _cost(measured.gflops if measured else None, "the GFLOPs"),
        **figures,
        "end_to_end_p50_ms": latency(record, "end-to-end", "p50_ms"),
        "network_p50_ms": latency(record, "network", "p50_ms"),
    }


def latency(record: Record, span: str, percentile: str, regime: Regime | None = None) -> Estimate:
    """A percentile of a span, or the reason why there is none; of the first regime if not named."""
    summary = record.span(span, regime)
    value = getattr(summary, percentile) if summary else None
    return Estimate(
        value=value,
        reason=_latency_reason(record, span, measured=summary is not None, value=value),
        unit="ms",
        higher_is_better=False,
    )


def _latency_reason(
    record: Record, span: str, *, measured: bool, value: float | None
) -> str | None:
    if value is not None:
        return None
    if measured:
        return "too few samples for this percentile"
    if not record.latency:
        return "latency was not measured in this run"
    return f"the record has no latency of the {span} span"


def _accuracy(record: Record, task: str, name: str) -> Estimate:
    accuracy = record.accuracy.get(task)
    if accuracy is None:
        reason = record.model.untrained or f"the record has no figures of the {task} task"
        return Estimate(value=None, reason=reason)
    missing = Estimate(value=None, reason=f"the record has no {task} {name}")
    return accuracy.figures.get(name, missing)


def _cost(value: float | None, what: str) -> Estimate:
    reason = None if value is not None else f"{what} could not be counted"
    return Estimate(value=value, reason=reason, unit="count", higher_is_better=False)


def _frame(lines: Sequence[Mapping[str, object]], columns: Sequence[str]) -> pd.DataFrame:
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtraError("The report needs pandas.", extra="report") from error
    frame: pd.DataFrame = pd.DataFrame(lines, columns=list(columns))
    return frame
