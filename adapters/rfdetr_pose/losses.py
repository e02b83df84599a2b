"""The training loss: classes and boxes as in RF-DETR, keypoints by three separable parts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from rfdetr_pose.geometry import box_overlap, keypoint_similarity, masked_mean
from rfdetr_pose.matching import MatchCosts, Matches, match
from rfdetr_pose.network import PoseOutput, Proposals
from rfdetr_pose.targets import Targets

VisibilityRule = Literal["labelled", "as-documented"]

_OWN_SHARE = 0.25  # alpha of the quality-aware classification
_FOCUS = 2.0  # gamma, likewise
_LEAST_QUALITY = 0.01


@dataclass(frozen=True)
class LossConfig:
    """Weights of the parts of the loss; 0 turns a part off.

    Attributes:
        classes: Quality-aware binary cross-entropy, of both stages.
        boxes: L1 distance of the boxes in fractions of the image, of both stages.
        giou: 1 - generalised IoU, of both stages.
        keypoints_l1: L1 distance of keypoints, relative to the root of the object's area.
        keypoints_oks: 1 - object keypoint similarity.
        visibility: Binary cross-entropy of "is visible".
        visibility_rule: ``labelled``: coordinates count where v > 0, and visibility is learned on
            the same keypoints, its target being v = 2. ``as-documented``: coordinates in the L1
            part count only where v = 2, and visibility is learned on all keypoints.
        costs: Of the matching.
    """

    classes: float = 2.0
    boxes: float = 5.0
    giou: float = 2.0
    keypoints_l1: float = 2.0
    keypoints_oks: float = 3.0
    visibility: float = 0.5
    visibility_rule: VisibilityRule = "labelled"
    costs: MatchCosts = field(default_factory=MatchCosts)


@dataclass(frozen=True, eq=False)
class KeypointParts:
    """Keypoint losses of M matched pairs, summed, and what the classification needs of them.

    Attributes:
        l1: Scalar.
        oks: Scalar.
        visibility: Scalar.
        similarity: (M,) OKS of each pair.
        labelled: (M,) bool, whether the object has a labelled keypoint.
    """

    l1: Tensor
    oks: Tensor
    visibility: Tensor
    similarity: Tensor
    labelled: Tensor


class PoseLoss:
    """The loss of a batch.

    Args:
        config: Weights.
        sigmas: K tolerances of the keypoints.
        groups: Groups of queries in training.
    """

    def __init__(self, config: LossConfig, sigmas: tuple[float, ...], groups: int) -> None:
        self._config = config
        self._sigmas = torch.tensor(sigmas)
        self._groups = groups

    def __call__(
        self, output: PoseOutput, proposals: Proposals, targets: Targets, objects: float
    ) -> dict[str, Tensor]:
        """The weighted parts, whose sum is to be minimised.

        Args:
            output: Of every layer and group, with a leading axis L.
            proposals: Of the first stage.
            targets: Annotations.
            objects: Number of objects by which to divide; in distributed training the mean over
                the processes.

        Returns:
            Scalars by name: ``classes``, ``boxes``, ``giou``, ``keypoints_l1``,
            ``keypoints_oks``, ``visibility``, and the first stage's ``proposal_classes``,
            ``proposal_boxes``, ``proposal_giou``.
        """
        config = self._config
        matches = self._match(output.logits, output.boxes, targets, output.keypoints)
        l1, giou, iou = box_parts(output.boxes, targets, matches)
        keypoints = keypoint_parts(output, targets, matches, self._sigmas, config.visibility_rule)
        quality = torch.where(keypoints.labelled, keypoints.similarity, iou).detach()
        share = max(objects, 1.0) * self._groups
        return {
            "classes": config.classes
            / share
            * class_part(output.logits, targets, matches, quality),
            "boxes": config.boxes / share * l1,
            "giou": config.giou / share * giou,
            "keypoints_l1": config.keypoints_l1 / share * keypoints.l1,
            "keypoints_oks": config.keypoints_oks / share * keypoints.oks,
            "visibility": config.visibility / share * keypoints.visibility,
            **self._first_stage(proposals, targets, share),
        }

    def _first_stage(
        self, proposals: Proposals, targets: Targets, share: float
    ) -> dict[str, Tensor]:
        logits, boxes = proposals.logits[None], proposals.boxes[None]
        matches = self._match(logits, boxes, targets)
        l1, giou, iou = box_parts(boxes, targets, matches)
        classes = class_part(logits, targets, matches, iou.detach())
        return {
            "proposal_classes": self._config.classes / share * classes,
            "proposal_boxes": self._config.boxes / share * l1,
            "proposal_giou": self._config.giou / share * giou,
        }

    def _match(
        self, logits: Tensor, boxes: Tensor, targets: Targets, keypoints: Tensor | None = None
    ) -> Matches:
        found: Matches = match(
            logits,
            boxes,
            targets,
            groups=self._groups,
            costs=self._config.costs,
            keypoints=keypoints,
        )
        return found


def class_part(logits: Tensor, targets: Targets, matches: Matches, quality: Tensor) -> Tensor:
    """Quality-aware binary cross-entropy, summed over queries and classes.

    A matched query's target is ``score^a · quality^(1-a)``, so that the score learns how good the
    prediction is; every other is a negative, weighted by ``score^2`` (IA-BCE, arXiv:2406.03459,
    section 3.3, with the keypoint similarity as the quality where there is one).

    Args:
        logits: (L, B, N, classes).
        targets: Annotations.
        matches: M pairs.
        quality: (M,) 0..1, without gradient.
    """
    logits = logits.float()
    scores = logits.detach().sigmoid()
    label = targets.labels[matches.image, matches.target]
    where = (matches.layer, matches.image, matches.query, label)
    wanted = scores[where] ** _OWN_SHARE * quality.float() ** (1 - _OWN_SHARE)
    positive = torch.zeros_like(scores)
    positive[where] = wanted.clamp(min=_LEAST_QUALITY)
    negative = scores**_FOCUS
    negative[where] = 1 - positive[where]
    loss = -positive * functional.logsigmoid(logits) - negative * functional.logsigmoid(-logits)
    return loss.sum()


def box_parts(boxes: Tensor, targets: Targets, matches: Matches) -> tuple[Tensor, Tensor, Tensor]:
    """L1 and 1 - GIoU of the matched boxes, summed, and the (M,) IoU of each pair.

    Args:
        boxes: (L, B, N, 4) centre x, centre y, width, height, 0..1.
        targets: Annotations.
        matches: M pairs.
    """
    found = boxes[matches.layer, matches.image, matches.query].float()
    wanted = targets.boxes[matches.image, matches.target]
    iou, giou = box_overlap(found, wanted)
    return (found - wanted).abs().sum(), (1 - giou).sum(), iou


def keypoint_parts(
    output: PoseOutput,
    targets: Targets,
    matches: Matches,
    sigmas: Tensor,
    rule: VisibilityRule = "labelled",
) -> KeypointParts:
    """The three keypoint losses of the matched pairs, in pixels of equal sides.

    An object without a labelled keypoint adds nothing to any of them.

    Args:
        output: Predictions (L, B, N, ...).
        targets: Annotations.
        matches: M pairs.
        sigmas: (K,).
        rule: See :class:`LossConfig`.
    """
    query = (matches.layer, matches.image, matches.query)
    target = (matches.image, matches.target)
    sizes = targets.sizes[matches.image].unsqueeze(1)
    found = output.keypoints[query].float() * sizes
    wanted = targets.keypoints[target] * sizes
    visibility, areas = targets.visibility[target], targets.areas[target].clamp(min=1)
    labelled, visible = visibility > 0, visibility == 2
    documented = rule == "as-documented"
    distance = (found - wanted).abs().sum(-1) / areas.sqrt().unsqueeze(-1)
    similarity = keypoint_similarity(found, wanted, labelled, areas, sigmas.to(found.device))
    entropy = functional.binary_cross_entropy_with_logits(
        output.visibility[query].float(), visible.float(), reduction="none"
    )
    has_keypoints = labelled.any(-1)
    judged = has_keypoints.unsqueeze(-1).expand_as(labelled) if documented else labelled
    return KeypointParts(
        l1=masked_mean(distance, visible if documented else labelled).sum(),
        oks=((1 - similarity) * has_keypoints).sum(),
        visibility=masked_mean(entropy, judged).sum(),
        similarity=similarity,
        labelled=has_keypoints,
    )
