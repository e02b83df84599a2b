"""The report as files: written, or compared with what lies in the folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from posebench.cache import atomic_path
from posebench.record import Record
from posebench.report.groups import Group, Ranks, Report, reports
from posebench.report.heat_map import keypoint_heat_map
from posebench.report.markdown import MARKER, page
from posebench.report.plots import save
from posebench.report.scatter import accuracy_latency, pareto_front
from posebench.report.scores import AP_SCORES, scores_of
from posebench.report.summary import machine_text, runtime_text
from posebench.report.t4 import t4_columns
from posebench.report.table import data_frame, keypoint_frame

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Picture:
    """A plot that is still to be drawn.

    Attributes:
        stem: Path without suffix, relative to the folder of the report.
        title: Heading.
        data: What is plotted.
        draw: Makes the figure of it.
    """

    stem: Path
    title: str
    data: pd.DataFrame
    draw: Callable[[], Figure]

    @property
    def csv(self) -> str:
        """The plotted data as text; six digits, so that it is the same on every machine."""
        return str(self.data.to_csv(index=False, float_format="%.6g", lineterminator="\n"))


def render(records: Sequence[Record], folder: Path, ranks: Ranks | None = None) -> list[Path]:
    """Write a page, plots and plotted data for each dataset of the records.

    Args:
        records: Of any datasets.
        folder: Of the report.
        ranks: Shown in the tables if given.

    Returns:
        What was written, in order.

    Raises:
        MissingExtraError: matplotlib or pandas is not installed.
    """
    written = []
    for name, text in _texts(records, ranks or {}).items():
        with atomic_path(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
        written.append(folder / name)
    for picture in _all_pictures(records):
        written += save(picture.draw(), folder / picture.stem)
    return sorted(written)


def check(records: Sequence[Record], folder: Path, ranks: Ranks | None = None) -> list[str]:
    """What in ``folder`` is not what ``render`` would write, one sentence each; empty if current.

    Text and plotted data are compared; a picture only has to be there, since its bytes depend on
    the version of matplotlib.
    """
    texts = _texts(records, ranks or {})
    problems = [
        problem for name, text in texts.items() if (problem := _differs(folder, name, text))
    ]
    for picture in _all_pictures(records):
        files = (f"{picture.stem.as_posix()}.{suffix}" for suffix in ("png", "svg"))
        problems += [f"{file} is missing." for file in files if not (folder / file).is_file()]
    return problems + _leftover_pages(folder, set(texts))


def _texts(records: Sequence[Record], ranks: Ranks) -> dict[str, str]:
    """Every text file of the report by its path relative to the folder."""
    texts = {}
    for report in reports(records):
        pictures = {group.slug: _pictures(report, group) for group in report.groups}
        links = {slug: [(p.title, p.stem.as_posix()) for p in ps] for slug, ps in pictures.items()}
        texts[f"{report.name}.md"] = page(report, links, ranks)
        for picture in (p for ps in pictures.values() for p in ps):
            texts[f"{picture.stem.as_posix()}.csv"] = picture.csv
    return texts


def _all_pictures(records: Sequence[Record]) -> Iterator[Picture]:
    for report in reports(records):
        for group in report.groups:
            yield from _pictures(report, group)


def _pictures(report: Report, group: Group) -> list[Picture]:
    """The plots of a group that have something to show."""
    found = (_heat_map(report, group), _scatter(report, group))
    return [picture for picture in found if picture is not None]


def _heat_map(report: Report, group: Group) -> Picture | None:
    data = keypoint_frame(group.measured)
    if data["oks"].isna().all():
        return None
    explained = (
        "Mean keypoint similarity of labelled keypoints, on a scale of 100, over people matched at "
        "OKS ≥ 0.5. Rows by AP, best first; a dash: no such keypoint was matched."
    )
    caption = [explained, *_machine(group)]
    title = "Per-keypoint similarity"
    heading = f"{title} on {report.name}"
    return Picture(
        stem=Path(report.name) / f"keypoints-{group.slug}",
        title=title,
        data=data,
        draw=lambda: keypoint_heat_map(data, title=heading, caption=caption),
    )


def _scatter(report: Report, group: Group) -> Picture | None:
    scores = scores_of(group.measured)
    plotted = [scores.main, "end_to_end_p50_ms"]
    data = data_frame(group.measured)[["model", *plotted, "network_p50_ms"]]
    data = data.assign(**t4_columns(group.measured)).dropna(subset=plotted)
    if data.empty:
        return None
    accuracy, latency_ms = (np.asarray(data[name], np.float64) for name in plotted)
    data = data.assign(pareto=pareto_front(latency_ms, accuracy))
    label = "keypoint AP" if scores is AP_SCORES else scores.main_title
    stem = "ap" if scores is AP_SCORES else scores.task
    title = f"{scores.main_title} against latency"
    heading = f"{title} on {report.name}"
    caption = ["End-to-end: from the decoded picture to final keypoints.", *_machine(group)]
    return Picture(
        stem=Path(report.name) / f"{stem}-latency-{group.slug}",
        title=title,
        data=data,
        draw=lambda: accuracy_latency(data, scores.main, label, title=heading, caption=caption),
    )


def _machine(group: Group) -> list[str]:
    """Runtime and machine, for a caption."""
    first = group.records[0]
    runtime = [runtime_text(first.runtime)] if first.runtime else []
    return [*runtime, machine_text(first.environment)]


def _differs(folder: Path, name: str, text: str) -> str | None:
    path = folder / name
    if not path.is_file():
        return f"{name} is missing."
    current = path.read_text(encoding="utf-8", errors="replace") == text
    return None if current else f"{name} is not what the Records say."


def _leftover_pages(folder: Path, wanted: set[str]) -> list[str]:
    """Generated pages of datasets that no record names any more."""
    pages = sorted(path for path in folder.glob("*.md") if path.name not in wanted)
    leftover = [path for path in pages if path.read_bytes().startswith(MARKER.encode())]
    return [f"{path.name} has no Record behind it any more." for path in leftover]
