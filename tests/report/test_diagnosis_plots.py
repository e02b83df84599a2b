"""Pictures and page of a diagnosis show its figures, and every text can be read."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from diagnoses import PROBLEM, SUBJECT, diagnosed, drawing_little
from support import require

from posebench.diagnosis.document import Diagnosis
from posebench.diagnosis.errors_document import Kinds
from posebench.record import Estimate
from posebench.report.diagnosis_files import write_diagnosis
from posebench.report.diagnosis_page import page
from posebench.report.diagnosis_pictures import pictures
from posebench.report.diagnosis_words import verdict
from posebench.report.files import Picture

LONG = "an-extraordinarily-long-name-of-a-third-party=weights/my_$finetuned$_checkpoint.onnx"


@pytest.fixture(scope="module")
def diagnosis(tmp_path_factory: pytest.TempPathFactory) -> Diagnosis:
    require("matplotlib")
    require("pandas")
    subject = replace(SUBJECT, label=LONG)
    with drawing_little():
        return diagnosed(PROBLEM, tmp_path_factory.mktemp("problem"), subject=subject)


@pytest.fixture(scope="module")
def drawn(diagnosis: Diagnosis) -> dict[str, Any]:
    """A figure by the name of its file."""
    return {picture.stem.name: picture.draw() for picture in pictures(diagnosis)}


def altered(diagnosis: Diagnosis, part: str, **changed: Any) -> Diagnosis:
    """The same diagnosis with some fields of a part changed."""
    own = getattr(diagnosis, part).model_copy(update=changed)
    return diagnosis.model_copy(update={part: own})


def picture(diagnosis: Diagnosis, name: str) -> Picture:
    (found,) = [one for one in pictures(diagnosis) if one.stem.name == name]
    return found


def with_gains(diagnosis: Diagnosis, **gains: float | None) -> Diagnosis:
    """The errors named gain that much alone, all others nothing; no intervals."""
    alone = [
        step.model_copy(update={"ap_gain": Estimate(value=gains.get(step.name, 0.0))})
        for step in diagnosis.impact.alone
    ]
    return altered(diagnosis, "impact", alone=tuple(alone))


def bars(axes: Any) -> list[tuple[float, float]]:
    return [(float(bar.get_x()), float(bar.get_width())) for bar in axes.patches]


def test_bars_are_the_gains_alone_and_one_after_another(
    diagnosis: Diagnosis, drawn: dict[str, Any]
) -> None:
    impact = diagnosis.impact
    alone, chain = drawn["impact"].axes
    gains = [100 * (step.ap_gain.value or 0) for step in impact.alone]
    assert [width for _, width in bars(alone)] == pytest.approx(gains)
    values = [impact.ap.value or 0, *(step.ap.value or 0 for step in impact.progressive)]
    starts = np.array([0, *values]) * 100
    assert [start for start, _ in bars(chain)] == pytest.approx(starts)
    ends = [start + width for start, width in bars(chain)]
    assert ends == pytest.approx([*starts[1:], 100])
    shown = [text.get_text() for text in alone.texts]
    assert shown == [f"{gain:+.1f}" for gain in gains]


def test_an_error_without_a_gain_is_a_dash(diagnosis: Diagnosis) -> None:
    gone = with_gains(diagnosis, missed=None)
    last = gone.impact.progressive[-1].model_copy(update={"ap": Estimate(value=None)})
    gone = altered(gone, "impact", progressive=(*gone.impact.progressive[:-1], last))
    alone, chain = picture(gone, "impact").draw().axes
    assert alone.texts[-1].get_text() == "—"
    assert bars(chain)[-2][1] == 0
    assert np.isfinite(bars(chain)).all()


def test_stacks_are_the_rates_of_each_keypoint(diagnosis: Diagnosis, drawn: dict[str, Any]) -> None:
    (axes,) = drawn["keypoints"].axes
    found = diagnosis.localisation
    rows = [found.overall, *found.per_keypoint.values()]
    kinds = [text.get_text() for text in axes.get_legend().get_texts()]
    for kind, stack in zip(kinds, np.split(np.array(bars(axes)), len(kinds)), strict=True):
        expected = [100 * row.rates[kind] for row in rows]
        assert stack[:, 1] == pytest.approx(expected)
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names[:2] == ["all", "nose"] and "left wrist" in names


def test_of_many_keypoints_the_worst_are_drawn(diagnosis: Diagnosis) -> None:
    kinds = {
        f"k{n}": Kinds(
            keypoints=100,
            counts={"good": n, "jitter": 0, "inversion": 0, "swap": 0, "miss": 100 - n},
            rates={"good": n / 100, "jitter": 0, "inversion": 0, "swap": 0, "miss": 1 - n / 100},
        )
        for n in range(100)
    }
    many = picture(altered(diagnosis, "localisation", per_keypoint=kinds), "keypoints")
    (axes,) = many.draw().axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["all", *(f"k{n}" for n in range(40))]
    assert len(many.data) == 101


def test_dots_are_the_bins_and_their_errors_the_ece(
    diagnosis: Diagnosis, drawn: dict[str, Any]
) -> None:
    calibration = diagnosis.calibration
    kinds = calibration.instances, calibration.keypoints
    for axes, kind in zip(drawn["reliability"].axes, kinds, strict=True):
        (dots,) = [line for line in axes.lines if line.get_marker() == "o"]
        assert list(dots.get_xdata()) == [one.score for one in kind.bins]
        assert list(dots.get_ydata()) == [one.outcome for one in kind.bins]
        errors = np.abs(np.subtract(dots.get_xdata(), dots.get_ydata()))
        ece = np.average(errors, weights=[one.count for one in kind.bins])
        assert axes.get_title() == f"ECE {100 * ece:.1f} %"


def test_without_confidences_there_are_no_pictures_of_them(diagnosis: Diagnosis) -> None:
    none = diagnosis.calibration.keypoints.model_copy(
        update={"ece": Estimate(value=None, reason="all scores are 1"), "bins": ()}
    )
    names = diagnosis.calibration.per_keypoint
    without = altered(
        diagnosis, "calibration", keypoints=none, per_keypoint=dict.fromkeys(names, none)
    )
    assert "confidence" not in {one.stem.name for one in pictures(without)}
    (axes,) = picture(without, "reliability").draw().axes
    assert axes.get_xlabel() == "score of a person"
    assert "ECE of keypoints: all scores are 1." in page(without)


def test_lines_and_marks_are_those_of_the_thresholds(
    diagnosis: Diagnosis, drawn: dict[str, Any]
) -> None:
    found = diagnosis.thresholds
    (axes,) = drawn["thresholds"].axes
    lines = {line.get_label(): line for line in axes.lines}
    for label, name in (("recall", "recall"), ("F1", "f1"), ("LRP (lower is better)", "lrp")):
        expected = [100 * getattr(point, name) for point in found.points]
        assert lines[label].get_ydata() == pytest.approx(expected)
    assert found.lrp_optimal is not None
    marked = [line.get_xdata()[0] for line in axes.lines if len(line.get_xdata()) == 2]
    assert found.lrp_optimal.threshold in marked


def test_groups_have_their_figures_and_sizes(diagnosis: Diagnosis, drawn: dict[str, Any]) -> None:
    groups = diagnosis.sensitivity
    (axes,) = drawn["groups"].axes
    every = [*groups.overlaps, *groups.visible, *groups.area, *groups.occluded]
    told = [
        text.get_text()
        for text in axes.texts
        if re.search(r"\d+ (people|person)$", text.get_text())
    ]
    assert [int(text.split()[-2]) for text in told] == [group.people for group in every]
    assert [width for _, width in bars(axes)] == pytest.approx(
        [100 * (group.ar.value or 0) for group in every]
    )
    (cells,) = drawn["overlap"].axes
    (image,) = cells.get_images()
    grid = [np.nan if one.ar.value is None else 100 * one.ar.value for one in groups.grid]
    assert np.ravel(image.get_array().filled(np.nan)) == pytest.approx(grid, nan_ok=True)


def test_texts_do_not_overlap_or_leave_the_picture(drawn: dict[str, Any]) -> None:
    for name, figure in drawn.items():
        figure.canvas.draw()
        renderer = figure.canvas.get_renderer()
        texts = [*figure.texts, *(text for axes in figure.axes for text in axes_texts(axes))]
        boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in texts if t.get_text()]
        for text, box in boxes:
            inside = box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y0 >= 0
            assert inside and box.y1 <= figure.bbox.y1, (name, text)
        for (one, a), (other, b) in combinations(boxes, 2):
            wide = min(a.x1, b.x1) - max(a.x0, b.x0)
            assert wide <= 0.5 or min(a.y1, b.y1) - max(a.y0, b.y0) <= 0.5, (name, one, other)


def axes_texts(axes: Any) -> list[Any]:
    legend = axes.get_legend()
    texts = [*axes.texts, axes.title, axes.xaxis.label, axes.yaxis.label]
    for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, sorted(axes.get_ylim()))):
        ticks = zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True)
        texts += [label for place, label in ticks if low <= place <= high]
    return texts + (legend.get_texts() if legend else [])


def test_everything_is_written_and_the_page_links_to_it(
    diagnosis: Diagnosis, tmp_path: Path
) -> None:
    pandas = require("pandas")
    written = write_diagnosis(diagnosis, tmp_path / "deep")
    assert sorted(written) == sorted((tmp_path / "deep").iterdir())
    text = (tmp_path / "deep" / "diagnosis.md").read_text()
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert {tmp_path / "deep" / link for link in links} <= set(written)
    assert {Path(link).stem for link in links} == {one.stem.name for one in pictures(diagnosis)}
    assert Diagnosis.model_validate_json((tmp_path / "deep" / "diagnosis.json").read_text()) == (
        diagnosis
    )
    data = pandas.read_csv(io.StringIO((tmp_path / "deep" / "impact.csv").read_text()))
    gains = [step.ap_gain.value for step in diagnosis.impact.alone]
    assert data["ap_gain"][:7].tolist() == pytest.approx(gains, abs=1e-6)
    image = cv2.imread(str(tmp_path / "deep" / "impact.png"))
    assert image is not None and image.shape[1] > 1000


def test_the_page_begins_with_what_costs_most(diagnosis: Diagnosis) -> None:
    told = page(with_gains(diagnosis, swap=0.03, jitter=0.02))
    _, title, first, *_ = told.split("\n\n")
    assert title.startswith("# Diagnosis of an-extraordinarily") and r"\$finetuned\$" in title
    blamed = "**What costs most AP are keypoints put on somebody else (swap): without them it would"
    assert first.startswith(f"{blamed} be higher by 3.0.**")
    headings = re.findall(r"^## (.*)$", told, re.M)
    assert headings == [
        *("What each kind of error costs", "Where the keypoints are", "Who is hard to find"),
        *("Which score to ask for", "Can scores be trusted?", "What was diagnosed"),
    ]
    assert "\n- read this.\n" in told


def test_rivals_are_those_whose_interval_reaches_as_far(diagnosis: Diagnosis) -> None:
    interval = diagnosis.accuracy["AP"].interval
    assert interval is not None
    found = with_gains(diagnosis, swap=0.03, jitter=0.02, miss=0.02)
    alone = [
        step.model_copy(
            update={
                "ap_gain": Estimate(
                    value=0.02, interval=interval.model_copy(update={"low": 0.0, "high": high})
                )
            }
        )
        if (high := {"jitter": 0.04, "miss": 0.025}.get(step.name))
        else step
        for step in found.impact.alone
    ]
    (rivals,) = verdict(altered(found, "impact", alone=tuple(alone)))[2:]
    assert rivals == (
        "As much may be lost to keypoints that are slightly off (jitter), 2.0 (95 % interval: 0.0 "
        "to 4.0)."
    )


def test_nothing_to_blame_is_said(diagnosis: Diagnosis) -> None:
    assert verdict(with_gains(diagnosis))[0].startswith("No kind of error costs any AP: it is")
    assert verdict(diagnosis.model_copy(update={"people": 0})) == [
        "Nobody is annotated who counts: there is no AP, and there are no errors to find."
    ]
    assert verdict(diagnosis.model_copy(update={"detections": 0}))[0].startswith("Nobody was")


def test_whoever_predicts_nobody_has_no_pictures(diagnosis: Diagnosis) -> None:
    nobody = altered(diagnosis, "unmatched", scored=0)
    assert pictures(nobody) == []
    assert "What each kind of error costs" not in page(nobody)
