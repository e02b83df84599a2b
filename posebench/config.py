"""What a run is asked to do, and the identities by which its results are found again."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    ValidationError,
    model_validator,
)

from posebench.errors import InputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

RuntimeName = Literal["onnxruntime", "openvino", "torch", "tensorrt", "native"]
Precision = Literal["fp32", "fp16", "int8"]
Regime = Literal["paced", "sustained"]
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


class _Frozen(BaseModel):
    """Immutable, and a misspelt field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Preprocess(_Frozen):
    """From a decoded RGB picture to the network's input."""

    input_height: int = Field(640, gt=0, description="network input height, px")
    input_width: int = Field(640, gt=0, description="network input width, px")
    resize: Literal["letterbox", "letterbox-affine", "letterbox-rect", "stretch"] = Field(
        "letterbox",
        description="letterbox: keep the aspect, pad to the input size; letterbox-affine: the same "
        "as one warp, with no rounding to whole pixels (mmpose); letterbox-rect: pad only to a "
        "multiple of the stride; stretch: do not keep the aspect",
    )
    pad_position: Literal["center", "top-left"] = "center"
    pad_value: int = Field(114, ge=0, le=255)
    pad_stride: int = Field(32, gt=0, description="px; only letterbox-rect uses it")
    interpolation: Literal["bilinear"] = "bilinear"
    color: Literal["rgb", "bgr"] = "rgb"
    scale: float = Field(1 / 255, gt=0, description="pixel values are multiplied by this first")
    mean: tuple[float, float, float] = Field((0.0, 0.0, 0.0), description="in the order of `color`")
    std: tuple[PositiveFloat, PositiveFloat, PositiveFloat] = Field(
        (1.0, 1.0, 1.0), description="in the order of `color`"
    )
    coordinates: Literal["pixel-edges", "pixel-centers"] = Field(
        "pixel-edges",
        description="pixel-edges: x' = x·scale + pad; pixel-centers: half-pixel offset (UDP)",
    )
    gain: Literal["nominal", "exact"] = Field(
        "nominal",
        description="scale by which results are mapped back; nominal: the one factor asked of the "
        "resize; exact: resized size / original size on each axis, after rounding to whole pixels",
    )


class Postprocess(_Frozen):
    """From the network's output to ranked people."""

    score_threshold: float = Field(0.001, ge=0, le=1, description="on the box score")
    nms: Literal["box-iou", "in-graph", "oks", "oks-soft", "none"] = Field(
        "box-iou",
        description="what suppresses a person found twice; box-iou: overlap of the boxes; oks: "
        "similarity of the keypoints; oks-soft: those stay whose scores are best after "
        "similar people lowered them; in-graph: the network itself",
    )
    nms_threshold: float = Field(0.7, ge=0, le=1, description="IoU or OKS; oks-soft: its width")
    max_candidates: int = Field(30000, gt=0, description="best-scored boxes that enter NMS")
    max_detections: int = Field(300, gt=0, description="people kept a picture, best first")
    clip_boxes: bool = Field(True, description="move box corners outside the picture to its edge")
    clip_keypoints: bool = Field(
        False, description="move keypoints predicted outside the picture to its edge"
    )
    score_mode: Literal["box", "box-keypoint", "keypoint", "uncertainty-fused"] = Field(
        "box",
        description="what `scores`, the rank for AP, is; box: the box score; box-keypoint: it "
        "times the mean of the keypoint scores above top_down.keypoint_score_threshold; "
        "keypoint: the mean of all keypoint scores; uncertainty-fused: the box score and the "
        "spread that the network gives its own keypoints",
    )
    keypoint_score: Literal["visibility", "heatmap-max", "constant", "none"] = Field(
        "visibility", description="what a keypoint score of this model means"
    )


class Augmentation(_Frozen):
    """Test-time augmentation."""

    flip_test: bool = Field(
        False, description="top-down: average the heat maps of the crop and of its mirror image"
    )
    scales: tuple[float, ...] = Field((1.0,), max_length=1)


class TopDown(_Frozen):
    """From people's boxes to the crops that a top-down network sees, and back."""

    box_score_threshold: float = Field(
        0.0, ge=0, le=1, description="boxes below it are not looked into"
    )
    box_padding: float = Field(1.25, gt=0, description="sides of the crop / sides of the box")
    warp: Literal["classic", "udp"] = Field(
        "classic",
        description="classic: pixel edges, size / size; udp: pixel centres, (size - 1) / (size - 1)"
        " (Huang et al., CVPR 2020)",
    )
    decode: Literal["argmax", "quarter-shift", "dark", "udp-dark", "udp-offset"] = Field(
        "quarter-shift",
        description="from heat maps to keypoints; quarter-shift: the maximum, moved by a quarter "
        "cell towards the higher neighbour; dark: Taylor expansion about the maximum (Zhang et "
        "al., CVPR 2020); udp-*: in the coordinates of the udp warp",
    )
    blur_kernel: int = Field(
        11, gt=0, description="cells, odd, of the Gaussian of dark and udp-*; udp-offset: 2 b + 1"
    )
    offset_radius: float = Field(
        0.0546875, gt=0, description="udp-offset: unit of the offset maps / longer heat map side"
    )
    shift_flipped: bool = Field(
        True, description="move the mirrored heat maps by one cell before they are averaged"
    )
    keypoint_score_threshold: float = Field(
        0.2, description="keypoints that count for score_mode=box-keypoint score above it"
    )
    batch_size: int = Field(32, gt=0, description="crops of one picture that are run together")


class DetectorProtocol(_Frozen):
    """The model that finds the boxes for a top-down model, and how it is run."""

    name: str = Field("", description="as asked for, e.g. yolox-nano; filled in by the run")
    preprocess: Preprocess = Preprocess()
    postprocess: Postprocess = Postprocess()


class Evaluation(_Frozen):
    """From ranked people to figures."""

    max_dets: int = Field(20, gt=0, description="people a picture that are scored for keypoints")
    area: Literal["annotation"] = Field("annotation", description="ground-truth area in the OKS")
    detection_area: Literal["keypoints"] = Field(
        "keypoints",
        description="extent of the keypoints; a `bbox` key in a results file is not used",
    )
    ties: Literal["file-order"] = "file-order"
    sigmas: tuple[float, ...] | None = Field(None, description="None: those of the dataset")
    per_keypoint_ap: bool = False


class Pckh(_Frozen):
    """From joints of annotated people to PCKh."""

    comparison: Literal["<=", "<"] = Field(
        "<=",
        description="whether a joint at exactly the threshold is right; <=: as HRNet's code, <: as "
        "mmpose's",
    )
    mapping: Literal["none", "coco17-to-mpii16"] = Field(
        "none",
        description="coco17-to-mpii16: the twelve joints of the limbs are taken over, pelvis and "
        "thorax are the middle of hips and shoulders, upper neck and head top are not scored",
    )


class EvalProtocol(_Frozen):
    """Every choice that changes a figure and is not in the artifact or the dataset."""

    preprocess: Preprocess = Preprocess()
    postprocess: Postprocess = Postprocess()
    augmentation: Augmentation = Augmentation()
    evaluation: Evaluation = Evaluation()
    boxes: Literal["none", "ground-truth", "file", "detector"] = Field(
        "none", description="where a top-down model gets its people's boxes from"
    )
    top_down: TopDown | None = Field(None, description="None: the model takes whole pictures")
    detector: DetectorProtocol | None = Field(None, description="None: boxes are not detected")
    pckh: Pckh | None = Field(None, description="None: the dataset is scored by the OKS")


def resolve_protocol(*overrides: Mapping[str, Mapping[str, Any]]) -> EvalProtocol:
    """The default protocol with overrides applied in order, later ones winning.

    Args:
        *overrides: Mappings ``section → field → value``, e.g. a card's recommendation and then
            the user's wish.

    Raises:
        InputError: An unknown section or field, or a value out of range.
    """
    merged: dict[str, Any] = {}
    for override in overrides:
        for section, fields in override.items():
            if isinstance(fields, Mapping):
                merged[section] = {**merged.get(section, {}), **fields}
            else:
                merged[section] = fields
    try:
        return EvalProtocol.model_validate(merged)
    except ValidationError as error:
        raise InputError(f"protocol: {describe_validation(error)}") from error


def describe_validation(error: ValidationError) -> str:
    """One line for each field that pydantic refused."""
    return "; ".join(
        f"{'.'.join(str(part) for part in item['loc']) or 'value'}: {item['msg']}"
        for item in error.errors()
    )


DEFAULT_DATASET = "synthetic"
DEFAULT_MODELS = ("rfdetr-pose-demo", "hrnet-demo")
"""Installed with posebench: a one-stage and a top-down model."""


class DatasetRef(_Frozen):
    """Which pictures and annotations; rendered people if nothing is said.

    Without ``annotations``, the name is a known dataset (``synthetic``, ``coco-val2017``) or a
    YOLO-pose ``data.yaml``. With a COCO annotation JSON and the folder of its pictures, it is how
    the dataset is to be called.
    """

    name: str | None = None
    annotations: Path | None = None
    images: Path | None = None
    limit: int | None = Field(None, gt=0, description="only the first N pictures by image id")

    @model_validator(mode="before")
    @classmethod
    def _default_name(cls, data: Any) -> Any:
        if isinstance(data, dict) and not data.get("name") and not data.get("annotations"):
            return {**data, "name": DEFAULT_DATASET}
        return data

    @model_validator(mode="after")
    def _one_source(self) -> DatasetRef:
        if self.annotations is not None and self.images is None:
            raise ValueError("--annotations needs --images DIR beside it")
        if self.annotations is None and self.images is not None:
            raise ValueError("--images needs --annotations FILE.json beside it")
        return self


class SessionOptions(_Frozen):
    """How a runtime is set up. A runtime refuses what it does not know."""

    provider: Literal["auto", "tensorrt"] = Field(
        "auto", description="onnxruntime on cuda; auto: CUDA; tensorrt: its TensorRT provider"
    )
    compiled: bool = Field(False, description="torch: torch.compile")
    cuda_graph: bool = Field(
        False, description="tensorrt, torch on cuda: capture the network once, replay it every run"
    )
    optimization_level: int = Field(
        3, ge=0, le=5, description="tensorrt: how long its builder searches for fast kernels"
    )
    workspace_mb: int = Field(
        2048, gt=0, description="tensorrt: device memory (MiB) that a kernel may use while it runs"
    )


class LatencyConfig(_Frozen):
    """How latency is measured: batch 1, in processes of their own that models take in turns."""

    enabled: bool = True
    regimes: tuple[Regime, ...] = Field(
        ("paced", "sustained"),
        min_length=1,
        description="paced: a pause before each run, as in a live application that waits for the "
        "next picture; sustained: one run after the other",
    )
    pause_ms: float = Field(200.0, ge=0, description="before each run of the paced regime")
    processes: int = Field(
        6, gt=0, description="a model is loaded and timed anew so often, in turns with the others"
    )
    warmup: int = Field(10, ge=0, description="least runs thrown away before a round")
    warmup_s: float = Field(1.0, ge=0, description="least seconds of warm-up before a round")
    samples: int = Field(20, gt=0, description="runs timed a round, each on the next picture")
    repeats: int = Field(
        3, ge=0, description="rounds of a model that are measured again, if they were disturbed"
    )
    cool_down_s: float = Field(2.0, ge=0, description="wait before a round is repeated")
    seed: int = Field(0, description="of the order in which models take turns")


class Limits(_Frozen):
    """When a worker is given up."""

    load_s: float = Field(900.0, gt=0, description="longest load, export included")
    silence_s: float = Field(300.0, gt=0, description="longest time without a finished picture")
    undecodable_share: float = Field(
        0.01, ge=0, le=1, description="a run with more unreadable pictures than this fails"
    )


class RunConfig(_Frozen):
    """Everything that ``posebench run`` can be told, by options or by ``--config run.toml``."""

    models: tuple[str, ...] = DEFAULT_MODELS
    dataset: DatasetRef = Field(default_factory=DatasetRef)
    boxes: str | None = Field(
        None,
        description="where top-down models get boxes from: ground-truth, a COCO results .json, or "
        "a detector with an optional =WEIGHTS; None: what the model's card says",
    )
    runtime: RuntimeName | None = Field(None, description="None: what the weights' format asks for")
    precision: Precision = "fp32"
    device: str = Field("cpu", pattern=r"^(cpu|cuda(:\d+)?)$")
    threads: int = Field(1, gt=0, description="intra-op threads of the runtime")
    session: SessionOptions = SessionOptions()
    out: Path = Path("runs")
    protocol: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="overrides of EvalProtocol, by section"
    )
    latency: LatencyConfig = LatencyConfig()
    parity_images: int = Field(
        500,
        ge=0,
        description="pictures on which a network in reduced precision is compared with itself in "
        "FP32, spread evenly over the dataset; 0: none",
    )
    limits: Limits = Limits()
    trust_checkpoints: tuple[Digest, ...] = Field((), description="of trusted pickles")
    trust_configs: tuple[Digest, ...] = Field((), description="of trusted Python configurations")
    interpreter: Path | None = Field(None, description="python that runs the workers")


def identity(document: Mapping[str, Any]) -> str:
    """sha256 hex digest of a JSON-serialisable mapping, independent of its key order."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def identifying(protocol: EvalProtocol) -> dict[str, Any]:
    """A protocol as identities are made of it: without the parts that do not apply to a model."""
    document = protocol.model_dump(mode="json")
    return {k: v for k, v in document.items() if k not in _PARTS or v is not None}


_PARTS = ("top_down", "detector", "pckh")
ACCURACY_ID_VERSION = 1
"""Raised whenever posebench's own pipelines or evaluator would give other figures."""
LATENCY_ID_VERSION = 2


def accuracy_id(
    *,
    artifact_sha256: tuple[str, ...],
    dataset_id: str,
    protocol: EvalProtocol,
    runtime: str,
    precision: str,
    device_kind: str,
    decode_version: int,
    versions: Mapping[str, str],
) -> str:
    """Identity of an accuracy figure: equal ids mean that the figures must be equal.

    ``versions`` are those of the runtime and of the packages that can move a figure, and options
    of the runtime that are not the defaults.

    The protocol's ``evaluation`` section is part of it; card prose, claims and where the files
    lay are not.
    """
    return identity(
        {
            "version": ACCURACY_ID_VERSION,
            "artifacts": sorted(artifact_sha256),
            "dataset": dataset_id,
            "protocol": identifying(protocol),
            "runtime": [runtime, precision, device_kind],
            "decode": decode_version,
            "versions": dict(versions),
        }
    )


def latency_id(accuracy: str, *, machine: str, threads: int, config: LatencyConfig) -> str:
    """Identity of a latency: that of the accuracy, the machine, the threads and the protocol."""
    return identity(
        {
            "version": LATENCY_ID_VERSION,
            "accuracy": accuracy,
            "machine": machine,
            "threads": threads,
            "latency": config.model_dump(mode="json"),
        }
    )


def read_toml(path: Path) -> dict[str, Any]:
    """The document of a TOML file.

    Raises:
        InputError: It cannot be read, or is not TOML.
    """
    try:
        document: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        return document
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not TOML ({error}).") from error
