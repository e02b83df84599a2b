"""Training runs of tiny networks on real people."""

from __future__ import annotations

import csv
import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydantic
import pytest
import torch
from rdpose.checkpoint import load_checkpoint
from rdpose.config import Inference, Variant
from rdpose.data import coco
from rdpose.data.augment import AugmentConfig
from rdpose.data.batches import (
    CropSet,
    TrainingBatch,
    TrainingSet,
    collate_crops,
    collate_training,
)
from rdpose.data.layout import CocoLayout
from rdpose.errors import CheckpointError, DatasetError, RDPoseError
from rdpose.images import normalise
from rdpose.inference import find_all
from rdpose.losses import joint_loss
from rdpose.network import PoseNetwork
from rdpose.testing import EvaluationOptions, evaluate
from rdpose.training.fit import fit
from rdpose.training.module import PoseModule
from rdpose.training.options import TrainOptions
from rdpose.training.validation import TrainingData, read_training_data
from rdpose_runs import TINY, mpii_of, variant_of, write_coco, write_mpii
from rfdetr_pose.training.result import TrainResult
from safetensors.torch import load_file
from scipy.io import loadmat, savemat

pytestmark = pytest.mark.framework
PICTURES = 4
LEARNER = TINY.model_copy(update={"backbone": TINY.backbone.model_copy(update={"width": 16})})
OPTIONS: dict[str, Any] = {
    "epochs": 1,
    "batch_size": 2,
    "workers": 0,
    "accelerator": "cpu",
    "devices": 1,
    "progress": False,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, coco_mini: Path) -> Path:
    return write_coco(tmp_path_factory.mktemp("data"), coco_mini, PICTURES)


@pytest.fixture(scope="module")
def people(folder: Path) -> TrainingData:
    return read_training_data("coco", folder, TINY)


def new_network(variant: Variant = "fixed") -> PoseNetwork:
    torch.manual_seed(0)
    return PoseNetwork(variant_of(TINY, variant))


def train(network: PoseNetwork, data: TrainingData, out: Path, **options: Any) -> TrainResult:
    return fit(network, data, TrainOptions(out=out, **{**OPTIONS, **options}))


def curve(out: Path) -> list[dict[str, str]]:
    with (out / "metrics.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


# --- Learning -----------------------------------------------------------------------------------


def learner(variant: Variant) -> PoseNetwork:
    torch.manual_seed(0)
    return PoseNetwork(variant_of(LEARNER, variant))


def learn(network: PoseNetwork, batches: Sequence[TrainingBatch], *, least: int) -> list[float]:
    """Losses until they are a tenth of the first one, of at least so many steps."""
    network.train()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    losses: list[float] = []
    while len(losses) < 400 and (len(losses) < least or losses[-1] > losses[0] / 10):
        batch = batches[len(losses) % len(batches)]
        heatmaps = network.forward_train(normalise(batch.images), batch.anchors)
        loss = torch.stack(list(joint_loss(heatmaps, batch.maps, batch.weights).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("variant", ["bare", "as-published", "perturbed"])
def test_four_people_are_learnt_by_heart(variant: Variant, people: TrainingData) -> None:
    """The loss falls to less than a tenth."""
    network = learner(variant)
    examples = TrainingSet(people.people[:4], network.config)
    losses = learn(network, [collate_training([examples[i] for i in range(4)])], least=1)
    assert losses[-1] < losses[0] / 10


def test_learnt_people_are_found_again(people: TrainingData) -> None:
    """Mirrored at random in training, averaged with the mirror image in the test: all fits."""
    network, known = learner("fixed"), people.people[:4]
    mirror = AugmentConfig(rotation=0, scale=0, half_body=0)
    examples = TrainingSet(known, network.config, mirror)
    batches = [collate_training([examples[4 * epoch + i] for i in range(4)]) for epoch in range(8)]
    losses = learn(network, batches, least=200)
    assert losses[-1] < losses[0] / 10
    crops = CropSet(known, network.config)
    batch = collate_crops([crops[i] for i in range(4)])
    for mode in ("plain", "fdm"):
        for found in find_all(network, [batch], known, mode, torch.device("cpu")):
            person = known[found.index]
            cells = (found.joints - person.joints) / person.region.size * 16
            inside = person.visible & (abs(person.joints - person.region.center) * 2
                                       < person.region.size).all(axis=1)  # fmt: skip
            assert np.median(abs(cells[inside])) < 0.75


@pytest.mark.parametrize("inference", ["plain", "fdm"])
def test_a_run_finds_again_what_it_learnt(
    inference: Inference, people: TrainingData, folder: Path, tmp_path: Path
) -> None:
    """Its own AP is what testing in Python says of its checkpoint, in the way it was told."""
    result = train(
        learner("perturbed"), people, tmp_path, epochs=80, batch_size=5, learning_rate=1e-2,
        milestones=(60, 70), validate_every=80, keep="last", inference=inference,
        augment=AugmentConfig(rotation=0, scale=0, half_body=0),
    )  # fmt: skip
    network = load_checkpoint(result.checkpoint)
    ways: tuple[Inference, ...] = ("plain", "fdm")
    found = []
    for way in ways:
        options = EvaluationOptions("val2017", way, workers=0, device="cpu", out=tmp_path / way)
        ap = evaluate(network, "coco", folder, options).figures["AP"]
        assert ap is not None
        found.append(ap)
    assert found[0] > 0.05, "of people that it was shown eighty times"
    assert found[0] != found[1]
    assert result.metrics["val/AP"] == pytest.approx(found[ways.index(inference)])


def test_a_step_sees_the_batch_as_it_is(people: TrainingData) -> None:
    """Pictures, anchors, targets and weights, by the loss that comes out."""
    network = learner("perturbed").train()
    examples = TrainingSet(people.people[:4], network.config)
    batch = collate_training([examples[i] for i in range(4)])
    expected = joint_loss(
        network.forward_train(normalise(batch.images), batch.anchors), batch.maps, batch.weights
    )
    found = PoseModule(network, TrainOptions()).training_step(batch, 0)
    torch.testing.assert_close(found, torch.stack(list(expected.values())).sum())


def test_the_optimiser_is_the_recipes() -> None:
    chosen = PoseModule(learner("fixed"), TrainOptions()).configure_optimizers()
    optimizer, schedule = chosen["optimizer"], chosen["lr_scheduler"]
    assert type(optimizer) is torch.optim.Adam
    (group,) = optimizer.param_groups
    assert (group["lr"], group["weight_decay"], group["betas"]) == (1e-3, 0, (0.9, 0.999))
    assert (dict(schedule.milestones), schedule.gamma) == ({170: 1, 200: 1}, 0.1)


# --- Runs ---------------------------------------------------------------------------------------


def test_a_run_leaves_weights_curves_and_checkpoints(people: TrainingData, tmp_path: Path) -> None:
    network = new_network()
    result = train(network, people, tmp_path, epochs=2)
    files = {path.name for path in tmp_path.iterdir()}
    assert files == {"model.safetensors", "best.ckpt", "last.ckpt", "metrics.csv", "tensorboard"}
    steps = len(people.people) // 2
    rows = curve(tmp_path)
    assert [row["step"] for row in rows if row["val/AP"]] == [str(steps - 1), str(2 * steps - 1)]
    assert {"loss/plain", "loss/off_target", "loss/target", "val/AR"} <= set(rows[0])
    assert result.metrics["val/AP"] == float([row for row in rows if row["val/AP"]][-1]["val/AP"])
    loaded = load_checkpoint(result.checkpoint).eval()
    images = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(loaded(images), network.eval()(images))
    assert loaded.config == network.config


def test_mpii_epochs_are_compared_by_pckh(data: Path, tmp_path: Path) -> None:
    config = mpii_of(TINY)
    folder = write_mpii(tmp_path / "data", data / "openmmlab-samples" / "mpii")
    mpii = read_training_data("mpii", folder, config)
    result = train(PoseNetwork(config), mpii, tmp_path / "run", inference="fdm")
    assert 0 <= result.metrics["val/PCKh"] <= 100
    best = torch.load(tmp_path / "run" / "best.ckpt", weights_only=True)
    (monitor,) = (state["monitor"] for state in best["callbacks"].values() if state.get("monitor"))
    assert monitor == "val/PCKh"


def test_the_learning_rate_falls_before_its_epochs(people: TrainingData, tmp_path: Path) -> None:
    few = TrainingData(people.people[:2], None)
    options = {"epochs": 4, "milestones": (1, 3), "learning_rate": 1e-3}
    seen: list[float] = []
    step = PoseModule.training_step

    def watched(self: PoseModule, batch: Any, batch_idx: int) -> Any:
        seen.append(self.optimizers().param_groups[0]["lr"])
        return step(self, batch, batch_idx)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PoseModule, "training_step", watched)
        train(new_network("bare"), few, tmp_path, **options)
    assert seen == pytest.approx([1e-3, 1e-4, 1e-4, 1e-5])


def test_a_schedule_keeps_its_shape_when_it_is_shortened() -> None:
    options = TrainOptions().shortened(21)
    assert (options.epochs, options.milestones) == (21, (17, 20))


def test_averaging_is_off_unless_it_is_asked_for(people: TrainingData, tmp_path: Path) -> None:
    few = TrainingData(people.people[:2], None)
    for decay in (0.0, 0.9):
        out = tmp_path / str(decay)
        train(new_network(), few, out, **({"ema_decay": decay} if decay else {}))
        state = torch.load(out / "last.ckpt", weights_only=True)
        assert ("current_model_state" in state) == bool(decay)


def test_half_precision_trains_weights_of_full_precision(
    people: TrainingData, tmp_path: Path
) -> None:
    few = TrainingData(people.people[:2], None)
    result = train(new_network("perturbed"), few, tmp_path, precision="bf16-mixed")
    assert math.isfinite(result.metrics["loss"])
    dtypes = {value.dtype for value in load_file(result.checkpoint).values()}
    assert dtypes == {torch.float32, torch.int64}


@pytest.mark.parametrize(
    "option",
    [{"epochs": 0}, {"learning_rate": 0}, {"inference": "both"}, {"milestones": (-1,)}, {"lr": 1}],
    ids=str,
)
def test_an_option_that_is_unknown_or_out_of_range_is_refused(option: dict[str, Any]) -> None:
    (name,) = option
    with pytest.raises(pydantic.ValidationError, match=name):
        TrainOptions(**option)


def test_more_processes_than_people_are_refused(people: TrainingData, tmp_path: Path) -> None:
    few = TrainingData(people.people[:1], None)
    with pytest.raises(DatasetError, match="1 training images are too few for 2 processes"):
        train(new_network(), few, tmp_path, devices=2, strategy="ddp")


def test_a_bare_network_is_not_validated_decoupled(people: TrainingData, tmp_path: Path) -> None:
    with pytest.raises(RDPoseError, match="no feature decoupling"):
        train(new_network("bare"), people, tmp_path, inference="fdm")


@pytest.mark.parametrize("split", ["train2017", "val2017"])
def test_a_file_of_the_layout_that_is_missing_is_named(
    split: str, coco_mini: Path, tmp_path: Path
) -> None:
    root = write_coco(tmp_path, coco_mini, 1)
    file = CocoLayout(root / "coco").annotations(split)
    file.unlink()
    with pytest.raises(DatasetError, match=rf"{file}: no such file\. .*cocodataset"):
        read_training_data("coco", root, TINY)


def test_a_truth_of_other_people_is_refused(data: Path, tmp_path: Path) -> None:
    root = write_mpii(tmp_path, data / "openmmlab-samples" / "mpii")
    rows = json.loads((root / "mpii/annot/valid.json").read_text())
    (root / "mpii/annot/valid.json").write_text(json.dumps(rows[1:]))
    with pytest.raises(DatasetError, match=r"gt_valid\.mat: 5 people, but valid\.json has 4"):
        read_training_data("mpii", root, mpii_of(TINY))


def test_a_truth_in_another_order_is_refused(data: Path, tmp_path: Path) -> None:
    root = write_mpii(tmp_path, data / "openmmlab-samples" / "mpii")
    file = root / "mpii/annot/valid.json"
    rows = json.loads(file.read_text())
    file.write_text(json.dumps([rows[0], rows[2], rows[1], *rows[3:]]))
    reason = rf"gt_valid\.mat: pos_gt_src of person 1 lies .* px .*{rows[2]['image']}\) in {file}"
    with pytest.raises(DatasetError, match=reason):
        read_training_data("mpii", root, mpii_of(TINY))


def test_a_pixel_between_the_two_files_is_rounding(data: Path, tmp_path: Path) -> None:
    """Joints that only one of them has may be anywhere."""
    root = write_mpii(tmp_path, data / "openmmlab-samples" / "mpii")
    file = root / "mpii/annot/gt_valid.mat"
    truth = {k: v for k, v in loadmat(file).items() if not k.startswith("__")}
    truth["pos_gt_src"] = truth["pos_gt_src"] + np.where(truth["jnt_missing"], 50, 1)[:, None]
    savemat(file, truth)
    assert read_training_data("mpii", root, mpii_of(TINY)).held_out
    truth["pos_gt_src"] += 0.3
    savemat(file, truth)
    with pytest.raises(DatasetError, match=r"person 0 lies 1\.3 px"):
        read_training_data("mpii", root, mpii_of(TINY))


def test_a_head_without_a_size_is_refused(data: Path, tmp_path: Path) -> None:
    root = write_mpii(tmp_path, data / "openmmlab-samples" / "mpii")
    file = root / "mpii/annot/gt_valid.mat"
    truth = {k: v for k, v in loadmat(file).items() if not k.startswith("__")}
    truth["headboxes_src"][1, :, 3] = truth["headboxes_src"][0, :, 3]
    savemat(file, truth)
    with pytest.raises(DatasetError, match=r"gt_valid\.mat: .*the head of person 3 has no size"):
        read_training_data("mpii", root, mpii_of(TINY))


# --- Going on after a stop ----------------------------------------------------------------------

KILLED = """
import json, os, signal, sys
from pathlib import Path
import torch
from rdpose.data import batches
from rdpose.network import PoseNetwork
from rdpose.training.fit import fit
from rdpose.training.options import TrainOptions
from rdpose.training.validation import read_training_data
from rdpose_runs import TINY, variant_of

folder, options, last = Path(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])
read_image, count = batches.read_image, 0

def read(path):
    global count
    count += 1
    if count == last:
        os.kill(os.getpid(), signal.SIGKILL)
    return read_image(path)

batches.read_image = read
torch.manual_seed(0)
config = variant_of(TINY, "perturbed")
fit(PoseNetwork(config), read_training_data("coco", folder, config), TrainOptions(**options))
"""


def child(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "child.py"
    file.write_text(KILLED)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, str(file), *arguments],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )


def test_a_killed_run_goes_on_as_if_nothing_had_happened(
    folder: Path, people: TrainingData, tmp_path: Path
) -> None:
    """With two loading processes instead of none after the stop."""
    options = {"epochs": 3, "batch_size": 1, "keep": "last", "milestones": (1, 2)}
    whole = train(new_network("perturbed"), people, tmp_path / "whole", **options)

    # In the second epoch, after a step that was logged and will be taken again.
    count = len(people.people)
    out, reads = tmp_path / "killed", 2 * count + 2 * count // 3
    given = json.dumps({**OPTIONS, **options, "out": str(out), "resume": None})
    finished = child(tmp_path, str(folder), given, str(reads))
    assert finished.returncode == -signal.SIGKILL, finished.stderr
    state = torch.load(out / "last.ckpt", weights_only=True)
    assert state["global_step"] == count
    assert not (out / "model.safetensors").exists()

    torch.manual_seed(1)
    again = PoseNetwork(variant_of(TINY, "perturbed"))
    resumed = train(again, people, out, resume=out / "last.ckpt", workers=2, **options)
    assert curve(out) == curve(whole.out)
    first, second = load_file(resumed.checkpoint), load_file(whole.checkpoint)
    assert all(torch.equal(first[name], value) for name, value in second.items())


def test_a_run_of_another_variant_is_refused(people: TrainingData, tmp_path: Path) -> None:
    few = TrainingData(people.people[:2], None)
    train(new_network("fixed"), few, tmp_path)
    with pytest.raises(CheckpointError, match=r"last\.ckpt: .*variant differ"):
        train(new_network("perturbed"), few, tmp_path, resume=tmp_path / "last.ckpt")
    with pytest.raises(CheckpointError, match=r"no\.ckpt: no such checkpoint"):
        train(new_network("perturbed"), few, tmp_path, resume=tmp_path / "no.ckpt")


# --- Several processes --------------------------------------------------------------------------

TOGETHER = """
import json, os, sys
from pathlib import Path
import torch
from rdpose.network import PoseNetwork
from rdpose.training.fit import fit
from rdpose.training.options import TrainOptions
from rdpose.training.validation import read_training_data
from rdpose_runs import TINY

folder, options = Path(sys.argv[1]), json.loads(sys.argv[2])
torch.manual_seed(0)
result = fit(PoseNetwork(TINY), read_training_data("coco", folder, TINY), TrainOptions(**options))
report = Path(options["out"]) / f"report.{os.environ.get('LOCAL_RANK', '0')}"
report.write_text(json.dumps(result.metrics))
"""


def test_two_processes_agree(folder: Path, people: TrainingData, tmp_path: Path) -> None:
    """On the figures, which are those of the kept weights on all people."""
    out = tmp_path / "out"
    given = json.dumps({**OPTIONS, "devices": 2, "strategy": "ddp", "out": str(out)})
    script = tmp_path / "together.py"
    script.write_text(TOGETHER)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    finished = subprocess.run(
        [sys.executable, str(script), str(folder), given],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
    first, second = (json.loads((out / f"report.{rank}").read_text()) for rank in range(2))
    assert first["val/AP"] == second["val/AP"]
    network = load_checkpoint(out / "model.safetensors")
    assert people.held_out
    crops = CropSet(people.held_out.people, network.config)
    batch = collate_crops([crops[i] for i in range(len(crops))])
    found = find_all(network, [batch], people.held_out.people, "plain", torch.device("cpu"))
    figures = people.held_out.judge(found)
    assert np.isclose(figures["AP"], first["val/AP"], atol=1e-6)


def test_people_of_coco_are_read_once_a_split(folder: Path, people: TrainingData) -> None:
    layout = CocoLayout(folder / "coco")
    expected = coco.read_people(layout.annotations("val2017"), layout.images("val2017"), TINY)
    assert people.held_out
    found = people.held_out.people
    assert [person.image for person in found] == [person.image for person in expected]
    assert {person.image.parent.name for person in people.people} == {"train2017"}


def test_training_can_be_imported_first() -> None:
    """Before anything that repairs torchvision; it needs RF-DETR Pose's trainer, not its model."""
    code = "import sys, rdpose.training.fit; print('rfdetr_pose.network' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code]
    finished = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert finished.stdout.strip() == "False", finished.stderr
