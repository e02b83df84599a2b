from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from posebench.config import (
    DatasetRef,
    EvalProtocol,
    LatencyConfig,
    RunConfig,
    accuracy_id,
    latency_id,
    resolve_protocol,
)
from posebench.errors import InputError

BASE: dict[str, Any] = {
    "artifact_sha256": ("a" * 64,),
    "dataset_id": "d",
    "protocol": EvalProtocol(),
    "runtime": "onnxruntime",
    "precision": "fp32",
    "device_kind": "cpu",
    "decode_version": 1,
    "versions": {"onnxruntime": "1.31.1", "opencv-python": "4.11.0.86"},
}


@pytest.mark.parametrize(
    "change",
    [
        {"artifact_sha256": ("b" * 64,)},
        {"dataset_id": "other"},
        {"protocol": resolve_protocol({"postprocess": {"nms_threshold": 0.65}})},
        {"runtime": "openvino"},
        {"versions": {"onnxruntime": "1.31.2", "opencv-python": "4.11.0.86"}},
        {"precision": "fp16"},
        {"device_kind": "cuda"},
        {"decode_version": 2},
        {"versions": {"onnxruntime": "1.31.1", "opencv-python": "5.0.0.93"}},
    ],
)
def test_whatever_moves_a_figure_moves_its_identity(change: dict[str, Any]) -> None:
    assert accuracy_id(**{**BASE, **change}) != accuracy_id(**BASE)


def test_the_order_of_artifacts_does_not_matter() -> None:
    pair = ("a" * 64, "b" * 64)
    first = accuracy_id(**{**BASE, "artifact_sha256": pair})
    assert first == accuracy_id(**{**BASE, "artifact_sha256": pair[::-1]})


def test_the_identity_is_the_same_tomorrow() -> None:
    """A change here makes every stored result unfindable: raise ACCURACY_ID_VERSION with it."""
    assert accuracy_id(**BASE)[:12] == "d583dc04b1ce"


def test_latency_has_an_identity_of_its_own() -> None:
    def of(machine: str = "m", threads: int = 1, **config: int) -> str:
        return latency_id("a", machine=machine, threads=threads, config=LatencyConfig(**config))

    assert len({of(), of(machine="n"), of(threads=2), of(samples=61)}) == 4


def test_later_overrides_win_field_by_field() -> None:
    protocol = resolve_protocol(
        {"preprocess": {"input_height": 384, "pad_value": 0}}, {"preprocess": {"pad_value": 114}}
    )
    assert protocol.preprocess.input_height == 384
    assert protocol.preprocess.pad_value == 114


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ({"postprocess": {"nms_treshold": 0.5}}, "postprocess.nms_treshold"),
        ({"postproces": {"nms_threshold": 0.5}}, "postproces"),
        ({"postprocess": {"nms_threshold": 1.5}}, "less than or equal to 1"),
        ({"augmentation": {"flip_test": 3}}, "augmentation.flip_test"),
        ({"preprocess": 3}, "preprocess"),
    ],
)
def test_a_wrong_override_names_the_field(override: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        resolve_protocol(override)


def test_people_are_rendered_unless_told_and_a_file_needs_its_pictures() -> None:
    assert RunConfig().dataset == DatasetRef(name="synthetic")
    assert DatasetRef(limit=5).name == "synthetic"
    with pytest.raises(ValidationError, match="--images"):
        DatasetRef(annotations=Path("a.json"))


def test_a_misspelt_field_of_a_run_is_an_error() -> None:
    with pytest.raises(ValidationError, match="presicion"):
        RunConfig.model_validate({"dataset": {"name": "x"}, "presicion": "fp16"})


def test_pictures_without_annotations_are_refused() -> None:
    with pytest.raises(ValidationError, match="--images needs --annotations"):
        DatasetRef(images=Path("pictures"))
