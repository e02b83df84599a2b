"""What a run says of itself at its end, and which runs go on after a stop."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from rdpose.data import coco
from rdpose.data.augment import AugmentConfig
from rdpose.data.layout import CocoLayout
from rdpose.data.samples import Person
from rdpose.errors import CheckpointError, RDPoseError
from rdpose.network import PoseNetwork
from rdpose.training.fit import fit
from rdpose.training.options import TrainOptions
from rdpose.training.validation import HeldOut, TrainingData
from rdpose_runs import TINY, variant_of, write_coco
from rfdetr_pose.training.result import TrainResult

pytestmark = pytest.mark.framework
OPTIONS: dict[str, Any] = {
    "epochs": 2,
    "milestones": (1,),
    "batch_size": 2,
    "workers": 0,
    "accelerator": "cpu",
    "devices": 1,
    "progress": False,
}


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory, coco_mini: Path) -> list[Person]:
    layout = CocoLayout(write_coco(tmp_path_factory.mktemp("data"), coco_mini, 1) / "coco")
    found = coco.read_people(layout.annotations("train2017"), layout.images("train2017"), TINY)
    return found[:2]


@pytest.fixture(scope="module")
def stopped(people: list[Person], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The last checkpoint of a run."""
    out = tmp_path_factory.mktemp("run")
    train(people, out)
    return out / "last.ckpt"


def train(
    people: Sequence[Person], out: Path, course: Sequence[float] = (), **options: Any
) -> TrainResult:
    """A run whose validations find the AP of ``course``; without it, nothing is validated."""
    values = list(course)
    held_out = HeldOut(people, lambda _: {"AP": values.pop(0)}, "AP") if course else None
    torch.manual_seed(0)
    chosen = TrainOptions(**{**OPTIONS, **options, "out": out})
    return fit(PoseNetwork(TINY), TrainingData(people, held_out), chosen)


# --- Figures of the kept weights ----------------------------------------------------------------


@pytest.mark.parametrize(("keep", "expected"), [("best", 0.9), ("last", 0.4)])
def test_the_figures_are_of_the_kept_weights(
    keep: str, expected: float, people: list[Person], tmp_path: Path
) -> None:
    result = train(people, tmp_path, (0.2, 0.9, 0.4), epochs=3, keep=keep)
    assert result.metrics["val/AP"] == pytest.approx(expected)
    assert {"loss", "loss/target"} <= set(result.metrics)


def test_weights_that_were_not_validated_have_no_figures(
    people: list[Person], tmp_path: Path
) -> None:
    result = train(people, tmp_path, (0.9,), epochs=3, keep="last", validate_every=2)
    assert "loss" in result.metrics
    assert "val/AP" not in result.metrics


def test_the_figures_of_an_epoch_before_the_stop_are_known(
    people: list[Person], tmp_path: Path
) -> None:
    """The run is stopped by an error in the validation of its second epoch."""
    with pytest.raises(IndexError):
        train(people, tmp_path, (0.9,))
    result = train(people, tmp_path, (0.4,), resume=tmp_path / "last.ckpt")
    assert result.metrics["val/AP"] == pytest.approx(0.9)


# --- What goes on -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"epochs": 3}, "epochs was 2, is 3"),
        ({"milestones": (1, 2)}, r"milestones was \[1\], is \[1, 2\]"),
        ({"learning_rate": 0.01}, "learning_rate was 0.001, is 0.01"),
        ({"batch_size": 1, "seed": 3}, "batch_size was 2, is 1; seed was 0, is 3"),
        ({"accumulate": 2}, "accumulate was 1, is 2"),
        ({"precision": "bf16-mixed"}, "precision was 32-true, is bf16-mixed"),
        ({"augment": AugmentConfig(rotation=30)}, r"augment\.rotation was 45\.0, is 30\.0"),
        ({"augment": None}, "augment was .*, is None"),
    ],
    ids=lambda value: "" if isinstance(value, str) else str(value),
)
def test_a_run_goes_on_with_its_own_options_only(
    changed: dict[str, Any], reason: str, people: list[Person], stopped: Path
) -> None:
    with pytest.raises(CheckpointError, match=rf"last\.ckpt: .*other options: {reason}\. Give"):
        train(people, stopped.parent, resume=stopped, **changed)


def test_how_a_run_is_computed_may_change(people: list[Person], stopped: Path) -> None:
    train(people, stopped.parent, resume=stopped, strategy="auto", keep="last", validate_every=2)


def test_a_checkpoint_that_does_not_tell_its_options_is_accepted(
    people: list[Person], tmp_path: Path
) -> None:
    train(people, tmp_path, epochs=1)
    state = torch.load(tmp_path / "last.ckpt", weights_only=True)
    for name in ("rdpose_options", "figures_of_the_epoch"):
        del state[name]
    torch.save(state, tmp_path / "last.ckpt")
    train(people, tmp_path, resume=tmp_path / "last.ckpt")
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["epoch"] == 1


def test_a_run_goes_on_in_its_own_folder_only(
    people: list[Person], stopped: Path, tmp_path: Path
) -> None:
    with pytest.raises(RDPoseError, match=rf"{stopped} cannot go on in {tmp_path}\. Leave out"):
        train(people, tmp_path, resume=stopped)
    assert not list(tmp_path.iterdir())


def test_the_fields_in_which_two_models_differ_are_named(
    people: list[Person], stopped: Path
) -> None:
    wide = TINY.model_copy(update={"backbone": TINY.backbone.model_copy(update={"width": 16})})
    other = variant_of(wide, "perturbed")
    options = TrainOptions(**{**OPTIONS, "out": stopped.parent, "resume": stopped})
    reason = r"model: backbone\.width, variant differ\. Give the --cfg and --variant"
    with pytest.raises(CheckpointError, match=reason):
        fit(PoseNetwork(other), TrainingData(people, None), options)
