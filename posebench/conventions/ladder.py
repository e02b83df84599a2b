"""From COCO's rules to those of another evaluator, one rule at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from posebench.conventions import rules
from posebench.conventions.case import Case, headline
from posebench.conventions.rules import Rule, ScoreMode
from posebench.datasets.skeletons import COCO17, CROWDPOSE14
from posebench.errors import InputError
from posebench.metrics.accumulate import Figure

ProtocolName = Literal["coco", "mmpose", "ultralytics"]
_MAX_DETS = {"coco": 20, "mmpose": 20, "ultralytics": 300}


@dataclass(frozen=True)
class Wish:
    """What the user asked for.

    Attributes:
        protocol: Whose rules.
        score_threshold: Leave out people with a lower score, or None.
        score_mode: What people are ranked by; None as the protocol has it.
        max_dets: People a picture; None as the protocol has it.
        own_sigmas: Whether the user gave the sigmas.
    """

    protocol: ProtocolName = "coco"
    score_threshold: float | None = None
    score_mode: ScoreMode | None = None
    max_dets: int | None = None
    own_sigmas: bool = False


@dataclass(frozen=True)
class Rung:
    """A case after one more rule.

    Attributes:
        rule: Which rule, in a word or two.
        detail: What it did to these files.
        figures: After it.
        change: Of AP by it; None at the start, or where there is no AP.
    """

    rule: str
    detail: str
    figures: Mapping[str, Figure]
    change: float | None = None


def rules_of(wish: Wish, case: Case) -> list[tuple[str, Rule]]:
    """The rules that lead from COCO's to those asked for, each with its name.

    Raises:
        InputError: The protocol does not know such keypoints.
    """
    asked: list[tuple[str, Rule]] = []
    if wish.score_threshold is not None:
        asked.append(("score threshold", rules.score_threshold(wish.score_threshold)))
    mode = _score_mode(wish)
    if mode is not None:
        asked.append(("score", rules.score_mode(mode)))
    if wish.protocol == "mmpose":
        asked += _mmpose(case)
    if wish.protocol == "ultralytics":
        asked += _ultralytics_people(wish, case)
    limit = wish.max_dets or _MAX_DETS[wish.protocol]
    if limit != case.max_dets:
        asked.append(("max dets", rules.max_dets(limit)))
    if wish.protocol == "ultralytics":
        asked += [
            ("integration", rules.measure("trapezoids", "mean of 101 steps -> 101 trapezoids")),
            ("matching", rules.measure("ultralytics", "last -> first of equally similar people")),
        ]
    return asked


def notes_of(wish: Wish, case: Case) -> list[str]:
    """What a user should know of the scores that the rules take."""
    mode, results = _score_mode(wish), case.results
    if mode in (None, "box") or not len(results.box_scores):
        return []
    notes = []
    if not results.has_box_scores:
        notes.append(
            "a results JSON has one score a person: it is taken as the score of the box, and the "
            "third number of each keypoint as that keypoint's score."
        )
    if (results.keypoint_scores == results.keypoint_scores[0, 0]).all():
        notes.append(
            f"every keypoint score is {float(results.keypoint_scores[0, 0]):g}: they say nothing "
            "of the people, and a mean of them changes no rank."
        )
    return notes


def _score_mode(wish: Wish) -> ScoreMode | None:
    return wish.score_mode or ("box-keypoint" if wish.protocol == "mmpose" else None)


def _mmpose(case: Case) -> list[tuple[str, Rule]]:
    """What CocoMetric and xtcocotools do. Of a whole body it writes no boxes, and drops by part."""
    suppressed: list[tuple[str, Rule]] = [("OKS-NMS", rules.suppress_by_oks)]
    if case.whole_body:
        return suppressed
    own = [
        *suppressed,
        ("unseen people", rules.seen_keypoints_only),
        ("detection area", rules.area_of_boxes),
    ]
    if case.ground_truth.skeleton.name == CROWDPOSE14.name:
        return own
    return [*own, ("ignored people", rules.counted_keypoints)]


def _ultralytics_people(wish: Wish, case: Case) -> list[tuple[str, Rule]]:
    if case.whole_body:
        raise InputError(
            "--protocol ultralytics: parts of a whole body are unknown to it.",
            remedy="Use --protocol coco or mmpose.",
        )
    changes: list[tuple[str, Rule]] = [
        ("pictures", rules.pictures_with_people),
        ("area", rules.area_per_box),
        ("people", rules.labelled_people_only),
    ]
    if len(case.ground_truth.skeleton.keypoints) != len(COCO17.keypoints) and not wish.own_sigmas:
        changes.append(("sigmas", rules.same_sigmas))
    return changes


def climb(case: Case, steps: Sequence[tuple[str, Rule]]) -> tuple[Case, list[Rung]]:
    """Change one rule after the other, and score after each.

    Returns:
        The last case, and a rung for the start and for each rule.

    Raises:
        InputError: The detections do not fit the annotations.
    """
    rungs = [Rung("coco", "", headline(case))]
    for name, rule in steps:
        detail, case = rule(case)
        found = headline(case)
        before, after = rungs[-1].figures["AP"].value, found["AP"].value
        change = None if before is None or after is None else after - before
        rungs.append(Rung(name, detail, found, change))
    return case, rungs
