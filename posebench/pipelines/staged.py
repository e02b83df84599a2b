"""A one-stage model over one session: pictures → tensor → network → people."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from posebench.config import EvalProtocol
from posebench.errors import InputError
from posebench.pipelines.letterbox import Geometry, preprocess_image
from posebench.protocols import Session
from posebench.types import (
    Artifact,
    Float32Array,
    Image,
    ModelCost,
    PersonBoxes,
    Prediction,
    Tensor,
    TensorSpec,
)


@dataclass(frozen=True, eq=False)
class Prepared:
    """The network inputs of some pictures.

    Attributes:
        tensors: One (1, 3, H, W) float32 array a picture.
        geometries: Where each picture lies in its input.
    """

    tensors: tuple[Float32Array, ...]
    geometries: tuple[Geometry, ...]


@dataclass(frozen=True, eq=False)
class RawOutput:
    """The network outputs of some pictures.

    Attributes:
        outputs: By name, one mapping a picture, each array with a batch axis of 1.
        geometries: As prepared.
    """

    outputs: tuple[Mapping[str, Tensor], ...]
    geometries: tuple[Geometry, ...]


class StagedModel(ABC):
    """Letterboxed pictures through one session; a subclass says how its output is read.

    ``preprocess`` and ``postprocess`` touch nothing that ``infer`` changes, so they may run in
    other threads.

    Args:
        session: The network. It is closed with the model.
        protocol: Of the run.
        artifacts: The files that the session was opened from.
        cost: Parameters and GFLOPs of the network.

    Raises:
        InputError: The network does not take what the protocol makes, or does not give what it
            ranks people by.
    """

    score_modes: tuple[str, ...] = ("box",)
    """What its output can be ranked by: values of ``postprocess.score_mode``."""

    def __init__(
        self,
        session: Session,
        protocol: EvalProtocol,
        *,
        artifacts: Sequence[Artifact],
        cost: ModelCost,
    ) -> None:
        self._session = session
        self._protocol = protocol
        self._artifacts = tuple(artifacts)
        self._cost = cost
        self._input = checked_input(session, protocol)
        _check_one_stage(protocol)
        if protocol.postprocess.score_mode not in self.score_modes:
            raise InputError(
                f"postprocess.score_mode={protocol.postprocess.score_mode}, but this model's "
                f"people can be ranked by {' or '.join(self.score_modes)} only.",
                remedy=f"Set postprocess.score_mode={self.score_modes[0]}.",
            )

    @property
    @abstractmethod
    def num_keypoints(self) -> int:
        """K of the loaded weights."""

    @abstractmethod
    def decode(self, outputs: Mapping[str, Tensor], geometry: Geometry) -> Prediction:
        """Read the network's output for one picture (batch axis of 1)."""

    def preprocess(
        self, images: Sequence[Image], boxes: Sequence[PersonBoxes] | None = None
    ) -> Prepared:
        """Resize, pad and normalise. ``boxes`` is for top-down models and not used."""
        pairs = [preprocess_image(image, self._protocol.preprocess) for image in images]
        return Prepared(tuple(t for t, _ in pairs), tuple(g for _, g in pairs))

    def infer(self, prepared: Prepared) -> RawOutput:
        """Run the network: one batch if it takes one and the sizes agree, else one by one."""
        shapes = {tensor.shape for tensor in prepared.tensors}
        if len(prepared.tensors) > 1 and len(shapes) == 1 and self._input.shape[0] is None:
            outputs = self._run(np.concatenate(prepared.tensors))
            rows = range(len(prepared.tensors))
            split = tuple({k: v[i : i + 1] for k, v in outputs.items()} for i in rows)
            return RawOutput(split, prepared.geometries)
        return RawOutput(tuple(map(self._run, prepared.tensors)), prepared.geometries)

    def postprocess(self, raw: RawOutput) -> list[Prediction]:
        """Decode every picture's output."""
        return [self.decode(o, g) for o, g in zip(raw.outputs, raw.geometries, strict=True)]

    def predict(
        self, images: Sequence[Image], boxes: Sequence[PersonBoxes] | None = None
    ) -> list[Prediction]:
        """The three stages in a row."""
        return self.postprocess(self.infer(self.preprocess(images, boxes)))

    def artifacts(self) -> Sequence[Artifact]:
        """The files it runs from."""
        return self._artifacts

    def cost(self) -> ModelCost:
        """Parameters and GFLOPs of the network."""
        return self._cost

    def close(self) -> None:
        """Close the session."""
        self._session.close()

    def _run(self, tensor: Float32Array) -> Mapping[str, Tensor]:
        binding = self._session.bind(
            {self._input.name: tensor.astype(self._input.dtype, copy=False)}
        )
        binding.run()
        return binding.outputs


def _check_one_stage(protocol: EvalProtocol) -> None:
    """What only top-down models do, a whole picture cannot be asked for."""
    asked = {
        "augmentation.flip_test=true": protocol.augmentation.flip_test,
        f"postprocess.nms={protocol.postprocess.nms}": protocol.postprocess.nms.startswith("oks"),
        "top_down": protocol.top_down is not None,
    }
    wrong = [field for field, is_asked in asked.items() if is_asked]
    if wrong:
        raise InputError(
            f"protocol: {', '.join(wrong)}, but this model takes whole pictures; that is for "
            "top-down models.",
            remedy="Leave it out.",
        )


def refuse_suppression(protocol: EvalProtocol) -> None:
    """For networks whose queries compete for people, so that no person is found twice.

    Raises:
        InputError: The protocol asks for NMS all the same.
    """
    if protocol.postprocess.nms != "none":
        raise InputError(
            f"postprocess.nms={protocol.postprocess.nms}, but the network gives each person once.",
            remedy="Set postprocess.nms=none.",
        )


def checked_input(session: Session, protocol: EvalProtocol) -> TensorSpec:
    """The network's one picture input, if it fits the protocol.

    Raises:
        InputError: Another number of inputs, another size, or a batch that is fixed above 1.
    """
    if len(session.inputs) != 1 or len(session.inputs[0].shape) != 4:
        shapes = [spec.shape for spec in session.inputs]
        raise InputError(f"a network with one (B, 3, H, W) input is needed, this has {shapes}.")
    spec = session.inputs[0]
    batch, channels, height, width = spec.shape
    if batch not in (None, 1) or channels not in (None, 3):
        raise InputError(
            f"network input {spec.name!r} is {spec.shape}: batch 1 (or dynamic) and 3 channels "
            "are needed.",
            remedy="Export it with batch 1.",
        )
    wanted = protocol.preprocess
    if height not in (None, wanted.input_height) or width not in (None, wanted.input_width):
        raise InputError(
            f"the network takes {width} x {height} px, the protocol makes "
            f"{wanted.input_width} x {wanted.input_height} px.",
            remedy=f"Set preprocess.input_height={height} and preprocess.input_width={width}.",
        )
    if wanted.resize == "letterbox-rect" and (height is not None or width is not None):
        raise InputError(
            "letterbox-rect needs a network with dynamic height and width, this one is fixed.",
            remedy="Use preprocess.resize=letterbox, or export with dynamic axes.",
        )
    return spec
