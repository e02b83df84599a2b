"""A top-down model together with the detector that finds its boxes: one model, two networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from posebench.protocols import PoseModel, StagedPoseModel
from posebench.types import Artifact, Image, ModelCost, PersonBoxes, Prediction

DETECTOR_ROLE = "detector"


@dataclass(frozen=True, eq=False)
class Looking:
    """What passes between the stages.

    Attributes:
        images: The pictures.
        value: Of the stage before.
    """

    images: tuple[Image, ...]
    value: Any


class DetectedPoseModel:
    """Finds the people's boxes with one model and their keypoints with another.

    Args:
        detector: Its people's boxes and box scores are used, whatever else it predicts.
        pose: Takes boxes.
    """

    def __init__(self, detector: PoseModel, pose: PoseModel) -> None:
        self._detector = detector
        self._pose = pose

    @property
    def num_keypoints(self) -> int:
        """K of the pose model."""
        return self._pose.num_keypoints

    @property
    def untrained(self) -> str:
        """Why its accuracy would say nothing, or ``""``."""
        reasons = (getattr(model, "untrained", "") for model in (self._detector, self._pose))
        return next((reason for reason in reasons if reason), "")

    def predict(
        self, images: Sequence[Image], boxes: Sequence[PersonBoxes] | None = None
    ) -> list[Prediction]:
        """Detect, then look into what was detected. ``boxes`` is not used."""
        found = [boxes_of(prediction) for prediction in self._detector.predict(images)]
        return self._pose.predict(images, found)

    def artifacts(self) -> Sequence[Artifact]:
        """The files of both; the detector's have a role of their own."""
        detector = [
            replace(artifact, role=f"{DETECTOR_ROLE} {artifact.role}")
            for artifact in self._detector.artifacts()
        ]
        return [*self._pose.artifacts(), *detector]

    def cost(self) -> ModelCost:
        """Of the pose model for one person; the detector's is said in the convention."""
        pose, detector = self._pose.cost(), self._detector.cost()
        params = "?" if detector.params is None else f"{detector.params / 1e6:.1f}"
        gflops = "?" if detector.gflops is None else f"{detector.gflops:.1f}"
        added = f"one person; the detector has {params} M parameters and {gflops} GFLOPs a picture"
        return replace(pose, convention=f"{pose.convention}; {added}")

    def close(self) -> None:
        """Close both."""
        self._detector.close()
        self._pose.close()


class StagedDetectedPoseModel(DetectedPoseModel):
    """The same, of two models whose stages can be called apart."""

    def __init__(self, detector: Any, pose: Any) -> None:
        super().__init__(detector, pose)
        self._detector_stages: StagedPoseModel = detector
        self._pose_stages: StagedPoseModel = pose

    def preprocess(
        self, images: Sequence[Image], boxes: Sequence[PersonBoxes] | None = None
    ) -> Looking:
        """Pictures to the detector's input. ``boxes`` is not used."""
        return Looking(tuple(images), self._detector_stages.preprocess(images))

    def detect(self, prepared: Looking) -> Looking:
        """The detector's input to boxes."""
        found = self._detector_stages.postprocess(self._detector_stages.infer(prepared.value))
        return replace(prepared, value=[boxes_of(prediction) for prediction in found])

    def crop(self, detected: Looking) -> Any:
        """Boxes to the pose network's input."""
        return self._pose_stages.preprocess(detected.images, detected.value)

    def infer(self, prepared: Looking) -> Any:
        """The detector's input to the pose network's output."""
        return self._pose_stages.infer(self.crop(self.detect(prepared)))

    def postprocess(self, raw: Any) -> list[Prediction]:
        """The pose network's output to people."""
        return self._pose_stages.postprocess(raw)

    def timed_stages(self) -> Sequence[tuple[str, Callable[[Any], Any]]]:
        """Its stages as latency is reported."""
        return (
            ("preprocess", self.preprocess),
            ("detector", self.detect),
            ("crop", self.crop),
            ("network", self._pose_stages.infer),
            ("postprocess", self.postprocess),
        )


def with_detector(detector: PoseModel, pose: PoseModel) -> DetectedPoseModel:
    """The two as one model, with stages if both have them."""
    if isinstance(detector, StagedPoseModel) and isinstance(pose, StagedPoseModel):
        return StagedDetectedPoseModel(detector, pose)
    return DetectedPoseModel(detector, pose)


def boxes_of(prediction: Prediction) -> PersonBoxes:
    """The boxes of the people that a detector found: those of its first class.

    Raises:
        ValueError: It predicts no boxes.
    """
    if prediction.boxes is None:
        raise ValueError("the detector predicts no boxes")
    people = slice(None) if prediction.class_ids is None else prediction.class_ids == 0
    return PersonBoxes(prediction.boxes[people], prediction.box_scores[people])
