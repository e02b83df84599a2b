from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from itertools import combinations
from typing import Any

import pytest
from records import make_record
from support import require

from posebench.config import LatencyConfig
from posebench.latency.ab_document import Side
from posebench.latency.curve_document import (
    Curve,
    CurveCrossing,
    CurveKind,
    CurvePair,
    CurvePoint,
    LatencyCurves,
)
from posebench.record import LatencyInterval, LatencySummary
from posebench.report.curve_plot import latency_curves
from posebench.report.latency_curves import curves_text

PLACES = (1, 2, 4, 8)


def summary(ms: float) -> LatencySummary:
    interval = LatencyInterval(low_ms=0.9 * ms, high_ms=1.1 * ms, level=0.96, processes=6)
    return LatencySummary(
        p50_ms=ms, mean_ms=ms, min_ms=ms, max_ms=ms, n=24, interval=interval
    )  # fmt: skip


def curve(
    label: str, ms: Sequence[float], *, detector: str | None = None, rate: bool = False
) -> Curve:
    record = make_record(label)
    assert record.runtime is not None and record.protocol is not None
    side = Side(
        label=label,
        artifacts=record.artifacts,
        runtime=record.runtime,
        environment=record.environment,
        protocol=record.protocol,
    )
    points = [
        CurvePoint(
            x=x,
            summary=summary(value),
            boxes=x + 0.5 if detector else None,
            pictures_per_s=1e3 * x / value if rate else None,
        )
        for x, value in zip(PLACES, ms, strict=False)
    ]
    return Curve(side=side, detector=detector, points=tuple(points))


def document(kind: CurveKind, *curves: Curve, pairs: tuple[CurvePair, ...] = ()) -> LatencyCurves:
    return LatencyCurves(
        created_at=datetime(2026, 1, 2, tzinfo=timezone.utc),
        posebench_version="1",
        kind=kind,
        dataset="some",
        latency_protocol=LatencyConfig(regimes=("sustained",), samples=4),
        curves=curves,
        pairs=pairs,
        notes=("flat: a note.",),
    )


def crossing(low: float | None, high: float | None, level: float | None = 0.96) -> CurvePair:
    found = CurveCrossing(slower="steep", at=3.0, low=low, high=high)
    return CurvePair(first="flat", second="steep", crossings=(found,), slower=None, level=level)


def people(*pairs: CurvePair) -> LatencyCurves:
    flat = curve("flat", [30, 30, 30, 30])
    steep = curve("steep", [10, 20, 40, 80], detector="finder")
    return document("people", flat, steep, pairs=pairs)


def texts(figure: Any) -> str:
    from matplotlib.text import Text

    return "\n".join(text.get_text() for text in figure.findobj(Text))


def test_a_table_has_a_line_a_point_and_a_column_for_the_boxes() -> None:
    text = curves_text(people(crossing(2.5, 3.75)))
    sentence = "steep is slower than flat from 3.0 people on (95 % interval: 2.5 to 3.8)."
    assert text.splitlines()[0] == sentence
    assert "| people | flat p50 (ms) | steep + finder p50 (ms) | boxes found |" in text
    assert "| 4 | 30.0 (27.0 to 33.0) | 40.0 (36.0 to 44.0) | 4.5 |" in text
    assert "- flat: a note." in text


@pytest.mark.parametrize(
    ("pair", "told"),
    [
        (crossing(None, 3.75), "at most 3.8"),
        (crossing(2.5, None), "at least 2.5"),
        (crossing(None, None, level=None), "for want of processes"),
        (
            CurvePair(first="flat", second="steep", crossings=(), slower="flat", level=0.96),
            "No crossing between 1 and 8 people: flat is slower than steep.",
        ),
        (
            CurvePair(first="flat", second="steep", crossings=(), slower=None, level=0.96),
            "flat and steep are not shown to differ between 1 and 8 people.",
        ),
    ],
)
def test_who_is_slower_is_said_as_far_as_it_is_known(pair: CurvePair, told: str) -> None:
    assert told in curves_text(people(pair))


def test_a_model_that_has_one_point_leaves_the_others_empty() -> None:
    whole, single = (
        curve(name, ms, rate=True) for name, ms in [("whole", [10, 20, 40, 80]), ("single", [9])]
    )
    text = curves_text(document("batch", whole, single))
    assert "| 8 | 80.0 (72.0 to 88.0) | 100.0 | — | — |" in text


def test_crossings_are_marked_with_their_intervals() -> None:
    require("matplotlib")
    figure: Any = latency_curves(people(crossing(2.5, 3.75)))
    latency, boxes = figure.axes
    assert "3.0 people (2.5 to 3.8)" in texts(latency)
    assert [list(line.get_xdata()) for line in latency.lines if len(line.get_xdata()) == 2] == [
        [3.0, 3.0]
    ]
    assert boxes.get_ylabel() == "boxes found"
    assert "8" in [tick.get_text() for tick in boxes.get_xticklabels()]
    assert "flat: a note." in texts(figure)


@pytest.mark.parametrize("kind", ["people", "batch", "threads"])
def test_no_text_covers_another(kind: CurveKind) -> None:
    require("matplotlib")
    name = "an-extraordinarily-long-name-of-a-third-party=weights/my_$finetuned$_checkpoint.onnx"
    curves = [curve(f"{name}-{k}", [10 * k, 20 * k, 30, 40], rate=True) for k in range(1, 6)]
    figure: Any = latency_curves(document(kind, *curves))
    figure.canvas.draw()
    renderer: Any = figure.canvas.get_renderer()
    legend = figure.axes[0].get_legend()
    assert legend is not None
    blocks = [legend.get_window_extent(renderer)]
    blocks += [text.get_window_extent(renderer) for text in figure.texts]
    blocks += [axes.get_tightbbox(renderer) for axes in figure.axes[1:]]
    assert len(blocks) >= 3
    for a, b in combinations(blocks, 2):
        apart = a.x1 <= b.x0 or b.x1 <= a.x0 or a.y1 <= b.y0 + 1 or b.y1 <= a.y0 + 1
        assert apart
    assert all(block.x1 <= figure.bbox.x1 and block.x0 >= 0 for block in blocks)


def test_crossings_of_several_pairs_are_told_apart() -> None:
    require("matplotlib")
    near = CurveCrossing(slower="other", at=3.2, low=3.0, high=3.4)
    pair = CurvePair(first="flat", second="other", crossings=(near,), slower=None, level=0.96)
    figure: Any = latency_curves(people(crossing(2.5, 3.75), pair))
    figure.canvas.draw()
    first, second = figure.axes[0].texts
    assert first.get_text() == "steep > flat from 3.0 (2.5 to 3.8)"
    assert second.get_text() == "other > flat from 3.2 (3.0 to 3.4)"
    renderer = figure.canvas.get_renderer()
    upper, lower = (text.get_window_extent(renderer) for text in (first, second))
    assert lower.y1 <= upper.y0 + 1
    highest = figure.axes[0].transData.transform((0, 88))[1]  # of the band
    assert highest <= lower.y0 + 1
