"""Models as they are described, saved and loaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pose_networks import TINY, make_model, random_picture
from rfdetr_pose import COCO_SKELETON, CheckpointError, PoseModel, RFDETRPose
from rfdetr_pose.config import ModelConfig
from safetensors.torch import save_file
from support import disk_full_after

pytestmark = pytest.mark.framework
PICTURE = random_picture()
HAND = [
    "wrist",
    *(f"{finger}_{joint}" for finger in ("thumb", "index", "middle", "ring", "pinky")
      for joint in ("mcp", "pip", "dip", "tip")),
]  # fmt: skip


class Tiny(PoseModel):
    """A size of its own, so that the constructor can be tested with small files."""

    base_config = TINY


def with_keypoints(names: list[str]) -> ModelConfig:
    return Tiny(None, keypoint_names=names).config


@pytest.mark.parametrize("name", ["pose.safetensors", "pose.pth", "no-suffix"])
def test_a_saved_model_predicts_the_same(tmp_path: Path, name: str) -> None:
    model = make_model(TINY.model_copy(update={"class_names": ("person", "dog")}))
    path = model.save(tmp_path / "new folder" / name)
    assert [entry.name for entry in path.parent.iterdir()] == [name]
    expected = model.predict(PICTURE, threshold=0.0)
    for again in (PoseModel.from_checkpoint(path, device="cpu"), Tiny(path, device="cpu")):
        assert again.config == model.config
        found = again.predict(PICTURE, threshold=0.0)
        np.testing.assert_array_equal(found.xyxy, expected.xyxy)
        np.testing.assert_array_equal(found.confidence, expected.confidence)
        np.testing.assert_array_equal(found.data["keypoints"], expected.data["keypoints"])
        np.testing.assert_array_equal(found.data["class_name"], expected.data["class_name"])


def test_a_saved_model_may_be_read_by_whoever_may_read_other_files(tmp_path: Path) -> None:
    path = make_model(TINY).save(tmp_path / "model.safetensors")
    (tmp_path / "other").touch()
    assert path.stat().st_mode == (tmp_path / "other").stat().st_mode


def test_the_description_travels_with_the_weights(tmp_path: Path) -> None:
    described = Tiny(
        None,
        keypoint_names=["left_wing", "right_wing", "beak"],
        skeleton=[[0, 2], [1, 2]],
        sigmas=[0.1, 0.1, 0.05],
        class_names=["bird"],
    )
    path = described.save(tmp_path / "bird.safetensors")
    keypoints = PoseModel.from_checkpoint(path).keypoints
    assert keypoints == described.keypoints
    assert keypoints.names == ("left_wing", "right_wing", "beak")
    assert keypoints.skeleton == ((0, 2), (1, 2))
    assert keypoints.sigmas == (0.1, 0.1, 0.05)
    assert keypoints.flip_pairs == ((0, 1),)
    assert Tiny(path).config.class_names == ("bird",)


def test_a_checkpoint_of_other_keypoints(tmp_path: Path) -> None:
    path = make_model(with_keypoints(HAND)).save(tmp_path / "hand.safetensors")
    with pytest.raises(CheckpointError, match=r"hand\.safetensors.*21 keypoints.*from_checkpoint"):
        Tiny(path, num_keypoints=17)
    with pytest.raises(CheckpointError, match=r"differs in keypoints\.names"):
        Tiny(path, keypoint_names=HAND[::-1])
    # Asked for what it is, for a part of what it is, or for nothing, it is accepted.
    for asked in ({}, {"num_keypoints": 21}, {"keypoint_names": HAND}):
        assert Tiny(path, **asked).keypoints.names == tuple(HAND)
    found = PoseModel.from_checkpoint(path, device="cpu").predict(PICTURE, threshold=0.0)
    assert found.data["keypoints"].shape == (8, 21, 3)


def test_a_checkpoint_of_another_size_or_class(tmp_path: Path) -> None:
    path = make_model().save(tmp_path / "tiny.safetensors")
    with pytest.raises(
        CheckpointError, match=r"size 'tiny'.*differs in backbone, .*decoder_layers"
    ):
        RFDETRPose(path)
    with pytest.raises(CheckpointError, match="differs in class_names"):
        Tiny(path, class_names=["dog"])


@pytest.mark.parametrize("kept", [0, 4, 100, -1])
def test_a_damaged_checkpoint(tmp_path: Path, kept: int) -> None:
    path = make_model().save(tmp_path / "pose.safetensors")
    path.write_bytes(path.read_bytes()[:kept])
    for load in (Tiny, PoseModel.from_checkpoint):
        with pytest.raises(CheckpointError, match=r"pose\.safetensors: not a readable"):
            load(path)


def test_other_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(3)}, path)
    with pytest.raises(CheckpointError, match="not an RF-DETR Pose checkpoint"):
        PoseModel.from_checkpoint(path)
    save_file({"weight": torch.zeros(3)}, path, {"rfdetr_pose_config": '{"resolution": 1}'})
    with pytest.raises(CheckpointError, match="configuration is not valid"):
        PoseModel.from_checkpoint(path)
    save_file({"weight": torch.zeros(3)}, path, {"rfdetr_pose_config": TINY.model_dump_json()})
    with pytest.raises(CheckpointError, match="weights are not those it describes"):
        _ = PoseModel.from_checkpoint(path).network
    with pytest.raises(CheckpointError, match=r"missing\.safetensors: no such checkpoint"):
        Tiny(tmp_path / "missing.safetensors")


def test_a_full_disk_leaves_the_former_checkpoint(tmp_path: Path) -> None:
    model = make_model()
    path = model.save(tmp_path / "pose.safetensors")
    before = path.read_bytes()
    with disk_full_after(10_000), pytest.raises(OSError, match=r"pose\.safetensors: cannot be"):
        model.save(path)
    assert path.read_bytes() == before


def test_without_a_word_the_keypoints_are_cocos() -> None:
    keypoints = RFDETRPose().keypoints
    assert keypoints.count == 17
    assert keypoints.names[0] == "nose"
    assert keypoints.names[16] == "right_ankle"
    assert keypoints.skeleton == COCO_SKELETON


@pytest.mark.parametrize(
    "wrong",
    [
        {"num_keypoints": 3, "keypoint_names": ["a", "b"]},
        {"num_keypoints": 2, "skeleton": [[0, 2]]},
        {"num_keypoints": 2, "skeleton": [[0, 1, 1]]},
        {"num_keypoints": 2, "sigmas": [0.1]},
        {"num_keypoints": 2, "sigmas": [0.1, 0.0]},
        {"keypoint_names": ["a", "a"]},
        {"num_keypoints": 3, "flip_pairs": [[0, 1], [1, 2]]},
    ],
    ids=str,
)
def test_contradictions(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        RFDETRPose(None, **wrong)  # type: ignore[arg-type]
