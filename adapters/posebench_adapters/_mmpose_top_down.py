"""mmpose's top-down heat-map models: any configuration, natively or exported.

The network is mmpose's; the crop, the decoding, the flip test and the ranking of the exported path
are posebench's own, which are tested against mmpose's. The native path is mmpose's inference from
the picture to the keypoints; only the ranking, which mmpose leaves to its evaluator, is ours.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from posebench_adapters._export_cache import exported
from posebench_adapters._heatmap_network import open_heatmap_network
from posebench_adapters._mmpose_checkpoint import build
from posebench_adapters._mmpose_config import find_config, read_config
from posebench_adapters._mmpose_heatmaps import describe, export, metainfo_of
from posebench_adapters._mmpose_import import quiet
from posebench_adapters._onnx_export import OPSET

from posebench.artifacts.exported import artifact, format_of, read_metadata
from posebench.config import EvalProtocol, TopDown
from posebench.errors import InputError, WeightsError
from posebench.pipelines.crops import padded_areas, plan_crops
from posebench.pipelines.heatmap_head import HeatmapHead, head_from_metadata
from posebench.pipelines.ranking import (
    boxes_to_look_into,
    nobody,
    rank_people,
    required_top_down,
)
from posebench.protocols import OpenSession, PoseModel
from posebench.types import Artifact, Image, ModelCard, ModelCost, PersonBoxes, Prediction

_EXPORTERS = ("mmpose", "mmengine", "onnx", "onnxscript", "torch")
_FREE = ("flip_test", "shift_flipped")
_COST = "parameters of the torch network; its arithmetic is counted in the exported one"


def load(
    card: ModelCard,
    weights: Path | None,
    protocol: EvalProtocol,
    open_session: OpenSession | None,
) -> PoseModel:
    """Load a top-down heat-map model.

    Args:
        card: The first of its aliases is its mmpose configuration, which an exported file does
            not need.
        weights: A checkpoint, or an ``.onnx`` that was exported here.
        protocol: Of the run.
        open_session: The runtime; None for mmpose's own inference.

    Raises:
        WeightsError: No weights, or they cannot be loaded.
        InputError: The configuration is not one of heat maps, or does not fit the protocol.
        MissingExtraError: mmpose is needed and not installed.
    """
    if weights is None:
        raise WeightsError("a top-down model needs weights.", remedy="Pass NAME=path/to/file.")
    if format_of(weights) == "onnx":
        if open_session is None:
            raise InputError(f"{weights}: an .onnx file has no native runtime.")
        return open_heatmap_network(weights, protocol, open_session, [artifact(weights, "network")])
    if not card.aliases:
        raise WeightsError(f"{weights}: {card.name} runs from an exported .onnx file.")
    config = read_config(find_config(card.aliases[0]))
    head = describe(config)
    checkpoint = artifact(weights, "checkpoint")
    if open_session is None:
        files = [checkpoint, _configuration(config, head)]
        return NativeTopDown(build(config, weights), config, head, protocol, files)
    network = _exported(config, head, weights)
    artifacts = [artifact(network, "network"), checkpoint]
    return open_heatmap_network(network, protocol, open_session, artifacts)


def recommend(card: ModelCard, weights: Path) -> Mapping[str, Mapping[str, Any]]:
    """Protocol fields that an exported file asks for; of a checkpoint the card knows them.

    Raises:
        InputError: The file cannot be read.
    """
    if format_of(weights) != "onnx":
        return {}
    head = head_from_metadata(read_metadata(weights))
    return head.protocol if head else {}


def card_for(path: Path) -> ModelCard:
    """The card of any top-down heat-map model of mmpose's.

    Args:
        path: Name or path of its configuration.

    Raises:
        InputError: There is no such configuration, it is not trusted, or not of heat maps.
        MissingExtraError: mmpose is not installed.
    """
    found = find_config(str(path))
    head = describe(read_config(found))
    size = head.protocol["preprocess"]
    return ModelCard(
        name=f"mmpose:{found.stem.lower()}",
        family="mmpose",
        paradigm="top-down",
        skeleton=head.skeleton,
        input_size=(size["input_height"], size["input_width"]),
        licence="Apache-2.0",
        aliases=(str(path),),
        extra="mmpose",
        protocol=head.protocol,
        note="Described by its mmpose configuration.",
    )


def _configuration(config: Any, head: HeatmapHead) -> Artifact:
    """What mmpose's own inference goes by, as a file is named."""
    text = json.dumps([config.pretty_text, head.to_metadata()], sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    name = Path(str(config.filename)).name
    return Artifact("configuration", name, "mmengine", digest, len(text))


def _exported(config: Any, head: HeatmapHead, weights: Path) -> Path:
    """The ONNX file of a checkpoint, from the cache or exported into it."""
    versions = {
        "config": config.pretty_text,
        "opset": str(OPSET),
        **head.to_metadata(),
        **{name: version(name) for name in _EXPORTERS},
    }

    def write(checkpoint: Path, path: Path) -> None:
        export(build(config, checkpoint), head, path)

    return exported(Path(str(config.filename)).stem, weights, versions, write)


class NativeTopDown:
    """mmpose's own inference, ranked by the run's protocol.

    Args:
        network: mmpose's estimator with its weights.
        config: It was built from.
        head: What the configuration says.
        protocol: Of the run.
        artifacts: The checkpoint.

    Raises:
        InputError: The protocol asks for another crop or decoding than the configuration's.
    """

    def __init__(
        self,
        network: Any,
        config: Any,
        head: HeatmapHead,
        protocol: EvalProtocol,
        artifacts: Sequence[Artifact],
    ) -> None:
        self._top_down = required_top_down(protocol)
        _check_own_protocol(head, protocol, self._top_down)
        self._head = head
        self._protocol = protocol
        self._artifacts = tuple(artifacts)
        self._network = network
        network.cfg = config
        network.dataset_meta = metainfo_of(config)
        network.test_cfg = {
            **(network.test_cfg or {}),
            "flip_test": protocol.augmentation.flip_test,
            "shift_heatmap": self._top_down.shift_flipped,
        }

    @property
    def num_keypoints(self) -> int:
        """K of the loaded weights."""
        return self._head.num_keypoints

    def predict(
        self, images: Sequence[Image], boxes: Sequence[PersonBoxes] | None = None
    ) -> list[Prediction]:
        """Mmpose's ``inference_topdown`` on every picture, all of its boxes as one batch.

        Raises:
            InputError: No boxes were given.
        """
        if boxes is None:
            raise InputError("a top-down model needs boxes.", remedy="Use --boxes.")
        return [self._predict(image, given) for image, given in zip(images, boxes, strict=True)]

    def artifacts(self) -> Sequence[Artifact]:
        """The files it runs from."""
        return self._artifacts

    def cost(self) -> ModelCost:
        """Parameters of the network."""
        return ModelCost(sum(p.numel() for p in self._network.parameters()), None, _COST)

    def close(self) -> None:
        """Forget the network."""
        self._network = None

    def _predict(self, image: Image, given: PersonBoxes) -> Prediction:
        boxes = boxes_to_look_into(given, self._top_down)
        if not len(boxes):
            return nobody(self.num_keypoints)
        infer = import_module("mmpose.apis").inference_topdown
        with quiet():
            found = infer(self._network, np.ascontiguousarray(image[..., ::-1]), boxes.boxes)
        people = [sample.pred_instances for sample in found]
        return rank_people(
            np.concatenate([p.keypoints for p in people]).astype(np.float32),
            np.concatenate([p.keypoint_scores for p in people]).astype(np.float32),
            padded_areas(plan_crops(boxes.boxes, self._protocol.preprocess, self._top_down)),
            boxes,
            sigmas=self._head.sigmas,
            protocol=self._protocol,
        )


def _check_own_protocol(head: HeatmapHead, protocol: EvalProtocol, top_down: TopDown) -> None:
    """Refuse what mmpose's inference would silently do otherwise."""
    asked = {"preprocess": protocol.preprocess, "top_down": top_down}
    for section, values in asked.items():
        for field, own in head.protocol[section].items():
            if field not in _FREE and getattr(values, field) != own:
                raise InputError(
                    f"{section}.{field}={getattr(values, field)}, but mmpose's own inference has "
                    f"{own} by its configuration.",
                    remedy="Leave it out, or run the exported network.",
                )
