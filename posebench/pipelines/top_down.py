"""A top-down model over one session: boxes → crops → heat maps → people.

The crop, the decoding, the flip test, the rescoring and the suppression are the protocol's; the
network gives heat maps and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from posebench.config import EvalProtocol, TopDown
from posebench.errors import InputError
from posebench.pipelines.crops import Crops, crop_people, padded_areas, plan_crops, to_picture
from posebench.pipelines.flip_test import average_flipped, mirror
from posebench.pipelines.heatmap_head import HeatmapHead
from posebench.pipelines.heatmaps import decode_heatmaps
from posebench.pipelines.ranking import (
    boxes_to_look_into,
    nobody,
    rank_people,
    required_top_down,
)
from posebench.pipelines.staged import checked_input
from posebench.protocols import Session
from posebench.types import Artifact, Float32Array, Image, ModelCost, PersonBoxes, Prediction


@dataclass(frozen=True, eq=False)
class PreparedCrops:
    """The people of one picture, cut out.

    Attributes:
        boxes: The M boxes that were cut out.
        crops: Where they lie.
        tensor: (M, 3, H, W) float32.
    """

    boxes: PersonBoxes
    crops: Crops
    tensor: Float32Array


@dataclass(frozen=True, eq=False)
class RawHeatmaps:
    """The heat maps of the people of one picture, flip test included.

    Attributes:
        prepared: The people.
        heatmaps: (M, C, h, w) float32.
    """

    prepared: PreparedCrops
    heatmaps: Float32Array


class TopDownModel:
    """Crops of people through one session.

    ``preprocess`` and ``postprocess`` touch nothing that ``infer`` changes, so they may run in
    other threads.

    Args:
        session: The network. It is closed with the model.
        head: What its output is.
        protocol: Of the run.
        artifacts: The files that the session was opened from.
        cost: Parameters and GFLOPs of one crop.
        untrained: Why its accuracy would say nothing, or ``""``.

    Raises:
        InputError: The network, its head and the protocol do not fit each other.
    """

    def __init__(
        self,
        session: Session,
        head: HeatmapHead,
        protocol: EvalProtocol,
        *,
        artifacts: Sequence[Artifact],
        cost: ModelCost,
        untrained: str = "",
    ) -> None:
        self.untrained = untrained
        self._session = session
        self._head = head
        self._protocol = protocol
        self._top_down = required_top_down(protocol)
        self._artifacts = tuple(artifacts)
        self._cost = cost
        self._input = checked_input(session, protocol)
        self._output = session.outputs[0]
        _check_output(self._output.shape, head, self._top_down)

    @property
    def num_keypoints(self) -> int:
        """K of the loaded weights."""
        return self._head.num_keypoints

    def preprocess(
        self, images: Sequence[Image], boxes: Sequence[PersonBoxes] | None = None
    ) -> list[PreparedCrops]:
        """Cut people out.

        Raises:
            InputError: No boxes were given.
        """
        if boxes is None:
            raise InputError("a top-down model needs boxes.", remedy="Use --boxes.")
        return [self._prepare(image, given) for image, given in zip(images, boxes, strict=True)]

    def infer(self, prepared: list[PreparedCrops]) -> list[RawHeatmaps]:
        """Run the network on the people of each picture, mirrored too if the protocol says so."""
        return [RawHeatmaps(people, self._heatmaps(people.tensor)) for people in prepared]

    def postprocess(self, raw: list[RawHeatmaps]) -> list[Prediction]:
        """Read keypoints, score people and drop those found twice."""
        return [self._decode(people) for people in raw]

    def predict(
        self, images: Sequence[Image], boxes: Sequence[PersonBoxes] | None = None
    ) -> list[Prediction]:
        """The three stages in a row."""
        return self.postprocess(self.infer(self.preprocess(images, boxes)))

    def artifacts(self) -> Sequence[Artifact]:
        """The files it runs from."""
        return self._artifacts

    def cost(self) -> ModelCost:
        """Parameters and GFLOPs of the network, for one crop."""
        return self._cost

    def close(self) -> None:
        """Close the session."""
        self._session.close()

    def _prepare(self, image: Image, given: PersonBoxes) -> PreparedCrops:
        boxes = boxes_to_look_into(given, self._top_down)
        crops = plan_crops(boxes.boxes, self._protocol.preprocess, self._top_down)
        tensor = crop_people(image, crops, self._protocol.preprocess)
        return PreparedCrops(boxes, crops, tensor)

    def _heatmaps(self, tensor: Float32Array) -> Float32Array:
        heatmaps = self._run(tensor)
        if not self._protocol.augmentation.flip_test or not len(tensor):
            return heatmaps
        flipped = self._run(mirror(tensor))
        return average_flipped(heatmaps, flipped, self._head.flip_pairs, self._top_down)

    def _run(self, tensor: Float32Array) -> Float32Array:
        if not len(tensor):
            return np.zeros((0, 1, 1, 1), np.float32)
        step = self._top_down.batch_size if self._input.shape[0] is None else 1
        starts = range(0, len(tensor), step)
        return np.concatenate([self._run_batch(tensor[i : i + step]) for i in starts])

    def _run_batch(self, tensor: Float32Array) -> Float32Array:
        converted = np.ascontiguousarray(tensor, dtype=self._input.dtype)
        binding = self._session.bind({self._input.name: converted})
        binding.run()
        return np.asarray(binding.outputs[self._output.name], np.float32)

    def _decode(self, raw: RawHeatmaps) -> Prediction:
        if not len(raw.heatmaps):
            return nobody(self.num_keypoints)
        network, scores = decode_heatmaps(raw.heatmaps, self._protocol.preprocess, self._top_down)
        return rank_people(
            to_picture(network, raw.prepared.crops),
            scores,
            padded_areas(raw.prepared.crops),
            raw.prepared.boxes,
            sigmas=self._head.sigmas,
            protocol=self._protocol,
        )


def _check_output(shape: Sequence[int | None], head: HeatmapHead, top_down: TopDown) -> None:
    channels = head.num_keypoints * (3 if top_down.decode == "udp-offset" else 1)
    if len(shape) != 4 or shape[1] not in (None, channels):
        raise InputError(
            f"the network gives {tuple(shape)}, (B, {channels}, h, w) heat maps are needed for "
            f"{head.num_keypoints} keypoints and top_down.decode={top_down.decode}."
        )
