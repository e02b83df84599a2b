"""The pass in FP32 that a network in reduced precision is compared with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from posebench.config import RunConfig, SessionOptions
from posebench.datasets.selection import new_positions, only_images, spread
from posebench.evaluation import with_sigmas
from posebench.loading import LoadedModel
from posebench.parity import compare
from posebench.predictions import read_predictions, to_detections
from posebench.protocols import Dataset
from posebench.record import Parity
from posebench.shards import predict_dataset
from posebench.types import Detections, IntArray
from posebench.worker_client import WorkerClient


def is_reduced(loaded: LoadedModel) -> bool:
    """Whether a network that was scored in FP16 may have been made from one in FP32.

    An INT8 file says nothing of what it was made from, and a user's own FP16 file as little, which
    is found out when it is opened in FP32. Joints of single people (PCKh) are not compared.
    """
    lowered = loaded.runtime.precision == "fp16" and loaded.runtime.name != "native"
    return lowered and not loaded.untrained and loaded.protocol.pckh is None


def fp32_config(config: RunConfig, loaded: LoadedModel) -> RunConfig:
    """The run in FP32 on the CPU, in the runtime that reads the same files.

    That is torch for a torch program, OpenVINO for its own format, else ONNX Runtime.
    """
    formats = {artifact.format for artifact in loaded.artifacts}
    runtime = "onnxruntime"
    if loaded.runtime.name == "torch":
        runtime = "torch"
    elif "openvino" in formats:
        runtime = "openvino"
    changes = {
        "runtime": runtime,
        "precision": "fp32",
        "device": "cpu",
        "session": SessionOptions(),
    }
    return config.model_copy(update=changes)


@dataclass(frozen=True)
class _Pictures:
    """Some pictures of a dataset."""

    dataset: Dataset
    image_ids: tuple[int, ...]

    def image_path(self, image_id: int) -> Path:
        """Where a picture lies."""
        return self.dataset.image_path(image_id)


def find_parity(
    worker: WorkerClient,
    fp32: LoadedModel,
    loaded: LoadedModel,
    config: RunConfig,
    dataset: Dataset,
    folder: Path,
) -> Parity:
    """Predict some pictures in FP32 and compare.

    Args:
        worker: With the FP32 network loaded.
        fp32: What it says of it.
        loaded: The network in reduced precision.
        config: Of the run.
        dataset: Its pictures.
        folder: Of the run, with the predictions in reduced precision.

    Raises:
        WorkerFailure: The FP32 network failed.
    """
    truth = with_sigmas(dataset.ground_truth(), loaded.protocol.evaluation.sigmas)
    used = spread(len(truth.image_ids), config.parity_images)
    pictures = _Pictures(dataset, tuple(int(i) for i in truth.image_ids[used]))
    with TemporaryDirectory(dir=folder) as shards:
        predict_dataset(worker, pictures, Path(shards), config.limits, lambda images: None)
        predicted = read_predictions(Path(shards))
    reduced = to_detections(read_predictions(folder / "predictions"), truth.image_ids)
    part = only_images(truth, used)
    return compare(
        part,
        to_detections(predicted, part.image_ids),
        on_pictures(reduced, used, len(truth.image_ids)),
        reference=f"{fp32.runtime.name} {fp32.runtime.version}, {fp32.runtime.provider}",
        max_dets=loaded.protocol.evaluation.max_dets,
    )


def on_pictures(detections: Detections, used: IntArray, count: int) -> Detections:
    """The detections on some pictures.

    Args:
        detections: On ``count`` pictures.
        used: Positions of those that stay, in their new order.
        count: Number of pictures.
    """
    place = new_positions(used, count)[detections.image_index]
    rows = np.flatnonzero(place >= 0)
    return replace(
        detections,
        image_index=place[rows],
        keypoints=detections.keypoints[rows],
        scores=detections.scores[rows],
        class_ids=detections.class_ids[rows],
        boxes=None if detections.boxes is None else detections.boxes[rows],
    )
