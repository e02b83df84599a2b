from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from posebench.testing import FakePoseModel, check_model
from posebench.types import (
    Artifact,
    Claim,
    Image,
    ModelCard,
    ModelCost,
    PersonBoxes,
    Prediction,
    Weights,
)

CARD = ModelCard(
    name="fake",
    family="Fake",
    paradigm="one-stage",
    skeleton="coco17",
    input_size=(64, 64),
    licence="Apache-2.0",
)


def pictures() -> list[Image]:
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (60, 80, 3), dtype=np.uint8) for _ in range(2)]


def failures(model: FakePoseModel, card: ModelCard = CARD) -> set[str]:
    return {r.name for r in check_model(model, card, pictures()) if r.status != "pass"}


def test_a_model_that_keeps_the_contract_passes_every_check() -> None:
    model = FakePoseModel()
    assert failures(model) == set()
    assert model.closed == 2


def test_a_foreign_exception_is_a_failure_with_its_message() -> None:
    class Raises(FakePoseModel):
        def cost(self) -> ModelCost:
            raise KeyError("gflops")

    results = {r.name: r for r in check_model(Raises(), CARD, pictures())}
    assert results["cost"].status == "fail"
    assert results["cost"].detail == "KeyError: 'gflops'"


def test_a_model_without_stages_skips_that_check() -> None:
    class Whole:
        num_keypoints = 17

        def __init__(self) -> None:
            whole = FakePoseModel()
            self.predict = whole.predict
            self.artifacts, self.cost, self.close = whole.artifacts, whole.cost, whole.close

    model: Any = Whole()
    results = {r.name: r.status for r in check_model(model, CARD, pictures())}
    assert results.pop("stages equal predict") == "skip"
    assert set(results.values()) == {"pass"}


def test_too_few_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="two pictures"):
        check_model(FakePoseModel(), CARD, pictures()[:1])


class Broken(FakePoseModel):
    """Predictions pass through a function that breaks them."""

    def __init__(self, change: Callable[[Prediction], Prediction]) -> None:
        super().__init__()
        self._change = change

    def predict(
        self, images: Sequence[Image], boxes: Sequence[PersonBoxes] | None = None
    ) -> list[Prediction]:
        return [self._change(p) for p in super().predict(images, boxes)]


def in_network_pixels(prediction: Prediction) -> Prediction:
    extent = prediction.keypoints.max(axis=(0, 1), keepdims=True)
    return replace(prediction, keypoints=prediction.keypoints / extent * 64)


def in_float64(prediction: Prediction) -> Prediction:
    wide: Any = prediction.keypoints.astype(np.float64)
    return replace(prediction, keypoints=wide)


def worst_first(prediction: Prediction) -> Prediction:
    scores = np.array([0.1, 0.9], np.float32)
    return Prediction(
        keypoints=np.concatenate([prediction.keypoints] * 2),
        keypoint_scores=np.concatenate([prediction.keypoint_scores] * 2),
        box_scores=scores,
        scores=scores,
    )


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (in_network_pixels, {"original pixels", "stages equal predict"}),
        (in_float64, {"predicts real pictures", "predicts odd sizes"}),
        (worst_first, {"predicts real pictures", "predicts odd sizes", "stages equal predict"}),
        (
            lambda p: Prediction.empty(17),
            {"finds people", "original pixels", "stages equal predict"},
        ),
        (
            lambda p: Prediction.empty(5),
            {
                "predicts real pictures",
                "predicts odd sizes",
                "finds people",
                "original pixels",
                "stages equal predict",
            },
        ),
    ],
)
def test_broken_predictions_are_found(
    change: Callable[[Prediction], Prediction], expected: set[str]
) -> None:
    assert failures(Broken(change)) == expected


class Forgetful(FakePoseModel):
    """Every call sees the picture a little further to the right."""

    def __init__(self) -> None:
        super().__init__()
        self._calls = 0

    def postprocess(self, raw: list[tuple[int, int, float]]) -> list[Prediction]:
        self._calls += 1
        return [
            replace(p, keypoints=p.keypoints + np.float32(self._calls))
            for p in super().postprocess(raw)
        ]


class Scribbler(FakePoseModel):
    """Draws on the picture it is given."""

    def preprocess(
        self, images: Sequence[Image], boxes: Sequence[PersonBoxes] | None = None
    ) -> list[tuple[int, int, float]]:
        prepared = super().preprocess(images)
        for image in images:
            image[:2, :2] += 1
        return prepared


class Swapped(FakePoseModel):
    """Gives the predictions of a batch in reverse."""

    def predict(
        self, images: Sequence[Image], boxes: Sequence[PersonBoxes] | None = None
    ) -> list[Prediction]:
        return super().predict(images, boxes)[::-1]


class Anonymous(FakePoseModel):
    """Does not say what it was run from, nor how it counted."""

    def artifacts(self) -> Sequence[Artifact]:
        return ()

    def cost(self) -> ModelCost:
        return ModelCost(0, None, "")


class ClosesOnce(FakePoseModel):
    def close(self) -> None:
        super().close()
        if self.closed > 1:
            raise RuntimeError("already closed")


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (Forgetful(), {"deterministic", "batch equals singles", "stages equal predict"}),
        (Scribbler(), {"pictures unchanged", "deterministic"}),
        (Swapped(), {"batch equals singles"}),
        (Anonymous(), {"artifacts", "cost"}),
        (ClosesOnce(), {"closes twice"}),
    ],
)
def test_broken_models_are_found(model: FakePoseModel, expected: set[str]) -> None:
    assert expected <= failures(model)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Fake Model"},
        {"aliases": ("fake",)},
        {"licence": ""},
        {"weights": (Weights("http://example.org/fake.pt", "Apache-2.0"),)},
        {"claims": (Claim("AP", 0.5, "", ""),)},
        {"protocol": {"preprocess": {"input_hight": 64}}},
    ],
)
def test_broken_cards_are_found(change: dict[str, Any]) -> None:
    assert failures(FakePoseModel(), replace(CARD, **change)) == {"card"}
