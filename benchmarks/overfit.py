"""Can the network and its training learn a few photographs by heart?

python benchmarks/overfit.py --data coco-val2017-mini

Takes the first images on which somebody has keypoints, trains a small network on them from random
weights and without augmentation, and validates on the same images: whatever cannot be learned here
is a fault of the network, the loss or the training, not of the data. The figures go to standard
output; the curve is in metrics.csv in --out. For one core: OMP_NUM_THREADS=1.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import torch
from rfdetr_pose import PoseModel
from rfdetr_pose.config import NANO, ConvBackbone

# Nano with less of everything, so that ten minutes of one core are enough.
CONFIG = NANO.model_copy(
    update={
        "size": "nano-overfit",
        "resolution": 256,
        "backbone": ConvBackbone(widths=(32, 64, 128, 160), blocks=(1, 1, 2, 1)),
        "hidden_dim": 128,
        "feedforward_dim": 256,
        "self_attention_heads": 4,
        "cross_attention_heads": 8,
        "sampling_points": 4,
        "num_queries": 30,
        "query_groups": 3,
    }
)
EPOCHS = 900
LEARNING_RATE = 2e-3
SEED = 0


def subset(data: Path, count: int, folder: Path) -> None:
    """The first images with at least one person with keypoints, as a dataset of their own."""
    document = json.loads((data / "person_keypoints.json").read_bytes())
    posed = {a["image_id"] for a in document["annotations"] if a["num_keypoints"]}
    ordered = sorted(document["images"], key=lambda image: image["id"])
    images = [image for image in ordered if image["id"] in posed][:count]
    kept = {image["id"] for image in images}
    annotations = [a for a in document["annotations"] if a["image_id"] in kept]
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for image in images:
        shutil.copy(data / "images" / image["file_name"], folder / "images")
    document |= {"images": images, "annotations": annotations}
    (folder / "person_keypoints.json").write_text(json.dumps(document))


def train(folder: Path, out: Path) -> dict[str, float]:
    """Figures of the weights after the last epoch."""
    torch.manual_seed(SEED)
    model = PoseModel.from_config(CONFIG, device="cpu")
    options: dict[str, Any] = {
        "accumulate": 1,
        "learning_rate": LEARNING_RATE,
        "backbone_learning_rate": LEARNING_RATE,
        "warmup_epochs": 10,
        # What is left at the end is the last pixel of each keypoint.
        "loss": {"keypoints_l1": 4.0, "keypoints_oks": 6.0},
        "clip_norm": 1.0,
        "ema_decay": 0.99,
        "precision": "bf16-mixed",
        "augment": None,
        "scales": (1.0,),
        "keep": "last",
        "validate_every": EPOCHS // 12,
        "seed": SEED,
        "workers": 0,
        "accelerator": "cpu",
        "devices": 1,
        "progress": False,
    }
    result = model.train(folder, EPOCHS, 8, validation_dir=folder, out=out, **options)
    return dict(result.metrics)


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="person_keypoints.json, images/")
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--out", type=Path, default=Path("runs/overfit"))
    arguments = parser.parse_args()
    folder = arguments.out / "data"
    subset(arguments.data, arguments.images, folder)
    figures = train(folder, arguments.out)
    for name in ("AP", "AP50", "AP75", "AR", "box_AP"):
        sys.stdout.write(f"{name} {100 * figures[f'val/{name}']:.1f}\n")


if __name__ == "__main__":
    main()
