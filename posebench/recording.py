"""What a Record says, from the parts of a run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict

from posebench.box_accuracy import box_accuracy
from posebench.box_source import BoxSource
from posebench.errors import (
    BoxesMissingError,
    MissingExtraError,
    PosebenchError,
    WeightsError,
    WeightsUnavailableError,
)
from posebench.loading import LoadedModel
from posebench.protocols import Dataset
from posebench.record import BoxesInfo, ClaimInfo, DatasetInfo, Estimate, Failure, ModelInfo
from posebench.registry import ModelRequest
from posebench.types import GroundTruth, ModelCard, PersonBoxes
from posebench.weights import ResolvedWeights

_SAME_SIZE = 0.15
"""Share by which parameters may differ: fusing, another number of keypoints or classes."""


def model_info(
    request: ModelRequest,
    weights: ResolvedWeights | None,
    params: int | None,
    untrained: str = "",
) -> ModelInfo:
    """What is known of a model; of the user's own weights nobody knows the training data.

    Args:
        request: The model.
        weights: What was loaded, if it got that far.
        params: Parameters counted in the loaded network, if any were.
        untrained: Why its accuracy would say nothing, or ``""``.
    """
    card = request.card
    published = weights.published if weights else None
    own = request.weights is not None and published is None and bool(card.weights)
    return ModelInfo(
        name=card.name,
        label=request.label,
        family=card.family,
        paradigm=card.paradigm,
        skeleton=card.skeleton,
        licence=card.licence,
        weights_licence=published.licence if published else None,
        training_data=() if own else card.training_data,
        checkpoint_generation=published.generation if published else None,
        claims=tuple(ClaimInfo(**asdict(claim)) for claim in card.claims),
        note=" ".join(part for part in (card.note, _other_network(card, params)) if part),
        untrained=untrained,
    )


def _other_network(card: ModelCard, params: int | None) -> str:
    """What to say if the loaded network is clearly not the card's; a fused one is a little less."""
    if not params or card.params_m is None:
        return ""
    found_m = params / 1e6
    if abs(found_m - card.params_m) <= _SAME_SIZE * card.params_m:
        return ""
    return f"The network has {found_m:.1f} M parameters, {card.name} has {card.params_m:g} M."


def scored_identity(dataset: Dataset) -> str:
    """Digest of a dataset and of the names and sizes of its picture files.

    Sizes stand for the pictures' bytes: they tell a replaced or degraded picture at the cost of
    one look at the folder.
    """
    digest = hashlib.sha256(dataset.identity().encode())
    for image_id in dataset.image_ids:
        path = dataset.image_path(image_id)
        size = path.stat().st_size if path.exists() else -1
        digest.update(f"{path.name}\0{size}\n".encode())
    return digest.hexdigest()


def dataset_info(
    dataset: Dataset, identity: str, truth: GroundTruth, undecodable: Iterable[int]
) -> DatasetInfo:
    """What was scored.

    Args:
        dataset: The dataset.
        identity: Its ``scored_identity``.
        truth: Its annotations.
        undecodable: Ids of the pictures that could not be read.
    """
    counted = ~truth.is_crowd & (truth.num_keypoints > 0)
    return DatasetInfo(
        name=dataset.name,
        identity=identity,
        images=len(dataset.image_ids),
        people=int(counted.sum()),
        area=truth.area_source,
        skeleton=dataset.skeleton.name,
        undecodable=tuple(f"{dataset.image_path(i).name} (id {i})" for i in undecodable),
    )


def boxes_info(
    source: BoxSource,
    loaded: LoadedModel,
    looked_into: Mapping[int, PersonBoxes] | None,
    truth: GroundTruth,
) -> BoxesInfo:
    """What the boxes of a top-down model were.

    Args:
        source: Of the boxes.
        loaded: The model.
        looked_into: Boxes by image id as predicted, or None if nothing was.
        truth: Annotated people.
    """
    ap = Estimate(value=None, reason="the model was not scored")
    if looked_into is not None:
        figure = box_accuracy(truth, looked_into)
        ap = Estimate(value=figure.value, reason=figure.reason)
    network = (a.sha256 for a in loaded.artifacts if a.role == "detector network")
    assert loaded.protocol.top_down is not None, "a top-down model's protocol has it"
    return BoxesInfo(
        source=source.kind,
        label=source.label,
        sha256=source.file.sha256 if source.file else next(network, None),
        score_threshold=loaded.protocol.top_down.box_score_threshold,
        count=None if looked_into is None else sum(map(len, looked_into.values())),
        ap=ap,
        notes=source.notes,
    )


def failure_of(error: PosebenchError) -> Failure:
    """An error as a Record keeps it."""
    kind = "bad-input"
    if isinstance(error, WeightsUnavailableError):
        kind = "no-weights"
    elif isinstance(error, BoxesMissingError):
        kind = "no-boxes"
    elif isinstance(error, WeightsError):
        kind = "bad-weights"
    elif isinstance(error, MissingExtraError):
        kind = "missing-extra"
    message = BaseException.__str__(error)
    return Failure.model_validate({"kind": kind, "message": message, "remedy": error.remedy})
