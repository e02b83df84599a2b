from __future__ import annotations

import math

import pytest
from records import make_failure, make_latency, make_model, make_record

from posebench.errors import MissingExtraError
from posebench.report.scores import AP_SCORES
from posebench.report.table import (
    columns_of,
    data_frame,
    keypoint_frame,
    latency,
    published,
    published_text,
    rows,
)


def test_figures_of_a_row() -> None:
    (row,) = rows([make_record(ap=0.5, end_to_end_ms=100.0)])
    values = {key: figure.value for key, figure in row.figures.items()}
    assert set(values) == {column.key for column in columns_of(AP_SCORES)}
    assert values["AP"] == 0.5
    assert values["box_AP"] == 0.52
    assert values["params_m"] == pytest.approx(3.29547)
    assert (values["end_to_end_p50_ms"], values["network_p50_ms"]) == (100.0, 90.0)


def test_whatever_is_missing_has_a_reason() -> None:
    for record in (
        make_failure(),
        make_record(accuracy={}, latency=(), measured=None),
        make_record(latency=(), latency_protocol=None),
    ):
        for figure in rows([record])[0].figures.values():
            assert (figure.value is None) == bool(figure.reason)


def test_reasons_for_no_latency() -> None:
    off = make_record(latency=(), latency_protocol=None)
    assert latency(off, "network", "p50_ms").reason == "latency was not measured in this run"
    native = make_record(latency=make_latency(10.0)[-1:])
    reason = latency(native, "network", "p50_ms").reason
    assert reason == "the record has no latency of the network span"
    assert latency(native, "end-to-end", "p50_ms").value == 10.0
    few = make_record(latency=make_latency(10.0, samples=20))
    assert latency(few, "network", "p95_ms").reason == "too few samples for this percentile"


def test_published_figures_of_the_generation_that_was_run() -> None:
    (claim,) = published(make_record(), "AP")
    assert published_text(claim) == "50.4 (v8.2.0)"
    unknown = make_record(model=make_model("a", checkpoint_generation=None))
    assert [published_text(c) for c in published(unknown, "AP")] == [
        "50.4 (v8.2.0)",
        "49.7 (v0.0.0)",
    ]


def test_published_latency_is_not_an_accuracy() -> None:
    model = make_model("a")
    claim = model.claims[0].model_copy(update={"metric": "latency_ms", "value": 1.18})
    assert published(make_record(model=make_model("a", claims=(claim,))), "AP") == ()


def test_data_frame_is_unrounded_with_gaps() -> None:
    frame = data_frame([make_record(ap=0.123456), make_failure("b")])
    assert list(frame["model"]) == ["yolov8n-pose", "b"]
    assert frame["AP"][0] == 0.123456
    assert math.isnan(frame["AP"][1])


def test_keypoint_frame_has_a_line_for_each_keypoint() -> None:
    frame = keypoint_frame([make_record("a"), make_record("b"), make_failure()])
    assert len(frame) == 2 * 17
    assert list(frame.iloc[9]) == ["a", "left_wrist", 0.842833, 4000]


def test_frames_of_nothing() -> None:
    assert data_frame([]).empty
    assert keypoint_frame([]).empty


def test_missing_pandas_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"needs pandas.*posebench\[report\]"):
        data_frame([make_record()])
