"""The rfdetr package's keypoint model: what posebench decodes is what the package predicts."""

from __future__ import annotations

import argparse
import logging
import socket
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from posebench_adapters import rfdetr as adapter
from support import pictures, require

from posebench.config import EvalProtocol, resolve_protocol
from posebench.errors import InputError, MissingExtraError, WeightsError
from posebench.pipelines.letterbox import fit, plan
from posebench.pipelines.rfdetr_keypoints import RFDETRKeypointModel, keypoint_head
from posebench.protocols import PoseModel
from posebench.registry import recommended_protocol
from posebench.sessions import open_session
from posebench.testing import FakeSession
from posebench.types import Image, ModelCost, Prediction

(CARD,) = adapter.CARDS
SIDE = 576
MODES = ("box", "uncertainty-fused")
PUBLISHED_NAME = "rf-detr-keypoint-preview-xlarge.pth"


def protocol_for(**postprocess: Any) -> EvalProtocol:
    wish = {"postprocess": {"score_threshold": 0.0, **postprocess}}
    return resolve_protocol(*recommended_protocol(adapter, CARD, Path(PUBLISHED_NAME)), wish)


def opener(runtime: str = "onnxruntime") -> Any:
    return partial(open_session, runtime=runtime, device="cpu", threads=1, precision="fp32")


def load(weights: Path, protocol: EvalProtocol | None = None) -> PoseModel:
    return adapter.load(CARD, weights, protocol or protocol_for(), opener())


def upstream() -> Any:
    """The package, quiet, beside any torchvision."""
    require("torch")
    from rfdetr_pose.torchvision_import import repair_torchvision

    repair_torchvision()
    package = require("rfdetr")
    logging.getLogger("rf-detr").setLevel(logging.CRITICAL)
    return package


def test_the_card_is_what_the_package_publishes() -> None:
    assert (CARD.name, CARD.family) == ("rfdetr-keypoint-preview", "RF-DETR-Keypoint")
    assert (CARD.input_size, CARD.skeleton, CARD.extra) == ((SIDE, SIDE), "coco17", "rfdetr")
    assert {claim.metric: claim.value for claim in CARD.claims} == {"AP": 0.718, "latency_ms": 9.7}
    assert all("rfdetr 1.11.2" in claim.source for claim in CARD.claims)
    upstream()
    assets: Any = require("rfdetr.assets.model_weights")
    asset = assets.ModelWeights.RF_DETR_KEYPOINT_PREVIEW.value
    (weights,) = CARD.weights
    assert (weights.url, weights.digest) == (asset.url, f"md5:{asset.md5_hash}")


def test_the_card_recommends_what_predict_does() -> None:
    upstream()
    config: Any = require("rfdetr.config")
    fields = config.RFDETRKeypointPreviewConfig.model_fields
    post = resolve_protocol(CARD.protocol).postprocess
    assert (post.score_mode, fields["postprocess_trace_alpha"].default) == (MODES[1], 0.2)
    assert post.max_detections == fields["num_select"].default
    assert CARD.input_size[0] == fields["resolution"].default


def fake(schema: list[int], classes: int, **postprocess: Any) -> RFDETRKeypointModel:
    random = np.random.default_rng(0)
    outputs = {
        "dets": random.uniform(0, 1.2, (1, 100, 4)).astype(np.float32),
        "labels": random.normal(-2, 3, (1, 100, classes)).astype(np.float32),
        "keypoints": random.normal(0.5, 2, (1, 100, len(schema) * 17, 8)).astype(np.float32),
    }
    session = FakeSession(outputs, input_shape=(1, 3, SIDE, SIDE))
    protocol = protocol_for(**postprocess)
    cost = ModelCost(None, None, "a fake")
    return RFDETRKeypointModel(session, keypoint_head(schema), protocol, artifacts=(), cost=cost)


@pytest.mark.framework
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("schema", "classes"), [([0, 17], 2), ([17], 2), ([17], 91)])
def test_the_decoder_is_the_packages(schema: list[int], classes: int, mode: str) -> None:
    upstream()
    torch: Any = require("torch")
    models: Any = require("rfdetr.models")
    model = fake(schema, classes, score_mode=mode)
    picture = np.zeros((300, 500, 3), np.uint8)
    raw = model.infer(model.preprocess([picture]))
    (found,) = model.postprocess(raw)
    names = {"dets": "pred_boxes", "labels": "pred_logits", "keypoints": "pred_keypoints"}
    outputs = {names[k]: torch.from_numpy(v) for k, v in raw.outputs[0].items()}
    alpha = 0.2 if mode == "uncertainty-fused" else 0.0
    decode = models.PostProcess(100, num_keypoints_per_class=schema, trace_alpha=alpha)
    (expected,) = decode(outputs, torch.tensor([[300, 500]]))
    arrays = {name: value.numpy() for name, value in expected.items()}
    rows = people(arrays["scores"], arrays["labels"], schema.index(17))
    assert len(found) == len(rows) > 0
    assert found.boxes is not None
    np.testing.assert_allclose(found.scores, arrays["scores"][rows], atol=1e-6)
    np.testing.assert_allclose(found.keypoints, arrays["keypoints"][rows, :, :2], atol=1e-2)
    np.testing.assert_allclose(found.keypoint_scores, arrays["keypoints"][rows, :, 2], atol=1e-6)
    np.testing.assert_allclose(found.boxes, arrays["boxes"][rows], atol=1e-3)


def people(scores: Any, labels: Any, person: int) -> Any:
    """Rows of the person class, best score first."""
    (rows,) = np.nonzero(labels == person)
    return rows[np.argsort(-scores[rows], kind="stable")]


def test_what_it_is_ranked_by_does_not_change_what_is_found() -> None:
    plain, fused = (fake([17], 2, score_mode=mode, score_threshold=0.2) for mode in MODES)
    picture = np.zeros((300, 500, 3), np.uint8)
    (one,), (other,) = plain.predict([picture]), fused.predict([picture])
    assert sorted(one.box_scores) == sorted(other.box_scores)
    assert one.scores.tolist() == one.box_scores.tolist() != other.scores.tolist()
    assert min(one.box_scores) >= 0.2


@pytest.mark.framework
def test_other_models_have_nothing_to_fuse() -> None:
    require("onnxruntime")
    from posebench_adapters import rfdetr_pose

    card = next(card for card in rfdetr_pose.CARDS if card.name == "rfdetr-pose-demo")
    file = card.weights[0].packaged
    assert file is not None
    wish = {"postprocess": {"score_mode": "uncertainty-fused"}}
    protocol = resolve_protocol(*recommended_protocol(rfdetr_pose, card, file), wish)
    with pytest.raises(InputError, match=r"score_mode=uncertainty-fused.*Set .*score_mode=box"):
        rfdetr_pose.load(card, file, protocol, opener())


@dataclass(frozen=True)
class Published:
    """A checkpoint as the publisher writes it, and the folder with its export."""

    file: Path
    cache: Path
    attempts: list[Any]
    written: list[int]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    """Random weights under the published name, loaded twice with the network watched."""
    require("onnxruntime")
    folder = tmp_path_factory.mktemp("rfdetr")
    file = folder / PUBLISHED_NAME
    save(random_network(), file)
    attempts: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POSEBENCH_CACHE", str(folder / "cache"))
        patch.setenv("RF_HOME", str(folder / "rf-home"))
        patch.setattr(socket.socket, "connect", lambda _, address: attempts.append(address))
        written = []
        for _ in range(2):
            load(file).close()
            (exported,) = (folder / "cache").glob("exports/*/rfdetr-keypoint-preview.onnx")
            written.append(exported.stat().st_mtime_ns)
    yield Published(file, folder / "cache", attempts, written)


def random_network() -> Any:
    """The package's network; its last layers, which begin as zeros, get weights too."""
    upstream()
    torch: Any = require("torch")
    config: Any = require("rfdetr.config")
    models: Any = require("rfdetr.models")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        settings = config.RFDETRKeypointPreviewConfig(
            pretrain_weights=None, num_classes=1, num_keypoints_per_class=[0, 17], device="cpu"
        )
    torch.manual_seed(0)
    network = models.build_model_from_config(settings)
    with torch.no_grad():
        for name, value in network.named_parameters():
            if "embed" in name and ".layers.2." in name:
                value += 0.05 * torch.randn_like(value)
    return network


def save(network: Any, file: Path) -> None:
    torch: Any = require("torch")
    state = {**network.state_dict(), "keypoint_head.keypoint_proj.weight": torch.zeros(2, 2)}
    arguments = argparse.Namespace(num_queries=100, group_detr=13, class_names=["person"])
    torch.save({"model": state, "args": arguments}, file)


@pytest.mark.framework
def test_it_is_exported_once_and_nothing_is_fetched(published: Published) -> None:
    assert published.written[0] == published.written[1]
    assert published.attempts == []
    assert sorted(p.name for p in published.file.parent.iterdir()) == ["cache", PUBLISHED_NAME]


@pytest.fixture(scope="module")
def oracle(published: Published) -> Any:
    """The package's own model with the same weights."""
    # It would fetch a file of the published name with another checksum.
    own = published.file.with_name("own.pth")
    own.hardlink_to(published.file)
    package = upstream()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = package.RFDETRKeypointPreview(pretrain_weights=str(own), device="cpu")
    own.unlink()
    return model


@pytest.mark.framework
@pytest.mark.data
@pytest.mark.parametrize("mode", MODES)
def test_it_predicts_what_the_package_predicts(
    published: Published,
    oracle: Any,
    coco_mini: Path,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
) -> None:
    monkeypatch.setenv("POSEBENCH_CACHE", str(published.cache))
    if mode == "box":
        monkeypatch.setattr(oracle.model.postprocess, "trace_alpha", 0.0)
    protocol = protocol_for(score_mode=mode)
    model = load(published.file, protocol)
    photographs = pictures(coco_mini, 2)
    try:
        found = model.predict(photographs)
    finally:
        model.close()
    for prediction, picture in zip(found, photographs, strict=True):
        agree(prediction, oracle, picture, protocol)


def agree(prediction: Prediction, oracle: Any, picture: Image, protocol: EvalProtocol) -> None:
    """On the same resized picture: the package rounds none of it to whole grey levels.

    Random weights order a hundred near-equal queries by less than that rounding.
    """
    height, width = picture.shape[:2]
    square = fit(picture, plan(height, width, protocol.preprocess), 0)
    expected = oracle.predict(square, threshold=0.0, include_source_image=False)
    rows = people(expected.detection_confidence, expected.class_id, 1)
    assert len(prediction) == len(rows) > 10
    assert prediction.boxes is not None
    scale = np.array([width, height], np.float32) / SIDE
    pixels = 1e-3 * max(height, width)
    np.testing.assert_allclose(prediction.keypoints, expected.xy[rows] * scale, atol=pixels)
    corners = expected.data["xyxy"][rows].reshape(-1, 2, 2) * scale
    np.testing.assert_allclose(prediction.boxes, corners.reshape(-1, 4), atol=pixels)
    np.testing.assert_allclose(prediction.scores, expected.detection_confidence[rows], atol=1e-4)
    confidence = expected.keypoint_confidence[rows]
    np.testing.assert_allclose(prediction.keypoint_scores, confidence, atol=1e-4)


@pytest.mark.framework
def test_an_exported_file_runs_and_its_cost_is_counted(published: Published) -> None:
    (exported,) = published.cache.glob("exports/*/*.onnx")
    model = load(exported)
    try:
        cost = model.cost()
        assert model.num_keypoints == 17
    finally:
        model.close()
    assert cost.params is not None
    assert cost.gflops is not None
    assert 30e6 < cost.params < 41e6
    assert cost.gflops > 100


class Payload:
    """Writes a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return Path.write_text, (self.target, "ran")


@pytest.mark.framework
def test_a_file_that_is_no_keypoint_checkpoint_says_so(tmp_path: Path) -> None:
    upstream()
    torch: Any = require("torch")
    state = {"class_embed.bias": torch.zeros(91), "class_embed.weight": torch.zeros(91, 256)}
    file, ran = tmp_path / "file.pth", tmp_path / "ran"
    file.write_bytes(b"not a checkpoint")
    with pytest.raises(WeightsError, match=r"file\.pth: not a readable checkpoint"):
        load(file)
    torch.save({"model": state}, file)
    with pytest.raises(WeightsError, match="detection checkpoint cannot find keypoints"):
        load(file)
    torch.save({"model": state, "args": Payload(ran)}, file)
    with pytest.raises(WeightsError, match="not a readable checkpoint"):
        load(file)
    assert not ran.exists()


@pytest.mark.framework
def test_a_checkpoint_that_does_not_fit_says_so(tmp_path: Path) -> None:
    network, file = random_network(), tmp_path / "file.pth"
    torch: Any = require("torch")
    state = network.state_dict()
    without = {k: v for k, v in state.items() if "cross_attn_projector" not in k}
    torch.save({"model": without}, file)
    with pytest.raises(WeightsError, match=r"lacks \d+ weights: backbone\.0\.cross_attn"):
        load(file)
    torch.save({"model": {**state, "query_feat.weight": torch.zeros(3, 256)}}, file)
    with pytest.raises(WeightsError, match="does not fit the network"):
        load(file)
    torch.save({"model": {**state, "_kp_active_mask": torch.ones(2, 17, dtype=torch.bool)}}, file)
    with pytest.raises(InputError, match="one class of keypoints"):
        load(file)


@pytest.mark.framework
def test_what_cannot_be_run_says_why(
    tmp_path: Path, yolov8n_onnx: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require("onnxruntime")
    with pytest.raises(WeightsError, match="needs weights"):
        adapter.load(CARD, None, protocol_for(), opener())
    with pytest.raises(WeightsError, match="no such file"):
        load(tmp_path / "nowhere.pth")
    with pytest.raises(InputError, match="not natively"):
        adapter.load(CARD, yolov8n_onnx, protocol_for(), None)
    with pytest.raises(InputError, match="does not say how many keypoints"):
        load(yolov8n_onnx)
    with pytest.raises(InputError, match=r"postprocess\.nms=none"):
        fake([17], 2, nms="box-iou")
    with pytest.raises(InputError, match="'keypoints' would end in"):
        RFDETRKeypointModel(
            FakeSession({"dets": np.zeros((1, 9, 4)), "labels": np.zeros((1, 9, 2))},
                        input_shape=(1, 3, SIDE, SIDE)),
            keypoint_head([17]), protocol_for(), artifacts=(), cost=ModelCost(None, None, ""),
        )  # fmt: skip
    monkeypatch.setattr("posebench_adapters._rfdetr_model.version", missing)
    (tmp_path / "file.pth").write_bytes(b"")
    with pytest.raises(MissingExtraError, match=r"posebench\[rfdetr\]"):
        load(tmp_path / "file.pth")


def missing(name: str) -> str:
    raise ModuleNotFoundError(name, name=name)
