"""What a run shows on standard error: a bar for the model at work, a line for each one done."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from posebench.record import Record
from posebench.report.scores import scores_of


class RunProgress:
    """A :class:`posebench.run_observer.RunObserver` on the terminal."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, soft_wrap=True, emoji=False)
        self._progress = self._bars(auto_refresh=True)
        self._task: TaskID | None = None

    def __enter__(self) -> RunProgress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def started(self, label: str, images: int) -> None:
        """A bar of its own for each model; before the first, a dataset may show its own."""
        self._progress.start()
        self._drop_bar()
        self._task = self._progress.add_task(escape(label), total=images)

    def stage(self, label: str, stage: str) -> None:
        """The stage stands beside the model's name."""
        if self._task is not None:
            self._progress.update(self._task, description=f"{escape(label)} · {stage}")

    def advanced(self, images: int) -> None:
        """Move the bar."""
        if self._task is not None:
            self._progress.advance(self._task, images)

    def timing(self, turns: int) -> None:
        """One bar for all models, drawn between turns only: nothing else should be awake."""
        self._drop_bar()
        self._progress.stop()
        self._progress = self._bars(auto_refresh=False)
        self._progress.start()
        self._task = self._progress.add_task("latency", total=turns)

    def timed(self) -> None:
        """Move the bar."""
        self.advanced(1)
        self._progress.refresh()

    def finished(self, record: Record, *, kept: bool) -> None:
        """One line a model, and the bar goes."""
        self._drop_bar()
        self._console.print(_line(record, kept=kept), highlight=False)

    def _bars(self, *, auto_refresh: bool) -> Progress:
        return Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            auto_refresh=auto_refresh,
        )

    def _drop_bar(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None


def _line(record: Record, *, kept: bool) -> str:
    label = escape(record.model.label)
    if record.failure is not None:
        reason = escape(f"{record.failure.message} {record.failure.remedy}".rstrip())
        colour = "yellow" if record.status == "skipped" else "red"
        return f"[{colour}]{record.status}[/] {label}: {reason}"
    ap, pckh = record.figure("keypoints", "AP"), record.figure("pckh", "PCKh@0.5")
    name = "AP" if pckh is None else scores_of([record]).main_title
    figure = ap if pckh is None else pckh
    figures = [f"{name} {figure:.4f}" if figure is not None else f"{name} -"]
    whole = record.span("end-to-end")
    if whole is not None:
        figures.append(f"end-to-end p50 {whole.p50_ms:.1f} ms")
    if kept:
        figures.append("kept from an earlier run")
    return f"[green]ok[/] {label}: {', '.join(figures)}"
