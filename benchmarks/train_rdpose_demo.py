"""Does feature decoupling help? ``nox -s train_rdpose_demo`` trains the pairs that answer it.

A small HRNet is trained on rendered crowds twice for every seed: bare, and as RDPose. Both start
from the same backbone, see the same crops in the same order, and stop after the same number of
them. What is written here is all that the result depends on; nothing is fetched. The run may be
stopped and started again.
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
from typing import Any

from rdpose.config import HRNetBackbone, ModelConfig, Variant
from rdpose.data.augment import AugmentConfig
from rdpose.training.options import TrainOptions

from posebench.cache import file_sha256
from posebench.datasets.synthetic.export import make_folder
from posebench.datasets.synthetic.names import Recipe

SET = Recipe("crowded", 600, 201)
ARMS: tuple[Variant, ...] = ("bare", "perturbed")
SEEDS = (0, 1, 2, 3, 4)


def model_of(variant: Variant) -> ModelConfig:
    """The small network: 1.4 M parameters, crops of 128x96 px."""
    backbone = HRNetBackbone(width=16, modules=(1, 1, 1), blocks=2, stem_blocks=1)
    return ModelConfig(backbone=backbone, input_size=(128, 96), sigma=1.5, variant=variant)


def options_of(seed: int, out: Path) -> TrainOptions:
    """The same for both of a pair.

    The sigmoids of RDPose's heads start at a half, and Adam remembers those first gradients for
    thousands of steps. In the authors' half a million steps that is nothing, in our few thousand it
    would be most of them: so gradients are clipped, and a step sees few people.
    """
    last = out / "last.ckpt"
    return TrainOptions(
        epochs=12,
        milestones=(9, 11),
        batch_size=8,
        clip_norm=0.05,
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
    import lightning as L
    import torch
    from rdpose.data.coco import read_people
    from rdpose.network import PoseNetwork
    from rdpose.training.fit import fit
    from rdpose.training.validation import TrainingData

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    config = model_of(variant)
    place = _rendered(folder)
    people = read_people(place / "person_keypoints.json", place / "images", config)
    L.seed_everything(seed, verbose=False)  # the backbone is drawn first: the same in both arms
    network = PoseNetwork(config)
    fit(network, TrainingData(people, None), options_of(seed, out_of(variant, seed, folder)))


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
    runs = [(variant, seed) for seed in SEEDS for variant in ARMS]
    missing = [r for r in runs if not (out_of(*r, folder) / "model.safetensors").exists()]
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(lambda run: _in_process(run[0], run[1], folder), missing))


def _in_process(variant: Variant, seed: int, folder: Path) -> None:
    command = [sys.executable, __file__, "--folder", str(folder), "--one", variant, str(seed)]
    subprocess.run(command, check=True)


def describe_options(folder: Path) -> list[dict[str, Any]]:
    """What each network is, how it was trained, and how its loss fell."""
    return [
        {
            "variant": variant,
            "seed": seed,
            "model": model_of(variant).model_dump(mode="json"),
            "options": options_of(seed, Path(f"{variant}-{seed}")).model_dump(mode="json"),
            "loss_by_epoch": _losses(out_of(variant, seed, folder) / "metrics.csv"),
            "sha256": file_sha256(out_of(variant, seed, folder) / "model.safetensors"),
        }
        for variant in ARMS
        for seed in SEEDS
    ]


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
    options = parser.parse_args()
    if options.one:
        variant, seed = options.one
        train(variant, int(seed), options.folder)
    else:
        train_all(options.folder, options.jobs)


if __name__ == "__main__":
    main()
