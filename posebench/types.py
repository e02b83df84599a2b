"""The values that cross the seams. This module imports nothing else of posebench."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Float32Array: TypeAlias = npt.NDArray[np.float32]
Float64Array: TypeAlias = npt.NDArray[np.float64]
FloatArray: TypeAlias = Float64Array | Float32Array
IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
Image: TypeAlias = npt.NDArray[np.uint8]
"""One decoded picture: (H, W, 3) uint8, RGB."""
Tensor: TypeAlias = npt.NDArray[Any]

Paradigm = Literal["one-stage", "top-down", "bottom-up", "detector"]


@dataclass(frozen=True)
class Skeleton:
    """What a keypoint vector of length K means.

    Attributes:
        name: Short identifier, e.g. ``coco17``.
        keypoints: K names in order.
        sigmas: K per-keypoint standard deviations of the OKS, relative to the root of the area.
        flip_pairs: Index pairs exchanged by a horizontal flip.
        edges: Zero-based index pairs joined by a limb, for drawing.
    """

    name: str
    keypoints: tuple[str, ...]
    sigmas: tuple[float, ...]
    flip_pairs: tuple[tuple[int, int], ...] = ()
    edges: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if len(self.keypoints) != len(self.sigmas):
            raise ValueError(
                f"skeleton {self.name!r}: {len(self.keypoints)} keypoints "
                f"but {len(self.sigmas)} sigmas"
            )
        if any(not np.isfinite(s) or s <= 0 for s in self.sigmas):
            raise ValueError(f"skeleton {self.name!r}: sigmas must be finite and positive")


@dataclass(frozen=True, eq=False)
class PersonBoxes:
    """Where to look for people in one picture. M boxes.

    Attributes:
        boxes: (M, 4) float32 x1, y1, x2, y2 in pixels of the original picture.
        scores: (M,) float32, 0..1; 1 for annotated boxes.

    Raises:
        ValueError: The shapes disagree, or a value is not finite.
    """

    boxes: Float32Array
    scores: Float32Array

    def __post_init__(self) -> None:
        count = len(self.scores)
        if self.scores.ndim != 1 or self.boxes.shape != (count, 4):
            raise ValueError(
                f"boxes {self.boxes.shape} and scores {self.scores.shape} are not (M, 4) and (M,)"
            )
        if not (np.isfinite(self.boxes).all() and np.isfinite(self.scores).all()):
            raise ValueError("boxes or scores have a NaN or infinite value")

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def none(cls) -> PersonBoxes:
        """Nobody to look for."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))


@dataclass(frozen=True, eq=False)
class Prediction:
    """The people found in one image. N may be 0.

    Attributes:
        keypoints: (N, K, 2) float32, x and y in pixels of the *original* image.
        keypoint_scores: (N, K) float32. What they mean is a field of the run's protocol.
        box_scores: (N,) float32, the detector's or the one-stage model's instance score.
        scores: (N,) float32, what AP ranks by; see ``Postprocess.score_mode``.
        boxes: (N, 4) float32 x1, y1, x2, y2 in pixels of the original image, or None.
        source_boxes: (N,) int64 row of ``input_boxes`` a person came from (top-down), or None.
        class_ids: (N,) int64 zero-based class, or None for a model of one class.
        masks: (N, H, W) bool at the original size, or None.
        input_boxes: All boxes that were looked into (top-down), or None.

    Raises:
        ValueError: A shape disagrees with the others, or a value is not finite.
    """

    keypoints: Float32Array
    keypoint_scores: Float32Array
    box_scores: Float32Array
    scores: Float32Array
    boxes: Float32Array | None = None
    source_boxes: IntArray | None = None
    class_ids: IntArray | None = None
    masks: BoolArray | None = None
    input_boxes: PersonBoxes | None = None

    def __post_init__(self) -> None:
        if self.keypoints.ndim != 3 or self.keypoints.shape[2] != 2:
            raise ValueError(f"keypoints must be (N, K, 2), not {self.keypoints.shape}")
        n, k, _ = self.keypoints.shape
        expected: dict[str, tuple[int, ...]] = {
            "keypoint_scores": (n, k),
            "box_scores": (n,),
            "scores": (n,),
            "boxes": (n, 4),
            "source_boxes": (n,),
            "class_ids": (n,),
        }
        for name, shape in expected.items():
            value = getattr(self, name)
            if value is not None and value.shape != shape:
                raise ValueError(f"{name} must be {shape}, not {value.shape}")
        if self.masks is not None and (self.masks.ndim != 3 or len(self.masks) != n):
            raise ValueError(f"masks must be ({n}, H, W), not {self.masks.shape}")
        for name in ("keypoints", "keypoint_scores", "box_scores", "scores", "boxes"):
            value = getattr(self, name)
            if value is not None and not np.isfinite(value).all():
                raise ValueError(f"{name} has a NaN or infinite value")

    def __len__(self) -> int:
        return len(self.keypoints)

    @property
    def num_keypoints(self) -> int:
        """K."""
        return int(self.keypoints.shape[1])

    @classmethod
    def empty(cls, num_keypoints: int) -> Prediction:
        """A picture in which nobody was found, with ``num_keypoints`` columns."""
        none = np.zeros(0, np.float32)
        return cls(
            keypoints=np.zeros((0, num_keypoints, 2), np.float32),
            keypoint_scores=np.zeros((0, num_keypoints), np.float32),
            box_scores=none,
            scores=none,
            boxes=np.zeros((0, 4), np.float32),
        )


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """Annotated people of a dataset as arrays. G annotations on I images.

    Attributes:
        image_ids: (I,) int64, unique, in the dataset's order.
        image_index: (G,) int64, position of each annotation's image in ``image_ids``.
        annotation_ids: (G,) int64, unique.
        keypoints: (G, K, 3) float64 x, y, v; v is 0 not labelled, 1 occluded, 2 visible.
        boxes: (G, 4) float64 x, y, w, h in pixels.
        areas: (G,) float64, pixels of the segment (COCO) or as the dataset defines it.
        is_crowd: (G,) bool.
        num_keypoints: (G,) int64 number of labelled keypoints *as the annotation states it*.
        skeleton: Names and sigmas of the K keypoints.
        class_ids: (G,) int64 zero-based class of each annotation.
        class_names: Names of the classes.
        area_source: What ``areas`` are: ``segment``, or how they were derived.
        head_sizes: (G,) float64 px, what PCKh divides distances by; None where there is no PCKh.
    """

    image_ids: IntArray
    image_index: IntArray
    annotation_ids: IntArray
    keypoints: Float64Array
    boxes: Float64Array
    areas: Float64Array
    is_crowd: BoolArray
    num_keypoints: IntArray
    skeleton: Skeleton
    class_ids: IntArray
    class_names: tuple[str, ...] = ("person",)
    area_source: str = "segment"
    head_sizes: Float64Array | None = None


@dataclass(frozen=True, eq=False)
class Detections:
    """Predicted people of a whole dataset as arrays, in file order. D detections.

    Attributes:
        image_index: (D,) int64, position of each detection's image in ``GroundTruth.image_ids``.
        keypoints: (D, K, 2) float64 or float32 pixels, as they were predicted or read.
        scores: (D,) float64, what AP ranks by.
        class_ids: (D,) int64 zero-based class.
        boxes: (D, 4) float64 x, y, w, h in pixels, or None.
    """

    image_index: IntArray
    keypoints: FloatArray
    scores: Float64Array
    class_ids: IntArray
    boxes: Float64Array | None = None


@dataclass(frozen=True)
class Claim:
    """A published figure. It is never mixed with a measured one.

    Attributes:
        metric: ``AP``, ``AP50``, ``box_AP``, ``latency_ms``, ...; accuracies on a scale of 0..1.
        value: The figure as published, in the unit of the metric.
        source: Where it was published.
        protocol: How it was measured, in words, as far as the source says.
        weights: Which checkpoint generation it belongs to, or ``""`` when there is only one.
    """

    metric: str
    value: float
    source: str
    protocol: str
    weights: str = ""


@dataclass(frozen=True)
class Weights:
    """A checkpoint and how to recognise it.

    Attributes:
        url: Where it is published.
        licence: SPDX identifier of the weights' licence.
        digest: ``algorithm:hex`` (``sha256:…``, ``md5:…``, or ``sha256-prefix:…`` when only the
            first digits are published), or None when none is published. The full sha256 of what
            was really loaded is always recorded.
        generation: Tells two checkpoints apart that are published under one name.
        packaged: Where the file lies if it is installed with its adapter instead of published.
    """

    url: str
    licence: str
    digest: str | None = None
    generation: str = ""
    packaged: Path | None = None


@dataclass(frozen=True)
class ModelCard:
    """Everything that is known of a model before it is loaded.

    Attributes:
        name: Unique, lower case, e.g. ``yolov8n-pose``.
        family: Groups cards in tables, e.g. ``YOLOv8-pose``.
        paradigm: ``one-stage``, ``top-down``, ``bottom-up``, or ``detector`` for one that finds
            people for a top-down model and predicts no keypoints.
        skeleton: Name of the skeleton that the published weights predict.
        input_size: (height, width) in pixels of the network's input.
        licence: SPDX identifier of the code that defines the network.
        aliases: Other names that resolve to this card.
        weights: Published checkpoints, the recommended one first; empty if none is published.
        extra: The pip extra that the model needs, or None.
        training_data: Names of the data sets that the published weights were trained on.
        params_m: Published number of parameters in millions, or None.
        gflops: Published GFLOPs in the family's own convention, or None.
        protocol: Recommended protocol: overrides of ``config.EvalProtocol``, by section.
        claims: Published figures.
        note: One sentence that a user must know, or ``""``.
    """

    name: str
    family: str
    paradigm: Paradigm
    skeleton: str
    input_size: tuple[int, int]
    licence: str
    aliases: tuple[str, ...] = ()
    weights: tuple[Weights, ...] = ()
    extra: str | None = None
    training_data: tuple[str, ...] = ()
    params_m: float | None = None
    gflops: float | None = None
    protocol: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: MappingProxyType({}))
    claims: tuple[Claim, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class TensorSpec:
    """Name, shape and element type of a network's input or output.

    Attributes:
        name: As the artifact calls it.
        shape: One entry a dimension; None where it is not fixed.
        dtype: numpy's name of the element type, e.g. ``float32``.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True)
class Spans:
    """Where one inference spent its time, in milliseconds.

    Attributes:
        compute_ms: The network. Includes the transfers when the runtime cannot tell them apart.
        host_to_device_ms: Copy of the inputs, or None.
        device_to_host_ms: Copy of the outputs, or None.
    """

    compute_ms: float
    host_to_device_ms: float | None = None
    device_to_host_ms: float | None = None


@dataclass(frozen=True)
class Artifact:
    """A file (or folder) that a model was really run from.

    Attributes:
        role: What it is to the model: ``network``, ``checkpoint``, ``detector``, ...
        filename: Base name, no directory.
        format: ``onnx``, ``openvino``, ``torch``, ``torchscript``, ``safetensors``, ...
        sha256: Hex digest of the bytes (of a folder: of its sorted files' names and digests).
        size_bytes: Number of bytes.
    """

    role: str
    filename: str
    format: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class ModelCost:
    """Parameters and arithmetic of a network, with the convention they were counted by.

    Attributes:
        params: Number of parameters, or None when it cannot be counted.
        gflops: 10^9 floating-point operations for one image, or None.
        convention: How the two were counted, in words.
    """

    params: int | None
    gflops: float | None
    convention: str
