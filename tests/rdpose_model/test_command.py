"""``python -m rdpose``: train, test and export, in the folder layout of RDPose's README."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from rdpose import command, experiments
from rdpose.checkpoint import load_checkpoint, save_checkpoint
from rdpose.config import HRNetBackbone, ModelConfig, ResNetBackbone
from rdpose.errors import CheckpointError, RDPoseError
from rdpose.experiments import EXPERIMENTS, Experiment, experiment
from rdpose.loading import load_network
from rdpose.network import PoseNetwork
from rdpose.training.options import TrainOptions
from rdpose_runs import (
    TEST_BOXES,
    TINY,
    VAL_BOXES,
    crowded,
    mpii_of,
    variant_of,
    write_coco,
    write_json,
    write_mpii,
)
from scipy.io import loadmat
from support import require, require_oracle

pytestmark = pytest.mark.framework
FIGURES = ("AP", "AP50", "AP75", "APm", "APl", "AR", "AR50", "AR75", "ARm", "ARl")


@pytest.fixture(autouse=True)
def small_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two more runs, which a test can wait for."""
    options = TrainOptions(batch_size=2, progress=False)
    small = {
        "tiny": Experiment("tiny", "coco", TINY, options),
        "tiny-mpii": Experiment("tiny-mpii", "mpii", mpii_of(TINY), options),
    }
    monkeypatch.setattr(experiments, "EXPERIMENTS", {**EXPERIMENTS, **small})


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """The command's exit code."""
    monkeypatch.setattr(sys, "argv", ["rdpose", *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        command.main()
    return int(stopped.value.code or 0)


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory: pytest.TempPathFactory, coco_mini: Path) -> Path:
    return write_coco(tmp_path_factory.mktemp("data"), coco_mini, 3)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_checkpoint(PoseNetwork(TINY), file)
    return file


TRAINING = ("--workers", 0, "--accelerator", "cpu", "--devices", 1)
TEST = ("--cfg", "tiny", "--workers", 0, "--device", "cpu")


def test_training_and_testing_on_coco(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """The AP is what pycocotools says of the results that were written."""
    require_oracle("pycocotools")
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    out, results = tmp_path / "run", tmp_path / "test"
    given = ("--data", data_folder, "--variant", "perturbed", "--epochs", 2, "--out", out)
    assert run(monkeypatch, "train", "--cfg", "tiny", *given, *TRAINING) == 0
    assert load_checkpoint(out / "model.safetensors").config.variant == "perturbed"
    with (out / "metrics.csv").open(newline="") as stream:
        assert [row["epoch"] for row in csv.DictReader(stream) if row["val/AP"]] == ["0", "1"]

    weights = ("--checkpoint", out / "model.safetensors")
    how = ("--data", data_folder, "--no-use-gt-bbox", "--inference", "fdm", "--out", results)
    assert run(monkeypatch, "test", *TEST, *weights, *how) == 0
    metrics = json.loads((results / "metrics.json").read_text())
    truth = COCO(data_folder / "coco/annotations/person_keypoints_val2017.json")
    file = results / "keypoints_val2017_results.json"
    evaluator = COCOeval(truth, truth.loadRes(str(file)), "keypoints")
    evaluator.evaluate()
    evaluator.accumulate()
    evaluator.summarize()
    assert metrics["figures"] == dict(zip(FIGURES, evaluator.stats.tolist(), strict=True))
    assert metrics["boxes"] == "COCO_val2017_detections_AP_H_56_person.json"
    assert (metrics["split"], metrics["inference"]) == ("val2017", "fdm")
    assert "AP " in capsys.readouterr().out


def test_annotated_boxes_have_a_score_of_one(
    data_folder: Path, coco_mini: Path, checkpoint: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Detected ones here have .75, and all other people of the picture are in the file."""
    scores = {}
    for name, flag in (("gt", "--use-gt-bbox"), ("found", "--no-use-gt-bbox")):
        given = ("--checkpoint", checkpoint, "--data", data_folder, flag, "--out", tmp_path / name)
        assert run(monkeypatch, "test", *TEST, *given) == 0
        metrics = json.loads((tmp_path / name / "metrics.json").read_text())
        rows = json.loads((tmp_path / name / "keypoints_val2017_results.json").read_text())
        scores[name] = (metrics["people"], metrics["boxes"], rows)
    annotations = crowded(coco_mini, 3)["annotations"]
    posed = [a for a in annotations if a["num_keypoints"] and not a["iscrowd"]]
    assert scores["gt"][:2] == (len(posed), "annotations")
    assert scores["found"][0] == sum(not a["iscrowd"] for a in annotations)
    for row in scores["gt"][2]:
        values = np.array(row["keypoints"]).reshape(17, 3)[:, 2]
        above = values[values > 0.2]
        assert row["score"] == pytest.approx(above.mean() if len(above) else 0, rel=1e-5)


def test_a_submission_for_test_dev_has_no_figures(
    coco_mini: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
) -> None:  # fmt: skip
    only_test = write_coco(tmp_path / "data", coco_mini, 3)
    for unused in ("images/val2017", "images/train2017", "annotations/*_val2017.json",
                   f"person_detection_results/{VAL_BOXES[0]}"):  # fmt: skip
        for path in (only_test / "coco").glob(unused):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    weights = ("--checkpoint", checkpoint, "--split", "test-dev2017")
    given = (*weights, "--data", only_test, "--out", tmp_path)
    assert run(monkeypatch, "test", *TEST, *given) == 0
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["boxes"] == TEST_BOXES[0]
    assert metrics["figures"] == dict.fromkeys(FIGURES)
    assert "not public" in metrics["reason"]
    rows = json.loads((tmp_path / "keypoints_test-dev2017_results.json").read_text())
    assert {"image_id", "category_id", "keypoints", "score"} == set(rows[0])
    assert run(monkeypatch, "test", *TEST, *given, "--use-gt-bbox") == 2
    assert "boxes are not public. Use --no-use-gt-bbox" in capsys.readouterr().err


def test_training_and_testing_on_mpii(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_mpii(tmp_path / "data", data / "openmmlab-samples" / "mpii")
    out, given = tmp_path / "run", ("--data", folder, "--epochs", 1)
    assert run(monkeypatch, "train", "--cfg", "tiny-mpii", *given, "--out", out, *TRAINING) == 0
    where = ("--data", folder, "--checkpoint", out / "model.safetensors")
    test = ("test", "--cfg", "tiny-mpii", "--workers", 0, "--device", "cpu", *where)
    assert run(monkeypatch, *test, "--out", tmp_path / "valid") == 0
    joints = loadmat(tmp_path / "valid" / "pred.mat")["preds"]
    assert joints.shape == (5, 16, 2)
    found = json.loads((tmp_path / "valid" / "metrics.json").read_text())["figures"]["PCKh"]
    assert found == pytest.approx(mpii_share(joints, folder / "mpii/annot/gt_valid.mat"))

    assert run(monkeypatch, *test, "--split", "test", "--out", tmp_path / "test") == 0
    hidden = json.loads((tmp_path / "test" / "metrics.json").read_text())
    assert hidden["figures"] == {"PCKh": None} and hidden["reason"]
    np.testing.assert_array_equal(loadmat(tmp_path / "test" / "pred.mat")["preds"], joints)


def test_mpii_without_its_truth_is_tested_without_figures(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    folder, weights = mpii_and_weights(data, tmp_path)
    (folder / "mpii/annot/gt_valid.mat").unlink()
    given = ("test", "--cfg", "tiny-mpii", *TEST[2:], "--data", folder, "--checkpoint", weights)
    assert run(monkeypatch, *given) == 0
    out = tmp_path / "test-valid-plain"
    assert loadmat(out / "pred.mat")["preds"].shape == (5, 16, 2)
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["figures"] == {"PCKh": None}
    assert metrics["reason"] == f"{folder}/mpii/annot/gt_valid.mat is not there"
    assert metrics["reason"] in capsys.readouterr().out


@pytest.mark.parametrize("flags", [("--no-use-gt-bbox",), ("--boxes", "boxes.json")])
def test_mpii_has_no_boxes_of_a_detector(
    flags: tuple[str, ...], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    folder, weights = mpii_and_weights(data, tmp_path)
    given = ("test", "--cfg", "tiny-mpii", *TEST[2:], "--data", folder, "--checkpoint", weights)
    assert run(monkeypatch, *given, *flags) == 2
    assert "Leave out --boxes and --no-use-gt-bbox" in capsys.readouterr().err
    assert not (tmp_path / "test-valid-plain").exists()


def mpii_and_weights(data: Path, tmp_path: Path) -> tuple[Path, Path]:
    """The folder ``data`` and a checkpoint."""
    folder = write_mpii(tmp_path / "data", data / "openmmlab-samples" / "mpii")
    torch.manual_seed(0)
    save_checkpoint(PoseNetwork(mpii_of(TINY)), tmp_path / "weights.safetensors")
    return folder, tmp_path / "weights.safetensors"


def test_results_say_what_was_tested(
    data_folder: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They lie beside the checkpoint, a folder for each way of inference and source of boxes."""
    given = ("--checkpoint", checkpoint, "--data", data_folder)
    ways = (
        ("plain", "--use-gt-bbox", "test-val2017-plain"),
        ("plain", "--no-use-gt-bbox", "test-val2017-plain-detected"),
        ("fdm", "--use-gt-bbox", "test-val2017-fdm"),
    )
    for mode, boxes, _ in ways:
        assert run(monkeypatch, "test", *TEST, *given, "--inference", mode, boxes) == 0
    rows = {}
    for mode, boxes, name in ways:
        metrics = json.loads((checkpoint.parent / name / "metrics.json").read_text())
        rows[name] = (checkpoint.parent / name / "keypoints_val2017_results.json").read_text()
        assert (metrics["boxes"] == "annotations") == (boxes == "--use-gt-bbox")
        detected = data_folder / "coco/person_detection_results" / VAL_BOXES[0]
        digest = hashlib.sha256(detected.read_bytes()).hexdigest()
        assert metrics["boxes_sha256"] == (digest if boxes == "--no-use-gt-bbox" else None)
        assert (metrics["inference"], metrics["checkpoint"]) == (mode, "tiny.safetensors")
        assert metrics["checkpoint_sha256"] == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
        assert ModelConfig.model_validate(metrics["model"]) == TINY
    assert len(set(rows.values())) == len(ways), "each way finds something else"


def test_boxes_of_ones_own_have_a_folder_of_their_own(
    data_folder: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boxes = shutil.copy(data_folder / "coco/person_detection_results" / VAL_BOXES[0],
                        tmp_path / "mine.json")  # fmt: skip
    given = ("--checkpoint", checkpoint, "--data", data_folder, "--boxes", boxes)
    assert run(monkeypatch, "test", *TEST, *given) == 0
    assert (checkpoint.parent / "test-val2017-plain-mine" / "metrics.json").is_file()


@pytest.mark.parametrize("joints", ["coco17", "mpii16"])
def test_the_authors_own_checkpoints_are_tested_by_command(
    joints: str, data: Path, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = variant_of(TINY if joints == "coco17" else mpii_of(TINY), "bare")
    torch.manual_seed(0)
    state = PoseNetwork(config).state_dict()
    path = tmp_path / "pose_hrnet.pth"
    torch.save({k.removeprefix("backbone."): v for k, v in state.items()}, path)
    save_checkpoint(load_network(path, config), tmp_path / "same.safetensors")
    if joints == "mpii16":
        folder = write_mpii(tmp_path / "data", data / "openmmlab-samples" / "mpii")
    else:
        folder = data_folder
    files = []
    for weights in (path, tmp_path / "same.safetensors"):
        out = tmp_path / weights.stem
        given = ("--checkpoint", weights, "--data", folder, "--out", out)
        cfg = ("--cfg", "tiny" if joints == "coco17" else "tiny-mpii")
        assert run(monkeypatch, "test", *cfg, *TEST[2:], *given) == 0
        (file,) = (f for f in out.iterdir() if f.name != "metrics.json")
        found = loadmat(file)["preds"].tolist() if file.suffix == ".mat" else file.read_text()
        files.append(found)
    assert files[0] == files[1]


def test_options_reach_the_training(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the command that are not the run's own: ImageNet weights, averaging, the seed."""
    torch.manual_seed(5)
    backbone = PoseNetwork(TINY).backbone.state_dict()
    torch.save(backbone, tmp_path / "imagenet.pth")
    seen: list[Any] = []

    def fit(network: PoseNetwork, people: Any, options: TrainOptions) -> Any:
        seen.extend((network, options))
        return SimpleNamespace(checkpoint=tmp_path, metrics={})

    monkeypatch.setattr("rdpose.training.fit.fit", fit)
    given = ("--cfg", "tiny", "--data", data_folder, "--pretrained", tmp_path / "imagenet.pth")
    changed = ("--ema-decay", 0.99, "--seed", 3, "--inference", "fdm", "--batch-size", 4)
    assert run(monkeypatch, "train", *given, *changed) == 0
    network, options = seen
    for name, value in network.backbone.state_dict().items():
        torch.testing.assert_close(value, backbone[name])
    assert (options.ema_decay, options.seed, options.inference) == (0.99, 3, "fdm")
    assert options.batch_size == 4


def test_a_size_that_nobody_has_has_no_figure(
    coco_mini: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """COCO calls an area below 96 x 96 px medium (pycocotools, cocoeval.Params)."""
    folder = write_coco(tmp_path / "data", coco_mini, 3)
    file = folder / "coco/annotations/person_keypoints_val2017.json"
    document = json.loads(file.read_text())
    document["annotations"] = [a for a in document["annotations"] if a["area"] > 96**2]
    write_json(file, document)
    given = ("--checkpoint", checkpoint, "--data", folder, "--out", tmp_path / "out")
    assert run(monkeypatch, "test", *TEST, *given) == 0
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    missing = [name for name, value in metrics["figures"].items() if value is None]
    assert missing == ["APm", "ARm"]
    assert metrics["reason"] == "nothing is annotated that APm, ARm could be of"
    assert re.search(r"APm +-\n", capsys.readouterr().out)


def mpii_share(joints: Any, file: Path) -> float:
    """Percentage, counted joint by joint."""
    truth = loadmat(file)
    right = total = 0
    for person in range(len(joints)):
        head = truth["headboxes_src"][:, :, person]
        size = 0.6 * np.hypot(*(head[1] - head[0]))
        for joint in set(range(16)) - {6, 7}:
            if not truth["jnt_missing"][joint, person]:
                distance = np.hypot(
                    *(joints[person, joint] - truth["pos_gt_src"][joint, :, person])
                )
                right, total = right + (distance <= 0.5 * size), total + 1
    return 100 * right / total


@pytest.mark.parametrize("inference", ["plain", "fdm"])
def test_an_export_answers_as_the_network(
    inference: Any, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime, file = require("onnxruntime"), tmp_path / "tiny.onnx"
    given = ("--checkpoint", checkpoint, "--inference", inference, "--out", file)
    assert run(monkeypatch, "export", *given) == 0
    session = runtime.InferenceSession(file, providers=["CPUExecutionProvider"])
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        expected = load_checkpoint(checkpoint).eval()(images, inference).numpy()
    (found,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
    np.testing.assert_allclose(found, expected, atol=1e-5)


# --- What is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--cfg", "tiny", "--data", "nowhere"), r"nowhere/coco/annotations/.*no such file"),
        (("--cfg", "w32_256x19"), "Did you mean w32_256x192"),
        (("--cfg", "tiny", "--precision", "fp8"), "precision"),
        (("--cfg", "tiny", "--pretrained", "no.pth"), r"no\.pth"),
        (("--cfg", "tiny", "--resume", "a/last.ckpt", "--out", "b"), "last.ckpt cannot go on in b"),
        (("--cfg", "tiny", "--resume", "a/last.ckpt"), r"a/last\.ckpt: no such checkpoint"),
    ],
)
def test_a_training_that_cannot_be(
    arguments: tuple[str, ...], reason: str, data_folder: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: Any,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    given = arguments if "--data" in arguments else (*arguments, "--data", str(data_folder))
    assert run(monkeypatch, "train", *given, *TRAINING) == 2
    _, begun, error = capsys.readouterr().err.partition("error: ")
    assert begun and re.search(reason, error)


def test_a_number_out_of_range_is_answered_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    assert run(monkeypatch, "train", "--cfg", "tiny", "--epochs", 0) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == "Error: Invalid value for '--epochs': 0 is not in the range x>=1."


def test_boxes_that_are_not_there_or_contradict(
    data_folder: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
) -> None:  # fmt: skip
    other = [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]
    write_json(tmp_path / "other.json", other)
    given = ("test", *TEST, "--checkpoint", checkpoint, "--data", data_folder, "--out", tmp_path)
    assert run(monkeypatch, *given, "--boxes", tmp_path / "other.json") == 2
    assert "of pictures that are not in" in capsys.readouterr().err
    assert run(monkeypatch, *given, "--boxes", tmp_path / "none.json") == 2
    assert "none.json: no such file. HRNet's README" in capsys.readouterr().err
    assert run(monkeypatch, *given, "--boxes", tmp_path / "none.json", "--use-gt-bbox") == 2
    assert "contradict" in capsys.readouterr().err


def test_a_checkpoint_of_another_run_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    assert load_network(checkpoint).config == TINY
    perturbed = variant_of(TINY, "perturbed")
    assert load_network(checkpoint, perturbed).config.variant == "fixed"
    with pytest.raises(CheckpointError, match=r": backbone\.width, .*, input_size differ"):
        load_network(checkpoint, ModelConfig())
    wide = TINY.model_copy(update={"backbone": TINY.backbone.model_copy(update={"width": 16})})
    with pytest.raises(CheckpointError, match=r"another run: backbone\.width differ"):
        load_network(checkpoint, wide)
    resnet = ModelConfig.model_validate({**TINY.model_dump(), "backbone": ResNetBackbone()})
    with pytest.raises(CheckpointError, match=r"another run: backbone\.kind differ"):
        load_network(checkpoint, resnet)
    with pytest.raises(CheckpointError, match=r"last\.ckpt: .*Give the model\.safetensors"):
        load_network(tmp_path / "last.ckpt", TINY)
    with pytest.raises(CheckpointError, match=r"w\.pth: does not say what it is of"):
        load_network(tmp_path / "w.pth")


def test_an_original_checkpoint_is_a_bare_network(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = PoseNetwork(variant_of(TINY, "bare"))
    state = {k.removeprefix("backbone."): v for k, v in network.state_dict().items()}
    torch.save(state, tmp_path / "pose_hrnet.pth")
    found = load_network(tmp_path / "pose_hrnet.pth", TINY)
    assert found.config.variant == "bare"
    for name, value in network.state_dict().items():
        torch.testing.assert_close(found.state_dict()[name], value)


# --- Names of runs ------------------------------------------------------------------------------


def test_a_run_is_what_its_yaml_says() -> None:
    """github.com/wz-cloud/RDPose and HRNet's repository, experiments/."""
    w32 = experiment("w32_256x192")
    assert w32.dataset == "coco" and w32.model.heatmap_size == (64, 48)
    assert isinstance(w32.model.backbone, HRNetBackbone) and w32.model.backbone.width == 32
    options = w32.options
    assert (options.batch_size, options.epochs, options.milestones) == (32, 210, (170, 200))
    assert options.augment and options.augment.model_dump() == {
        "mirror": 0.5,
        "rotation": 45,
        "rotated": 0.6,
        "scale": 0.35,
        "half_body": 0.3,
        "half_body_joints": 8,
    }
    w48 = experiment("w48_384x288", "perturbed")
    assert (w48.options.batch_size, w48.model.sigma, w48.model.variant) == (24, 3, "perturbed")
    mpii = experiment("experiments/mpii/hrnet/w32_256x256_adam_lr1e-3.yaml")
    assert (mpii.dataset, mpii.model.joints, mpii.model.sigma) == ("mpii", "mpii16", 2)
    augment = mpii.options.augment
    assert augment and (augment.rotation, augment.scale, augment.half_body) == (30, 0.25, 0)
    res = experiment("experiments/coco/resnet/res50_256x192_d256x3_adam_lr1e-3.yaml")
    assert isinstance(res.model.backbone, ResNetBackbone) and res.model.backbone.depth == 50
    assert (res.options.epochs, res.options.milestones) == (140, (90, 120))
    assert res.options.augment and res.options.augment.rotation == 40
    assert len(EXPERIMENTS) == 15


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("w32_256x19", "Did you mean w32_256x192"),
        ("W48_384X288", "Did you mean w48_384x288"),
        ("yolo", "Known: w32_256x192"),
        ("experiments/mpii/hrnet/w32_256x192_adam_lr1e-3.yaml", "is a run on coco, not on mpii"),
    ],
)
def test_an_unknown_run_is_refused(name: str, reason: str) -> None:
    with pytest.raises(RDPoseError, match=reason):
        experiment(name)


def test_the_module_is_a_command() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "rdpose", "--help"], capture_output=True, text=True, check=True
    )
    assert all(name in shown.stdout for name in ("train", "test", "export"))
