"""Whole training runs of tiny networks on drawn people."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from pose_networks import TINY, make_model
from rfdetr_pose import CheckpointError, DatasetError, PoseModel
from rfdetr_pose.data.batches import PoseDataset, collate
from rfdetr_pose.data.folders import read_training_set
from rfdetr_pose.decoding import decode
from rfdetr_pose.images import normalise
from rfdetr_pose.network import PoseNetwork
from rfdetr_pose.training import module as training
from rfdetr_pose.training.averaging import averaging
from rfdetr_pose.training.evaluation import MAX_DETECTIONS, average_precision, results
from rfdetr_pose.training.fit import TrainResult
from safetensors.torch import load_file

pytestmark = pytest.mark.framework
TRAIN, VALID = 12, 5
WIDTH, HEIGHT = 96, 80
LEARNER = TINY.model_copy(update={"num_queries": 4, "query_groups": 1})
State = dict[str, torch.Tensor]


def write_part(folder: Path, count: int) -> None:
    """Pictures of one person each, the same for the same number."""
    folder.mkdir(parents=True)
    document: dict[str, Any] = {
        "images": [],
        "annotations": [],
        "categories": [{"id": 1, "name": "person", "keypoints": list(TINY.keypoints.names)}],
    }
    for number in range(count):
        name = f"{number}.png"
        box, points = draw_person(folder / name, number)
        size = {"width": WIDTH, "height": HEIGHT}
        document["images"].append({"id": number, "file_name": name, **size})
        document["annotations"].append(
            {
                "id": number,
                "image_id": number,
                "category_id": 1,
                "bbox": box,
                "area": 0.6 * box[2] * box[3],
                "iscrowd": 0,
                "keypoints": [value for x, y in points for value in (x, y, 2)],
                "num_keypoints": 17,
            }
        )
    (folder / "_annotations.coco.json").write_text(json.dumps(document))


def draw_person(path: Path, number: int) -> tuple[list[float], list[list[float]]]:
    """A coloured box with a dot for every keypoint; its box and its keypoints."""
    rng = np.random.default_rng(number)
    corner, size = rng.uniform([4, 4], [40, 16]), rng.uniform([40, 52], [48, 60])
    points = corner + size * rng.uniform(0.05, 0.95, (17, 2))
    image = np.full((HEIGHT, WIDTH, 3), 30 + 90 * (number % 3), np.uint8)
    colour = ((255, 60, 0), (0, 160, 255))[number % 2]
    low, high = corner.astype(int).tolist(), (corner + size).astype(int).tolist()
    cv2.rectangle(image, low, high, colour, -1)
    for keypoint, (x, y) in enumerate(points.tolist()):
        cv2.circle(image, (int(x), int(y)), 2, (15 * keypoint, 255 - 15 * keypoint, 255), -1)
    cv2.imwrite(str(path), image)
    return [*corner.tolist(), *size.tolist()], points.tolist()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 pictures for training; the first 5 of them again for validation."""
    root = tmp_path_factory.mktemp("drawn")
    write_part(root / "train", TRAIN)
    write_part(root / "valid", VALID)
    return root


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first two pictures; there is no validation part."""
    root = tmp_path_factory.mktemp("pair")
    write_part(root / "train", 2)
    return root


@pytest.fixture(scope="module")
def learned(pair: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    """A network that has learned the two pictures by heart."""
    torch.manual_seed(0)
    return train(
        PoseModel.from_config(LEARNER, device="cpu"),
        pair,
        tmp_path_factory.mktemp("learned"),
        epochs=200,
        batch_size=2,
        validation_dir=pair,
        validate_every=40,
        augment=None,
        scales=(1.0,),
        learning_rate=4e-3,
        backbone_learning_rate=4e-3,
        weight_decay=0,
        warmup_epochs=5,
        clip_norm=5,
        ema_decay=0.9,
    )


OPTIONS: dict[str, Any] = {
    "epochs": 1,
    "accumulate": 1,
    "workers": 0,
    "accelerator": "cpu",
    "devices": 1,
    "progress": False,
}


def train(model: PoseModel, data: Path, out: Path, **options: Any) -> TrainResult:
    result = model.train(data, out=out, **{**OPTIONS, **options})
    assert isinstance(result, TrainResult)
    return result


def read_curve(out: Path) -> list[dict[str, str]]:
    with (out / "metrics.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def read_checkpoint(path: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(path, weights_only=True)
    return state


def weights_in(checkpoint: dict[str, Any], key: str = "state_dict") -> State:
    """Of the network, as a Lightning checkpoint has them."""
    return {name.removeprefix("network."): value for name, value in checkpoint[key].items()}


def assert_same_weights(first: State, second: State) -> None:
    assert set(first) == set(second)
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=0, atol=1e-6)


def child(tmp_path: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script by itself; from a file, as processes that train together start it again."""
    file = tmp_path / "child.py"
    file.write_text(script)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, str(file), *arguments],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )


# --- What a run leaves --------------------------------------------------------------------------


def test_a_run_leaves_weights_curves_and_checkpoints(folder: Path, tmp_path: Path) -> None:
    model = make_model()
    result = train(model, folder, tmp_path, epochs=2, batch_size=1)
    assert result.out == tmp_path
    assert result.checkpoint == tmp_path / "model.safetensors"
    files = {path.name for path in tmp_path.iterdir()}
    assert files == {"model.safetensors", "best.ckpt", "last.ckpt", "metrics.csv", "tensorboard"}
    rows = read_curve(tmp_path)
    assert [row["step"] for row in rows if row["loss"]] == ["9", "19"]
    assert [row["step"] for row in rows if row["val/AP"]] == ["11", "23"]
    assert {"val/AP50", "val/AP75", "val/AR", "val/box_AP", "loss/boxes"} <= set(rows[0])
    assert result.metrics["val/AP"] == float(rows[-1]["val/AP"])
    assert tensorboard_names(tmp_path) >= {"loss", "val/AP", "lr-AdamW/pg1"}

    picture = folder / "valid" / "0.png"
    trained = model.predict(picture, threshold=0.0)
    loaded = PoseModel.from_checkpoint(result.checkpoint, device="cpu").predict(picture, 0.0)
    np.testing.assert_array_equal(loaded.xyxy, trained.xyxy)
    np.testing.assert_array_equal(loaded.confidence, trained.confidence)
    np.testing.assert_array_equal(loaded.data["keypoints"], trained.data["keypoints"])
    assert not model.network.training


def tensorboard_names(out: Path) -> set[str]:
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    (log,) = (out / "tensorboard").glob("events.*")
    events = EventFileLoader(str(log)).Load()
    return {value.tag for event in events for value in event.summary.value}


def test_the_seed_decides_first_weights_too(pair: Path, tmp_path: Path) -> None:
    """A network that is new when training begins is drawn for it."""
    weights = []
    for run, seed in enumerate((1, 1, 2)):
        torch.manual_seed(run)
        model = PoseModel.from_config(TINY, device="cpu")
        result = train(model, pair, tmp_path / str(run), seed=seed, batch_size=2)
        weights.append(load_file(result.checkpoint))
    assert_same_weights(weights[0], weights[1])
    assert any(not torch.allclose(weights[0][name], weights[2][name]) for name in weights[0])


@pytest.mark.parametrize("progress", [False, True])
def test_a_bar_is_shown_only_where_it_is_wanted(
    progress: bool, pair: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(make_model(), pair, tmp_path, progress=progress)
    shown = capsys.readouterr()
    assert ("Epoch" in shown.out + shown.err) == progress


def test_without_validation_the_last_weights_are_kept(pair: Path, tmp_path: Path) -> None:
    result = train(make_model(), pair, tmp_path, epochs=2)
    assert not (tmp_path / "best.ckpt").exists()
    assert "val/AP" not in result.metrics
    last = read_checkpoint(tmp_path / "last.ckpt")
    assert_same_weights(load_file(result.checkpoint), weights_in(last))


def test_a_run_that_ends_before_its_first_validation_keeps_its_own_weights(
    folder: Path, tmp_path: Path
) -> None:
    """Not those of an earlier run in the same folder."""
    (tmp_path / "best.ckpt").write_bytes(b"of an earlier run")
    result = train(make_model(), folder, tmp_path, validate_every=2)
    last = read_checkpoint(tmp_path / "last.ckpt")
    assert_same_weights(load_file(result.checkpoint), weights_in(last))


@pytest.mark.parametrize(("keep", "epoch", "ap"), [("best", 1, 0.9), ("last", 2, 0.4)])
def test_the_weights_of_the_wanted_epoch_are_kept(
    keep: str, epoch: int, ap: float, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    course = iter((0.2, 0.9, 0.4))
    monkeypatch.setattr(training, "average_precision", lambda *_: {"AP": next(course)})
    result = train(make_model(), folder, tmp_path, epochs=3, keep=keep)
    checkpoint = read_checkpoint(tmp_path / f"{keep}.ckpt")
    assert checkpoint["epoch"] == epoch
    assert result.metrics["val/AP"] == pytest.approx(ap)
    assert_same_weights(load_file(result.checkpoint), weights_in(checkpoint))


# --- Going on after a stop ----------------------------------------------------------------------

KILLED = """
import json, os, signal, sys
from pathlib import Path
from pose_networks import make_model
from rfdetr_pose.data import batches

folder, options, last = Path(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])
read_image, count = batches.read_image, 0

def read(sample):
    global count
    count += 1
    if count == last:
        os.kill(os.getpid(), signal.SIGKILL)
    return read_image(sample)

batches.read_image = read
make_model().train(folder, **options)
"""


def test_a_killed_run_goes_on_as_if_nothing_had_happened(folder: Path, tmp_path: Path) -> None:
    options = {"epochs": 3, "batch_size": 1, "scales": (1.0, 1.5), "keep": "last"}
    whole = train(make_model(), folder, tmp_path / "whole", **options)

    # In the second epoch, after a step that was logged and will be taken again.
    out, reads = tmp_path / "killed", TRAIN + VALID + 10
    given = json.dumps({**OPTIONS, **options, "out": str(out)})
    finished = child(tmp_path, KILLED, str(folder), given, str(reads))
    assert finished.returncode == -signal.SIGKILL, finished.stderr
    assert read_checkpoint(out / "last.ckpt")["global_step"] == TRAIN
    assert int(read_curve(out)[-1]["step"]) > TRAIN
    assert not (out / "model.safetensors").exists()

    # Loading processes begin with their first batches before the trainer knows the epoch.
    going_on = {**options, "resume": out / "last.ckpt", "workers": 2}
    resumed = train(make_model(seed=1), folder, out, **going_on)
    assert read_curve(out) == read_curve(whole.out)
    assert_same_weights(load_file(resumed.checkpoint), load_file(whole.checkpoint))
    states = [read_checkpoint(run.out / "last.ckpt") for run in (resumed, whole)]
    first, second = (weights_in(state, "current_model_state") for state in states)
    assert_same_weights(first, second)
    assert any(not torch.equal(first[name], value) for name, value in weights_in(states[0]).items())


def test_a_run_that_goes_on_elsewhere_takes_its_curve_along(folder: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    train(make_model(), folder, first, epochs=1)
    curve = (first / "metrics.csv").read_text()
    # As a power failure leaves it.
    (first / "metrics.csv").write_text(curve + "1,2.5,")
    train(make_model(), folder, second, epochs=2, resume=first / "last.ckpt")
    assert [row["epoch"] for row in read_curve(second) if row["val/AP"]] == ["0", "1"]


def test_the_best_epoch_is_remembered(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    course = iter((0.9, 0.4))
    monkeypatch.setattr(training, "average_precision", lambda *_: {"AP": next(course)})
    train(make_model(), folder, tmp_path, epochs=1)
    result = train(make_model(), folder, tmp_path, epochs=2, resume=tmp_path / "last.ckpt")
    best = read_checkpoint(tmp_path / "best.ckpt")
    assert best["epoch"] == 0
    assert_same_weights(load_file(result.checkpoint), weights_in(best))


def test_a_run_of_another_model_is_refused(pair: Path, tmp_path: Path) -> None:
    train(make_model(), pair, tmp_path)
    last = tmp_path / "last.ckpt"
    other = TINY.model_copy(update={"decoder_layers": 1, "num_queries": 6})
    with pytest.raises(CheckpointError, match=r"last\.ckpt: .*decoder_layers, num_queries differ"):
        train(make_model(other), pair, tmp_path / "other", resume=last)


def test_a_run_goes_on_with_its_own_options_only(pair: Path, tmp_path: Path) -> None:
    train(make_model(), pair, tmp_path)
    changed = {"warmup_epochs": 2, "loss": {"boxes": 3}, "resume": tmp_path / "last.ckpt"}
    reason = r"warmup_epochs was 1\.0, is 2\.0; loss\.boxes was .*, is 3\.0\. Give"
    with pytest.raises(CheckpointError, match=rf"last\.ckpt: .*other options: {reason}"):
        train(make_model(), pair, tmp_path, **changed)


def test_a_checkpoint_that_was_cut_off_is_refused(pair: Path, tmp_path: Path) -> None:
    train(make_model(), pair, tmp_path)
    last = tmp_path / "last.ckpt"
    last.write_bytes(last.read_bytes()[:-1000])
    with pytest.raises(CheckpointError, match=r"last\.ckpt: .*cut off"):
        train(make_model(), pair, tmp_path, resume=last)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no such checkpoint"),
        (b"", "not a checkpoint of a run"),
        (b"PK\x05\x06" + bytes(18), "not a checkpoint of a run"),
        ([1, 2], "not a checkpoint of an RF-DETR Pose run"),
        ({"state_dict": {}, "global_step": 3}, "not a checkpoint of an RF-DETR Pose run"),
        ({"rfdetr_pose_config": {"size": 3}}, "configuration is not valid"),
        ({"hyperparameters": Path("x")}, "not a checkpoint of a run"),
    ],
    ids=["missing", "empty", "zip", "list", "other run", "invalid", "unsafe"],
)
def test_what_is_no_checkpoint_is_refused(
    content: Any, reason: str, pair: Path, tmp_path: Path
) -> None:
    file = tmp_path / "last.ckpt"
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content is not None:
        torch.save(content, file)
    with pytest.raises(CheckpointError, match=rf"last\.ckpt: .*{reason}"):
        train(make_model(), pair, tmp_path / "run", resume=file)


# --- Several processes --------------------------------------------------------------------------

TOGETHER = """
import hashlib, json, os, sys
from pathlib import Path
from rfdetr_pose import PoseModel
from rfdetr_pose.data import batches
from rfdetr_pose.training.module import PoseModule

checkpoint, folder, options, report = sys.argv[1:]
read_image, begin = batches.read_image, PoseModule.on_validation_epoch_start
seen = {"train": [], "valid": [], "validated": []}

def read(sample):
    seen[sample.path.parent.name].append(sample.path.name)
    return read_image(sample)

def start(self):
    begin(self)
    digest = hashlib.sha256()
    for value in self.network.state_dict().values():
        digest.update(value.numpy().tobytes())
    seen["validated"].append(digest.hexdigest())

batches.read_image, PoseModule.on_validation_epoch_start = read, start
result = PoseModel.from_checkpoint(checkpoint, device="cpu").train(folder, **json.loads(options))
seen["metrics"] = result.metrics
rank = os.environ.get("LOCAL_RANK", "0")
Path(f"{report}.{rank}").write_text(json.dumps(seen))
"""


def test_two_processes_share_the_work(folder: Path, learned: TrainResult, tmp_path: Path) -> None:
    out = tmp_path / "out"
    together = {"devices": 2, "strategy": "ddp", "batch_size": 3, "epochs": 2, "keep": "last"}
    gentle = {"learning_rate": 1e-6, "backbone_learning_rate": 1e-6, "augment": None}
    options = json.dumps({**OPTIONS, **together, **gentle, "scales": (1.0,), "out": str(out)})
    report = str(tmp_path / "report")
    finished = child(tmp_path, TOGETHER, str(learned.checkpoint), str(folder), options, report)
    assert finished.returncode == 0, finished.stderr
    first, second = (json.loads(Path(f"{report}.{rank}").read_text()) for rank in range(2))

    every = sorted(f"{number}.png" for number in range(TRAIN))
    half = TRAIN // 2
    assert sorted(first["train"][:half] + second["train"][:half]) == every
    assert sorted(first["train"][half:] + second["train"][half:]) == every
    assert first["valid"] == ["0.png", "2.png", "4.png"] * 2
    assert second["valid"] == ["1.png", "3.png"] * 2
    # Weights and running means, averaged, as each process validated them.
    assert first["validated"] == second["validated"]

    found = first["metrics"]["val/AP"]
    assert 0 < found < 1
    assert second["metrics"]["val/AP"] == found
    assert validate_alone(out / "model.safetensors", folder)["AP"] == pytest.approx(found)
    rows = read_curve(out)
    assert [row["epoch"] for row in rows if row["val/AP"]] == ["0", "1"]
    assert len(list((out / "tensorboard").glob("events.*"))) == 1


def validate_alone(checkpoint: Path, folder: Path) -> dict[str, float]:
    model = PoseModel.from_checkpoint(checkpoint, device="cpu")
    _, samples = read_training_set([folder], model.config)
    pictures = PoseDataset(samples, model.config)
    batch = collate([pictures[index] for index in range(len(samples))])
    with torch.inference_mode():
        decoded = decode(model.network(normalise(batch.images)), MAX_DETECTIONS)
    return average_precision(results(decoded, batch.indices, samples), samples, model.config)


def test_more_processes_than_pictures_are_refused(pair: Path, folder: Path, tmp_path: Path) -> None:
    """Before they are started: one that has nothing to do would leave the others waiting."""
    together = {"strategy": "ddp", "devices": 3}
    with pytest.raises(DatasetError, match="2 training images are too few for 3 processes"):
        train(make_model(), pair, tmp_path, **together)
    with pytest.raises(DatasetError, match="2 validation images are too few for 3 processes"):
        train(make_model(), folder, tmp_path, validation_dir=pair, **together)


# --- Options ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("accumulate", "steps"), [(1, 6), (2, 3)])
def test_gradients_of_several_batches_are_one_step(
    accumulate: int, steps: int, folder: Path, tmp_path: Path
) -> None:
    train(make_model(), folder, tmp_path, batch_size=2, accumulate=accumulate)
    assert read_checkpoint(tmp_path / "last.ckpt")["global_step"] == steps


def test_without_averaging_the_trained_weights_themselves_are_kept(
    pair: Path, tmp_path: Path
) -> None:
    result = train(make_model(), pair, tmp_path, ema_decay=0)
    last = read_checkpoint(tmp_path / "last.ckpt")
    assert "current_model_state" not in last
    assert_same_weights(load_file(result.checkpoint), weights_in(last))


def test_the_average_forgets_the_start_and_keeps_integers_as_they_are() -> None:
    average = averaging(0.9)._kwargs["multi_avg_fn"]
    weights, counts = [torch.zeros(2)], [torch.tensor(3)]
    for updates, expected in ((1, 9 / 11), (1000, 9 / 11 + 0.1 * (1 - 9 / 11))):
        average(weights, [torch.ones(2)], torch.tensor(updates))
        torch.testing.assert_close(weights[0], torch.full((2,), expected))
    average(counts, [torch.tensor(5)], torch.tensor(1))
    assert counts[0] == 5


def test_half_precision_trains_weights_of_full_precision(folder: Path, tmp_path: Path) -> None:
    result = train(make_model(), folder, tmp_path, batch_size=1, precision="bf16-mixed")
    (loss,) = (float(row["loss"]) for row in read_curve(tmp_path) if row["loss"])
    assert np.isfinite(loss)
    state = load_file(result.checkpoint)
    assert {value.dtype for value in state.values()} == {torch.float32, torch.int64}
    start = make_model().network.state_dict()
    assert any(not torch.equal(start[name], value) for name, value in state.items())


def sides(data: Path, out: Path, monkeypatch: pytest.MonkeyPatch, **options: Any) -> list[int]:
    """Of the pictures that the network was trained on, step by step."""
    seen: list[int] = []
    forward = PoseNetwork.forward_train

    def watched(self: PoseNetwork, images: torch.Tensor) -> Any:
        seen.append(images.shape[-1])
        return forward(self, images)

    with monkeypatch.context() as patch:
        patch.setattr(PoseNetwork, "forward_train", watched)
        train(make_model(), data, out, batch_size=1, validate_every=9, **options)
    return seen


def test_several_resolutions_come_in_an_order_of_their_own(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"scales": (1.0, 1.5), "epochs": 2}
    first = sides(folder, tmp_path, monkeypatch, **options)
    assert set(first) == {64, 96}
    assert first[:TRAIN] != first[TRAIN:]
    assert sides(folder, tmp_path, monkeypatch, **options) == first
    assert sides(folder, tmp_path, monkeypatch, seed=1, **options) != first


def test_no_resolution_has_fewer_cells_than_there_are_queries(
    pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """8 queries need 3 x 3 cells of 16 px, in steps of 32 px."""
    assert set(sides(pair, tmp_path, monkeypatch, scales=(0.1,))) == {64}


# --- Learning -----------------------------------------------------------------------------------


def test_a_network_learns_two_pictures_by_heart(learned: TrainResult, pair: Path) -> None:
    assert learned.metrics["val/AP"] >= 0.9
    model = PoseModel.from_checkpoint(learned.checkpoint, device="cpu")
    samples, _ = read_training_set([pair], model.config)
    for sample in samples:
        found = model.predict(sample.path, threshold=0.0)
        distance = found.data["keypoints"][0, :, :2] - sample.keypoints[0, :, :2]
        assert float(np.abs(distance).mean()) < 2
        assert float(np.abs(found.xyxy[0] - sample.boxes[0]).mean()) < 4
