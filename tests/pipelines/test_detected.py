from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from dots import PlaneSession, around, model, picture

from posebench.config import LatencyConfig
from posebench.latency.clock import SystemClock
from posebench.latency.measure import Picture, time_round
from posebench.latency.rounds import TimedRound
from posebench.latency.summary import cells
from posebench.pipelines.detected import DetectedPoseModel, StagedDetectedPoseModel, with_detector
from posebench.protocols import StagedPoseModel, TimedStages
from posebench.testing import FakePoseModel
from posebench.types import Image, PersonBoxes, Prediction

ONE = [(60, 50), (80, 120), (70, 180)]
OTHER = [(200, 60), (230, 110), (210, 200)]


class Finder(FakePoseModel):
    """Finds the people whose boxes it was told, in turn."""

    def __init__(self, found: Sequence[PersonBoxes]) -> None:
        super().__init__(0)
        self.found = list(found)

    def postprocess(self, raw: list[tuple[int, int, float]]) -> list[Prediction]:
        return [self._told(self.found.pop(0)) for _ in raw]

    def _told(self, boxes: PersonBoxes) -> Prediction:
        count = len(boxes)
        return Prediction(
            keypoints=np.zeros((count, 0, 2), np.float32),
            keypoint_scores=np.zeros((count, 0), np.float32),
            box_scores=boxes.scores,
            scores=boxes.scores,
            boxes=boxes.boxes,
        )


def test_it_predicts_what_the_pose_model_does_with_the_detected_boxes() -> None:
    people = [ONE, OTHER]
    expected = model().predict([picture(people)], [around(people)])[0]
    joined = with_detector(Finder([around(people)]), model())
    assert isinstance(joined, StagedPoseModel)
    assert isinstance(joined, TimedStages)
    found = joined.predict([picture(people)])[0]
    assert np.array_equal(found.keypoints, expected.keypoints)
    staged = StagedDetectedPoseModel(Finder([around(people)]), model())
    again = staged.postprocess(staged.infer(staged.preprocess([picture(people)])))[0]
    assert np.array_equal(again.keypoints, expected.keypoints)


def test_a_detector_of_one_piece_serves_too() -> None:
    class Whole:
        def __init__(self, inner: Finder) -> None:
            self.inner = inner

        def predict(self, images: Sequence[Image], boxes: object = None) -> list[Prediction]:
            return self.inner.predict(images)

    joined = with_detector(Whole(Finder([around([ONE])])), model())  # type: ignore[arg-type]
    assert type(joined) is DetectedPoseModel
    assert len(joined.predict([picture([ONE])])[0]) == 1


def test_nobody_detected_is_nobody() -> None:
    joined = with_detector(Finder([PersonBoxes.none()]), model())
    assert len(joined.predict([picture([ONE])])[0]) == 0


def test_both_are_closed_recorded_and_counted() -> None:
    session = PlaneSession()
    finder, pose = Finder([]), model(session)
    joined = with_detector(finder, pose)
    assert [a.role for a in joined.artifacts()] == ["detector network"]
    assert "the detector has 0.0 M parameters" in joined.cost().convention
    joined.close()
    assert finder.closed == 1
    assert session.closed


class Ticking(SystemClock):
    """One millisecond passes from one look to the next."""

    def __init__(self) -> None:
        self.ticks = itertools.count(step=10**6)

    def now_ns(self) -> int:
        return next(self.ticks)


def test_latency_names_the_detector_and_is_told_by_the_number_of_people() -> None:
    told = [around([ONE]), around([ONE, OTHER]), PersonBoxes.none()]
    joined = with_detector(Finder([*told, *told]), model())
    config = LatencyConfig(warmup=3, warmup_s=0, samples=3, regimes=("sustained",))
    pictures = [Picture(lambda: picture([ONE, OTHER]))] * 3
    samples = time_round(joined, pictures, config, "sustained", clock=Ticking())
    assert list(samples.spans) == [
        *("image-decode", "preprocess", "detector", "crop", "network", "postprocess"),
        *("network+postprocess", "end-to-end", "end-to-end-encoded"),
    ]
    assert samples.people == [1, 2, 0]
    assert samples.spans["end-to-end"] == [5.0] * 3
    found = cells([TimedRound("sustained", 0, 0, samples)], config=config, threads=1)
    assert [c.people for c in found if c.people] == [(0, 0), (1, 1), (2, 3)]
    assert all(c.summary.n == 1 for c in found if c.people)


def test_a_detector_without_boxes_is_a_defect() -> None:
    class Blind(FakePoseModel):
        def _person(self, height: int, width: int, brightness: float) -> Prediction:
            found = super()._person(height, width, brightness)
            return Prediction(
                found.keypoints, found.keypoint_scores, found.box_scores, found.scores
            )

    with pytest.raises(ValueError, match="no boxes"):
        with_detector(Blind(), model()).predict([picture([ONE])])
