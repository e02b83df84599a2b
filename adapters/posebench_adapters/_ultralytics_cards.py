"""What Ultralytics publishes about its pose models.

Figures are quoted from its documentation. Ultralytics publishes no checksums: the digests here are
those under which several independent public projects pin the same release files, and a checkpoint
without one has None. The URLs do not tell YOLOv8's generations apart, because the file behind
v0.0.0 was itself replaced while its URL stayed.
"""

from __future__ import annotations

from typing import NamedTuple

from posebench.types import Claim, ModelCard, Weights

LICENCE = "AGPL-3.0-only"
_ASSETS = "https://github.com/ultralytics/assets/releases/download"
_SET = "the 2,346 COCO val2017 pictures with labelled keypoints"
_PROTOCOL = (
    f"{_SET}; rectangular letterbox, score >= 0.001, box NMS 0.7, no flip test; FP32 PyTorch"
)
_PROTOCOL_ONE_TO_ONE = f"{_SET}; rectangular letterbox, one-to-one head without NMS; FP32 PyTorch"
_DOCS_FIRST = "Ultralytics documentation, tasks/pose, of April 2023 (assets v0.0.0)"
_DOCS_V8 = "Ultralytics documentation, models/yolov8 (assets v8.2.0)"
_DOCS_11 = "Ultralytics documentation, models/yolo11 (assets v8.3.0)"
_DOCS_26 = "Ultralytics documentation, models/yolo26 (assets v8.4.0)"
_EC2 = "mean over COCO val pictures on an Amazon EC2 P4d instance, network only"
_T4 = "NVIDIA T4, TensorRT 10, FP16, batch 1, network only"
_NOTE_V8 = (
    "Two checkpoint generations share this name: v0.0.0 (April 2023) and v8.2.0; they are told "
    "apart by sha256."
)


class _V8(NamedTuple):
    size: str
    first_ap: float
    ap: float
    ap50: float
    cpu_onnx_ms: float
    a100_ms: float
    params_m: float
    gflops: float
    sha256: str | None = None
    pixels: int = 640


_YOLOV8 = (
    _V8("n-pose", 0.497, 0.504, 0.801, 131.8, 1.18, 3.3, 9.2,
        "c6fa93dd1ee4a2c18c900a45c1d864a1c6f7aba75d84f91648a30b7fb641d212"),
    _V8("s-pose", 0.592, 0.600, 0.862, 233.2, 1.42, 11.6, 30.2,
        "234314cd8baf62616791aceb9ea6ad5c19f26cf6c0d8f3a1bfce1e23b186cfb3"),
    _V8("m-pose", 0.636, 0.650, 0.888, 456.3, 2.00, 26.4, 81.0,
        "dbe539ea268db2534390942cfdf206e521f376f19e5415967a57f6a2ddfa3c90"),
    _V8("l-pose", 0.670, 0.676, 0.900, 784.5, 2.59, 44.4, 168.6),
    _V8("x-pose", 0.689, 0.692, 0.902, 1607.1, 3.73, 69.4, 263.2),
    _V8("x-pose-p6", 0.715, 0.716, 0.912, 4088.7, 10.04, 99.1, 1066.4, pixels=1280),
)  # fmt: skip


class _Later(NamedTuple):
    size: str
    ap: float
    ap50: float
    t4_ms: float
    params_m: float
    gflops: float
    sha256: str | None = None


_YOLO11 = (
    _Later("n", 0.500, 0.810, 1.7, 2.9, 7.4,
           "869e83fcdffdc7371fa4e34cd8e51c838cc729571d1635e5141e3075e9319dc0"),
    _Later("s", 0.589, 0.863, 2.6, 9.9, 23.1,
           "1060bda4a27012060eca246f9b2adeea22eabb045a1e58f8d229be29b7ebc2ba"),
    _Later("m", 0.649, 0.894, 4.9, 20.9, 71.4,
           "29b17eaf3a3117cbea906090dbedf9159f7c6a49db58ec8b99ed2dfde1cf6eb2"),
    _Later("l", 0.661, 0.899, 6.4, 26.1, 90.3),
    _Later("x", 0.695, 0.911, 12.1, 58.8, 202.8),
)  # fmt: skip

_YOLO26 = (
    _Later("n", 0.572, 0.833, 1.8, 2.9, 7.5,
           "eb3bb8268828aeaf515cec23a4bfafd793944a86fe9af94ba7823609c14522a9"),
    _Later("s", 0.631, 0.866, 2.7, 10.4, 23.9,
           "a083adb42303728ae14c4bd6bd56d80da46f82fb2564dbd6f31dcc92ea321646"),
    _Later("m", 0.688, 0.896, 5.0, 21.5, 73.1,
           "2fbf16367022256a226035695c5c389384c6706e8bb8ab8fcd0e7976f05443c4"),
    _Later("l", 0.704, 0.905, 6.5, 25.9, 91.3,
           "ad33da8a29ea5772318c4c980844e47b56792d2b63815ad4e8e09c078c7d1abf"),
    _Later("x", 0.716, 0.916, 12.2, 57.6, 201.7,
           "08ed9e01d22a6f248b04f2f9992016aca9a32250b9ab57057d886a09d026700d"),
)  # fmt: skip


def _weights(name: str, release: str, sha256: str | None) -> Weights:
    digest = f"sha256:{sha256}" if sha256 else None
    return Weights(f"{_ASSETS}/{release}/{name}.pt", LICENCE, digest, generation=release)


def _yolov8_claims(row: _V8) -> tuple[Claim, ...]:
    return (
        Claim("AP", row.first_ap, _DOCS_FIRST, _PROTOCOL, "v0.0.0"),
        Claim("latency_ms", row.cpu_onnx_ms, _DOCS_FIRST, f"{_EC2}; CPU, ONNX", "v0.0.0"),
        Claim("latency_ms", row.a100_ms, _DOCS_FIRST, f"{_EC2}; A100, TensorRT", "v0.0.0"),
        Claim("AP", row.ap, _DOCS_V8, _PROTOCOL, "v8.2.0"),
        Claim("AP50", row.ap50, _DOCS_V8, _PROTOCOL, "v8.2.0"),
    )


def _yolov8(row: _V8) -> ModelCard:
    name = f"yolov8{row.size}"
    return ModelCard(
        name=name,
        family="YOLOv8-pose",
        paradigm="one-stage",
        skeleton="coco17",
        input_size=(row.pixels, row.pixels),
        licence=LICENCE,
        aliases=(name.replace("yolov8", "yolo8"),),
        weights=(_weights(name, "v8.2.0", row.sha256), _weights(name, "v0.0.0", None)),
        extra="ultralytics",
        training_data=("COCO train2017",),
        params_m=row.params_m,
        gflops=row.gflops,
        protocol={"preprocess": {"pad_stride": 64}} if row.size.endswith("p6") else {},
        claims=_yolov8_claims(row),
        note=_NOTE_V8,
    )


def _later(row: _Later, prefix: str, release: str, source: str) -> ModelCard:
    name = f"{prefix}{row.size}-pose"
    one_to_one = prefix == "yolo26"
    protocol = _PROTOCOL_ONE_TO_ONE if one_to_one else _PROTOCOL
    return ModelCard(
        name=name,
        family=f"{prefix.upper()}-pose",
        paradigm="one-stage",
        skeleton="coco17",
        input_size=(640, 640),
        licence=LICENCE,
        aliases=(name.replace("yolo", "yolov"),),
        weights=(_weights(name, release, row.sha256),),
        extra="ultralytics",
        training_data=("COCO train2017",),
        params_m=row.params_m,
        gflops=row.gflops,
        protocol={"postprocess": {"nms": "none"}} if one_to_one else {},
        claims=(
            Claim("AP", row.ap, source, protocol),
            Claim("AP50", row.ap50, source, protocol),
            Claim("latency_ms", row.t4_ms, source, _T4),
        ),
    )


CARDS: tuple[ModelCard, ...] = (
    *(_yolov8(row) for row in _YOLOV8),
    *(_later(row, "yolo11", "v8.3.0", _DOCS_11) for row in _YOLO11),
    *(_later(row, "yolo26", "v8.4.0", _DOCS_26) for row in _YOLO26),
)
