"""Which figures of accuracy a table shows: AP of the OKS, or PCKh of annotated people."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from posebench.record import Estimate, Record

_PCKH_GROUPS = ("head", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")


@dataclass(frozen=True)
class Column:
    """A numeric column.

    Attributes:
        key: Name of the figure in ``Row.figures`` and in data frames.
        title: Heading, with the unit.
        scale: What the stored figure is multiplied by for print.
        digits: Decimals in print.
    """

    key: str
    title: str
    scale: float = 1.0
    digits: int = 1

    def text(self, value: float) -> str:
        """The figure as printed."""
        return f"{value * self.scale:.{self.digits}f}"

    def cell(self, figure: Estimate) -> str:
        """The figure as printed, with its interval if it has one; only for one that exists."""
        assert figure.value is not None, "a missing figure is a dash"
        if figure.interval is None:
            return self.text(figure.value)
        low, high = self.text(figure.interval.low), self.text(figure.interval.high)
        return f"{self.text(figure.value)} ({low} to {high})"


@dataclass(frozen=True)
class Scores:
    """How the accuracy of a task is shown.

    Attributes:
        task: Of the Record.
        main: The figure that rows are ranked and plotted by.
        main_title: How it is called in print.
        figures: Columns of the task's figures.
        boxes: Whether the AP of boxes says something beside them.
        short: Keys of the short table, but for the latency.
        on_hundred: What is printed on a scale of 100.
        scale: What the unit of the figures is, a sentence.
    """

    task: str
    main: str
    main_title: str
    figures: tuple[Column, ...]
    boxes: bool
    short: tuple[str, ...]
    on_hundred: str
    scale: str


AP_SCORES = Scores(
    task="keypoints",
    main="AP",
    main_title="AP",
    figures=tuple(Column(key, key, 100) for key in ("AP", "AP50", "AP75", "APm", "APl", "AR")),
    boxes=True,
    short=("AP", "AP50", "AP75", "AR", "box_AP"),
    on_hundred="AP and AR",
    scale="AP and AR on a scale of 100, in brackets the 95 % interval of AP over pictures.",
)


def scores_of(records: Sequence[Record]) -> Scores:
    """PCKh if that is what the records were scored by, and none by the OKS."""
    mappings = {r.protocol.pckh.mapping for r in records if r.protocol and r.protocol.pckh}
    if not mappings or any(AP_SCORES.task in record.accuracy for record in records):
        return AP_SCORES
    return _pckh_scores(mappings)


def main_figure(record: Record) -> float | None:
    """What a record is ranked by: AP or PCKh@0.5, whichever it has."""
    ap = record.figure(AP_SCORES.task, AP_SCORES.main)
    return ap if ap is not None else record.figure("pckh", "PCKh@0.5")


def _pckh_scores(mappings: Collection[str]) -> Scores:
    # A mean over fewer joints is another figure, and must not go by the name of the full one.
    counts = [count for name, count in (("coco17-to-mpii16", "12"), ("none", "14"))
              if name in mappings]  # fmt: skip
    joints = "" if counts == ["14"] else f" ({' or '.join(counts)} joints)"
    means = [Column(key, f"{key}{joints}", 100) for key in ("PCKh@0.5", "PCKh@0.1", "AUC")]
    return Scores(
        task="pckh",
        main="PCKh@0.5",
        main_title=f"PCKh@0.5{joints}",
        figures=(*means, *(Column(key, key, 100) for key in _PCKH_GROUPS)),
        boxes=False,
        short=tuple(column.key for column in means),
        on_hundred="PCKh and AUC",
        scale="PCKh and AUC on a scale of 100, in brackets the 95 % interval over pictures.",
    )
