"""Diagnoses of small random problems, and fewer draws than anybody would trust."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from coco_problems import Problem, Shape, random_problem, run_ours, strip_boxes

from posebench.diagnosis.document import Diagnosis
from posebench.diagnosis.repair import Factor
from posebench.diagnosis.run import Subject, diagnose

PROBLEM = strip_boxes(random_problem(Shape(8, images=6, people=6, score_levels=9)))
SUBJECT = Subject("mine", "some", "abc", ("read this",))


@contextmanager
def drawing_little() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("posebench.diagnosis.run._REPLICATES", 20)
        yield


def diagnosed(
    problem: Problem, folder: Path, factor: Factor = "corrected", subject: Subject = SUBJECT
) -> Diagnosis:
    folder.mkdir(exist_ok=True)
    ours = run_ours(*problem.write(folder))
    results = ours.results
    return diagnose(
        ours.ground_truth,
        results.detections,
        results.keypoint_scores,
        subject=subject,
        factor=factor,
    )
