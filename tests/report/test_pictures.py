from __future__ import annotations

import random
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from records import make_record

from posebench.errors import MissingExtraError
from posebench.record import Record
from posebench.report.groups import group
from posebench.report.heat_map import keypoint_heat_map
from posebench.report.plots import plain, save, shorten
from posebench.report.scatter import accuracy_latency, pareto_front
from posebench.report.table import data_frame, keypoint_frame

CAPTION = ["onnxruntime 1.20.1, fp32, cpu, 1 thread", "A machine"]
LONG = "an-extraordinarily-long-model-name-of-a-third-party=weights/my_finetuned_checkpoint.onnx"


def scatter_figure(records: list[Record]) -> Any:
    data = data_frame(records)
    front = pareto_front(data["end_to_end_p50_ms"].to_numpy(), data["AP"].to_numpy())
    return accuracy_latency(
        data.assign(pareto=front), "AP", "keypoint AP", title="title", caption=CAPTION
    )


def heat_map_figure(records: list[Record]) -> Any:
    return keypoint_heat_map(keypoint_frame(records), title="title", caption=CAPTION)


def some_records(count: int, seed: int) -> list[Record]:
    chance = random.Random(seed)
    sizes = "nsmlx"
    return [
        make_record(
            LONG if i == 3 else f"family{i // 5}-pose-{sizes[i % 5]}",
            ap=0.5 + 0.04 * (i % 5) + 0.05 * chance.random(),
            end_to_end_ms=9 * 1.8 ** (i % 5) * (1 + 0.7 * chance.random()),
        )
        for i in range(count)
    ]


def bounds(figure: Any, texts: list[Any]) -> list[Any]:
    renderer = figure.canvas.get_renderer()
    return [text.get_window_extent(renderer) for text in texts if text.get_text()]


def overlapping(boxes: list[Any]) -> int:
    return sum(
        min(a.x1, b.x1) - max(a.x0, b.x0) > 0.5 and min(a.y1, b.y1) - max(a.y0, b.y0) > 0.5
        for a, b in combinations(boxes, 2)
    )


@pytest.mark.parametrize("count", [1, 2, 5, 12, 20])
@pytest.mark.parametrize("seed", range(6))
def test_labels_of_the_scatter_do_not_overlap(count: int, seed: int) -> None:
    figure = scatter_figure(some_records(count, seed))
    (axes,) = figure.axes
    names = [text for text in axes.texts if text.get_gid() == "label"]
    assert len(names) == count
    boxes = bounds(figure, names)
    assert overlapping(boxes) == 0
    frame = axes.get_window_extent()
    assert all(frame.x0 <= b.x0 and b.x1 <= frame.x1 for b in boxes)
    assert all(frame.y0 <= b.y0 and b.y1 <= frame.y1 for b in boxes)


@pytest.mark.parametrize("count", [1, 3, 20])
def test_texts_of_the_heat_map_do_not_overlap_or_leave_the_picture(count: int) -> None:
    figure = heat_map_figure(some_records(count, 0))
    cells, bar = figure.axes
    upright = [*cells.get_yticklabels(), *cells.texts, *bar.get_yticklabels(), *figure.texts]
    boxes = bounds(figure, upright)
    assert overlapping(boxes) == 0
    width, height = figure.get_size_inches() * figure.dpi
    for box in [*boxes, *bounds(figure, cells.get_xticklabels())]:
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
    # Slanted labels overlap by their bounds; below them the caption begins.
    lowest = min(box.y0 for box in bounds(figure, cells.get_xticklabels()))
    assert lowest > max(box.y1 for box in bounds(figure, figure.texts[1:]))


def test_cells_hold_the_figures() -> None:
    figure = heat_map_figure([make_record(ap=0.5)])
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts[0] == "92.3"
    assert texts[9] == "84.3"


def test_numbers_of_the_heat_map_can_be_read_on_every_colour() -> None:
    figure = heat_map_figure(some_records(5, 0))
    (image,) = figure.axes[0].get_images()
    background = image.cmap(np.linspace(0, 1, 256))[:, :3]
    ink = np.asarray([0x1F, 0x23, 0x28]) / 255
    contrast = (luminance(background) + 0.05) / (luminance(ink[None]) + 0.05)
    assert contrast.min() >= 4.5


def luminance(rgb: Any) -> Any:
    """Relative luminance as WCAG 2 defines it."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def test_unmatched_keypoint_is_a_dash() -> None:
    data = keypoint_frame([make_record()])
    data.loc[3, "oks"] = np.nan
    figure = keypoint_heat_map(data, title="title", caption=CAPTION)
    assert figure.axes[0].texts[3].get_text() == "—"


def test_models_that_matched_nobody_are_drawn_all_the_same() -> None:
    data = keypoint_frame([make_record()])
    data["oks"] = np.nan
    figure = keypoint_heat_map(data, title="title", caption=CAPTION)
    assert {text.get_text() for text in figure.axes[0].texts} == {"—"}


def test_many_keypoints_carry_no_numbers() -> None:
    data = keypoint_frame([make_record()] * 1)
    wide = data.loc[data.index.repeat(8)].reset_index(drop=True)
    wide["keypoint"] = [f"k{i}" for i in range(len(wide))]
    figure = keypoint_heat_map(wide, title="title", caption=CAPTION)
    assert len(figure.axes[0].texts) == 0


@pytest.mark.parametrize(("slowest", "scale"), [(40.0, "linear"), (60.0, "log")])
def test_latency_axis_is_logarithmic_beyond_five_times(slowest: float, scale: str) -> None:
    figure = scatter_figure(
        [make_record("a", end_to_end_ms=10.0), make_record("b", ap=0.6, end_to_end_ms=slowest)]
    )
    (axes,) = figure.axes
    assert axes.get_xscale() == scale
    assert ("logarithmic" in axes.get_xlabel()) == (scale == "log")
    assert "(ms" in axes.get_xlabel()


def test_pareto_front() -> None:
    latency_ms = np.array([10.0, 20.0, 20.0, 30.0, 10.0, 40.0])
    ap = np.array([0.5, 0.6, 0.55, 0.6, 0.5, 0.9])
    expected = [True, True, False, False, True, True]
    np.testing.assert_array_equal(pareto_front(latency_ms, ap), expected)


def test_files_are_the_same_every_time_and_show_something(tmp_path: Path) -> None:
    records = some_records(5, 0)
    for make in (scatter_figure, heat_map_figure):
        first = [path.read_bytes() for path in save(make(records), tmp_path / "a.b")]
        second = [path.read_bytes() for path in save(make(records), tmp_path / "c")]
        assert first == second
        image = cv2.imread(str(tmp_path / "a.b.png"))
        assert image is not None and image.shape[1] > 1000
        assert np.unique(image.reshape(-1, 3), axis=0).shape[0] > 50
        assert (image[:8] == 255).all() and (image[:, :8] == 255).all()


def test_svg_holds_the_texts_as_text(tmp_path: Path) -> None:
    _, svg = save(scatter_figure(some_records(2, 0)), tmp_path / "plot")
    text = svg.read_text()
    for expected in ("family0-pose-n", "title", *CAPTION, "Pareto front"):
        assert f">{expected}</text>" in text
    assert "<dc:date>" not in text


def test_a_user_style_changes_nothing(tmp_path: Path) -> None:
    import matplotlib

    _, expected = save(scatter_figure(some_records(3, 0)), tmp_path / "a")
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black", "text.usetex": True}):
        _, styled = save(scatter_figure(some_records(3, 0)), tmp_path / "b")
        assert matplotlib.rcParams["font.size"] == 30
    assert styled.read_text() == expected.read_text()


def test_names_are_not_read_as_formulas(tmp_path: Path) -> None:
    records = [make_record("$\\frac{1}$ <b>&amp;"), make_record("cost$")]
    assert len(group(records)) == 1
    for make in (scatter_figure, heat_map_figure):
        _, svg = save(make(records), tmp_path / "plot")
        text = svg.read_text()
        assert "$\\frac{1}$ &lt;b&gt;&amp;amp;" in text
        assert "cost$" in text


def test_long_names_are_cut_in_the_middle() -> None:
    assert shorten("short") == "short"
    short = shorten(LONG)
    assert len(short) == 30
    assert short.startswith("an-extraord") and short.endswith("eckpoint.onnx"[1:])
    assert plain("a$") == r"a\$"


def test_missing_matplotlib_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"needs matplotlib.*posebench\[report\]"):
        scatter_figure([make_record()])
