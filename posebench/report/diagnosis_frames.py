"""What the plots of a diagnosis show, as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from posebench.errors import MissingExtraError

if TYPE_CHECKING:
    import pandas as pd

    from posebench.diagnosis.calibration_document import Calibration, Thresholds
    from posebench.diagnosis.errors_document import Group, Impact, Localisation, Sensitivity, Step

SPLITS: Mapping[str, str] = {
    "overlaps": "others who overlap",
    "visible": "labelled keypoints",
    "area": "area (px²)",
    "occluded": "labelled keypoints that are hidden",
}


def _frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtraError("The plots need pandas.", extra="report") from error
    frame: pd.DataFrame = pd.DataFrame(list(rows))
    return frame


def impact_frame(impact: Impact) -> pd.DataFrame:
    """A row for each repair, alone and one after another."""
    steps = [("alone", step) for step in impact.alone]
    steps += [("progressive", step) for step in impact.progressive]
    return _frame({"order": order, "error": step.name, **_figures(step)} for order, step in steps)


def _figures(step: Step) -> dict[str, float | None]:
    interval = step.ap_gain.interval
    return {
        "ap": step.ap.value,
        "ap_gain": step.ap_gain.value,
        "ap_gain_low": interval.low if interval else None,
        "ap_gain_high": interval.high if interval else None,
        "ar": step.ar.value,
        "ar_gain": step.ar_gain.value,
    }


def keypoint_error_frame(localisation: Localisation) -> pd.DataFrame:
    """The share of each kind among the labelled keypoints of matched people, ``all`` first."""
    kinds = {"all": localisation.overall, **localisation.per_keypoint}
    return _frame(
        {"keypoint": name, "keypoints": found.keypoints} | dict(found.rates)
        for name, found in kinds.items()
        if found.keypoints
    )


def reliability_frame(calibration: Calibration) -> pd.DataFrame:
    """The bins of people's scores and of keypoints' confidences."""
    found = {"people": calibration.instances, "keypoints": calibration.keypoints}
    return _frame(
        {"of": name, **one.model_dump()} for name, shown in found.items() for one in shown.bins
    )


def confidence_frame(calibration: Calibration) -> pd.DataFrame:
    """Mean confidence and share that is right of each keypoint."""
    return _frame(
        {
            "keypoint": name,
            "keypoints": found.count,
            "confidence": found.score,
            "right": found.outcome,
            "ece": found.ece.value,
        }
        for name, found in calibration.per_keypoint.items()
        if found.ece.value is not None
    )


def group_frame(sensitivity: Sensitivity) -> pd.DataFrame:
    """The groups of people of every split."""
    return _frame(
        {"split": split, **_group(group)}
        for split in SPLITS
        for group in getattr(sensitivity, split)
    )


def grid_frame(sensitivity: Sensitivity) -> pd.DataFrame:
    """People by overlap and by labelled keypoints."""
    pairs = [(a.name, b.name) for a in sensitivity.overlaps for b in sensitivity.visible]
    return _frame(
        {"overlaps": overlaps, "visible": visible, **_group(group)}
        for (overlaps, visible), group in zip(pairs, sensitivity.grid, strict=True)
    )


def _group(group: Group) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "group": group.name,
        "people": group.people,
        "matched": group.matched,
        "ap": group.ap.value,
        "ap75": group.ap75.value,
        "ar": group.ar.value,
        "oks": group.oks,
    }
    return figures | dict(group.errors.rates)


def threshold_frame(thresholds: Thresholds) -> pd.DataFrame:
    """What is left from each score on."""
    return _frame(point.model_dump() for point in thresholds.points)
