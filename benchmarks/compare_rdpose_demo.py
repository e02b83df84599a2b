"""Measures the pairs that ``train_rdpose_demo.py`` left, on rendered crowds that neither has seen.

Each network is scored in annotated boxes, in boxes that were moved and scaled, and on pictures in
which something stands in front of everybody. A pair's difference is that of two networks with one
seed; the interval of their mean is Student's, over the seeds. It says what other orders, crops and
first weights of the heads would give, with the same start and the same pictures.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from posebench_adapters import rdpose as adapter
from posebench_adapters._rdpose_cards import DEMO, DEMO_PROTOCOL
from rdpose.config import Inference, Variant
from rdpose.export import export_onnx
from rdpose.loading import load_network
from scipy import stats
from train_rdpose_demo import ARMS, SEEDS, SET, describe_training, out_of

from posebench import environment
from posebench.cache import file_sha256
from posebench.config import resolve_protocol
from posebench.datasets.box_files import ground_truth_boxes
from posebench.datasets.images import read_image
from posebench.datasets.synthetic.dataset import SyntheticDataset
from posebench.evaluation import score
from posebench.predictions import collect, to_detections
from posebench.protocols import PoseModel
from posebench.registry import recommended_protocol
from posebench.sessions import open_session
from posebench.types import Image, PersonBoxes

TEST_SET = "synthetic-crowded:250:9001"
_ROOT = Path(__file__).resolve().parents[1]
RECORD = _ROOT / "results/training/rdpose-demo.json"
MODEL = _ROOT / "adapters/posebench_adapters/models/rdpose-demo.onnx"
DEMO_SEED = SEEDS[0]

SHIFT = 0.1  # of a side, standard deviation
SCALE = 0.15  # of the logarithm of the sides, standard deviation
OCCLUDER = 0.4  # of a side of the box
LEVEL = 0.95

Scene = tuple[Image, PersonBoxes]
Change = Callable[[Image, PersonBoxes, np.random.Generator], Scene]


def as_annotated(image: Image, people: PersonBoxes, random: np.random.Generator) -> Scene:
    """The picture and its boxes as they are."""
    return image, people


def moved_boxes(image: Image, people: PersonBoxes, random: np.random.Generator) -> Scene:
    """Boxes as a poor detector finds them."""
    corners = people.boxes.astype(np.float64)
    centers, sides = (corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]
    centers += random.normal(0, SHIFT, centers.shape) * sides
    sides *= np.exp(random.normal(0, SCALE, sides.shape))
    moved = np.concatenate([centers - sides / 2, centers + sides / 2], axis=1)
    return image, PersonBoxes(moved.astype(np.float32), people.scores)


def occluded(image: Image, people: PersonBoxes, random: np.random.Generator) -> Scene:
    """A plain rectangle in front of every person."""
    covered = image.copy()
    for left, top, right, bottom in people.boxes.tolist():
        width, height = OCCLUDER * (right - left), OCCLUDER * (bottom - top)
        x, y = random.uniform(left, right - width), random.uniform(top, bottom - height)
        rows = slice(max(0, round(y)), max(0, round(y + height)))
        columns = slice(max(0, round(x)), max(0, round(x + width)))
        covered[rows, columns] = random.integers(0, 256, 3)
    return covered, people


CONDITIONS: Mapping[str, Change] = {
    "annotated boxes": as_annotated,
    "moved boxes": moved_boxes,
    "occluded people": occluded,
}


def measure(folder: Path, jobs: int) -> list[dict[str, Any]]:
    """AP of every network, way of inference and condition."""
    SyntheticDataset.open(TEST_SET)  # rendered once, and not by every process
    networks = [
        (variant, inference, seed)
        for variant in ARMS
        for inference in _ways(variant)
        for seed in SEEDS
    ]
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        return [row for rows in pool.map(partial(_measure, folder), networks) for row in rows]


def _ways(variant: Variant) -> tuple[Inference, ...]:
    return ("plain",) if variant == "bare" else ("plain", "fdm")


def _measure(folder: Path, network: tuple[Variant, Inference, int]) -> list[dict[str, Any]]:
    variant, inference, seed = network
    dataset = SyntheticDataset.open(TEST_SET)
    model = _model(out_of(variant, seed, folder), inference)
    named = {"variant": variant, "inference": inference, "seed": seed}
    rows = [named | {"condition": c, "AP": _ap(model, dataset, c)} for c in CONDITIONS]
    model.close()
    print(*rows, sep="\n", flush=True)
    return rows


def _model(out: Path, inference: Inference) -> PoseModel:
    path = export_onnx(
        load_network(out / "model.safetensors"), out / f"{inference}.onnx", inference
    )
    card = adapter.card_for(path)
    protocol = resolve_protocol(*recommended_protocol(adapter, card, path))
    return adapter.load(card, path, protocol, _session)


def _session(path: Path) -> Any:
    return open_session(path, runtime="onnxruntime", device="cpu", threads=1, precision="fp32")


def _ap(model: PoseModel, dataset: SyntheticDataset, condition: str) -> float:
    truth = dataset.ground_truth()
    boxes = ground_truth_boxes(truth, dataset)
    found = []
    for image_id in dataset.image_ids:
        random = np.random.default_rng(image_id)  # the same for every network
        image = read_image(dataset.image_path(image_id))
        image, people = CONDITIONS[condition](image, boxes[image_id], random)
        found += model.predict([image], [people])
    detections = to_detections(collect(dataset.image_ids, found), truth.image_ids)
    ap = score(truth, detections).keypoints["AP"].value
    assert ap is not None, "there are people"
    return ap


def compare(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean difference to the bare network, with its interval, for each way and condition."""

    def of(variant: Variant, inference: Inference, condition: str) -> np.ndarray[Any, Any]:
        wanted = (variant, inference, condition)
        keys = ("variant", "inference", "condition")
        found = {r["seed"]: r["AP"] for r in rows if tuple(r[k] for k in keys) == wanted}
        return np.array([found[seed] for seed in SEEDS])

    compared = []
    for variant in ARMS[1:]:
        for inference in ("plain", "fdm"):
            for condition in CONDITIONS:
                bare = of("bare", "plain", condition)
                other = of(variant, inference, condition)
                row = {
                    "variant": variant,
                    "inference": inference,
                    "condition": condition,
                    "bare_AP": float(bare.mean()),
                    "AP": float(other.mean()),
                }
                compared.append(row | paired_difference(bare, other))
    return compared


def paired_difference(first: np.ndarray[Any, Any], second: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Mean of second - first, and Student's interval of it over the pairs."""
    difference = second - first
    count = len(difference)
    half = stats.t.ppf((1 + LEVEL) / 2, count - 1) * difference.std(ddof=1) / math.sqrt(count)
    mean = float(difference.mean())
    return {"difference": mean, "low": mean - float(half), "high": mean + float(half)}


def table(rows: list[dict[str, Any]]) -> list[str]:
    """The differences as lines of markdown, on a scale of 100."""

    def line(name: str, cells: list[str]) -> str:
        return f"| {' | '.join([name, *cells])} |"

    def interval(row: dict[str, Any]) -> str:
        value, low, high = (100 * row[key] for key in ("difference", "low", "high"))
        return f"{value:+.1f} ({low:+.1f} to {high:+.1f})"

    ways = {way: [r for r in rows if r["inference"] == way] for way in ("plain", "fdm")}
    bare = [f"{100 * row['bare_AP']:.1f}" for row in ways["plain"]]
    lines = [line("AP", list(CONDITIONS)), "|---" + "|--:" * len(CONDITIONS) + "|"]
    lines.append(line("bare HRNet", bare))
    for way, found in ways.items():
        lines.append(line(f"RDPose, `{way}`", [f"{100 * row['AP']:.1f}" for row in found]))
        lines.append(line("difference", [interval(row) for row in found]))
    return lines


def export_demo(folder: Path) -> None:
    """Write the first pair's RDPose into the package, to be run with decoupling."""
    network = load_network(out_of(DEMO.variant, DEMO_SEED, folder) / "model.safetensors")
    export_onnx(network, MODEL, "fdm", DEMO_PROTOCOL)


def main() -> None:
    """Measure, write what came out into ``results/``, and a network into the package."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/train-rdpose-demo"))
    parser.add_argument("--jobs", type=int, default=2, help="networks measured at once")
    options = parser.parse_args()
    folder = options.folder
    rows = measure(folder, options.jobs)
    export_demo(folder)
    differences = compare(rows)
    document = {
        "training_set": SET.name,
        "test_set": TEST_SET,
        "training": describe_training(folder),
        "networks": rows,
        "level": LEVEL,
        "differences": differences,
        "onnx_sha256": file_sha256(MODEL),
        "environment": environment.describe().model_dump(mode="json"),
    }
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    RECORD.write_text(json.dumps(document, indent=1) + "\n")
    print(*table(differences), sep="\n")
    print(f"{MODEL}: its card must say sha256 {file_sha256(MODEL)}")


if __name__ == "__main__":
    main()
