"""What a run on people with annotated heads needs: their boxes, and keypoints that are MPII's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posebench.box_source import GROUND_TRUTH, TOP_DOWN, kind_of
from posebench.config import Pckh, RunConfig
from posebench.datasets.mpii import MpiiDataset
from posebench.datasets.skeletons import COCO17, is_another
from posebench.errors import InputError
from posebench.protocols import Dataset
from posebench.registry import ModelRequest
from posebench.types import Skeleton

MAPPING_OPTION = "--map-keypoints coco17-to-mpii16"


def is_scored_by_pckh(dataset: Dataset) -> bool:
    """Whether the people of a dataset have heads to measure by."""
    return isinstance(dataset, MpiiDataset)


def check_wishes(config: RunConfig, dataset: Dataset) -> None:
    """Refuse a run that could give no PCKh, or a wish that only PCKh knows.

    Raises:
        InputError: Naming the option.
    """
    if not is_scored_by_pckh(dataset):
        if "pckh" in config.protocol:
            raise InputError(
                f"--map-keypoints and protocol.pckh are for PCKh, but {dataset.name} has no heads.",
                remedy="Leave them out, or use --dataset mpii-val.",
            )
        return
    if config.boxes is None or kind_of(config.boxes) != GROUND_TRUTH:
        raise InputError(
            f"{dataset.name} is scored by PCKh, which is defined for annotated people: each is "
            "looked for in the annotated box.",
            remedy="Use --boxes ground-truth.",
        )
    if config.protocol.get("evaluation", {}).get("per_keypoint_ap"):
        raise InputError(f"--per-keypoint-ap: {dataset.name} is scored by PCKh, not by AP.")


def check_model(request: ModelRequest, dataset: Dataset) -> None:
    """Refuse a model that cannot be told whom to look for.

    Raises:
        InputError: It is not a top-down one.
    """
    if is_scored_by_pckh(dataset) and request.card.paradigm != TOP_DOWN:
        raise InputError(
            f"{request.label} looks for people by itself, but {dataset.name} is scored by PCKh, "
            "which is defined for annotated people.",
            remedy="Use a top-down model with --boxes ground-truth.",
        )


def with_pckh(wished: Mapping[str, Any]) -> dict[str, Any]:
    """A user's protocol overrides with what PCKh makes of them.

    Nobody is suppressed unless that was wished: whoever is missing counts as wrong, and every
    annotated person is looked for once.
    """
    postprocess = {"nms": "none", **wished.get("postprocess", {})}
    return {**wished, "postprocess": postprocess, "pckh": wished.get("pckh", {})}


def check_keypoints(request: ModelRequest, count: int, wished: Pckh, dataset: Dataset) -> None:
    """Refuse keypoints that are not MPII's joints, and cannot be mapped to them.

    Args:
        request: The model.
        count: Number of keypoints that it predicts.
        wished: The protocol's section.
        dataset: To be predicted.

    Raises:
        InputError: Another number of keypoints than the dataset's or the mapping's, or as many
            that the model's card says are others.
    """
    coco, own = len(COCO17.keypoints), len(dataset.skeleton.keypoints)
    mapped = wished.mapping != "none"
    if count == (coco if mapped else own):
        _check_meaning(request, COCO17 if mapped else dataset.skeleton)
        return
    remedy = "Use weights trained for the dataset's skeleton."
    if mapped:
        remedy = "Leave --map-keypoints out." if count == own else remedy
    elif count == coco:
        remedy = f"If they are COCO's, use {MAPPING_OPTION}: then upper neck and head top are not "
        remedy += "scored."
    wanted = f"{MAPPING_OPTION} takes {coco}" if mapped else f"{dataset.name} has {own}"
    raise InputError(f"{request.label} predicts {count} keypoints, {wanted}.", remedy=remedy)


def _check_meaning(request: ModelRequest, wanted: Skeleton) -> None:
    """Refuse keypoints that are known to be others, however many there are."""
    name = request.card.skeleton
    if is_another(name, wanted):
        raise InputError(
            f"{request.label} predicts the keypoints of {name}, not of {wanted.name}.",
            remedy=f"Use weights trained for {wanted.name}; if a file of your own is, name the "
            "model that says so.",
        )
