"""Loading exported networks by what they, or a sidecar, say of themselves.

A file exported by Ultralytics or by rfdetr_pose says so itself. Any other is described by a JSON
sidecar beside it, ``model.json`` or ``model.onnx.json`` for ``model.onnx``; see
docs/adding-a-model.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from posebench.artifacts.exported import artifact, read_metadata
from posebench.config import EvalProtocol, describe_validation, resolve_protocol
from posebench.errors import InputError, WeightsError
from posebench.pipelines.detr_pose import DetrHead, DetrPoseModel, detr_head, detr_protocol
from posebench.pipelines.network_cost import onnx_cost
from posebench.pipelines.rtmo_selected import (
    SELECTED_NOTE,
    RtmoSelectedHead,
    RtmoSelectedModel,
    selected_protocol,
)
from posebench.pipelines.yolo_pose import (
    Decoder,
    Head,
    YoloPoseModel,
    head_from_metadata,
    head_protocol,
    metadata_protocol,
)
from posebench.protocols import OpenSession, PoseModel
from posebench.types import ModelCard

AnyHead: TypeAlias = Head | DetrHead | RtmoSelectedHead


class Sidecar(BaseModel):
    """What ``model.json`` beside ``model.onnx`` says."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    decoder: Decoder | Literal["detr-pose", "rtmo-nms"] = Field(
        description="yolo-pose: raw head; yolo-pose-nms: selected people; detr-pose: queries; "
        "rtmo-nms: selected people of RTMO, as mmdeploy exports it"
    )
    num_keypoints: int = Field(gt=0, description="K")
    keypoint_dims: int = Field(3, ge=2, le=3, description="2: x, y; 3: x, y, visibility")
    num_classes: int = Field(1, gt=0)
    skeleton: str = Field("coco17", description="name of the K keypoints' skeleton")
    licence: str = Field("unknown", description="SPDX identifier of the weights' licence")
    training_data: tuple[str, ...] = ()
    note: str = ""
    protocol: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="protocol overrides, by section"
    )

    @property
    def head(self) -> AnyHead:
        """The layout of the output."""
        dims, classes = self.keypoint_dims, self.num_classes
        if self.decoder == "rtmo-nms":
            return RtmoSelectedHead(self.num_keypoints)
        if self.decoder == "detr-pose":
            return DetrHead(self.num_keypoints, classes)
        return Head(self.decoder, self.num_keypoints, dims, classes)


def card_for(path: Path) -> ModelCard:
    """The card of an exported file.

    Raises:
        InputError: No such file, it is not ONNX, or nothing says how to read it.
    """
    if path.suffix.lower() != ".onnx" or not path.is_file():
        raise InputError(f"onnx:{path}: no such .onnx file.")
    sidecar = read_sidecar(path)
    protocol = _recommended(path, sidecar)
    resolved = resolve_protocol(protocol)
    return ModelCard(
        name=f"onnx:{path.stem.lower()}",
        family="ONNX",
        paradigm="one-stage",
        skeleton=sidecar.skeleton if sidecar else _skeleton(path),
        input_size=(resolved.preprocess.input_height, resolved.preprocess.input_width),
        licence=sidecar.licence if sidecar else read_metadata(path).get("license", "unknown"),
        extra="onnxruntime",
        training_data=sidecar.training_data if sidecar else (),
        protocol=protocol,
        note=_note(sidecar),
    )


def load(
    card: ModelCard,
    weights: Path | None,
    protocol: EvalProtocol,
    open_session: OpenSession | None,
) -> PoseModel:
    """Load an exported network.

    Raises:
        WeightsError: No file was given.
        InputError: ``native`` was asked for, or the file, its description and the protocol do
            not fit each other.
    """
    if weights is None:
        raise WeightsError(f"{card.name} needs the path of an .onnx file.")
    if open_session is None:
        raise InputError(
            "an .onnx file has no native runtime.", remedy="Use onnxruntime or openvino."
        )
    head = _head(weights)
    artifacts = [artifact(weights, "network")]
    sidecar = sidecar_path(weights)
    if sidecar is not None:
        artifacts.append(artifact(sidecar, "sidecar"))  # another sidecar is another reading
    session = open_session(weights)
    pre = protocol.preprocess
    cost = onnx_cost(weights, (1, 3, pre.input_height, pre.input_width))
    if isinstance(head, RtmoSelectedHead):
        return RtmoSelectedModel(session, head, protocol, artifacts=artifacts, cost=cost)
    if isinstance(head, DetrHead):
        return DetrPoseModel(session, head, protocol, artifacts=artifacts, cost=cost)
    return YoloPoseModel(session, head, protocol, artifacts=artifacts, cost=cost)


def read_sidecar(path: Path) -> Sidecar | None:
    """The description beside an ONNX file, or None if there is none.

    Raises:
        InputError: It is not JSON, or a field is unknown, missing or out of range.
    """
    found = sidecar_path(path)
    if found is None:
        return None
    try:
        return Sidecar.model_validate_json(found.read_bytes())
    except ValidationError as error:
        raise InputError(f"{found}: {describe_validation(error)}") from error


def sidecar_path(path: Path) -> Path | None:
    """Where the description of an ONNX file lies, or None if there is none."""
    candidates = (path.with_suffix(".json"), path.with_name(f"{path.name}.json"))
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _head(path: Path) -> AnyHead:
    sidecar = read_sidecar(path)
    head = sidecar.head if sidecar else _described_head(read_metadata(path))
    if head is None:
        raise InputError(
            f"{path}: nothing says how to read its output.",
            remedy=f"Describe it in {path.with_suffix('.json').name} beside it "
            "(docs/adding-a-model.md).",
        )
    return head


def _described_head(metadata: Mapping[str, str]) -> Head | DetrHead | None:
    return detr_head(metadata) or head_from_metadata(metadata)


def _recommended(path: Path, sidecar: Sidecar | None) -> Mapping[str, Mapping[str, Any]]:
    if sidecar is None:
        metadata = read_metadata(path)
        is_detr = isinstance(_head(path), DetrHead)
        return detr_protocol(metadata) if is_detr else metadata_protocol(metadata)
    merged = _head_protocol(sidecar.head)
    for section, fields in sidecar.protocol.items():
        merged[section] = {**merged.get(section, {}), **fields}
    return merged


def _head_protocol(head: AnyHead) -> dict[str, dict[str, Any]]:
    if isinstance(head, RtmoSelectedHead):
        return selected_protocol()
    if isinstance(head, DetrHead):
        return {"postprocess": {"nms": "none", "keypoint_score": "visibility"}}
    return head_protocol(head)


def _note(sidecar: Sidecar | None) -> str:
    if sidecar is None:
        return "Described by the metadata in the file."
    return sidecar.note or (SELECTED_NOTE if sidecar.decoder == "rtmo-nms" else "")


def _skeleton(path: Path) -> str:
    head = _head(path)
    return "coco17" if head.num_keypoints == 17 else f"keypoints-{head.num_keypoints}"
