"""A trained network on a whole split: results in the format of its benchmark, and figures."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

from rdpose.coco_results import FIGURES, CocoTruth, coco_rows
from rdpose.config import Inference
from rdpose.data import coco, mpii
from rdpose.data.batches import CropSet, collate_crops
from rdpose.data.layout import CocoLayout, DatasetName, MpiiLayout
from rdpose.data.samples import Person
from rdpose.errors import DatasetError, RDPoseError
from rdpose.inference import Found, check_inference, find_all
from rdpose.network import PoseNetwork
from rdpose.pckh import predictions
from rdpose.training.validation import held_out_mpii

_MPII_BOXES = (
    "MPII is tested with the annotated centre and scale of each person. Leave out --boxes and "
    "--no-use-gt-bbox."
)
_HIDDEN = "the annotations of this split are not public: submit the results to the benchmark"


@dataclass(frozen=True)
class EvaluationOptions:
    """How a network is tested.

    Attributes:
        split: ``val2017``, ``test-dev2017`` or another of COCO; ``valid`` or ``test`` of MPII.
        inference: Whether features are decoupled before heat maps are made of them.
        use_gt_bbox: Look into the annotated boxes instead of a detector's; COCO only.
        boxes: File of the detector's boxes instead of the layout's.
        batch_size: People that go through the network together.
        workers: Processes that load pictures.
        device: Where the network runs; the first GPU if there is one.
        out: Folder that is written to.
        checkpoint: File of the network's weights, which ``metrics.json`` then names.
    """

    split: str
    inference: Inference = "plain"
    use_gt_bbox: bool = True
    boxes: Path | None = None
    batch_size: int = 32
    workers: int = 2
    device: str | None = None
    out: Path = Path("runs/rdpose-test")
    checkpoint: Path | None = None


@dataclass(frozen=True)
class EvaluationResult:
    """What came out.

    Attributes:
        predictions: File in the benchmark's own format.
        figures: By name; None where there is none.
        reason: Why a figure is missing, or ``""``.
        people: How many were looked into.
        boxes: Where they were from.
        boxes_sha256: Digest of the file they were from, if they are a detector's.
    """

    predictions: Path
    figures: dict[str, float | None]
    reason: str
    people: int
    boxes: str
    boxes_sha256: str | None = None


def evaluate(
    network: PoseNetwork, dataset: DatasetName, data: Path, options: EvaluationOptions
) -> EvaluationResult:
    """Look into every person of a split; write predictions and ``metrics.json``.

    Args:
        network: Trained.
        dataset: ``coco`` or ``mpii``.
        data: Folder in which ``coco/`` or ``mpii/`` lies.
        options: How.

    Raises:
        DatasetError: A file of the layout is missing or is not what it should be, or the options
            ask for annotations that are not public.
        RDPoseError: A bare network is to decouple features, or MPII's people are to be looked for
            in a detector's boxes.
    """
    check_inference(network.config, options.inference)
    if dataset == "mpii" and (options.boxes or not options.use_gt_bbox):
        raise RDPoseError(_MPII_BOXES)
    options.out.mkdir(parents=True, exist_ok=True)
    run = _evaluate_coco if dataset == "coco" else _evaluate_mpii
    result = run(network, data / dataset, options)
    described = {**asdict(result), "predictions": result.predictions.name}
    text = json.dumps(_origin(network, options) | described, indent=2, allow_nan=False)
    (options.out / "metrics.json").write_text(f"{text}\n")
    return result


def _origin(network: PoseNetwork, options: EvaluationOptions) -> dict[str, Any]:
    """What was tested, and how."""
    file = options.checkpoint
    return {
        "checkpoint": file.name if file else None,
        "checkpoint_sha256": _sha256(file) if file else None,
        "model": network.config.model_dump(mode="json"),
        "split": options.split,
        "inference": options.inference,
    }


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _evaluate_coco(
    network: PoseNetwork, root: Path, options: EvaluationOptions
) -> EvaluationResult:
    layout, config = CocoLayout(root), network.config
    annotations, images = layout.annotations(options.split), layout.images(options.split)
    annotated = options.use_gt_bbox and options.boxes is None
    hidden = options.split.startswith("test")
    if annotated and hidden:
        raise DatasetError(f"{options.split}: its boxes are not public. Use --no-use-gt-bbox.")
    boxes = options.boxes or layout.boxes(options.split)
    people = (
        coco.read_people(annotations, images, config)
        if annotated
        else coco.read_boxes(boxes, annotations, images, config)
    )
    sigmas = config.joint_set.sigmas
    if sigmas is None:
        raise DatasetError(f"{annotations}: a model of {config.joints} joints has no OKS.")
    rows = coco_rows(_find(network, people, options), people, sigmas)
    file = options.out / f"keypoints_{options.split}_results.json"
    file.write_text(json.dumps(rows))
    figures, reason = (
        _no_figures(FIGURES, _HIDDEN)
        if hidden
        else _explained(CocoTruth(annotations, sigmas).figures(rows))
    )
    source = ("annotations", None) if annotated else (boxes.name, _sha256(boxes))
    return EvaluationResult(file, figures, reason, len(people), *source)


def _evaluate_mpii(
    network: PoseNetwork, root: Path, options: EvaluationOptions
) -> EvaluationResult:
    from scipy.io import savemat

    layout, config = MpiiLayout(root), network.config
    hidden = options.split == "test"
    read = mpii.read_unlabelled if hidden else mpii.read_people
    people = read(layout.annotations(options.split), layout.images, config)
    truth = layout.truth(options.split)
    known = truth.is_file() and not hidden
    held_out = held_out_mpii(people, layout, options.split) if known else None
    found = _find(network, people, options)
    file = options.out / "pred.mat"
    savemat(file, {"preds": predictions(found)})
    figures, reason = (
        _explained(held_out.judge(found))
        if held_out
        else _no_figures(["PCKh"], _HIDDEN if hidden else f"{truth} is not there")
    )
    return EvaluationResult(file, figures, reason, len(people), "annotations")


def _find(
    network: PoseNetwork, people: Sequence[Person], options: EvaluationOptions
) -> list[Found]:
    device = torch.device(options.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    batches = DataLoader(
        CropSet(people, network.config),
        batch_size=options.batch_size,
        num_workers=options.workers,
        collate_fn=collate_crops,
        pin_memory=device.type == "cuda",
    )
    return find_all(network, batches, people, options.inference, device)


def _no_figures(names: Iterable[str], reason: str) -> tuple[dict[str, float | None], str]:
    return dict.fromkeys(names), reason


def _explained(figures: Mapping[str, float]) -> tuple[dict[str, float | None], str]:
    """None instead of NaN, which JSON cannot say, and the reason for it."""
    found = {name: value if math.isfinite(value) else None for name, value in figures.items()}
    missing = ", ".join(name for name, value in found.items() if value is None)
    return found, f"nothing is annotated that {missing} could be of" if missing else ""
