"""Person detectors: the cards, real YOLOX boxes, and RF-DETR and RTMDet as their packages run."""

from __future__ import annotations

import argparse
import importlib
import logging
import socket
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from coco_problems import Problem, run_reference
from posebench_adapters import detectors as adapter
from posebench_adapters import rfdetr_pose
from support import pictures, read_rgb, require, require_mmpose

from posebench.box_accuracy import box_accuracy
from posebench.config import EvalProtocol, resolve_protocol
from posebench.datasets.coco import CocoDataset
from posebench.datasets.jsonfile import parse
from posebench.errors import InputError, MissingExtraError, WeightsError
from posebench.pipelines.detected import boxes_of
from posebench.pipelines.letterbox import fit, plan, preprocess_image
from posebench.protocols import PoseModel
from posebench.registry import recommended_protocol
from posebench.sessions import open_session
from posebench.types import ModelCard, PersonBoxes

CARDS = {card.name: card for card in adapter.CARDS}


def protocol_for(card: ModelCard, **postprocess: Any) -> EvalProtocol:
    wish = {"postprocess": postprocess}
    return resolve_protocol(*recommended_protocol(adapter, card, Path("file")), wish)


def load(name: str, weights: Path, protocol: EvalProtocol | None = None) -> PoseModel:
    card = CARDS[name]
    options = {"runtime": "onnxruntime", "device": "cpu", "threads": 1, "precision": "fp32"}
    opener: Any = partial(open_session, **options)  # type: ignore[arg-type]
    return adapter.load(card, weights, protocol or protocol_for(card), opener)


@pytest.fixture
def yolox(data: Path) -> Path:
    require("onnxruntime")
    return data / "weights" / "yolox_nano.onnx"


def test_the_cards_are_detectors_of_people() -> None:
    assert list(CARDS) == [
        *(f"yolox-{size}" for size in ("nano", "tiny", "s", "m", "l", "x")),
        *(f"rfdetr-{size}" for size in ("nano", "small", "medium")),
        *(f"rtmdet-{size}-person" for size in ("nano", "m")),
    ]
    for card in adapter.CARDS:
        assert (card.paradigm, card.skeleton, card.licence) == ("detector", "none", "Apache-2.0")
        assert protocol_for(card).postprocess.keypoint_score == "none"
        assert [claim.metric for claim in card.claims] == ["box_AP"]
    pose = {alias: card for card in rfdetr_pose.CARDS for alias in card.aliases}
    assert CARDS["rfdetr-small"].weights == pose["rfdetr-pose-small"].weights


@pytest.mark.data
@pytest.mark.framework
def test_yolox_finds_people_as_well_as_pycocotools_says(yolox: Path, coco_mini: Path) -> None:
    annotations = coco_mini / "person_keypoints.json"
    dataset = CocoDataset.open(annotations, coco_mini / "images")
    model = load("yolox-nano", yolox)
    try:
        found = {
            image_id: boxes_of(model.predict([read_rgb(dataset.image_path(image_id))])[0])
            for image_id in dataset.image_ids
        }
        cost = model.cost()
    finally:
        model.close()
    ap = box_accuracy(dataset.ground_truth(), found).value
    document = parse(annotations.read_bytes(), annotations)
    problem = Problem(document, [entry for i, b in found.items() for entry in entries(i, b)])
    expected = run_reference(problem, task="bbox").stats[0]
    assert ap == pytest.approx(expected, abs=1e-12)
    assert ap == pytest.approx(0.37, abs=0.01)  # as shared with the weights
    card = CARDS["yolox-nano"]
    assert card.params_m is not None
    assert card.gflops is not None
    assert cost.params == pytest.approx(card.params_m * 1e6, rel=0.02)
    assert cost.gflops == pytest.approx(card.gflops, rel=0.05)


def entries(image_id: int, boxes: PersonBoxes) -> list[dict[str, Any]]:
    rows = zip(boxes.boxes.astype(float).tolist(), boxes.scores.astype(float).tolist(), strict=True)
    return [
        {"image_id": image_id, "category_id": 1, "bbox": [x, y, r - x, b - y], "score": score}
        for (x, y, r, b), score in rows
    ]


@pytest.mark.data
@pytest.mark.framework
def test_yolox_sees_the_picture_as_its_demo_does(yolox: Path, coco_mini: Path) -> None:
    """Raw blue, green, red, in the upper left corner, on grey."""
    picture = next(p for p in pictures(coco_mini, 9) if p.shape[0] < p.shape[1] == 640)
    tensor, geometry = preprocess_image(picture, protocol_for(CARDS["yolox-nano"]).preprocess)
    height = int(picture.shape[0] * (416 / 640))
    expected = cv2.resize(picture[..., ::-1], (416, height), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(tensor[0, :, :height], expected.transpose(2, 0, 1))
    assert (tensor[0, :, height:] == 114).all()
    assert (geometry.top, geometry.left) == (0, 0)


@pytest.mark.framework
def test_what_cannot_be_run_says_why(
    tmp_path: Path, yolox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = CARDS["yolox-nano"]
    with pytest.raises(WeightsError, match="needs weights"):
        adapter.load(card, None, protocol_for(card), None)
    with pytest.raises(WeightsError, match="no such file"):
        load("yolox-nano", tmp_path / "nowhere.onnx")
    with pytest.raises(InputError, match="not natively"):
        adapter.load(card, yolox, protocol_for(card), None)
    file = tmp_path / "file.pth"
    file.write_bytes(b"no checkpoint")
    with pytest.raises(WeightsError, match=r"runs from an \.onnx file"):
        load("yolox-nano", file)
    with pytest.raises(InputError, match="takes 416 x 416 px"):
        load("yolox-s", yolox)
    with pytest.raises(InputError, match="of an RF-DETR detector"):
        load("rfdetr-nano", yolox, resolve_protocol(protocol_for(card).model_dump(), {
            "postprocess": {"nms": "none"}}))  # fmt: skip
    for name, package in (("rfdetr-nano", "_rfdetr_model"), ("rtmdet-m-person", "_rtmdet_network")):
        monkeypatch.setattr(f"posebench_adapters.{package}.version", missing)
        with pytest.raises(MissingExtraError, match=rf"posebench\[{CARDS[name].extra}\]"):
            load(name, file)


def missing(_: str) -> str:
    raise ModuleNotFoundError(name="package")


@pytest.mark.data
@pytest.mark.framework
def test_rfdetr_finds_what_the_package_finds(
    tmp_path: Path, coco_mini: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, file = random_rfdetr(), tmp_path / "own.pth"
    torch: Any = require("torch")
    arguments = argparse.Namespace(num_queries=300, group_detr=13)
    torch.save({"model": network.state_dict(), "args": arguments}, file)
    attempts: list[Any] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: attempts.append(address))
    protocol = protocol_for(CARDS["rfdetr-nano"], score_threshold=0.0)
    model = load("rfdetr-nano", file, protocol)
    (picture,) = pictures(coco_mini, 1)
    (found,) = model.predict([picture])
    model.close()
    assert not attempts
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        oracle = require("rfdetr").RFDETRNano(pretrain_weights=str(file), device="cpu")
    height, width = picture.shape[:2]
    # The same resized picture: the package rounds none of it to whole grey levels.
    square = fit(picture, plan(height, width, protocol.preprocess), 0)
    expected = oracle.predict(square, threshold=0.0, include_source_image=False)
    people = expected.class_id == 1
    scale = np.array([width, height, width, height]) / 384
    assert found.boxes is not None
    assert len(found) == people.sum() > 10
    order = np.argsort(-expected.confidence[people], kind="stable")
    np.testing.assert_allclose(found.scores, expected.confidence[people][order], atol=1e-4)
    np.testing.assert_allclose(found.boxes, expected.xyxy[people][order] * scale, atol=0.05)
    with pytest.raises(WeightsError, match=r"own\.pth: (does not fit|lacks)"):
        load("rfdetr-small", file)


def random_rfdetr() -> Any:
    """The package's network; what begins as zeros gets weights, and people are likely.

    The encoder's class weights are large, so that its choice does not hang on the last bit.
    """
    require("onnxruntime")
    torch: Any = require("torch")
    from rfdetr_pose.torchvision_import import repair_torchvision

    repair_torchvision()
    require("rfdetr")
    logging.getLogger("rf-detr").setLevel(logging.CRITICAL)
    config: Any = require("rfdetr.config")
    models: Any = require("rfdetr.models")
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        settings = config.RFDETRNanoConfig(pretrain_weights=None, device="cpu")
        network = models.build_model_from_config(settings)
    with torch.no_grad():
        for name, value in network.named_parameters():
            if "embed" in name and ".layers.2." in name:
                value += 0.05 * torch.randn_like(value)
            if "enc_out_class_embed" in name:
                value += 0.3 * torch.randn_like(value)
        network.class_embed.bias[1] += 3
    return network


@pytest.fixture(scope="module")
def rtmdet(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """mmdet's smallest network with scores that differ from cell to cell, and its checkpoint."""
    require("onnxruntime")
    require_mmpose()
    torch: Any = require("torch")
    from posebench_adapters import _rtmdet_network

    torch.manual_seed(0)
    network = _rtmdet_network.build("rtmdet-nano-person")
    with torch.no_grad():
        for layer in network.bbox_head.rtm_cls:
            layer.weight.normal_(std=0.03)
            layer.bias.fill_(-1.0)
        for layer in network.bbox_head.rtm_reg:
            layer.bias.fill_(4.0)
            layer.weight.normal_(std=0.03)
        for part in network.modules():
            if hasattr(part, "running_var"):
                part.momentum = 1.0  # statistics of the next batch, or nothing gets through
        network.train()(3 * torch.randn(2, 3, 320, 320), mode="tensor")
    network.eval()
    file = tmp_path_factory.mktemp("rtmdet") / "nano.pth"
    torch.save({"meta": {"epoch": 1}, "state_dict": network.state_dict()}, file)
    return network, file


@pytest.mark.mmpose
@pytest.mark.framework
def test_rtmdet_finds_what_mmdet_finds(rtmdet: tuple[Any, Path]) -> None:
    network, file = rtmdet
    torch: Any = require("torch")
    protocol = protocol_for(CARDS["rtmdet-nano-person"])
    # Nowhere even: equal scores have no order. Its axes are not scaled by the same factor.
    patches = np.random.default_rng(0).integers(0, 256, (80, 80, 3), np.uint8)
    picture = np.asarray(cv2.resize(patches, (640, 639)), np.uint8)
    model = load("rtmdet-nano-person", file, protocol)
    (found,) = model.predict([picture])
    cost = model.cost()
    model.close()
    tensor, scale = as_mmdet(picture, network)
    ours, _ = preprocess_image(picture, protocol.preprocess)
    np.testing.assert_allclose(ours, tensor.numpy(), atol=1e-5)
    with torch.no_grad():
        logits, distances = network(tensor, mode="tensor")
    meta = {"img_shape": (320, 320), "scale_factor": scale}
    rules = importlib.import_module("mmengine.config").ConfigDict(
        nms_pre=30000, score_thr=0.05, min_bbox_size=0
    )
    (every,) = network.bbox_head.predict_by_feat(
        logits, distances, batch_img_metas=[meta], cfg=rules, rescale=True, with_nms=False
    )
    nms: Any = importlib.import_module("torchvision.ops").nms
    kept = nms(every.bboxes, every.scores, 0.6)[:100]
    height, width = picture.shape[:2]
    boxes = every.bboxes[kept].numpy().clip(0, [width, height, width, height])
    inside = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    assert found.boxes is not None
    assert len(every.scores) > len(found) == inside.sum() > 20
    np.testing.assert_allclose(found.scores, every.scores[kept].numpy()[inside], atol=1e-4)
    np.testing.assert_allclose(found.boxes, boxes[inside], atol=0.05)
    assert cost.params == pytest.approx(0.99e6, rel=0.03)


def as_mmdet(picture: Any, network: Any) -> tuple[Any, tuple[float, float]]:
    """mmdet's own test pipeline and normalisation: the input and its scale (x, y)."""
    transforms: Any = importlib.import_module("mmdet.datasets.transforms")
    torch: Any = require("torch")
    results: dict[str, Any] = {
        "img": np.ascontiguousarray(picture[..., ::-1]), "img_shape": picture.shape[:2],
    }  # fmt: skip
    results = transforms.Resize(scale=(320, 320), keep_ratio=True)(results)
    pad = {"img": (114, 114, 114)}
    padded = transforms.Pad(size=(320, 320), pad_val=pad)(results)["img"]
    image = torch.from_numpy(np.ascontiguousarray(padded.transpose(2, 0, 1)))
    (tensor,) = network.data_preprocessor({"inputs": [image], "data_samples": None})["inputs"]
    return tensor[None], results["scale_factor"]


@pytest.mark.mmpose
@pytest.mark.framework
def test_the_protocol_of_rtmdet_is_that_of_its_configurations() -> None:
    require_mmpose()
    from posebench_adapters import _rtmdet_network

    for name, pixels in (("rtmdet-nano-person", 320), ("rtmdet-m-person", 640)):
        config, protocol = _rtmdet_network.network_config(name), protocol_for(CARDS[name])
        preprocessor = config.model.data_preprocessor
        assert list(protocol.preprocess.mean) == preprocessor.mean
        assert list(protocol.preprocess.std) == preprocessor.std
        assert protocol.preprocess.color == ("rgb" if preprocessor.bgr_to_rgb else "bgr")
        assert protocol.preprocess.input_width == pixels
    demo = importlib.import_module("mmengine.config").Config.fromfile(
        next(mmpose_folder().rglob("rtmdet_nano_320-8xb32_coco-person.py"))
    )
    test, post = demo.model.test_cfg, protocol_for(CARDS["rtmdet-nano-person"]).postprocess
    assert (post.score_threshold, post.max_detections) == (test.score_thr, test.max_per_img)
    assert (post.nms, post.nms_threshold) == ("box-iou", test.nms.iou_threshold)
    built = _rtmdet_network.network_config("rtmdet-nano-person").model
    for part in ("backbone", "neck", "bbox_head"):
        assert built[part] == demo.model[part]
    demo_m = importlib.import_module("mmengine.config").Config.fromfile(
        next(mmpose_folder().rglob("rtmdet_m_640-8xb32_coco-person.py"))
    )
    assert (
        _rtmdet_network.network_config("rtmdet-m-person").model.bbox_head == demo_m.model.bbox_head
    )


def mmpose_folder() -> Path:
    return Path(str(importlib.import_module("mmpose").__file__)).parent / ".mim" / "demo"


@pytest.mark.mmpose
@pytest.mark.framework
def test_a_checkpoint_of_another_size_is_refused(rtmdet: tuple[Any, Path]) -> None:
    with pytest.raises(WeightsError, match=r"nano\.pth: (does not fit|lacks)"):
        load("rtmdet-m-person", rtmdet[1])
