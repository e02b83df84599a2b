"""The seams: what a model, a runtime and a dataset must offer, and nothing about how."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from posebench.types import (
    Artifact,
    GroundTruth,
    Image,
    ModelCard,
    ModelCost,
    PersonBoxes,
    Prediction,
    Skeleton,
    Spans,
    Tensor,
    TensorSpec,
)

if TYPE_CHECKING:
    from posebench.config import EvalProtocol


class Binding(Protocol):
    """Input tensors tied to a session, ready to be run any number of times."""

    def run(self) -> Spans:
        """Run the network once on the bound tensors."""
        ...

    @property
    def outputs(self) -> Mapping[str, Tensor]:
        """The outputs of the last run, by name."""
        ...


class Session(Protocol):
    """One artifact loaded in one runtime on one device: the only thing in which runtimes differ."""

    @property
    def inputs(self) -> Sequence[TensorSpec]:
        """What the network takes."""
        ...

    @property
    def outputs(self) -> Sequence[TensorSpec]:
        """What the network gives."""
        ...

    @property
    def provider(self) -> str:
        """What executes the network, as the runtime itself reports it."""
        ...

    @property
    def metadata(self) -> Mapping[str, str]:
        """Key-value pairs that the exporter wrote into the artifact."""
        ...

    @property
    def built(self) -> Sequence[Artifact]:
        """What was made of the artifact to run it: a graph in FP16, an engine. Empty: nothing."""
        ...

    def bind(self, tensors: Mapping[str, Tensor]) -> Binding:
        """Tie input tensors to the session."""
        ...

    def close(self) -> None:
        """Free what the session holds."""
        ...


OpenSession: TypeAlias = Callable[[Path], Session]
"""Opens an artifact in the runtime, at the precision and on the device that the run asks for."""


class PoseModel(Protocol):
    """A model that finds people and their keypoints in pictures."""

    def predict(
        self, images: Sequence[Image], boxes: Sequence[PersonBoxes] | None = None
    ) -> list[Prediction]:
        """Predict a batch.

        Args:
            images: uint8 RGB (H, W, 3) pictures, sizes may differ.
            boxes: For a top-down model, where to look in each picture; others ignore it.
        """
        ...

    @property
    def num_keypoints(self) -> int:
        """K of the loaded weights, which may differ from the card's skeleton."""
        ...

    def artifacts(self) -> Sequence[Artifact]:
        """The files it runs from, with their digests."""
        ...

    def cost(self) -> ModelCost:
        """Parameters and GFLOPs of the loaded network, counted, not quoted."""
        ...

    def close(self) -> None:
        """Free what the model holds."""
        ...


@runtime_checkable
class StagedPoseModel(Protocol):
    """A PoseModel whose three stages can be called, overlapped and timed apart.

    ``predict(images)`` must equal ``postprocess(infer(preprocess(images)))``. What passes between
    the stages is the model's own business. ``preprocess`` and ``postprocess`` must be safe to call
    from threads other than the one that calls ``infer``.
    """

    def preprocess(
        self, images: Sequence[Image], boxes: Sequence[PersonBoxes] | None = None
    ) -> Any:
        """Pictures to network input."""
        ...

    def infer(self, prepared: Any) -> Any:
        """Network input to raw network output."""
        ...

    def postprocess(self, raw: Any) -> list[Prediction]:
        """Raw network output to people in pixels of the original pictures."""
        ...


@runtime_checkable
class TimedStages(Protocol):
    """A StagedPoseModel with more stages than three, which are timed one by one.

    The first takes pictures, each other what the one before gave, the last gives people.
    """

    def timed_stages(self) -> Sequence[tuple[str, Callable[[Any], Any]]]:
        """Names of spans, and what does them."""
        ...


class Adapter(Protocol):
    """What an adapter module exports: its cards and one function."""

    @property
    def CARDS(self) -> Sequence[ModelCard]:
        """The models it can load."""
        ...

    @property
    def DECODE_VERSION(self) -> int:
        """Raised whenever the same network output would give other predictions."""
        ...

    def load(
        self,
        card: ModelCard,
        weights: Path | None,
        protocol: EvalProtocol,
        open_session: OpenSession | None,
    ) -> PoseModel:
        """Load a model.

        Args:
            card: One of ``CARDS``, or what the adapter made of a user's file.
            weights: Checkpoint or exported artifact on this disk; None if the card has none.
            protocol: Resolved; the adapter has no constant of its own.
            open_session: Opens an exported artifact in the runtime of the run. None asks for the
                framework's own path (runtime ``native``).
        """
        ...


class Pictures(Protocol):
    """Pictures on this disk."""

    @property
    def image_ids(self) -> Sequence[int]:
        """Every image id, in order."""
        ...

    def image_path(self, image_id: int) -> Path:
        """Where the picture lies."""
        ...


class Dataset(Pictures, Protocol):
    """Pictures with annotated people."""

    @property
    def name(self) -> str:
        """Short name for tables and folders."""
        ...

    @property
    def skeleton(self) -> Skeleton:
        """Names, sigmas and flip pairs of the keypoints."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """What a user should know about the annotations, one sentence each."""
        ...

    def ground_truth(self) -> GroundTruth:
        """The annotations, as arrays in the order of ``image_ids``."""
        ...

    def identity(self) -> str:
        """Hex digest of the annotations, of the image ids in use and of what they mean."""
        ...
