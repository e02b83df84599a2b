"""Does feature decoupling help? ``nox -s train_rdpose_demo`` trains the pairs that answer it.

A small HRNet is trained on rendered crowds twice for every seed: bare, and as RDPose. Both start
from the same trained backbone, as the authors' start from ImageNet's, see the same crops in the
same order, and stop after the same number of them. What is written here is all that the result
depends on; nothing is fetched. The run may be stopped and started again.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posebench_adapters._rdpose_cards import DEMO
from rdpose.config import ModelConfig, Variant
from rdpose.data.augment import AugmentConfig
from rdpose.training.options import TrainOptions

from posebench.cache import file_sha256
from posebench.datasets.synthetic.export import make_folder
from posebench.datasets.synthetic.names import Recipe

if TYPE_CHECKING:
    from rdpose.network import PoseNetwork

SET = Recipe("crowded", 600, 201)
ARMS: tuple[Variant, ...] = ("bare", "perturbed")
SEEDS = (0, 1, 2, 3, 4)
START = "start"
"""The run, bare and from scratch, whose backbone all others begin with."""

START_CLIP, CLIP = 0.05, 0.0005
"""Norms to which gradients are cut.

The sigmoids of RDPose's heads start at a half, and Adam remembers those first gradients, many
times the later ones, for thousands of steps. In the authors' half a million steps that is nothing,
in our few thousand it would be most of them. Below the usual norm of a gradient, the cut makes all
steps equally long.
"""


def model_of(variant: Variant) -> ModelConfig:
    """The small network: 1.4 M parameters, crops of 128x96 px."""
    return DEMO.model_copy(update={"variant": variant})


def options_of(seed: int, out: Path, clip_norm: float = CLIP) -> TrainOptions:
    """The same for both of a pair."""
    last = out / "last.ckpt"
    return TrainOptions(
        epochs=12,
        milestones=(9, 11),
        batch_size=8,
        clip_norm=clip_norm,
        precision="bf16-mixed",
        augment=AugmentConfig(rotation=40, scale=0.3, half_body=0),
        keep="last",
        seed=seed,
        workers=0,
        accelerator="cpu",
        devices=1,
        progress=False,
        out=out,
        resume=last if last.exists() else None,
    )


def train(variant: Variant, seed: int, folder: Path) -> None:
    """Train one network, or go on where an earlier call was stopped."""
    from rdpose.checkpoint import load_checkpoint
    from rdpose.network import PoseNetwork

    _seed(seed)
    network = PoseNetwork(model_of(variant))
    started = load_checkpoint(folder / START / "model.safetensors")
    network.backbone.load_state_dict(started.backbone.state_dict())
    _fit(network, options_of(seed, out_of(variant, seed, folder)), folder)


def train_start(folder: Path) -> None:
    """Train the network whose backbone is the others' first one."""
    from rdpose.network import PoseNetwork

    _seed(SEEDS[0])
    options = options_of(SEEDS[0], folder / START, START_CLIP)
    _fit(PoseNetwork(model_of("bare")), options, folder)


def _seed(seed: int) -> None:
    import lightning as L
    import torch

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    L.seed_everything(seed, verbose=False)


def _fit(network: PoseNetwork, options: TrainOptions, folder: Path) -> None:
    from rdpose.data.coco import read_people
    from rdpose.training.fit import fit
    from rdpose.training.validation import TrainingData

    place = _rendered(folder)
    people = read_people(place / "person_keypoints.json", place / "images", network.config)
    fit(network, TrainingData(people, None), options)


def out_of(variant: Variant, seed: int, folder: Path) -> Path:
    """Where a run leaves its files."""
    return folder / f"{variant}-{seed}"


def _rendered(folder: Path) -> Path:
    place = folder / f"{SET.split}-{SET.seed}"
    make_folder(SET, place)
    return place


def train_all(folder: Path, jobs: int) -> None:
    """Train every pair, each network in a process of its own; what is finished is kept."""
    _rendered(folder)
    if not (folder / START / "model.safetensors").exists():
        _in_process(folder, "--start")
    runs = [(variant, seed) for seed in SEEDS for variant in ARMS]
    missing = [r for r in runs if not (out_of(*r, folder) / "model.safetensors").exists()]
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(lambda run: _in_process(folder, "--one", run[0], str(run[1])), missing))


def _in_process(folder: Path, *arguments: str) -> None:
    command = [sys.executable, __file__, "--folder", str(folder), *arguments]
    subprocess.run(command, check=True)


def describe_training(folder: Path) -> list[dict[str, Any]]:
    """What each network is, how it was trained, and how its loss fell; the start comes first."""
    names = [START, *(out_of(variant, seed, folder).name for variant in ARMS for seed in SEEDS)]
    return [_described(folder / name) for name in names]


def _described(run: Path) -> dict[str, Any]:
    """As the run itself wrote it down."""
    import torch

    checkpoint = torch.load(run / "last.ckpt", map_location="cpu", weights_only=True)
    return {
        "name": run.name,
        "model": checkpoint["rdpose_config"],
        "options": checkpoint["rdpose_options"],
        "epochs": checkpoint["epoch"] + 1,
        "loss_by_epoch": _losses(run / "metrics.csv"),
        "sha256": file_sha256(run / "model.safetensors"),
    }


def _losses(path: Path) -> list[float]:
    """Mean of the logged losses of each epoch."""
    found: dict[int, list[float]] = defaultdict(list)
    with path.open(newline="") as stream:
        for row in csv.DictReader(stream):
            if row["loss"]:
                found[int(row["epoch"])].append(float(row["loss"]))
    return [sum(values) / len(values) for _, values in sorted(found.items())]


def main() -> None:
    """Train what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/train-rdpose-demo"))
    parser.add_argument("--jobs", type=int, default=2, help="networks trained at once")
    parser.add_argument("--one", nargs=2, metavar=("VARIANT", "SEED"), help="only this network")
    parser.add_argument("--start", action="store_true", help="only the network all begin with")
    options = parser.parse_args()
    if options.one:
        variant, seed = options.one
        train(variant, int(seed), options.folder)
    elif options.start:
        train_start(options.folder)
    else:
        train_all(options.folder, options.jobs)


if __name__ == "__main__":
    main()
