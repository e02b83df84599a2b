"""Trains ``rfdetr-pose-demo`` on rendered people: ``nox -s train_demo``.

Everything that the result depends on is written here; nothing is fetched. The run may be stopped
and started again: finished pictures, epochs and stages are kept.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from posebench import environment
from posebench.cache import file_sha256
from posebench.datasets.synthetic.export import make_folder
from posebench.datasets.synthetic.names import Recipe


@dataclass(frozen=True)
class Stage:
    """One part of the training.

    Attributes:
        name: Of its folder.
        sets: Recipes of the pictures, by split, number and seed.
        epochs: Times that each picture is seen, augmented anew.
        scale: Side of the network's input in this stage, as a share of the final one.
        learning_rate: Greatest.
        final_learning_rate: Share of it at the end.
        ema_decay: Of the averaged weights.
        keep: Which epoch's weights go on; validation is at the full size, so that it says little
            of a stage at another.
    """

    name: str
    sets: tuple[Recipe, ...]
    epochs: int
    scale: float
    learning_rate: float
    final_learning_rate: float
    ema_decay: float
    keep: str


# Seeds 0, 9001 and 9002 are the ones that figures are reported on.
EASY = Recipe("easy", 5000, 101)
MORE_EASY = Recipe("easy", 5000, 102)
DEFAULT = Recipe("default", 4000, 103)
VALIDATION = Recipe("easy", 200, 104)

# Small pictures first: at two thirds of the side a step costs less than half, and what is learned
# of people carries over.
STAGES = (
    Stage("small", (EASY, DEFAULT), 18, 2 / 3, 8e-4, 0.1, 0.998, "last"),
    Stage("full", (EASY, MORE_EASY, DEFAULT), 6, 1.0, 4e-4, 0.02, 0.999, "best"),
)
SEED = 0
BATCH_SIZE = 16

_ROOT = Path(__file__).resolve().parents[1]
MODEL = _ROOT / "adapters/posebench_adapters/models/rfdetr-pose-demo.onnx"
RECORD = _ROOT / "results/training/rfdetr-pose-demo.json"


def train(folder: Path) -> Path:
    """Train, or go on where an earlier call was stopped.

    Args:
        folder: For pictures, checkpoints and logs.

    Returns:
        The checkpoint of the last stage.
    """
    import torch
    from rfdetr_pose.config import DEMO
    from rfdetr_pose.model import PoseModel

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    torch.manual_seed(SEED)
    model = PoseModel.from_config(DEMO, device="cpu")
    checkpoint = folder / "none"
    for stage in STAGES:
        out = folder / stage.name
        checkpoint = out / "model.safetensors"
        if not checkpoint.exists():
            _train_stage(model, stage, folder, out)
        model = PoseModel.from_checkpoint(checkpoint, device="cpu")
    return checkpoint


def _train_stage(model: Any, stage: Stage, folder: Path, out: Path) -> None:
    last = out / "last.ckpt"
    model.train(
        [_render(recipe, folder) for recipe in stage.sets],
        stage.epochs,
        BATCH_SIZE,
        validation_dir=_render(VALIDATION, folder),
        accumulate=1,
        learning_rate=stage.learning_rate,
        backbone_learning_rate=stage.learning_rate,
        final_learning_rate=stage.final_learning_rate,
        warmup_epochs=0.5,
        clip_norm=1.0,
        ema_decay=stage.ema_decay,
        keep=stage.keep,
        precision="bf16-mixed",
        scales=(stage.scale,),
        workers=1,
        seed=SEED,
        accelerator="cpu",
        devices=1,
        out=out,
        resume=last if last.exists() else None,
    )


def _render(recipe: Recipe, folder: Path) -> Path:
    place = folder / f"{recipe.split}-{recipe.seed}"
    make_folder(recipe, place)
    return place


def describe(folder: Path, onnx: Path) -> dict[str, Any]:
    """The record of the training: what was done, how long it took, how the loss fell."""
    from rfdetr_pose.config import DEMO

    return {
        "model": "rfdetr-pose-demo",
        "config": DEMO.model_dump(mode="json"),
        "seed": SEED,
        "batch_size": BATCH_SIZE,
        "validation": asdict(VALIDATION),
        "stages": [{**asdict(stage), **_history(folder / stage.name)} for stage in STAGES],
        "onnx_sha256": file_sha256(onnx),
        "onnx_bytes": onnx.stat().st_size,
        "environment": environment.describe().model_dump(mode="json"),
    }


def _history(out: Path) -> dict[str, Any]:
    with (out / "metrics.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    losses: dict[int, list[float]] = defaultdict(list)
    for row in rows:
        if row["loss"]:
            losses[int(row["epoch"])].append(float(row["loss"]))
    return {
        "seconds": round(_seconds(out / "tensorboard")),
        "steps": max(int(row["step"]) for row in rows) + 1,
        "loss": [round(sum(part) / len(part), 4) for _, part in sorted(losses.items())],
        "validation_AP": [round(float(row["val/AP"]), 4) for row in rows if row["val/AP"]],
    }


def _seconds(logs: Path) -> float:
    """Wall time of a stage; every start of an interrupted run wrote a log of its own."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    total = 0.0
    for log in sorted(logs.glob("events.*")):
        times = [event.wall_time for event in EventFileLoader(str(log)).Load()]
        total += max(times) - min(times)
    return total


def main() -> None:
    """Train, write the network into the package and the record into ``results/``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/train-demo"))
    folder = parser.parse_args().folder
    from rfdetr_pose.model import PoseModel

    checkpoint = train(folder)
    PoseModel.from_checkpoint(checkpoint, device="cpu").export("onnx", MODEL)
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    RECORD.write_text(json.dumps(describe(folder, MODEL), indent=1) + "\n")
    print(f"{MODEL}: its card must say sha256 {file_sha256(MODEL)}")


if __name__ == "__main__":
    main()
