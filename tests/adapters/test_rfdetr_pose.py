"""RF-DETR Pose as posebench runs it: cards, exported networks, checkpoints, untrained rows."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from posebench_adapters import rfdetr_pose as adapter
from support import pictures, require

from posebench.cache import file_sha256
from posebench.config import EvalProtocol, resolve_protocol
from posebench.errors import InputError, WeightsError
from posebench.record import parse_record
from posebench.registry import recommended_protocol, resolve_reference
from posebench.sessions import open_session
from posebench.types import ModelCard

if TYPE_CHECKING:
    from rfdetr_pose.model import PoseModel as TorchModel

ROOT = Path(__file__).parents[2]
SIZES = {
    "rfdetr-pose-n": ("rfdetr-pose-nano", 384, "fb6504cce7fbdc783f7a46991f07639f"),
    "rfdetr-pose-s": ("rfdetr-pose-small", 512, "fb37061c1af7bace359c91b723a8d5c1"),
    "rfdetr-pose-m": ("rfdetr-pose-medium", 576, "7223f764a87b863f02eb8d52bf0ce2ee"),
    "rfdetr-pose-l": ("rfdetr-pose-large", 768, "5cb72153541cbcb9aa6efa26222acc75"),
}


def card_of(name: str) -> ModelCard:
    return resolve_reference(name).card


def opener(runtime: str) -> Any:
    return partial(open_session, runtime=runtime, device="cpu", threads=1, precision="fp32")


def protocol_for(card: ModelCard, weights: Path) -> EvalProtocol:
    return resolve_protocol(*recommended_protocol(adapter, card, weights))


@pytest.mark.parametrize("name", SIZES)
def test_the_four_sizes_start_from_the_published_detectors(name: str) -> None:
    alias, side, md5 = SIZES[name]
    card = card_of(alias)
    assert (card.name, card.input_size) == (name, (side, side))
    (weights,) = card.weights
    assert weights.digest == f"md5:{md5}"
    assert "keypoint head has to be trained" in card.note
    assert card.claims == ()
    assert resolve_protocol(card.protocol).preprocess.resize == "stretch"


def test_the_package_and_the_cards_name_the_same_checkpoints() -> None:
    require("torch")
    from rfdetr_pose.pretrained import CHECKPOINTS

    published = {c.url: f"md5:{c.md5}" for c in CHECKPOINTS.values()}
    listed = {w.url: w.digest for name in SIZES for w in card_of(name).weights}
    assert listed == published


@pytest.fixture(scope="module")
def tiny() -> TorchModel:
    """A model small enough for a test, every weight of which has an effect."""
    require("transformers")
    from pose_networks import TINY, make_network
    from rfdetr_pose.model import PoseModel

    model = PoseModel.from_config(TINY, device="cpu")
    model.__dict__["network"] = make_network(TINY)
    return model


@pytest.fixture(scope="module")
def tiny_files(tiny: TorchModel, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("tiny")
    checkpoint = tiny.save(folder / "tiny.safetensors")
    return {"safetensors": checkpoint, "onnx": tiny.export("onnx", folder / "tiny.onnx")}


@pytest.mark.framework
@pytest.mark.parametrize("kind", ["onnx", "safetensors"])
@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_it_predicts_what_the_package_predicts(
    tiny: TorchModel,
    tiny_files: dict[str, Path],
    coco_mini: Path,
    kind: str,
    runtime: str,
) -> None:
    require(runtime)
    card = card_of("rfdetr-pose-n")
    weights = tiny_files[kind]
    protocol = protocol_for(card, weights)
    assert protocol.preprocess.input_height == 64
    model = adapter.load(card, weights, protocol, opener(runtime))
    try:
        photographs = pictures(coco_mini, 2)
        found = model.predict(photographs)
    finally:
        model.close()
    for prediction, picture in zip(found, photographs, strict=True):
        expected = tiny.predict(picture, threshold=protocol.postprocess.score_threshold)
        assert len(prediction) == len(expected) > 0
        height, width = picture.shape[:2]
        keypoints = expected.data["keypoints"][..., :2]
        np.testing.assert_allclose(prediction.keypoints, keypoints, atol=1e-4 * max(height, width))
        confidences = expected.data["keypoints_confidence"]
        np.testing.assert_allclose(prediction.keypoint_scores, confidences, atol=1e-4)
        np.testing.assert_allclose(prediction.scores, expected.confidence, atol=1e-5)
        assert prediction.boxes is not None
        clipped = np.clip(expected.xyxy, 0, [width, height, width, height])
        np.testing.assert_allclose(prediction.boxes, clipped, atol=1e-4 * max(height, width))


@pytest.mark.framework
def test_an_exported_file_runs_by_its_path_alone(tiny_files: dict[str, Path]) -> None:
    require("onnxruntime")
    card = card_of(f"onnx:{tiny_files['onnx']}")
    assert (card.skeleton, card.input_size) == ("coco17", (64, 64))
    assert card.protocol["postprocess"]["nms"] == "none"


@pytest.mark.framework
def test_the_same_checkpoint_is_exported_once(tiny_files: dict[str, Path], own_cache: Path) -> None:
    require("onnxruntime")
    card, weights = card_of("rfdetr-pose-n"), tiny_files["safetensors"]
    stamps = set()
    for _ in range(2):
        adapter.load(card, weights, protocol_for(card, weights), opener("onnxruntime")).close()
        (file,) = own_cache.glob("exports/*/rfdetr-pose-n.onnx")
        stamps.add(file.stat().st_mtime_ns)
    assert len(stamps) == 1


@pytest.mark.framework
def test_what_cannot_be_run_says_why(tiny_files: dict[str, Path], tmp_path: Path) -> None:
    require("onnxruntime")
    card, onnx = card_of("rfdetr-pose-n"), tiny_files["onnx"]
    protocol = protocol_for(card, onnx)
    with pytest.raises(InputError, match="not natively"):
        adapter.load(card, onnx, protocol, None)
    with pytest.raises(WeightsError, match="needs weights"):
        adapter.load(card, None, protocol, opener("onnxruntime"))
    with pytest.raises(InputError, match=r"postprocess\.nms=none"):
        wrong = resolve_protocol(
            *recommended_protocol(adapter, card, onnx), {"postprocess": {"nms": "box-iou"}}
        )
        adapter.load(card, onnx, wrong, opener("onnxruntime"))
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(tiny_files["safetensors"].read_bytes()[:5000])
    with pytest.raises(WeightsError, match=r"broken\.safetensors"):
        protocol_for(card, broken)


@pytest.mark.framework
def test_a_foreign_network_is_not_read_as_one_of_ours(
    yolov8n_onnx: Path,
) -> None:
    require("onnxruntime")
    card = card_of("rfdetr-pose-n")
    with pytest.raises(InputError, match="not exported by rfdetr_pose"):
        adapter.load(card, yolov8n_onnx, resolve_protocol(), opener("onnxruntime"))


def test_the_embedded_model_is_the_one_whose_training_is_recorded() -> None:
    card = card_of("rfdetr-pose-demo")
    (weights,) = card.weights
    assert weights.packaged is not None and weights.digest is not None
    sha256 = file_sha256(weights.packaged)
    assert weights.digest == f"sha256:{sha256}"
    assert weights.packaged.stat().st_size <= 12_000_000
    record = json.loads((ROOT / "results" / "training" / "rfdetr-pose-demo.json").read_bytes())
    assert record["onnx_sha256"] == sha256
    assert all(stage["loss"][-1] < stage["loss"][0] for stage in record["stages"])
    shown = {(s["split"], s["seed"]) for stage in record["stages"] for s in stage["sets"]}
    assert not {seed for _, seed in shown} & {0, 9001, 9002}  # what figures are reported on
    prefix = {"default": "synthetic"}
    trained = {f"{prefix.get(split, f'synthetic-{split}')}:{seed}" for split, seed in shown}
    assert trained == {f"{name.split(':')[0]}:{name.split(':')[2]}" for name in card.training_data}


@pytest.mark.parametrize("seed", [9001, 9002])
def test_half_of_the_easy_people_of_an_unseen_seed_are_found(seed: int) -> None:
    """The measured figure, from the Record of the run."""
    folder = ROOT / "results" / f"synthetic-easy-500-{seed}" / "rfdetr-pose-demo"
    (file,) = folder.rglob("record*.json")
    record = parse_record(json.loads(file.read_bytes()), source=str(file))
    sha256 = file_sha256(card_of("rfdetr-pose-demo").weights[0].packaged or Path())
    assert [artifact.sha256 for artifact in record.artifacts] == [sha256]
    ap = record.figure("keypoints", "AP")
    assert ap is not None and ap >= 0.5
