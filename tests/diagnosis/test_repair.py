"""A repaired keypoint has the similarity that it should have, and stays on its side."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted_people import SIGMAS, annotated, found, moved

from posebench.diagnosis.case import Case
from posebench.diagnosis.pairing import pair
from posebench.diagnosis.repair import Factor, repair
from posebench.diagnosis.taxonomy import KINDS, classify
from posebench.types import BoolArray, Detections, Float64Array, IntArray

CORRECTED: Factor = "corrected"
ERRORS = KINDS[1:]


@dataclass(frozen=True)
class Repaired:
    """People of which each has errors of all kinds, before and after."""

    case: Case
    kinds: IntArray
    best: Float64Array
    after: Detections

    @property
    def similarity(self) -> Float64Array:
        """(G, K) after the repair."""
        truth = self.case.ground_truth
        squared = ((self.after.keypoints - truth.keypoints[:, :, :2]) ** 2).sum(axis=2)
        return np.asarray(np.exp(-squared / (2 * truth.areas[:, None] * (2 * SIGMAS) ** 2)))

    def of(self, kind: str) -> BoolArray:
        chosen: BoolArray = self.kinds == KINDS.index(kind)
        assert chosen.any()
        return chosen


def repaired(kinds: Collection[str], factor: Factor = CORRECTED) -> Repaired:
    truth = annotated(each=2)
    people = found(truth)
    for keypoint, similarity in ((0, 0.9), (1, 0.6), (2, 0.84), (3, 0.3), (4, 0.001)):
        people = moved(truth, people, keypoint, similarity)
    people.keypoints[:, [9, 10]] = truth.keypoints[:, [10, 9], :2] + [3.0, -2.0]
    others = np.arange(len(truth.areas)).reshape(-1, 2)[:, ::-1].ravel()
    people.keypoints[:, 15] = truth.keypoints[others, 15, :2] + [1.0, 4.0]
    case = Case(truth, people)
    taxonomy = classify(case, pair(case))
    order = np.argsort(taxonomy.pairing.people)
    assert taxonomy.pairing.detections[order].tolist() == list(range(len(truth.areas)))
    after = repair(case, taxonomy, kinds, factor)
    return Repaired(case, taxonomy.kinds[order], taxonomy.best[order], after)


def test_each_kind_lands_at_its_similarity() -> None:
    result = repaired(ERRORS)
    similarity = result.similarity
    assert similarity[result.of("jitter")] == pytest.approx(0.85, rel=1e-8)
    assert similarity[result.of("miss")] == pytest.approx(0.5, rel=1e-8)
    for kind in ("inversion", "swap"):
        chosen = result.of(kind)
        assert similarity[chosen] == pytest.approx(result.best[chosen], rel=1e-8)
        assert (result.best[chosen] > 0.5).all()


def test_what_should_reach_a_threshold_reaches_it() -> None:
    similarity = repaired(ERRORS).similarity
    assert similarity.min() >= 0.5
    assert not ((similarity > 0.849) & (similarity < 0.85)).any()


def test_the_published_code_lands_at_the_fourth_root() -> None:
    result = repaired(ERRORS, "ronchi-perona")
    assert result.similarity[result.of("miss")] == pytest.approx(0.5**0.25, rel=1e-8)
    assert result.similarity[result.of("jitter")] == pytest.approx(0.85**0.25, rel=1e-8)
    chosen = result.of("swap")
    assert result.similarity[chosen] == pytest.approx(result.best[chosen] ** 0.25, rel=1e-8)


def test_the_direction_is_kept() -> None:
    result = repaired(ERRORS)
    annotated_points = result.case.ground_truth.keypoints[:, :, :2]
    chosen = result.kinds > 0
    before = (result.case.detections.keypoints - annotated_points)[chosen]
    after = (result.after.keypoints - annotated_points)[chosen]
    lengths = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
    assert (before * after).sum(axis=1) == pytest.approx(lengths, rel=1e-9)


@pytest.mark.parametrize("kind", ERRORS)
def test_only_that_kind_is_touched(kind: str) -> None:
    result = repaired([kind])
    changed = (result.after.keypoints != result.case.detections.keypoints).any(axis=2)
    assert np.array_equal(changed, result.of(kind))
    assert result.after.scores is result.case.detections.scores


def test_single_precision_is_repaired_in_double() -> None:
    truth = annotated()
    people = moved(truth, found(truth), 9, 0.6)
    single = Detections(
        people.image_index, people.keypoints.astype(np.float32), people.scores, people.class_ids
    )
    case = Case(truth, single)
    after = repair(case, classify(case, pair(case)), ["jitter"])
    distance = np.linalg.norm(after.keypoints[:, 9] - truth.keypoints[:, 9, :2], axis=1)
    wanted = 2 * SIGMAS[9] * np.sqrt(-2 * truth.areas * np.log(0.85))
    assert distance == pytest.approx(wanted, rel=1e-8)


@given(
    area=st.floats(1, 1e6),
    similarity=st.floats(1e-6, 0.84),
    keypoint=st.integers(0, 16),
    corner=st.floats(-1e4, 1e4),
)
def test_of_any_size_and_place(
    area: float, similarity: float, keypoint: int, corner: float
) -> None:
    truth = annotated(pictures=1, each=1)
    truth.areas[:] = area
    # Far apart, whatever the area, so that no other keypoint is nearer.
    truth.keypoints[:, :, :2] = corner + np.arange(17)[:, None] * np.sqrt(area) * 10
    people = moved(truth, found(truth), keypoint, similarity)
    case = Case(truth, people, smallest_area=0)
    taxonomy = classify(case, pair(case))
    after = repair(case, taxonomy, ["jitter", "miss"])
    again = classify(Case(truth, after, smallest_area=0), taxonomy.pairing)
    wanted = 0.85 if KINDS[taxonomy.kinds[0, keypoint]] == "jitter" else 0.5
    assert again.best[0, keypoint] == pytest.approx(wanted, rel=1e-7)
    assert again.best[0, keypoint] >= wanted
