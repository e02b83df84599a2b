from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import pytest
from records import (
    make_environment,
    make_failure,
    make_latency,
    make_model,
    make_record,
    make_runtime,
)

from posebench.record import Cell, ClaimInfo, LatencySummary, Record
from posebench.registry import catalogue
from posebench.report.files import render
from posebench.report.groups import reports
from posebench.report.markdown import page
from posebench.report.t4 import TITLES, published_t4, t4_latency

CLAIM = ClaimInfo(
    metric="latency_ms", value=4.9, source="the maker's page", protocol="T4, TensorRT 10, FP16"
)
ELSEWHERE = CLAIM.model_copy(update={"value": 2.0, "protocol": "A100, TensorRT"})


def cell(span: str, p50_ms: float, regime: str = "paced") -> Cell:
    summary = LatencySummary(p50_ms=p50_ms, mean_ms=p50_ms, min_ms=p50_ms, max_ms=p50_ms, n=1020)
    document = {"span": span, "regime": regime, "threads": 1, "warmup": 50, "summary": summary}
    return Cell.model_validate(document)


LATENCY = (
    *make_latency(9.0),
    cell("device", 5.25),
    cell("network+postprocess", 7.5),
    cell("device", 6.0, "sustained"),
)


def on_t4(
    label: str = "yolo11m-pose",
    *,
    board: str = "Tesla T4",
    runtime: dict[str, Any] | None = None,
    **fields: Any,
) -> Record:
    provider = f"TensorRT 10.16.1.11 on {board} (97% FP16 in the engine)"
    used = {"name": "tensorrt", "provider": provider, "precision": "fp16", "device": "cuda:0"}
    return make_record(
        label,
        **{
            "model": make_model(label, claims=(CLAIM, ELSEWHERE)),
            "environment": make_environment(gpu="NVIDIA H100", gpu_driver="550.54"),
            "runtime": make_runtime(**(used | (runtime or {}))),
            "latency": LATENCY,
            **fields,
        },
    )


def written(*records: Record) -> str:
    (report,) = reports(records)
    return page(report, {})


def figures(text: str, label: str) -> list[str]:
    """The cells of a row's two columns."""
    (title,) = [line for line in text.splitlines() if f"| {TITLES[0]} |" in line]
    place = [part.strip() for part in title.split("|")].index(TITLES[0])
    line = next(line for line in text.splitlines() if line.startswith(f"| {label} |"))
    return [part.strip() for part in line.split("|")][place : place + 2]


def note(text: str, cell: str) -> str:
    """The footnote of a cell."""
    (number,) = re.findall(r"\[\^(\d+)\]", cell)
    return re.findall(rf"^\[\^{number}\]: (.*)$", text, re.MULTILINE)[0]  # type: ignore[no-any-return]


@pytest.mark.parametrize("board", ["Tesla T4", "NVIDIA T4", "NVIDIA Tesla T4"])
def test_a_t4_counts_however_it_is_called(board: str) -> None:
    """Whatever the first GPU of the machine is."""
    assert t4_latency(on_t4(board=board), "device").value == 5.25


@pytest.mark.parametrize("board", ["NVIDIA T4G", "GRID T4-16Q", "NVIDIA T400", "NVIDIA L4"])
def test_nothing_else_does(board: str) -> None:
    found = t4_latency(on_t4(board=board), "device")
    assert (found.value, found.reason) == (None, "this was not measured on a T4")


@pytest.mark.parametrize(
    ("provider", "value"),
    [
        ("TensorRT 10 on Tesla T4, TensorRT 10 on Tesla T4 (97% FP16 in the network)", 5.25),
        ("TensorRT 10 on Tesla T4, TensorRT 10 on NVIDIA L4", None),
        ("TensorRT 10", None),
    ],
)
def test_every_network_must_have_run_there(provider: str, value: float | None) -> None:
    assert t4_latency(on_t4(runtime={"provider": provider}), "device").value == value


def test_a_t4_may_be_the_second_gpu() -> None:
    assert t4_latency(on_t4(runtime={"device": "cuda:1"}), "device").value == 5.25


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"runtime": {"precision": "fp32"}}, "not measured in TensorRT in FP16"),
        ({"runtime": {"name": "onnxruntime"}}, "not measured in TensorRT in FP16"),
        ({"latency": (cell("device", 6.0, "sustained"),)}, "the paced regime was not measured"),
        ({"latency": (cell("network", 6.0),)}, "no latency of the device span"),
        ({"latency": ()}, "the paced regime was not measured"),
        ({"status": "error"}, "the run failed"),
    ],
)
def test_the_whole_setting_must_be_that_one(fields: dict[str, Any], reason: str) -> None:
    found = t4_latency(on_t4(**fields), "device")
    assert found.value is None
    assert reason in (found.reason or "")


def test_measured_and_published_stand_beside_each_other() -> None:
    text = written(on_t4())
    measured, published = figures(text, "yolo11m-pose")
    assert measured == "5.25 / 7.50"
    assert published.startswith("4.9[^") and "2" not in published.partition("[")[0]
    assert note(text, published) == "Published: the maker's page; protocol: T4, TensorRT 10, FP16."


def test_elsewhere_the_measured_figure_is_empty_with_a_reason() -> None:
    record = make_record("on the CPU", model=make_model("on the CPU", claims=(CLAIM,)))
    text = written(record)
    measured, published = figures(text, "on the CPU")
    assert published.startswith("4.9[^")
    assert measured.startswith("—[^")
    assert note(text, measured) == "this was not measured in TensorRT in FP16."


def test_half_a_measurement_is_shown_as_such() -> None:
    text = written(on_t4(latency=(cell("device", 5.25),)))
    measured, _ = figures(text, "yolo11m-pose")
    assert re.fullmatch(r"5\.25 / —\[\^\d+\]", measured)


def test_a_failed_run_has_no_figure_on_a_t4() -> None:
    failed = on_t4("bad", status="error", failure=make_failure().failure)
    measured, _ = figures(written(on_t4(), failed), "bad")
    assert measured == "—"


def test_without_any_figure_there_are_no_columns() -> None:
    text = written(make_record(model=make_model("yolov8m-pose", claims=(ELSEWHERE,))))
    assert "T4" not in text


def test_the_plotted_data_have_the_measured_figures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("pandas")
    render([on_t4(), make_record("on the CPU")], tmp_path)
    tables = [
        list(csv.DictReader(path.open(encoding="utf-8")))
        for path in sorted((tmp_path / "coco-val2017").glob("ap-latency-*.csv"))
    ]
    (plain,), (timed,) = tables
    assert not any(key.startswith("t4") for key in plain)
    assert (timed["t4_engine_p50_ms"], timed["t4_with_postprocess_p50_ms"]) == ("5.25", "7.5")


def test_published_figures_of_the_t4_come_from_the_cards_and_name_the_runtime() -> None:
    found = {}
    for entry in catalogue().values():
        claims = tuple(
            ClaimInfo(
                metric=c.metric,
                value=c.value,
                source=c.source,
                protocol=c.protocol,
                weights=c.weights,
            )
            for c in entry.card.claims
        )
        record = make_record(model=make_model(entry.card.name, claims=claims))
        for claim in published_t4(record):
            found[entry.card.name] = claim
    assert {"yolo11m-pose", "yolo26m-pose", "rfdetr-keypoint-preview"} <= set(found)
    # Their makers publish none for these.
    assert not {"yolov8m-pose", "rfdetr-pose-m", "rtmo-s"} & set(found)
    for claim in found.values():
        assert claim.source
        assert "TensorRT" in claim.protocol and "FP16" in claim.protocol


def test_latency_published_on_a_relative_of_the_t4_is_none_of_the_t4() -> None:
    claims = [
        CLAIM.model_copy(update={"protocol": f"{board}, TensorRT, FP16"})
        for board in ("T4G", "GT4", "T4", "NVIDIA T4", "T400")
    ]
    found = published_t4(make_record(model=make_model("any", claims=tuple(claims))))
    assert [claim.protocol.partition(",")[0] for claim in found] == ["T4", "NVIDIA T4"]
