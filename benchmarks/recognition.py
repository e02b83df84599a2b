"""Do models trained on photographs see the rendered people, and does worse input score lower?

python benchmarks/recognition.py --fp32 yolov8n-pose.onnx --int8 yolov8n-pose_int8_openvino_model

For each split and seed, posebench runs the same network on the rendered pictures in full and in
8-bit precision, and in full precision on copies that were blurred and halved in resolution. Both
tables go to standard output as markdown; Records stay in --out.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from posebench.config import DatasetRef
from posebench.datasets.loading import open_dataset
from posebench.datasets.skeletons import COCO17

Pixels = npt.NDArray[Any]


def blurred(image: Pixels) -> Pixels:
    """Gaussian blur of 1.5 px."""
    return cv2.GaussianBlur(image, (0, 0), 1.5)


def halved(image: Pixels) -> Pixels:
    """Half the resolution, enlarged again, so that labels and network stay the same."""
    height, width = image.shape[:2]
    small = cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


@dataclass(frozen=True)
class Dataset:
    """One set of pictures, as it is or made worse."""

    name: str
    annotations: Path
    images: Path
    changed: bool = False

    @property
    def options(self) -> tuple[str, ...]:
        """What posebench run is told about it."""
        if not self.changed:
            return ("--dataset", self.name)
        files = ("--annotations", str(self.annotations), "--images", str(self.images))
        return ("--dataset", self.name, *files)

    def copy(self, folder: Path, change: Callable[[Pixels], Pixels]) -> Dataset:
        """The same labels with changed pictures, without further loss (PNG)."""
        name = f"{self.name}-{change.__name__}".replace(":", "-")
        images = folder / name
        images.mkdir(parents=True, exist_ok=True)
        for path in sorted(self.images.iterdir()):
            image = cv2.imread(str(path))
            assert image is not None, path
            # Under its old name, as the labels have it: OpenCV reads by content.
            _, data = cv2.imencode(".png", change(image))
            (images / path.name).write_bytes(np.asarray(data).tobytes())
        return Dataset(name, self.annotations, images, changed=True)


def rendered(split: str, seed: int, size: int) -> Dataset:
    """A split of a seed, from the cache."""
    name = f"synthetic-{split}:{size}:{seed}"
    dataset = open_dataset(DatasetRef(name=name))
    first = dataset.image_path(1)
    (annotations,) = first.parents[1].glob(f"person_keypoints-{size}.json")
    return Dataset(dataset.name, annotations, first.parent)


def run(model: str, precision: str, dataset: Dataset, out: Path) -> dict[str, Any]:
    """One Record, as JSON."""
    finished = subprocess.run(
        [
            *(sys.executable, "-m", "posebench", "run", "--models", model, *dataset.options),
            *("--precision", precision, "--no-latency"),
            *("--out", str(out), "--format", "json"),
        ],
        stdout=subprocess.PIPE,
        check=True,
    )
    (record,) = json.loads(finished.stdout)
    return dict(record)


def variants(
    arguments: argparse.Namespace, dataset: Dataset
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and Record of each way to look at a dataset, best first."""
    fp32 = f"yolov8n-pose={arguments.fp32}"
    out = arguments.out
    yield "FP32", run(fp32, "fp32", dataset, out)
    yield "INT8", run(f"yolov8n-pose={arguments.int8}", "int8", dataset, out)
    for change in (blurred, halved):
        yield change.__name__, run(fp32, "fp32", dataset.copy(out / "pictures", change), out)


def figure(record: dict[str, Any], name: str) -> float:
    """A figure of the keypoint task, on a scale of 100."""
    return 100 * float(record["accuracy"]["keypoints"]["figures"][name]["value"])


def profile(record: dict[str, Any]) -> list[float]:
    """OKS of every keypoint by itself, on a scale of 100."""
    keypoints = record["accuracy"]["keypoints"]["per_keypoint"]
    return [100 * float(keypoints[name]["oks"]["value"]) for name in COCO17.keypoints]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fp32", type=Path, required=True, help="ONNX file")
    parser.add_argument("--int8", type=Path, required=True, help="OpenVINO folder")
    parser.add_argument("--size", type=int, default=500)
    parser.add_argument("--seeds", type=int, nargs="+", default=[9001, 9002])
    parser.add_argument("--out", type=Path, default=Path("runs/recognition"))
    arguments = parser.parse_args()
    profiles: dict[str, list[float]] = {}
    for split in ("easy", "default", "crowded"):
        for seed in arguments.seeds:
            dataset = rendered(split, seed, arguments.size)
            for name, record in variants(arguments, dataset):
                profiles.setdefault(dataset.name, profile(record))
                aps = " | ".join(f"{figure(record, ap):.1f}" for ap in ("AP", "AP50", "AP75"))
                write(f"| {split} | {seed} | {name} | {aps} |")
    write("\n| keypoint | " + " | ".join(profiles) + " |")
    for keypoint, row in zip(COCO17.keypoints, zip(*profiles.values(), strict=True), strict=True):
        write(f"| {keypoint} | " + " | ".join(f"{value:.1f}" for value in row) + " |")


def write(line: str) -> None:
    """To standard output, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
