"""The conformance suite that every adapter must pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from posebench.config import resolve_protocol
from posebench.protocols import PoseModel, StagedPoseModel
from posebench.types import Float32Array, Image, ModelCard, Prediction

KEYPOINT_TOLERANCE_PX = 0.05
SCORE_TOLERANCE = 1e-4


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one check.

    Attributes:
        name: Of the check.
        status: ``skip`` if the pictures gave nothing to check.
        detail: What was found; for a failure, what is wrong.
    """

    name: str
    status: Literal["pass", "fail", "skip"]
    detail: str = ""


class _Skip(Exception):
    """The pictures give nothing to check."""


def check_model(
    model: PoseModel, card: ModelCard, images: Sequence[Image], *, people: bool = True
) -> list[CheckResult]:
    """Run the conformance suite. The model is closed afterwards.

    Args:
        model: Loaded.
        card: Its card.
        images: At least two pictures, RGB uint8.
        people: Whether there are people on them, so that finding nobody is a failure.

    Returns:
        One result a check, in a fixed order; an exception inside a check is its failure.

    Raises:
        ValueError: Fewer than two pictures.
    """
    if len(images) < 2:
        raise ValueError("the conformance suite needs at least two pictures")
    checks: dict[str, Callable[[], str]] = {
        "card": lambda: _check_card(card),
        "predicts real pictures": lambda: _check_pictures(model, images),
        "predicts odd sizes": lambda: _check_pictures(model, odd_pictures()),
        "finds people": lambda: _check_finds_people(model, images, people),
        "empty batch": lambda: _check_empty_batch(model),
        "deterministic": lambda: _check_deterministic(model, images),
        "batch equals singles": lambda: _check_batch(model, images),
        "stages equal predict": lambda: _check_stages(model, images),
        "pictures unchanged": lambda: _check_unchanged(model, images[0]),
        "original pixels": lambda: _check_scale(model, images),
        "artifacts": lambda: _check_artifacts(model),
        "cost": lambda: _check_cost(model),
        "closes twice": lambda: _check_close(model),
    }
    return [_run(name, check) for name, check in checks.items()]


def _run(name: str, check: Callable[[], str]) -> CheckResult:
    try:
        return CheckResult(name, "pass", check())
    except _Skip as skip:
        return CheckResult(name, "skip", str(skip))
    except AssertionError as error:
        return CheckResult(name, "fail", str(error))
    except Exception as error:  # whatever a foreign adapter raises is its failure
        return CheckResult(name, "fail", f"{type(error).__name__}: {error}")


def odd_pictures() -> list[Image]:
    """Tiny, very wide, very high, black, white and noisy pictures."""
    noise = np.random.default_rng(0).integers(0, 256, (97, 213, 3), dtype=np.uint8)
    return [
        np.zeros((32, 32, 3), np.uint8),
        np.full((48, 640, 3), 255, np.uint8),
        np.full((501, 33, 3), 114, np.uint8),
        np.full((1, 1, 3), 7, np.uint8),
        noise,
    ]


def _require(condition: bool, message: str) -> None:
    """Like assert, which ``python -O`` would take out."""
    if not condition:
        raise AssertionError(message)


def _check_card(card: ModelCard) -> str:
    _require(card.name == card.name.lower() and " " not in card.name, f"name {card.name!r}")
    _require(card.name not in card.aliases, "an alias repeats the name")
    _require(bool(card.licence), "no licence")
    for weights in card.weights:
        known = weights.packaged is not None or weights.url.startswith("https://")
        _require(known, f"weights URL {weights.url!r} is not https")
        _require(bool(weights.licence), f"no licence for {weights.url}")
    for claim in card.claims:
        _require(bool(claim.source and claim.protocol), f"claim {claim.metric} has no source")
    resolve_protocol(card.protocol)
    return f"{len(card.weights)} published checkpoints, {len(card.claims)} claims"


def _check_pictures(model: PoseModel, images: Sequence[Image]) -> str:
    for image in images:
        predictions = model.predict([image])
        _require(len(predictions) == 1, f"{len(predictions)} predictions for one picture")
        _check_prediction(predictions[0], model.num_keypoints)
    return f"{len(images)} pictures"


def _check_prediction(prediction: Prediction, num_keypoints: int) -> None:
    found = prediction.num_keypoints
    _require(found == num_keypoints, f"{found} keypoints, num_keypoints is {num_keypoints}")
    for name in ("keypoints", "keypoint_scores", "box_scores", "scores", "boxes"):
        value = getattr(prediction, name)
        if value is not None:
            _require(value.dtype == np.float32, f"{name} is {value.dtype}, not float32")
    descending = bool(np.all(np.diff(prediction.scores) <= 0))
    _require(descending, "people are not ordered by descending score")


def _check_finds_people(model: PoseModel, images: Sequence[Image], people: bool) -> str:
    count = sum(len(model.predict([image])[0]) for image in images)
    if not people and count == 0:
        raise _Skip("nobody on these pictures")
    _require(count > 0, "nobody found in any picture")
    return f"{count} people in {len(images)} pictures"


def _check_empty_batch(model: PoseModel) -> str:
    _require(model.predict([]) == [], "an empty batch does not give an empty list")
    return ""


def _check_deterministic(model: PoseModel, images: Sequence[Image]) -> str:
    for image in images[:2]:
        first, second = model.predict([image])[0], model.predict([image])[0]
        for name in ("keypoints", "keypoint_scores", "scores"):
            same = np.array_equal(getattr(first, name), getattr(second, name))
            _require(same, f"{name} differ between two calls on one picture")
    return ""


def _check_batch(model: PoseModel, images: Sequence[Image]) -> str:
    batch = model.predict(list(images[:2]))
    _require(len(batch) == 2, f"{len(batch)} predictions for two pictures")
    for image, together in zip(images[:2], batch, strict=True):
        _require_close(together, model.predict([image])[0], "batch of 2 and batch of 1")
    return ""


def _check_stages(model: PoseModel, images: Sequence[Image]) -> str:
    if not isinstance(model, StagedPoseModel):
        raise _Skip("the model has no stages")
    for image in images[:2]:
        staged = model.postprocess(model.infer(model.preprocess([image])))[0]
        _require_close(staged, model.predict([image])[0], "the stages and predict")
    return ""


def _require_close(first: Prediction, second: Prediction, what: str) -> None:
    _require(len(first) == len(second), f"{what}: {len(first)} and {len(second)} people")
    if len(first) == 0:
        return
    distance = float(np.abs(_points(first) - _points(second)).max())
    _require(distance <= KEYPOINT_TOLERANCE_PX, f"{what}: keypoints {distance:.3f} px apart")
    difference = float(np.abs(first.scores - second.scores).max())
    _require(difference <= SCORE_TOLERANCE, f"{what}: scores {difference:.6f} apart")


def _points(prediction: Prediction) -> Float32Array:
    """(N, P, 2) px: the keypoints, or the corners of the boxes of a detector."""
    if prediction.num_keypoints or prediction.boxes is None:
        return prediction.keypoints
    return prediction.boxes.reshape(-1, 2, 2)


def _check_unchanged(model: PoseModel, image: Image) -> str:
    given = image.copy()
    model.predict([given])
    _require(bool(np.array_equal(given, image)), "predict changed the picture it was given")
    return ""


def _check_scale(model: PoseModel, images: Sequence[Image]) -> str:
    """The best person of a picture lies at twice the coordinates in the picture at twice the size.

    Resampling moves keypoints a little, hence the tolerance of a tenth of the person's extent.
    """
    found = [(image, model.predict([image])[0]) for image in images]
    found = [(image, prediction) for image, prediction in found if len(prediction)]
    if not found:
        raise _Skip("nobody found in any picture")
    image, small = max(found, key=lambda pair: float(pair[1].scores[0]))
    large = model.predict([cv2.resize(image, None, fx=2, fy=2).astype(np.uint8)])[0]
    _require(len(large) > 0, "nobody found in the picture at twice the size")
    expected = 2 * _points(small)[0]
    extent = float(np.ptp(expected, axis=0).max())
    offsets = np.linalg.norm(_points(large) - expected, axis=2).mean(axis=1)
    offset = float(offsets.min())
    _require(
        offset <= 0.1 * extent,
        f"at twice the size the keypoints are {offset:.1f} px from twice the coordinates "
        f"(person of {extent:.0f} px): they are not in pixels of the original picture",
    )
    return f"{offset:.2f} px, the person is {extent:.0f} px"


def _check_artifacts(model: PoseModel) -> str:
    artifacts = model.artifacts()
    _require(len(artifacts) > 0, "no artifacts: a result could not be told from another")
    for artifact in artifacts:
        hexadecimal = len(artifact.sha256) == 64 and set(artifact.sha256) <= set("0123456789abcdef")
        _require(hexadecimal, f"{artifact.filename}: {artifact.sha256!r} is no sha256")
        _require(artifact.size_bytes > 0, f"{artifact.filename} is empty")
        _require("/" not in artifact.filename, f"{artifact.filename!r} holds a directory")
    return ", ".join(f"{artifact.role} {artifact.filename}" for artifact in artifacts)


def _check_cost(model: PoseModel) -> str:
    cost = model.cost()
    _require(bool(cost.convention), "the convention is not stated")
    for name in ("params", "gflops"):
        value = getattr(cost, name)
        _require(value is None or value > 0, f"{name} is {value}")
    return f"{cost.params} parameters, {cost.gflops} GFLOPs"


def _check_close(model: PoseModel) -> str:
    model.close()
    model.close()
    return ""
