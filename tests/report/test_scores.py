"""PCKh in tables and plots: its own columns, its interval, and never by a name that is not its."""

from __future__ import annotations

from pathlib import Path

import pytest
from records import BOXES, make_failure, make_record

from posebench.config import EvalProtocol, Pckh
from posebench.record import Estimate, Interval, Record, TaskAccuracy
from posebench.report.files import check, render
from posebench.report.groups import group, reports
from posebench.report.markdown import page
from posebench.report.scores import AP_SCORES, scores_of
from posebench.report.table import data_frame
from posebench.report.terminal import markdown_table

FIGURES = ("PCKh@0.5", "PCKh@0.1", "PCKh@0.11", "AUC", "head", "shoulder", "elbow", "wrist", "hip")
INTERVAL = Interval(low=0.80, high=0.84, level=0.95, replicates=1000, seed=0)


def pckh_record(label: str, value: float, pckh: Pckh | None = None) -> Record:
    figures = {name: Estimate(value=value, interval=INTERVAL) for name in FIGURES}
    return make_record(
        label,
        protocol=EvalProtocol(pckh=pckh or Pckh()),
        accuracy={"pckh": TaskAccuracy(figures=figures, evaluator="posebench 1")},
    )


MAPPED = Pckh(mapping="coco17-to-mpii16")


def test_the_task_decides_the_columns() -> None:
    assert scores_of([make_record()]) is AP_SCORES
    assert scores_of([]) is AP_SCORES
    assert scores_of([make_failure(early=True)]) is AP_SCORES
    assert scores_of([pckh_record("a", 0.8), make_failure(early=True)]).task == "pckh"


def test_the_main_figure_has_its_interval() -> None:
    (report,) = reports([pckh_record("a", 0.82)])
    text = page(report, {})
    (line,) = [line for line in text.splitlines() if line.startswith("| a | 3.3")]
    assert "82.0 (80.0 to 84.0)" in line
    assert line.count("(80.0 to 84.0)") == 1
    assert "AP50" not in text and "| PCKh@0.5 |" in text
    assert "right: distance / head size &lt;= threshold" in text
    assert "82.0 (80.0 to 84.0)" in markdown_table([pckh_record("a", 0.82)])


def test_a_page_of_pckh_says_what_its_figures_are_and_tells_no_ap_of_annotated_boxes() -> None:
    boxed = pckh_record("a", 0.82).model_copy(update={"boxes": BOXES})
    text = page(reports([boxed])[0], {})
    assert "target. PCKh and AUC\nare on a scale of 100." in text
    assert "AP and AR" not in text
    titles = [line for line in text.splitlines() if "boxes a picture" in line]
    assert len(titles) == 1 and "box AP" not in text
    rows = [line for line in text.splitlines() if line.startswith("| a | of")]
    assert [row.count("|") for row in rows] == [titles[0].count("|")]
    keypoints = page(reports([make_record(boxes=BOXES)])[0], {})
    assert "AP and AR\nare on a scale of 100." in keypoints
    assert "| model | boxes | box AP | boxes a picture |" in keypoints


def test_rows_are_ranked_by_pckh() -> None:
    (found,) = group([pckh_record("worse", 0.7), pckh_record("better", 0.9)])
    assert [record.model.label for record in found.records] == ["better", "worse"]


def test_a_mean_over_fewer_joints_has_another_name_and_another_table() -> None:
    full, fewer = pckh_record("full", 0.8), pckh_record("fewer", 0.9, MAPPED)
    assert len(group([full, fewer])) == 2
    assert scores_of([fewer]).main_title == "PCKh@0.5 (12 joints)"
    assert "| PCKh@0.5 |" not in markdown_table([fewer])
    assert "PCKh@0.5 (12 or 14 joints)" in markdown_table([full, fewer])
    assert len(group([full, pckh_record("strict", 0.8, Pckh(comparison="<"))])) == 2


def test_plots_and_data_use_it(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    records = [pckh_record("a", 0.82), pckh_record("b", 0.7)]
    frame = data_frame(records)
    assert frame["PCKh@0.5"].tolist() == [0.82, 0.7]
    assert "AP" not in frame and "box_AP" not in frame
    names = [path.name for path in render(records, tmp_path)]
    assert not any(name.startswith(("ap-", "keypoints-")) for name in names)
    (svg,) = tmp_path.rglob("pckh-latency-*.svg")
    assert "PCKh@0.5 (scale of 100)" in svg.read_text()
    assert check(records, tmp_path) == []
