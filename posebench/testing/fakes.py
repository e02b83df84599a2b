"""Fakes: a session and a model whose output is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from posebench.types import (
    Artifact,
    Image,
    ModelCost,
    PersonBoxes,
    Prediction,
    Spans,
    Tensor,
    TensorSpec,
)


class FakeSession:
    """A session that gives the same outputs whatever it is fed.

    Args:
        outputs: What every run gives, by name.
        input_shape: Of the one input, ``images``.
        metadata: As if from the artifact.

    Attributes:
        fed: The tensors of every run, in order.
        closed: Whether it was closed.
    """

    provider = "fake"
    built: Sequence[Artifact] = ()

    def __init__(
        self,
        outputs: Mapping[str, Tensor],
        *,
        input_shape: tuple[int | None, ...] = (1, 3, 64, 64),
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        self.inputs = [TensorSpec("images", input_shape, "float32")]
        self.outputs = [TensorSpec(k, v.shape, str(v.dtype)) for k, v in outputs.items()]
        self.metadata: Mapping[str, str] = metadata or {}
        self.fed: list[Mapping[str, Tensor]] = []
        self.closed = False
        self._values = dict(outputs)

    def bind(self, tensors: Mapping[str, Tensor]) -> FakeBinding:
        """Tie tensors to the session."""
        return FakeBinding(self, tensors)

    def run(self, tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Remember the tensors and give the outputs, once for every picture of the batch."""
        self.fed.append(tensors)
        batch = len(next(iter(tensors.values())))
        return {name: np.concatenate([value] * batch) for name, value in self._values.items()}

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True


class FakeBinding:
    """What :class:`FakeSession` binds."""

    def __init__(self, session: FakeSession, tensors: Mapping[str, Tensor]) -> None:
        self._session = session
        self._tensors = tensors
        self.outputs: Mapping[str, Tensor] = {}

    def run(self) -> Spans:
        """One run of exactly one millisecond."""
        self.outputs = self._session.run(self._tensors)
        return Spans(compute_ms=1.0)


class FakePoseModel:
    """A staged model that sees one person in every picture, its keypoints along the diagonal.

    The score is the picture's mean brightness, so that pictures differ.
    """

    def __init__(self, num_keypoints: int = 17) -> None:
        self.num_keypoints = num_keypoints
        self.closed = 0

    def preprocess(
        self, images: Sequence[Image], boxes: Sequence[PersonBoxes] | None = None
    ) -> list[tuple[int, int, float]]:
        """Height, width and brightness of every picture."""
        return [(im.shape[0], im.shape[1], float(im.mean()) / 255) for im in images]

    def infer(self, prepared: list[tuple[int, int, float]]) -> list[tuple[int, int, float]]:
        """Nothing."""
        return prepared

    def postprocess(self, raw: list[tuple[int, int, float]]) -> list[Prediction]:
        """One person a picture."""
        return [self._person(*values) for values in raw]

    def predict(
        self, images: Sequence[Image], boxes: Sequence[PersonBoxes] | None = None
    ) -> list[Prediction]:
        """The three stages in a row."""
        return self.postprocess(self.infer(self.preprocess(images, boxes)))

    def artifacts(self) -> Sequence[Artifact]:
        """One file that does not exist."""
        return (Artifact("network", "fake.onnx", "onnx", "0" * 64, 1),)

    def cost(self) -> ModelCost:
        """One parameter."""
        return ModelCost(1, 1e-9, "a fake")

    def close(self) -> None:
        """Count the calls."""
        self.closed += 1

    def _person(self, height: int, width: int, brightness: float) -> Prediction:
        steps = np.linspace(0.1, 0.9, self.num_keypoints, dtype=np.float32)
        size = np.array([width, height], np.float32)
        score = np.array([brightness], np.float32)
        return Prediction(
            keypoints=(steps[:, None] * size)[None],
            keypoint_scores=np.ones((1, self.num_keypoints), np.float32),
            box_scores=score,
            scores=score,
            boxes=np.array([[0, 0, width, height]], np.float32),
        )
