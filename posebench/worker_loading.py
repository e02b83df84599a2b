"""What a worker loads: a model, and the detector before it if it is a top-down one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posebench.config import EvalProtocol, resolve_protocol
from posebench.errors import InputError
from posebench.pipelines.detected import with_detector
from posebench.protocols import PoseModel
from posebench.registry import import_adapter, recommended_protocol, resolve_reference
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


def load(request: Mapping[str, Any], runtime: RuntimeHandle) -> Loaded:
    """Load what a request asks for.

    Args:
        request: ``reference``, ``weights``, ``overrides`` of the protocol, and ``box_source`` for
            a top-down model.
        runtime: Of the run.
    """
    entry = resolve_reference(request["reference"])
    adapter = import_adapter(entry.adapter)
    weights = Path(request["weights"])
    layers: list[Override] = [
        *recommended_protocol(adapter, entry.card, weights),
        request["overrides"],
    ]
    source = request.get("box_source") or {}
    if "reference" not in source:
        protocol = resolve_protocol(*without_detector(layers))
        model = adapter.load(entry.card, weights, protocol, runtime.open_session)
        return Loaded(model, protocol, adapter.DECODE_VERSION, entry.card.extra)
    found = resolve_reference(source["reference"])
    detecting = import_adapter(found.adapter)
    detector_weights = Path(source["weights"])
    recommended = recommended_protocol(detecting, found.card, detector_weights)
    protocol = resolve_protocol(*_with_detector(layers, recommended, source["name"]))
    assert protocol.detector is not None, "its name was just set"
    own = EvalProtocol(
        preprocess=protocol.detector.preprocess, postprocess=protocol.detector.postprocess
    )
    try:
        detector = detecting.load(
            found.card, detector_weights, own, runtime.beside(natural_runtime(detector_weights))
        )
    except InputError as error:
        remedy = _FIELD.sub(r"protocol.detector.\1.", error.remedy)
        message = f"the detector {source['name']}: {error.args[0]}"
        raise type(error)(message, remedy=remedy) from error
    pose = adapter.load(entry.card, weights, protocol, runtime.open_session)
    version = adapter.DECODE_VERSION * 1000 + detecting.DECODE_VERSION
    return Loaded(with_detector(detector, pose), protocol, version, entry.card.extra)


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
