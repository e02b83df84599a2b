"""What was diagnosed, under which conventions, and what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posebench.report.diagnosis_tables import reasons
from posebench.report.diagnosis_words import anything, counted_people
from posebench.report.names import short_name
from posebench.report.summary import counted, sentence

if TYPE_CHECKING:
    from posebench.diagnosis.document import Diagnosis

NAME_CHARACTERS = 100
"""Of a label or the name of a dataset."""


def facts(diagnosis: Diagnosis) -> list[str]:
    """Data, conventions, notes and what is missing, a sentence or phrase each."""
    own = "twice as far as in the code of Ronchi and Perona, as their formula has it"
    placed = {"corrected": own, "ronchi-perona": "as near as in the code of Ronchi and Perona"}
    if not anything(diagnosis):
        return [*_sizes(diagnosis), _version(diagnosis), *map(sentence, diagnosis.notes)]
    return [
        *_sizes(diagnosis),
        f"keypoints of people of at least {diagnosis.smallest_area:g} px² are examined",
        f"repaired keypoints are put {placed[diagnosis.factor]}",
        f"intervals: {diagnosis.replicates} draws of the pictures, seed {diagnosis.seed}",
        _version(diagnosis),
        *map(sentence, diagnosis.notes),
        *map(sentence, reasons(diagnosis)),
    ]


def _sizes(diagnosis: Diagnosis) -> list[str]:
    size = f"{counted(diagnosis.images, 'picture')}, {counted_people(diagnosis.people)}"
    called = {"dataset": "identity", "annotations": "annotations"}[diagnosis.identity_of]
    scored = f"{diagnosis.unmatched.scored} scored (at most {diagnosis.max_dets} a picture)"
    return [
        f"{short_name(diagnosis.dataset, NAME_CHARACTERS)}: {size} with keypoints, {called} "
        f"{diagnosis.dataset_identity[:12]}",
        f"{counted(diagnosis.detections, 'detection')}, {scored}",
    ]


def _version(diagnosis: Diagnosis) -> str:
    return f"posebench {diagnosis.posebench_version}, {diagnosis.created_at:%Y-%m-%d}"
