"""The plots of a diagnosis that have something to show, each with its title and caption."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from posebench.report.diagnosis_facts import NAME_CHARACTERS
from posebench.report.diagnosis_frames import (
    SPLITS,
    confidence_frame,
    grid_frame,
    group_frame,
    impact_frame,
    keypoint_error_frame,
    reliability_frame,
    threshold_frame,
)
from posebench.report.diagnosis_plots import impact_plot, keypoint_error_plot
from posebench.report.diagnosis_words import anything
from posebench.report.files import Picture
from posebench.report.group_plots import grid_plot, group_plot
from posebench.report.names import short_name
from posebench.report.panels import MOST_ROWS
from posebench.report.score_plots import confidence_plot, reliability_plot, threshold_plot
from posebench.report.summary import counted

if TYPE_CHECKING:
    from posebench.diagnosis.calibration_document import Reliability
    from posebench.diagnosis.document import Diagnosis


_LOW = 0.05


def pictures(diagnosis: Diagnosis) -> list[Picture]:
    """Every plot, in the order of the page; none if nobody was predicted or annotated.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    if not anything(diagnosis):
        return []
    makers = (_impact, _keypoint_errors, _grid, _groups, _thresholds, _reliability, _confidence)
    found = (make(diagnosis) for make in makers)
    return [picture for picture in found if picture is not None]


def _subject(diagnosis: Diagnosis) -> str:
    names = (short_name(name, NAME_CHARACTERS) for name in (diagnosis.label, diagnosis.dataset))
    return f"{' on '.join(names)}: {counted(diagnosis.images, 'picture')}."


def _of_many(rows: int) -> list[str]:
    return [f"Drawn are the {MOST_ROWS} worst of {rows}."] if rows > MOST_ROWS else []


def _impact(diagnosis: Diagnosis) -> Picture | None:
    ap = diagnosis.impact.ap.value
    if ap is None:
        return None
    data = impact_frame(diagnosis.impact)
    title = "What each kind of error costs"
    caption = [
        f"Black lines: 95 % intervals over {diagnosis.replicates} draws of the pictures. Right: "
        "the errors are repaired from top to bottom. The rest remains because repaired keypoints "
        "are not put on their place but on the border of the next better kind, too far off for "
        "the highest thresholds of the OKS.",
        _subject(diagnosis),
    ]
    return Picture(
        Path("impact"), title, data, lambda: impact_plot(data, ap, title=title, caption=caption)
    )


def _keypoint_errors(diagnosis: Diagnosis) -> Picture | None:
    data = keypoint_error_frame(diagnosis.localisation)
    if data.empty:
        return None
    title = "Errors of each keypoint"
    caption = [
        f"Of people matched at OKS ≥ .1, {diagnosis.localisation.people_matched} of them. What is "
        "missing to 100 is good: a similarity of at least .85.",
        *_of_many(len(data) - 1),
        _subject(diagnosis),
    ]
    return Picture(
        Path("keypoints"),
        title,
        data,
        lambda: keypoint_error_plot(data, title=title, caption=caption),
    )


_COUNTED = (
    "AR: share of the people who are found, mean over OKS .5 to .95. It does not fall with false "
    "positives, which would count in every group and so weigh most in the smallest."
)


def _grid(diagnosis: Diagnosis) -> Picture | None:
    data = grid_frame(diagnosis.sensitivity)
    if not data["people"].any():
        return None
    title = "AR by overlap and labelled keypoints"
    caption = [f"{_COUNTED} Two people overlap if the IoU of their boxes is above .1.",
               _subject(diagnosis)]  # fmt: skip
    return Picture(
        Path("overlap"), title, data, lambda: grid_plot(data, title=title, caption=caption)
    )


def _groups(diagnosis: Diagnosis) -> Picture | None:
    data = group_frame(diagnosis.sensitivity)
    if not data["people"].any():
        return None
    title = "AR of groups of people"
    caption = [
        f"{_COUNTED} The groups are of people of at least {diagnosis.smallest_area:g} px².",
        _subject(diagnosis),
    ]
    return Picture(
        Path("groups"), title, data, lambda: group_plot(data, SPLITS, title=title, caption=caption)
    )


def _thresholds(diagnosis: Diagnosis) -> Picture | None:
    found = diagnosis.thresholds
    if found.lrp_optimal is None or found.f1_best is None:
        return None
    marks = {"best F1": found.f1_best.threshold, "lowest LRP": found.lrp_optimal.threshold}
    data = threshold_frame(found)
    title = "What is left at each score"
    caption = [
        "At OKS .5. Precision: share of the kept detections that match a person. Recall: share of "
        "the people who are found. F1: their harmonic mean. LRP: localisation error, false "
        "positives and misses in one.",
        _subject(diagnosis),
    ]
    return Picture(
        Path("thresholds"),
        title,
        data,
        lambda: threshold_plot(data, marks, title=title, caption=caption),
    )


def _reliability(diagnosis: Diagnosis) -> Picture | None:
    found = diagnosis.calibration
    kinds = {"people": found.instances, "keypoints": found.keypoints}
    errors = {name: one.ece.value for name, one in kinds.items() if one.ece.value is not None}
    if not errors:
        return None
    data = reliability_frame(found)
    title = "Do scores tell the truth?"
    caption = [
        "Ten equally full bins: a dot is the mean, a blue line the scores of the bin. On the "
        "dotted diagonal scores are what they say; the orange lines are the errors, whose mean "
        "is the ECE. Below it scores promise too much.",
        *_crowded(found.instances),
        _subject(diagnosis),
    ]
    return Picture(
        Path("reliability"),
        title,
        data,
        lambda: reliability_plot(data, errors, title=title, caption=caption),
    )


def _crowded(instances: Reliability) -> list[str]:
    """Why most dots may lie on each other."""
    low = sum(one.high < _LOW for one in instances.bins)
    if low <= 1:
        return []
    return [f"{low} of the {len(instances.bins)} bins of people lie below a score of {_LOW}."]


def _confidence(diagnosis: Diagnosis) -> Picture | None:
    data = confidence_frame(diagnosis.calibration)
    if data.empty:
        return None
    title = "Confidence of each keypoint"
    caption = [
        "Of labelled keypoints of people matched at OKS ≥ .5; right: a similarity above .5. Where "
        "the ring lies right of the dot, confidences promise too much.",
        *_of_many(len(data)),
        _subject(diagnosis),
    ]
    return Picture(
        Path("confidence"),
        title,
        data,
        lambda: confidence_plot(data, title=title, caption=caption),
    )
