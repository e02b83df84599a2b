"""RTMO exported by posebench, against mmpose's own network, head and pipeline."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from posebench_adapters import mmpose as adapter
from posebench_adapters import onnx as onnx_adapter
from support import pictures, require, require_mmpose

from posebench.config import EvalProtocol, resolve_protocol
from posebench.errors import InputError, WeightsError
from posebench.pipelines.letterbox import preprocess_image
from posebench.pipelines.rtmo import RtmoModel
from posebench.protocols import Session
from posebench.registry import recommended_protocol
from posebench.sessions import open_session
from posebench.testing import FakeSession, check_model
from posebench.types import Image, ModelCard, ModelCost

pytestmark = [pytest.mark.framework, pytest.mark.data]
CARD = next(card for card in adapter.CARDS if card.name == "rtmo-s")


def opener(path: Path) -> Session:
    return open_session(path, runtime="onnxruntime", device="cpu", threads=1, precision="fp32")


def protocol(card: ModelCard = CARD, **postprocess: Any) -> EvalProtocol:
    rules = {"score_threshold": 0.51, **postprocess}
    recommended = recommended_protocol(adapter, card, Path("rtmo.pth"))
    return resolve_protocol(*recommended, {"postprocess": rules})


@dataclass
class Case:
    """mmpose's network, its checkpoint, and where its exported graphs are."""

    estimator: Any
    weights: Path
    network: Path
    whole: Path
    cache: Path
    images: Sequence[Image]

    @property
    def decoder(self) -> Path:
        return self.network.with_name(f"{self.network.stem}.decoder.onnx")


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory, coco_mini: Path) -> Case:
    require_mmpose()
    require("onnxruntime")
    from posebench_adapters._rtmo_model import _exported
    from rtmo_graphs import selecting_graph
    from rtmo_networks import checkpoint, network

    folder = tmp_path_factory.mktemp("rtmo")
    images = pictures(coco_mini, 3)
    estimator, _ = network(images)
    weights = checkpoint(folder, estimator)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POSEBENCH_CACHE", str(folder / "cache"))
        exported = _exported(CARD, weights, protocol())
    decoder = exported.with_name(f"{exported.stem}.decoder.onnx")
    whole = selecting_graph(exported, decoder, folder / "whole.onnx")
    return Case(estimator, weights, exported, whole, folder / "cache", images[1:])


def exported_model(case: Case, **postprocess: Any) -> RtmoModel:
    model = adapter.load(CARD, case.network, protocol(**postprocess), opener)
    assert isinstance(model, RtmoModel)
    return model


def torch_levels(case: Case, image: Image) -> tuple[Any, Any]:
    """What mmpose's head is given, and what it makes of it, before anything is decoded."""
    import torch

    tensor, _ = preprocess_image(image, protocol().preprocess)
    with torch.no_grad():
        features = case.estimator.extract_feat(torch.from_numpy(tensor))
        return features, case.estimator.head.forward(features)


def torch_raw(case: Case, levels: Any) -> dict[str, Any]:
    """The same as the exported network's outputs, by mmpose's own functions."""
    import torch

    head = case.estimator.head
    sizes = [level.shape[2:] for level in levels[0]]
    grids = head.prior_generator.grid_priors(sizes, device="cpu", with_stride=True)
    priors = torch.cat(grids)
    scores, offsets, _, seen, poses = map(head._flatten_predictions, levels)
    with torch.no_grad():
        boxes = head.decode_bbox(offsets, priors[:, :2], priors[:, 2])
    raw = {
        "scores": scores.sigmoid()[..., 0],
        "boxes": boxes,
        "visibilities": seen.sigmoid(),
        "pose_vectors": poses,
    }
    return {name: value.numpy() for name, value in raw.items()}


@pytest.mark.mmpose
def test_the_exported_network_gives_what_the_torch_network_gives(case: Case) -> None:
    model = exported_model(case)
    for image in case.images:
        found = model.infer(model.preprocess([image])).outputs[0]
        for name, expected in torch_raw(case, torch_levels(case, image)[1]).items():
            scale = np.abs(expected).max()
            np.testing.assert_allclose(found[name], expected, atol=1e-4 * scale, err_msg=name)


@pytest.mark.mmpose
def test_people_are_selected_and_decoded_as_by_mmpose_s_head(case: Case) -> None:
    """Identical tensors for both, so that no rounding before them can change who is suppressed."""
    rules = protocol(clip_boxes=False, max_detections=1000)
    settings = {"score_thr": 0.51, "nms_thr": 0.65}
    total = 0
    for image in case.images:
        features, levels = torch_levels(case, image)
        network = FakeSession(torch_raw(case, levels), input_shape=(1, 3, 640, 640))
        cost = ModelCost(None, None, "a fake")
        model = RtmoModel(network, opener(case.decoder), 17, rules, artifacts=(), cost=cost)
        tensor, geometry = preprocess_image(image, rules.preprocess)
        sample = SimpleNamespace(metainfo={"input_size": (640, 640)})
        expected = case.estimator.head.predict(features, [sample], settings)[0]
        same = plain_geometry(rules)  # network pixels, as the head gives them
        found = model.decode(network.run({"images": tensor}), same)
        np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-6)
        # An untrained network makes some boxes of thousands of pixels.
        np.testing.assert_allclose(found.keypoints, expected.keypoints, atol=1e-3, rtol=1e-5)
        np.testing.assert_allclose(found.keypoint_scores, expected.keypoint_scores, rtol=1e-6)
        assert found.boxes is not None
        np.testing.assert_allclose(np.clip(found.boxes, 0, 640), expected.bboxes, atol=1e-3)
        assert geometry.affine
        total += len(found)
    assert total > 100


def plain_geometry(rules: EvalProtocol) -> Any:
    """Of a picture that is as large as the network's input."""
    return preprocess_image(np.zeros((640, 640, 3), np.uint8), rules.preprocess)[1]


@pytest.mark.mmpose
def test_native_and_exported_find_the_same_people(case: Case) -> None:
    rules = protocol(max_detections=100)
    native = adapter.load(CARD, case.weights, rules, None)
    exported = adapter.load(CARD, case.network, rules, opener)
    for image in case.images:
        (mine,), (theirs,) = exported.predict([image]), native.predict([image])
        # A score or an overlap at the very threshold may fall on either side.
        assert mine.boxes is not None
        pairs = matched(mine.boxes, theirs.boxes)
        assert len(pairs) >= 0.95 * max(len(mine), len(theirs)) > 0
        a, b = pairs.T
        np.testing.assert_allclose(mine.scores[a], theirs.scores[b], atol=1e-4)
        # An untrained network makes some boxes larger than the picture, with bins of many pixels.
        small = np.ptp(mine.boxes[a].reshape(-1, 2, 2), axis=1).max(axis=1) < 150
        assert small.any()
        distance = np.abs(mine.keypoints[a] - theirs.keypoints[b])
        assert distance[small].max() < 0.05
        np.testing.assert_allclose(mine.keypoint_scores[a], theirs.keypoint_scores[b], atol=1e-4)
    assert native.num_keypoints == exported.num_keypoints == 17
    parameters = sum(value.numel() for value in case.estimator.parameters())
    assert native.cost().params == parameters
    assert [a.role for a in native.artifacts()] == ["network"]


def matched(mine: Any, theirs: Any) -> Any:
    """Rows of the two whose boxes are within .05 px of each other."""
    distances = np.abs(mine[:, None] - theirs[None]).max(axis=2)
    return np.argwhere(distances < 0.05)


@pytest.mark.mmpose
def test_the_exported_model_passes_the_conformance_suite(case: Case) -> None:
    # Blurred, so that the untrained network sees the same in a picture of twice the size.
    images = [cv2.GaussianBlur(image, (0, 0), 5).astype(np.uint8) for image in case.images]
    results = check_model(
        exported_model(case, score_threshold=0.0, max_detections=100), CARD, images
    )
    assert {r.name: r.detail for r in results if r.status == "fail"} == {}


@pytest.mark.mmpose
def test_a_checkpoint_is_exported_once(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSEBENCH_CACHE", str(case.cache))
    stamps = {p: p.stat().st_mtime_ns for p in case.cache.rglob("*.onnx")}
    model = adapter.load(CARD, case.weights, protocol(), opener)
    assert {p: p.stat().st_mtime_ns for p in case.cache.rglob("*.onnx")} == stamps
    assert [a.role for a in model.artifacts()] == ["network", "decoder", "checkpoint"]
    assert list(model.artifacts()[:2]) == list(exported_model(case).artifacts())


@pytest.mark.mmpose
def test_a_graph_that_selects_people_itself_runs_with_a_sidecar(case: Case) -> None:
    path = case.whole
    sidecar = {
        "decoder": "rtmo-nms",
        "num_keypoints": 17,
        "protocol": {
            "preprocess": {"resize": "letterbox-affine", "pad_position": "center"},
            "postprocess": {"score_threshold": 0.51},
        },
    }
    path.with_suffix(".json").write_text(json.dumps(sidecar))
    card = onnx_adapter.card_for(path)
    assert "suppresses boxes" in card.note
    rules = resolve_protocol(card.protocol)
    assert (rules.preprocess.color, rules.postprocess.nms) == ("bgr", "in-graph")
    whole = onnx_adapter.load(card, path, rules, opener)
    parts = exported_model(case)
    for image in case.images:
        (found,), (expected,) = whole.predict([image]), parts.predict([image])
        assert len(found) == len(expected) > 0
        np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-6)
        np.testing.assert_allclose(found.keypoints, expected.keypoints, atol=1e-3)
        np.testing.assert_allclose(found.keypoint_scores, expected.keypoint_scores, rtol=1e-6)


@pytest.mark.mmpose
def test_what_rtmlib_does_is_the_default_of_such_a_file(case: Case) -> None:
    path = case.whole
    path.with_suffix(".json").write_text('{"decoder": "rtmo-nms", "num_keypoints": 17}')
    pre = resolve_protocol(onnx_adapter.card_for(path).protocol).preprocess
    assert (pre.pad_position, pre.pad_value, pre.scale) == ("top-left", 114, 1.0)


@pytest.mark.mmpose
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"preprocess": {"resize": "letterbox"}}, "preprocess.resize=letterbox"),
        ({"preprocess": {"mean": (1.0, 0.0, 0.0)}}, "preprocess.mean"),
        ({"postprocess": {"nms": "none"}}, "postprocess.nms=none"),
        ({"postprocess": {"nms_threshold": 1.0}}, r"postprocess.nms_threshold=1\.0"),
        ({"postprocess": {"clip_boxes": False}}, "postprocess.clip_boxes=False"),
    ],
)
def test_mmpose_is_not_asked_for_what_it_cannot_do(
    case: Case, change: dict[str, dict[str, Any]], message: str
) -> None:
    rules = resolve_protocol(protocol().model_dump(exclude_none=True), change)
    from posebench_adapters._rtmo_native import NativeRtmo

    with pytest.raises(InputError, match=message):
        NativeRtmo(case.estimator, None, case.weights, rules)


@pytest.mark.mmpose
def test_files_that_are_not_rtmo_are_refused(
    case: Case, tmp_path: Path, yolov8n_onnx: Path
) -> None:
    for path in (yolov8n_onnx, case.decoder):
        with pytest.raises(InputError, match="not an RTMO network that posebench exported"):
            adapter.load(CARD, path, protocol(), opener)
    with pytest.raises(InputError, match="no native runtime"):
        adapter.load(CARD, case.network, protocol(), None)
    with pytest.raises(WeightsError, match="needs weights"):
        adapter.load(CARD, None, protocol(), opener)
    with pytest.raises(WeightsError, match="no such file"):
        adapter.load(CARD, tmp_path / "none.pth", protocol(), opener)


@pytest.mark.mmpose
def test_a_size_that_the_network_cannot_take_is_refused(case: Case) -> None:
    rules = resolve_protocol(protocol().model_dump(exclude_none=True),
                             {"preprocess": {"input_width": 600}})  # fmt: skip
    with pytest.raises(InputError, match="multiple of the network's stride 32"):
        adapter.load(CARD, case.weights, rules, opener)
