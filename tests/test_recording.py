from __future__ import annotations

from pathlib import Path

import pytest

from posebench.errors import (
    InputError,
    MissingExtraError,
    PosebenchError,
    WeightsError,
    WeightsUnavailableError,
)
from posebench.recording import failure_of, model_info
from posebench.registry import ModelRequest, resolve_reference
from posebench.weights import ResolvedWeights


def request(name: str, weights: Path | None) -> ModelRequest:
    return ModelRequest(name, name, resolve_reference(name).card, weights, True)


def test_published_weights_keep_their_training_data_and_generation() -> None:
    wanted = request("yolov8n-pose", None)
    published = wanted.card.weights[0]
    info = model_info(wanted, ResolvedWeights(Path("a.pt"), "0" * 64, published), 3_289_964)
    assert info.training_data == wanted.card.training_data
    assert info.checkpoint_generation == published.generation
    assert info.note == wanted.card.note


def test_of_ones_own_weights_nobody_knows_the_training_data() -> None:
    own = ResolvedWeights(Path("best.pt"), "0" * 64, None)
    info = model_info(request("yolov8n-pose", own.path), own, 3_289_964)
    assert (info.training_data, info.weights_licence) == ((), None)


def test_another_network_under_the_name_is_told() -> None:
    own = ResolvedWeights(Path("n.onnx"), "0" * 64, None)
    info = model_info(request("yolov8s-pose", own.path), own, 3_289_964)
    assert "3.3 M parameters, yolov8s-pose has 11.6 M" in info.note


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (WeightsUnavailableError("x"), "no-weights"),
        (WeightsError("x"), "bad-weights"),
        (MissingExtraError("x", extra="y"), "missing-extra"),
        (InputError("x"), "bad-input"),
    ],
)
def test_a_failure_has_the_kind_of_its_error(error: PosebenchError, kind: str) -> None:
    failure = failure_of(error)
    assert (failure.kind, failure.message, failure.remedy) == (kind, "x", error.remedy)
