"""What ``posebench diagnose`` prints: tables, the page, or the JSON document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posebench.cli.options import OutputFormat
from posebench.cli.tables import plain_table

if TYPE_CHECKING:
    from posebench.diagnosis.document import Diagnosis

_MOST_KEYPOINTS = 30
_SCALE = "figures are on a scale of 100"
_BEST_THRESHOLDS = 3
"""Titles, the lowest LRP and the best F1."""


def render(diagnosis: Diagnosis, output: OutputFormat) -> str:
    """The document of a diagnosis in the format asked for."""
    from posebench.report.diagnosis_page import page

    if output is OutputFormat.json:
        return diagnosis.model_dump_json(indent=2)
    return page(diagnosis).rstrip() if output is OutputFormat.md else _tables(diagnosis)


def _tables(diagnosis: Diagnosis) -> str:
    from posebench.report.diagnosis_facts import facts
    from posebench.report.diagnosis_page import correlations, unmatched
    from posebench.report.diagnosis_tables import (
        calibration_rows,
        impact_rows,
        keypoint_rows,
        threshold_rows,
    )
    from posebench.report.diagnosis_words import anything, verdict, with_interval

    told = " ".join(verdict(diagnosis))
    if not anything(diagnosis):
        return "\n\n".join([told, "\n".join(facts(diagnosis))])
    parts = [told, plain_table(impact_rows(diagnosis))]
    parts += unmatched(diagnosis)
    kinds = diagnosis.localisation
    if kinds.overall.keypoints:
        several = kinds.per_keypoint if len(kinds.per_keypoint) <= _MOST_KEYPOINTS else {}
        parts.append(plain_table(keypoint_rows({"all": kinds.overall, **several})))
    if diagnosis.thresholds.lrp_optimal is not None:
        parts.append(f"oLRP {with_interval(diagnosis.thresholds.olrp)}")
        parts.append(plain_table(threshold_rows(diagnosis)[:_BEST_THRESHOLDS], left=2))
    parts.append(plain_table(calibration_rows(diagnosis.calibration)))
    parts.append("\n".join(correlations(diagnosis)))
    return "\n\n".join([*parts, "\n".join([_SCALE, *facts(diagnosis)])])
