"""One kind of error planted into perfect predictions is named, and nothing else is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from planted_people import added, annotated, found, junk, moved, taken

from posebench.datasets.coco import CocoDataset
from posebench.datasets.skeletons import COCO17
from posebench.diagnosis.background import background
from posebench.diagnosis.case import Case
from posebench.diagnosis.impact import Impact, impact
from posebench.diagnosis.pairing import pair
from posebench.diagnosis.taxonomy import KINDS, Taxonomy, classify
from posebench.types import Detections, GroundTruth

LEFT_WRIST = COCO17.keypoints.index("left_wrist")
LEFT_ARM, RIGHT_ARM = (5, 7, 9), (6, 8, 10)


@dataclass(frozen=True)
class Named:
    """What a diagnosis says."""

    errors: dict[str, int]
    taxonomy: Taxonomy
    impact: Impact

    def keypoints(self, kind: str) -> set[str]:
        counts = self.taxonomy.per_keypoint()
        return {name for name, value in counts.items() if getattr(value, kind)}

    def gain(self, step: str) -> float:
        (chosen,) = (s for s in self.impact.alone if s.name == step)
        gain = chosen.figures["AP"].gain
        assert gain is not None
        return gain

    @property
    def wrong_order(self) -> float:
        """Optimal scores also put background last; what they gain beyond that is the order."""
        return self.gain("score") - self.gain("background")

    @property
    def baseline(self) -> float:
        value = self.impact.baseline["AP"].value
        assert value is not None
        return value


def diagnosed(truth: GroundTruth, detections: Detections) -> Named:
    case = Case(truth, detections)
    pairing = pair(case)
    taxonomy = classify(case, pairing)
    nobody = background(case, pairing, case.matches())
    counts = {kind: getattr(taxonomy.counts(), kind) for kind in KINDS[1:]} | {
        "background": len(nobody.false_positives),
        "missed": len(nobody.missed),
    }
    errors = {name: count for name, count in counts.items() if count}
    return Named(errors, taxonomy, impact(case, taxonomy))


@pytest.fixture(params=["drawn", "real"])
def truth(request: pytest.FixtureRequest) -> GroundTruth:
    """People far apart, or real annotations of pictures full of people."""
    if request.param == "drawn":
        return annotated()
    coco_mini: Path = request.getfixturevalue("coco_mini")
    return CocoDataset.open(coco_mini / "person_keypoints.json").ground_truth()


@pytest.fixture
def perfect(truth: GroundTruth) -> Detections:
    """Everybody who counts, within a twentieth of what a keypoint may be off."""
    counted = ~truth.is_crowd & (truth.num_keypoints > 0)
    people = taken(found(truth), counted)
    reach = np.sqrt(truth.areas[counted])[:, None, None] * np.array(COCO17.sigmas)[:, None]
    jitter = np.random.default_rng(3).uniform(-0.1, 0.1, people.keypoints.shape) * reach
    return replace(people, keypoints=people.keypoints + jitter)


def test_without_an_error_nothing_is_named(truth: GroundTruth, perfect: Detections) -> None:
    named = diagnosed(truth, perfect)
    assert named.errors == {}
    assert named.baseline == pytest.approx(1)
    assert all(named.gain(step.name) == 0 for step in named.impact.alone)
    assert named.impact.rest["AP"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("similarity", "kind"), [(0.7, "jitter"), (0.2, "miss")])
def test_a_keypoint_that_is_off(similarity: float, kind: str) -> None:
    truth = annotated()
    named = diagnosed(truth, moved(truth, found(truth), LEFT_WRIST, similarity))
    assert named.errors == {kind: len(truth.areas)}
    assert named.keypoints(kind) == {"left_wrist"}
    assert named.taxonomy.per_group()["wrist"].total == 2 * len(truth.areas)


def test_a_real_wrist_that_is_off(coco_mini: Path) -> None:
    truth = CocoDataset.open(coco_mini / "person_keypoints.json").ground_truth()
    counted = ~truth.is_crowd & (truth.num_keypoints > 0)
    named = diagnosed(truth, taken(moved(truth, found(truth), LEFT_WRIST, 0.7), counted))
    # Some real wrists now lie at another wrist, but nothing besides wrists is blamed.
    assert named.keypoints("jitter") == {"left_wrist"}
    assert set().union(*map(named.keypoints, KINDS[1:])) == {"left_wrist"}
    assert set(named.errors) <= {"jitter", "inversion", "swap"}
    assert named.errors["jitter"] > 0.9 * np.count_nonzero(truth.keypoints[:, LEFT_WRIST, 2])


def test_left_for_right() -> None:
    truth = annotated()
    people = found(truth)
    people.keypoints[:, LEFT_ARM + RIGHT_ARM] = people.keypoints[:, RIGHT_ARM + LEFT_ARM]
    named = diagnosed(truth, people)
    assert named.errors == {"inversion": 6 * len(truth.areas)}
    joints = ("shoulder", "elbow", "wrist")
    assert named.keypoints("inversion") == {f"{s}_{j}" for s in ("left", "right") for j in joints}
    assert named.gain("inversion") == pytest.approx(1 - named.baseline)


def test_limbs_of_another_person() -> None:
    truth = annotated(each=2)
    people = found(truth)
    arms = people.keypoints[:, LEFT_ARM].reshape(-1, 2, 3, 2)
    people.keypoints[:, LEFT_ARM] = arms[:, ::-1].reshape(-1, 3, 2)
    named = diagnosed(truth, people)
    assert named.errors == {"swap": 3 * len(truth.areas)}
    assert named.keypoints("swap") == {"left_shoulder", "left_elbow", "left_wrist"}
    assert named.gain("swap") == pytest.approx(1 - named.baseline)


def test_the_mirrored_limb_of_another_person_is_a_swap_too() -> None:
    truth = annotated(each=2)
    people = found(truth)
    others = np.arange(len(truth.areas)).reshape(-1, 2)[:, ::-1].ravel()
    people.keypoints[:, LEFT_ARM] = truth.keypoints[others][:, RIGHT_ARM, :2]
    assert diagnosed(truth, people).errors == {"swap": 3 * len(truth.areas)}


def test_shuffled_scores() -> None:
    """Of good and of better detections the good ones are scored best: no keypoint is wrong."""
    truth = annotated(pictures=10)
    people, similarity = found(truth), np.linspace(0.999, 0.86, len(truth.areas))
    for keypoint in range(17):
        shifted = moved(truth, people, keypoint, 0.9)
        share = np.sqrt(np.log(similarity) / np.log(0.9))[:, None]
        people.keypoints[:, keypoint] += share * (shifted.keypoints - people.keypoints)[:, keypoint]
    in_order = diagnosed(truth, people)
    assert in_order.errors == {}
    assert in_order.wrong_order == 0
    scores = np.random.default_rng(0).permutation(people.scores)
    named = diagnosed(truth, replace(people, scores=scores))
    assert named.errors == {}
    assert named.wrong_order > 0.01
    others = [step.name for step in named.impact.alone if step.name != "score"]
    assert [named.gain(name) for name in others] == [0] * len(others)


@pytest.mark.parametrize("scores", [(0.4, 0.45), (0.8, 0.95)], ids=["low", "high"])
def test_detections_of_nobody(
    truth: GroundTruth, perfect: Detections, scores: tuple[float, float]
) -> None:
    extra = junk(truth, np.linspace(*scores, 7))
    named = diagnosed(truth, added(perfect, extra))
    assert named.errors == {"background": 7}
    assert named.wrong_order == pytest.approx(0)
    assert named.baseline + named.gain("background") == pytest.approx(1)
    assert (named.gain("background") > 0) == (scores[1] > 0.5)
    assert all(named.gain(kind) == 0 for kind in (*KINDS[1:], "missed"))


def test_people_whom_nothing_detected(truth: GroundTruth, perfect: Detections) -> None:
    kept = np.arange(len(perfect.scores)) % 4 > 0
    named = diagnosed(truth, taken(perfect, kept))
    assert named.errors == {"missed": np.count_nonzero(~kept)}
    assert named.baseline == pytest.approx(kept.mean(), abs=0.01)
    others = [step.name for step in named.impact.alone if step.name != "missed"]
    assert [named.gain(name) for name in others] == [0] * len(others)
    assert named.baseline + named.gain("missed") == pytest.approx(1)


def test_all_at_once_is_told_apart() -> None:
    truth = annotated(pictures=8)
    people = moved(truth, found(truth), LEFT_WRIST, 0.7)
    people.keypoints[-4:, [13, 14]] = people.keypoints[-4:, [14, 13]]
    some = added(taken(people, np.arange(len(people.scores)) != 7), junk(truth, np.full(3, 0.99)))
    named = diagnosed(truth, some)
    assert named.wrong_order == pytest.approx(0)
    assert named.errors == {"jitter": 23, "inversion": 8, "background": 3, "missed": 1}
    assert named.keypoints("inversion") == {"left_knee", "right_knee"}
