"""The published detection checkpoints: their names and shapes, with random values."""

from __future__ import annotations

import argparse
import hashlib
import logging
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rfdetr_pose import CheckpointError, RFDETRPoseNano, pretrained
from rfdetr_pose.config import DEMO, LARGE, MEDIUM, NANO, SMALL, ModelConfig
from rfdetr_pose.network import PoseNetwork
from rfdetr_pose.pretrained import LoadReport, load_detection_state, read_detection_state
from rfdetr_pose.torchvision_import import repair_torchvision
from rfdetr_pose.upstream import RfDetrDinov2Embeddings
from servers import serve
from support import require

pytestmark = pytest.mark.framework
POSITIONS = "backbone.0.encoder.encoder.embeddings.position_embeddings"
SIZES = {"nano": NANO, "small": SMALL, "medium": MEDIUM, "large": LARGE}
HEAD = {
    f"keypoint_head.{part}.layers.{layer}.{kind}"
    for part in ("coordinates", "visibility")
    for layer in range(3)
    for kind in ("weight", "bias")
}
Publish = Callable[[str], Any]
Save = Callable[[str], Path]


@pytest.fixture(scope="module")
def published() -> Publish:
    """The publisher's own network of a size."""
    return cache(build)


def build(size: str) -> Any:
    """The publisher's own network, with weights that all have an effect."""
    repair_torchvision()
    require("rfdetr")
    config: Any = require("rfdetr.config")
    models: Any = require("rfdetr.models")
    logging.getLogger("rf-detr").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        chosen = getattr(config, f"RFDETR{size.capitalize()}Config")(pretrain_weights=None)
        torch.manual_seed(0)
        model = models.build_model_from_config(chosen)
    with torch.no_grad():
        for name, value in model.named_parameters():
            value += 0.02 * torch.randn(value.shape)
            if "projector" in name and name.endswith("conv.weight"):
                value *= 0.1  # so small that the epsilons of the normalisations count
        model.bbox_embed.layers[-1].weight += 0.2 * torch.randn(4, 256)
        for head in model.transformer.enc_out_class_embed:
            # The publisher draws queries by the best of 91 classes, we by the person.
            head.bias[torch.arange(91) != 1] = -100.0
    return model.eval()


@pytest.fixture(scope="module")
def save(tmp_path_factory: pytest.TempPathFactory, published: Publish) -> Save:
    """Write a size's checkpoint as the publisher does."""

    @cache
    def saved(size: str) -> Path:
        path = tmp_path_factory.mktemp(size) / "checkpoint_best_regular.pth"
        arguments = argparse.Namespace(resolution=384, lr=1e-4, class_names=["person"], ema=None)
        torch.save({"model": published(size).state_dict(), "args": arguments}, path)
        return path

    return saved


def loaded(config: ModelConfig, path: Path) -> tuple[PoseNetwork, LoadReport]:
    network = PoseNetwork(config)
    report = load_detection_state(network, read_detection_state(path))
    return network.eval(), report


def images(side: int) -> torch.Tensor:
    return torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("size", "side"), [("nano", 384), ("small", 320), ("medium", 320)])
@torch.inference_mode()
def test_a_loaded_network_is_the_published_detector(
    size: str, side: int, save: Save, published: Publish
) -> None:
    network, report = loaded(SIZES[size], save(size))
    assert set(report.fresh) == HEAD
    assert report.resized == ()
    assert report.added_layers == ()
    theirs, ours = published(size)(images(side)), network(images(side))
    assert theirs["pred_boxes"].std(1).min() > 0.01
    torch.testing.assert_close(ours.boxes, theirs["pred_boxes"], rtol=0, atol=1e-5)
    person = theirs["pred_logits"][..., 1]
    torch.testing.assert_close(ours.logits[..., 0], person, rtol=0, atol=1e-4)


@torch.inference_mode()
def test_large_goes_on_where_its_checkpoint_ends(save: Save) -> None:
    path = save("large")
    network, report = loaded(LARGE, path)
    assert set(report.fresh) == HEAD
    assert report.resized == (POSITIONS,)
    assert report.added_layers == (4, 5)
    four, shallow = loaded(LARGE.model_copy(update={"decoder_layers": 4}), path)
    assert shallow.added_layers == ()

    backbone = network.detector.model.backbone
    same = four.detector.model.backbone.state_dict()
    assert all(torch.equal(value, same[name]) for name, value in backbone.state_dict().items())
    picture = images(768)
    features = backbone(picture, torch.ones(1, 768, 768, dtype=torch.long))
    for each in (network, four):  # what is equal need not be computed twice
        each.detector.model.backbone = Known(features)
        each.keypoint_head = network.keypoint_head
    ours, theirs = network(picture), four(picture)
    for part in ("boxes", "logits", "keypoints", "visibility"):
        torch.testing.assert_close(getattr(ours, part), getattr(theirs, part), rtol=0, atol=1e-4)
    assert theirs.boxes.std(1).min() > 0.01


def test_positions_are_resized_as_the_backbone_itself_would(save: Save) -> None:
    state = read_detection_state(save("large"))
    config = LARGE.model_copy(update={"resolution": 704, "decoder_layers": 4})
    network, report = loaded(config, save("large"))
    assert report.resized == ()
    (embeddings,) = (part for part in network.modules() if isinstance(part, RfDetrDinov2Embeddings))
    tokens = torch.zeros(1, 48 * 48 + 1, 384)
    expected = embeddings.interpolate_pos_encoding(tokens, 768, 768)
    resized, names = pretrained._resize_positions(state, LARGE)
    assert names == (POSITIONS,)
    torch.testing.assert_close(resized[POSITIONS], expected, rtol=0, atol=1e-6)


def test_the_person_stays_the_person_among_other_classes(save: Save) -> None:
    config = NANO.model_copy(update={"class_names": ("cat", "person")})
    network, report = loaded(config, save("nano"))
    assert set(report.fresh) == {*HEAD, "class 'cat'"}
    state = read_detection_state(save("nano"))
    mine = network.detector.state_dict(prefix="")
    for theirs, ours in (
        ("class_embed", "class_embed"),
        ("transformer.enc_out_class_embed.12", "model.enc_out_class_embed.12"),
    ):
        for kind in ("weight", "bias"):
            assert torch.equal(mine[f"{ours}.{kind}"][1], state[f"{theirs}.{kind}"][1])
        # A fresh row begins at a score of one per cent.
        assert float(mine[f"{ours}.bias"][0].sigmoid()) == pytest.approx(0.01, abs=1e-4)
        assert float(mine[f"{ours}.weight"][0].std()) == pytest.approx(0.02, rel=0.3)


def test_rows_of_a_head_that_is_not_cocos_are_not_taken_for_people(save: Save) -> None:
    state = read_detection_state(save("nano"))
    for name in [name for name in state if "class_embed" in name]:
        state[name] = state[name][:2]
    report = load_detection_state(PoseNetwork(NANO), state)
    assert set(report.fresh) == {*HEAD, "class 'person'"}


@pytest.mark.parametrize(
    ("size", "other"), [("nano", SMALL), ("small", NANO), ("small", MEDIUM), ("nano", LARGE)]
)
def test_the_checkpoint_of_another_size_is_refused(
    size: str, other: ModelConfig, save: Save
) -> None:
    with pytest.raises(CheckpointError, match=f"{other.size} network.*another size"):
        loaded(other, save(size))


def test_a_network_without_dinov2_takes_no_detection_checkpoint(save: Save) -> None:
    with pytest.raises(CheckpointError, match=r"DINOv2.*does not fit demo"):
        loaded(DEMO, save("nano"))


def test_a_refused_checkpoint_leaves_the_network_as_it_was(save: Save) -> None:
    network = PoseNetwork(SMALL)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(CheckpointError):
        load_detection_state(network, read_detection_state(save("nano")))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_model_fetches_its_checkpoint_when_it_is_first_used(
    save: Save, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    source = save("nano")
    md5 = hashlib.md5(source.read_bytes()).hexdigest()
    entry = replace(pretrained.CHECKPOINTS["nano"], path=source.name, md5=md5)
    monkeypatch.setitem(pretrained.CHECKPOINTS, "nano", entry)
    monkeypatch.setenv(pretrained.CACHE_VARIABLE, str(tmp_path))
    with serve(source.parent) as address:
        monkeypatch.setenv(pretrained.MIRROR_VARIABLE, address)
        model = RFDETRPoseNano(device="cpu")
        assert list(tmp_path.iterdir()) == []
        found = model.predict(np.zeros((60, 80, 3), np.uint8), threshold=0.0)
    assert len(found) == 300
    assert "keypoint head is random and has to be trained" in caplog.text
    # Given as a path, it is the same.
    again = RFDETRPoseNano(source, device="cpu")
    weight = again.network.detector.class_embed.weight
    assert torch.equal(weight, model.network.detector.class_embed.weight)


class Known(torch.nn.Module):
    """In the place of a backbone."""

    def __init__(self, features: Any) -> None:
        super().__init__()
        self.features = features

    def forward(self, *_: Any) -> Any:
        return self.features
