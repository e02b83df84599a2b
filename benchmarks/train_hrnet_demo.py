"""Trains ``hrnet-demo`` on rendered people with mmpose's own runner: ``nox -s train_hrnet_demo``.

Everything that the result depends on is written here and in ``hrnet_demo/``; nothing is fetched.
The run may be stopped and started again: finished pictures, epochs and stages are kept.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from posebench_adapters._mmpose_import import import_mmpose

from posebench import environment
from posebench.cache import file_sha256
from posebench.checkpoints import TRUST_CONFIGS_VARIABLE
from posebench.datasets.synthetic.export import make_folder
from posebench.datasets.synthetic.names import Recipe


@dataclass(frozen=True)
class Stage:
    """One part of the training.

    Attributes:
        name: Of its folder.
        shrink: Divisor of the input's and the heat maps' sides.
        epochs: Times that each person is seen, augmented anew.
        learning_rate: Greatest, reached after the warm-up; it ends at a hundredth.
        batch_size: People a step.
    """

    name: str
    shrink: int
    epochs: int
    learning_rate: float
    batch_size: int


# Seeds 0, 9001 and 9002 are the ones that figures are reported on.
SETS = (Recipe("easy", 5000, 101), Recipe("easy", 5000, 102), Recipe("default", 4000, 103))

# Small crops first: a step costs a quarter, and what is learned of people carries over.
STAGES = (Stage("small", 2, 6, 2e-3, 64), Stage("full", 1, 2, 1e-3, 32))
SEED = 0
EMA_MOMENTUM = 0.002
WARMUP_STEPS = 200
CLIP_NORM = 1.0

_ROOT = Path(__file__).resolve().parents[1]
CONFIG = Path(__file__).with_name("hrnet_demo") / "hrnet-w16_synthetic-256x192.py"
MODEL = _ROOT / "adapters/posebench_adapters/models/hrnet-demo.onnx"
RECORD = _ROOT / "results/training/hrnet-demo.json"


def train(folder: Path) -> Path:
    """Train, or go on where an earlier call was stopped.

    Args:
        folder: For pictures, checkpoints and logs.

    Returns:
        The checkpoint of the last stage.
    """
    import_mmpose()
    _register_precision()
    checkpoint: Path | None = None
    for stage in STAGES:
        done = folder / stage.name / "weights.pth"
        if not done.exists():
            _train_stage(stage, folder, checkpoint, done)
        checkpoint = done
    assert checkpoint is not None
    return checkpoint


def _train_stage(stage: Stage, folder: Path, start: Path | None, done: Path) -> None:
    import torch
    from mmengine.runner import Runner

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    runner = Runner.from_cfg(_configuration(stage, folder, start))
    runner.train()
    averaged = next(h for h in runner.hooks if type(h).__name__ == "EMAHook").ema_model.module
    torch.save({"state_dict": averaged.state_dict(), "meta": {}}, done)


def _configuration(stage: Stage, folder: Path, start: Path | None) -> Any:
    """mmengine's configuration of one stage."""
    from mmengine.config import Config

    config = Config.fromfile(CONFIG)
    config.pop("test_dataloader")  # for inference; the runner would ask for an evaluator too
    codec = {**config.codec, **_sizes(config.codec, stage.shrink)}
    config.model.head.decoder = codec
    config.model.train_cfg = {"compute_acc": False}  # NumPy has no bfloat16
    config.merge_from_dict(
        {
            "default_scope": "mmpose",
            "work_dir": str(folder / stage.name),
            "load_from": str(start) if start else None,
            "resume": (folder / stage.name / "last_checkpoint").exists(),
            "randomness": {"seed": SEED},
            "train_cfg": {"by_epoch": True, "max_epochs": stage.epochs},
            "train_dataloader": {
                "batch_size": stage.batch_size,
                "num_workers": 1,
                "persistent_workers": True,
                "drop_last": True,
                "sampler": {"type": "DefaultSampler", "shuffle": True},
                "dataset": _people(folder, codec),
            },
            "optim_wrapper": {
                "type": "Bfloat16OptimWrapper",
                "optimizer": {"type": "AdamW", "lr": stage.learning_rate, "weight_decay": 1e-4},
                "clip_grad": {"max_norm": CLIP_NORM},
            },
            "param_scheduler": _schedule(stage),
            "custom_hooks": [
                {"type": "EMAHook", "ema_type": "ExpMomentumEMA", "momentum": EMA_MOMENTUM}
            ],
            "default_hooks": {
                "checkpoint": {"type": "CheckpointHook", "interval": 1, "max_keep_ckpts": 1},
                "logger": {"type": "LoggerHook", "interval": 50},
            },
        }
    )
    return config


def _sizes(codec: Any, shrink: int) -> dict[str, tuple[int, ...]]:
    """The codec's two sizes (width, height) in px and cells, made smaller."""
    sides = ("input_size", "heatmap_size")
    return {name: tuple(side // shrink for side in codec[name]) for name in sides}


def _schedule(stage: Stage) -> list[dict[str, Any]]:
    rest = {"type": "CosineAnnealingLR", "T_max": stage.epochs, "end": stage.epochs}
    return [
        {"type": "LinearLR", "begin": 0, "end": WARMUP_STEPS, "start_factor": 0.01}
        | {"by_epoch": False},
        rest
        | {"begin": 0, "by_epoch": True, "convert_to_iter_based": True}
        | {"eta_min": stage.learning_rate / 100},
    ]


def _people(folder: Path, codec: Any) -> dict[str, Any]:
    """mmpose's data set of the rendered people, one crop a person."""
    sets = [
        {
            "type": "CocoDataset",
            "data_root": str(_render(recipe, folder)),
            "ann_file": "person_keypoints.json",
            "data_prefix": {"img": "images/"},
            "data_mode": "topdown",
            "pipeline": [],
        }
        for recipe in SETS
    ]
    return {
        "type": "CombinedDataset",
        "metainfo": {"from_file": "configs/_base_/datasets/coco.py"},
        "datasets": sets,
        "pipeline": [
            {"type": "LoadImage"},
            {"type": "GetBBoxCenterScale"},
            {"type": "RandomFlip", "direction": "horizontal"},
            {"type": "RandomBBoxTransform", "scale_factor": (0.75, 1.25), "rotate_factor": 40.0},
            {"type": "TopdownAffine", "input_size": codec["input_size"], "use_udp": True},
            {"type": "PhotometricDistortion"},
            {"type": "GenerateTarget", "encoder": codec},
            {"type": "PackPoseInputs"},
        ],
    }


def _render(recipe: Recipe, folder: Path) -> Path:
    place = folder / f"{recipe.split}-{recipe.seed}"
    make_folder(recipe, place)
    return place


def _register_precision() -> None:
    """bfloat16 on the CPU, which mmengine's own mixed precision refuses."""
    import torch
    from mmengine.optim import OptimWrapper
    from mmengine.registry import OPTIM_WRAPPERS

    class Bfloat16OptimWrapper(OptimWrapper):
        @contextlib.contextmanager
        def optim_context(self, model: Any) -> Iterator[None]:
            with super().optim_context(model), torch.autocast("cpu", torch.bfloat16):
                yield

    OPTIM_WRAPPERS.register_module(module=Bfloat16OptimWrapper, force=True)


def export_demo(checkpoint: Path) -> None:
    """Write the network into the package."""
    from posebench_adapters._mmpose_checkpoint import build
    from posebench_adapters._mmpose_config import read_config
    from posebench_adapters._mmpose_heatmaps import describe, export

    os.environ[TRUST_CONFIGS_VARIABLE] = f"sha256:{file_sha256(CONFIG)}"
    config = read_config(CONFIG)
    export(build(config, checkpoint), describe(config), MODEL)


def describe_training(folder: Path) -> dict[str, Any]:
    """The record of the training: what was done, how long it took, how the loss fell."""
    return {
        "model": "hrnet-demo",
        "config_sha256": file_sha256(CONFIG),
        "seed": SEED,
        "sets": [asdict(recipe) for recipe in SETS],
        "stages": [{**asdict(stage), **_history(folder / stage.name)} for stage in STAGES],
        "onnx_sha256": file_sha256(MODEL),
        "onnx_bytes": MODEL.stat().st_size,
        "environment": environment.describe().model_dump(mode="json"),
    }


def _history(out: Path) -> dict[str, Any]:
    """Mean loss and duration of each epoch, from mmengine's log."""
    losses: dict[int, list[float]] = defaultdict(list)
    seconds: dict[int, list[float]] = defaultdict(list)
    for log in sorted(out.glob("*/vis_data/scalars.json")):
        for line in log.read_text().splitlines():
            row = json.loads(line)
            losses[row["epoch"]].append(row["loss"])
            seconds[row["epoch"]].append(row["time"])
    return {
        "loss_by_epoch": [sum(v) / len(v) for _, v in sorted(losses.items())],
        "seconds_a_step_by_epoch": [sum(v) / len(v) for _, v in sorted(seconds.items())],
    }


def main() -> None:
    """Train, write the network into the package and the record into ``results/``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/train-hrnet-demo"))
    folder = parser.parse_args().folder
    export_demo(train(folder))
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    RECORD.write_text(json.dumps(describe_training(folder), indent=1) + "\n")
    print(f"{MODEL}: its card must say sha256 {file_sha256(MODEL)}")


if __name__ == "__main__":
    main()
