"""What a worker loads: a model, and the detector before it if it is a top-down one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from posebench.config import DetectorProtocol, EvalProtocol, resolve_protocol
from posebench.errors import InputError
from posebench.pipelines.detected import with_detector
from posebench.protocols import OpenSession, PoseModel
from posebench.registry import import_adapter, recommended_protocol, resolve_reference
from posebench.types import ModelCard
from posebench.weights import natural_runtime
from posebench.worker_runtime import RuntimeHandle

_FIELD = re.compile(r"\b(preprocess|postprocess)\.")
Override = Mapping[str, Any]


@dataclass(frozen=True)
class Loaded:
    """A loaded model.

    Attributes:
        model: With its detector, if it has one.
        protocol: As resolved.
        decode_version: Of the adapters.
        framework: Distribution that runs it natively, or None.
    """

    model: PoseModel
    protocol: EvalProtocol
    decode_version: int
    framework: str | None


@dataclass(frozen=True)
class _Part:
    """One model of a request."""

    adapter: ModuleType
    card: ModelCard
    weights: Path

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> _Part:
        entry = resolve_reference(request["reference"])
        return cls(import_adapter(entry.adapter), entry.card, Path(request["weights"]))

    @property
    def recommended(self) -> list[Mapping[str, Mapping[str, Any]]]:
        return recommended_protocol(self.adapter, self.card, self.weights)

    def load(self, protocol: EvalProtocol, open_session: OpenSession | None) -> PoseModel:
        model: PoseModel = self.adapter.load(self.card, self.weights, protocol, open_session)
        return model


def load(request: Mapping[str, Any], runtime: RuntimeHandle) -> Loaded:
    """Load what a request asks for.

    Args:
        request: ``reference``, ``weights``, ``overrides`` of the protocol, and ``box_source`` for
            a top-down model.
        runtime: Of the run.
    """
    pose = _Part.of(request)
    layers: list[Override] = [*pose.recommended, request["overrides"]]
    source = request.get("box_source") or {}
    if "reference" in source:
        return _load_with_detector(pose, layers, source, runtime)
    protocol = resolve_protocol(*without_detector(layers))
    model = pose.load(protocol, runtime.open_session)
    return Loaded(model, protocol, pose.adapter.DECODE_VERSION, pose.card.extra)


def _load_with_detector(
    pose: _Part, layers: Sequence[Override], source: Mapping[str, Any], runtime: RuntimeHandle
) -> Loaded:
    part = _Part.of(source)
    protocol = resolve_protocol(*_with_detector(layers, part.recommended, source["name"]))
    assert protocol.detector is not None, "its name was just set"
    detector = _load_detector(part, protocol.detector, runtime)
    model = with_detector(detector, pose.load(protocol, runtime.open_session))
    version = pose.adapter.DECODE_VERSION * 1000 + part.adapter.DECODE_VERSION
    return Loaded(model, protocol, version, pose.card.extra)


def _load_detector(part: _Part, wanted: DetectorProtocol, runtime: RuntimeHandle) -> PoseModel:
    """Load a detector; what is wrong with it is told in its own fields of the protocol."""
    protocol = EvalProtocol(preprocess=wanted.preprocess, postprocess=wanted.postprocess)
    try:
        return part.load(protocol, runtime.beside(natural_runtime(part.weights)))
    except InputError as error:
        remedy = _FIELD.sub(r"protocol.detector.\1.", error.remedy)
        raise type(error)(f"the detector {wanted.name}: {error.args[0]}", remedy=remedy) from error


def _with_detector(
    layers: Sequence[Override], recommended: Sequence[Override], name: str
) -> list[Override]:
    """The layers of a protocol with what is known of the detector.

    What a card recommends for another detector is left out.
    """
    sections: dict[str, dict[str, Any]] = {"preprocess": {}, "postprocess": {}}
    asked = [layer.get("detector") or {} for layer in layers]
    for override in (*recommended, *(a for a in asked if a.get("name", name) == name)):
        for section, fields in sections.items():
            fields.update(override.get(section, {}))
    return [*without_detector(layers), {"detector": {"name": name, **sections}}]


def without_detector(layers: Sequence[Override]) -> list[Override]:
    """The layers of a protocol without what they say of a detector."""
    return [{k: v for k, v in layer.items() if k != "detector"} for layer in layers]
