"""Where a top-down model of a run gets its boxes from, and how its worker is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from posebench.cache import atomic_path, read_arrays
from posebench.config import RunConfig
from posebench.datasets.box_files import ground_truth_boxes, read_box_file
from posebench.errors import BoxesMissingError, InputError
from posebench.protocols import Dataset
from posebench.record import ArtifactInfo
from posebench.registry import ModelRequest, select
from posebench.types import GroundTruth, ModelCard, PersonBoxes
from posebench.weights import ResolvedWeights, require_weights

GROUND_TRUTH = "ground-truth"
TOP_DOWN = "top-down"
DETECTOR = "detector"


@dataclass(frozen=True, eq=False)
class BoxSource:
    """Boxes for every picture of a dataset, or the model that finds them.

    Attributes:
        kind: Value of the protocol's ``boxes``.
        label: File name, or the detector as asked for.
        boxes: By image id; None for a detector.
        file: The results file, if it is one.
        detector: The model, if it is one.
        weights: Of the detector.
        notes: What a user should know of the boxes, one sentence each.
    """

    kind: Literal["ground-truth", "file", "detector"]
    label: str
    boxes: Mapping[int, PersonBoxes] | None = None
    file: ArtifactInfo | None = None
    detector: ModelRequest | None = None
    weights: ResolvedWeights | None = None
    notes: tuple[str, ...] = ()

    def overrides(self, wished: Mapping[str, Any]) -> dict[str, Any]:
        """A user's protocol overrides with what this makes of them."""
        chosen = {**wished, "boxes": self.kind, "top_down": wished.get("top_down", {})}
        if self.detector is not None:
            chosen[DETECTOR] = {**wished.get(DETECTOR, {}), "name": self.detector.card.name}
        return chosen

    def request(self, folder: Path) -> dict[str, str]:
        """What the worker needs; boxes are written below ``folder``."""
        if self.detector is not None and self.weights is not None:
            return {
                "reference": self.detector.reference,
                "name": self.detector.card.name,
                "weights": str(self.weights.path.absolute()),
            }
        path = folder.absolute() / "boxes.npz"
        write_boxes(path, self.boxes or {})
        return {"boxes": str(path)}


def box_source(
    config: RunConfig, request: ModelRequest, dataset: Dataset, truth: GroundTruth
) -> BoxSource | None:
    """The box source that a run asks for, or else the model's card.

    Returns:
        None for a model that takes whole pictures.

    Raises:
        BoxesMissingError: A top-down model without a box source.
        InputError: One that cannot be used.
        WeightsUnavailableError: The detector's weights cannot be had.
    """
    if request.card.paradigm != TOP_DOWN:
        return None
    wanted = config.boxes or recommended_boxes(request.card)
    if wanted is None:
        raise _nothing_said(request)
    kind = kind_of(wanted)
    _check_detector(config, wanted if kind == DETECTOR else None)
    if kind == "ground-truth":
        boxes = ground_truth_boxes(truth, dataset)
        return BoxSource("ground-truth", "annotations", boxes=boxes)
    return _from_file(Path(wanted), dataset) if kind == "file" else _from_detector(wanted)


def kind_of(wanted: str) -> Literal["ground-truth", "file", "detector"]:
    """What a value of ``--boxes`` means.

    Raises:
        InputError: A file that is not there or not JSON, or no one detector.
    """
    if wanted.lower().replace("_", "-") == GROUND_TRUTH:
        return "ground-truth"
    path = Path(wanted)
    if path.suffix.lower() == ".json" and "=" not in wanted:
        if not path.is_file():
            raise InputError(f"--boxes {wanted}: no such file.")
        return "file"
    if path.exists():
        raise InputError(
            f"--boxes {wanted}: boxes are read from a .json file of COCO results.",
            remedy="Name it so if it is one, or name a detector.",
        )
    _detector_request(wanted)
    return "detector"


def _check_detector(config: RunConfig, wanted: str | None) -> None:
    """The run may say how its detector runs, not which one: that is what ``boxes`` is for."""
    section = config.protocol.get(DETECTOR, {})
    if section and wanted is None:
        raise InputError(
            "protocol.detector is given, but the boxes do not come from a detector.",
            remedy="Leave it out, or name a detector with --boxes.",
        )
    if wanted is not None and section.get("name", wanted) not in (wanted, wanted.partition("=")[0]):
        raise InputError(
            f"protocol.detector.name={section['name']}, but the boxes come from {wanted}.",
            remedy="Name the detector with --boxes (boxes in run.toml), not in the protocol.",
        )


def recommended_boxes(card: ModelCard) -> str | None:
    """The detector that a card names, or None."""
    name: str | None = card.protocol.get(DETECTOR, {}).get("name")
    return name


def _nothing_said(request: ModelRequest) -> BoxesMissingError:
    return BoxesMissingError(
        f"{request.label} is a top-down model and needs people's boxes; figures depend on where "
        "they come from.",
        remedy="Give --boxes ground-truth, --boxes DETECTIONS.json or --boxes DETECTOR, e.g. "
        "--boxes yolox-m.",
    )


def _from_file(path: Path, dataset: Dataset) -> BoxSource:
    found = read_box_file(path, dataset)
    info = ArtifactInfo(
        role="boxes",
        filename=path.name,
        format="coco-results",
        sha256=found.sha256,
        size_bytes=path.stat().st_size,
    )
    return BoxSource("file", path.name, boxes=found.boxes, file=info, notes=found.notes)


def _from_detector(name: str) -> BoxSource:
    detector = _detector_request(name)
    weights = require_weights(detector.card, detector.weights)
    return BoxSource("detector", detector.label, detector=detector, weights=weights)


def _detector_request(name: str) -> ModelRequest:
    requests = select([name])
    if len(requests) != 1:
        raise InputError(f"--boxes {name}: {len(requests)} models, one is needed.")
    if requests[0].card.paradigm == TOP_DOWN:
        raise InputError(f"--boxes {name}: needs boxes itself.", remedy="Name a detector.")
    return requests[0]


def write_boxes(path: Path, boxes: Mapping[int, PersonBoxes]) -> None:
    """Write the boxes of a dataset for a worker, whole or not at all."""
    counts = [len(found) for found in boxes.values()]
    arrays = {
        "image_ids": np.fromiter(boxes, np.int64, len(boxes)),
        "offsets": np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]),
        "boxes": np.concatenate([np.zeros((0, 4)), *(b.boxes for b in boxes.values())]),
        "scores": np.concatenate([np.zeros(0), *(b.scores for b in boxes.values())]),
    }
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **arrays)


def read_boxes(path: Path) -> dict[int, PersonBoxes]:
    """Read what ``write_boxes`` wrote."""
    arrays = read_arrays(path)
    boxes, scores = (arrays[name].astype(np.float32) for name in ("boxes", "scores"))
    bounds = arrays["offsets"]
    return {
        int(image_id): PersonBoxes(boxes[a:b], scores[a:b])
        for image_id, a, b in zip(arrays["image_ids"], bounds, bounds[1:], strict=False)
    }
