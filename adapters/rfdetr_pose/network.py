"""RF-DETR with a keypoint head, composed of transformers' detector and our two MLPs."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from rfdetr_pose.backbone import ConvEncoder
from rfdetr_pose.config import ConvBackbone, DinoBackbone, ModelConfig
from rfdetr_pose.heads import KeypointHead
from rfdetr_pose.upstream import RfDetrConfig, RfDetrDinov2Config, RfDetrForObjectDetection


@dataclass(frozen=True, eq=False)
class PoseOutput:
    """Predictions of N queries; coordinates are fractions 0..1 of the image's sides.

    In training there are leading axes for the L decoder layers, and N counts the queries of every
    group; in evaluation only the last layer and the first group are there.

    Attributes:
        logits: (..., B, N, classes).
        boxes: (..., B, N, 4) centre x, centre y, width, height.
        keypoints: (..., B, N, K, 2) x, y.
        visibility: (..., B, N, K) logits.
    """

    logits: Tensor
    boxes: Tensor
    keypoints: Tensor
    visibility: Tensor


@dataclass(frozen=True, eq=False)
class Proposals:
    """The first stage's best cells of the feature map.

    Attributes:
        logits: (B, N, classes).
        boxes: (B, N, 4) centre x, centre y, width, height, 0..1.
    """

    logits: Tensor
    boxes: Tensor


class PoseNetwork(nn.Module):
    """Boxes, classes and keypoints of the objects in a batch of square images.

    Args:
        config: Architecture, classes and keypoints. The weights are random.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.detector = RfDetrForObjectDetection(detector_config(config))
        # A name mismatch keeps transformers from zeroing it, and proposals would start scattered.
        nn.init.zeros_(self.detector.model.reference_point_embed.weight)
        if isinstance(config.backbone, ConvBackbone):
            self.detector.model.backbone = ConvEncoder(config.backbone, config.hidden_dim)
        self.keypoint_head = KeypointHead(config.hidden_dim, config.keypoints.count)

    def forward(self, images: Tensor) -> PoseOutput:
        """The last decoder layer's predictions.

        Args:
            images: (B, 3, S, S) normalised RGB.
        """
        features = self.detector.model(images)
        hidden, reference = features.last_hidden_state, features.intermediate_reference_points[-1]
        logits, boxes = self.detector.predict_class_and_boxes(hidden, reference)
        keypoints, visibility = self.keypoint_head(hidden, boxes)
        return PoseOutput(logits, boxes, keypoints, visibility)

    def forward_train(self, images: Tensor) -> tuple[PoseOutput, Proposals]:
        """Every decoder layer's predictions, of every group, and the first stage's.

        Each layer's keypoints lie in that layer's own boxes, detached: a keypoint's error must
        not pull the box away from the person.
        """
        features = self.detector.model(images)
        hidden, reference = (
            features.intermediate_hidden_states,
            features.intermediate_reference_points,
        )
        logits, boxes = self.detector.predict_class_and_boxes(hidden, reference)
        keypoints, visibility = self.keypoint_head(hidden, boxes.detach())
        proposals = Proposals(
            self.detector.predict_encoder_class_logits(features.enc_outputs_class),
            features.enc_outputs_coord_logits,
        )
        return PoseOutput(logits, boxes, keypoints, visibility), proposals


def detector_config(config: ModelConfig, num_classes: int | None = None) -> RfDetrConfig:
    """What transformers calls the configuration of the detector inside a pose network.

    Args:
        config: Of the pose network.
        num_classes: Instead of the number of ``config.class_names``.
    """
    return RfDetrConfig(
        backbone_config=_backbone_config(config),
        d_model=config.hidden_dim,
        decoder_layers=config.decoder_layers,
        decoder_ffn_dim=config.feedforward_dim,
        decoder_self_attention_heads=config.self_attention_heads,
        decoder_cross_attention_heads=config.cross_attention_heads,
        decoder_n_points=config.sampling_points,
        num_queries=config.num_queries,
        group_detr=config.query_groups,
        num_labels=num_classes or len(config.class_names),
        dropout=0.0,
        layer_norm_eps=1e-6,  # of the published checkpoints; the default moves their boxes
        # A fused kernel does not pay for the few queries of a network of this kind.
        attn_implementation="eager" if config.backbone.kind == "conv" else "sdpa",
    )


def _backbone_config(config: ModelConfig) -> RfDetrDinov2Config:
    backbone = config.backbone
    if not isinstance(backbone, DinoBackbone):
        # The detector insists on one; it is replaced, so make it as small as can be.
        return RfDetrDinov2Config(
            hidden_size=8, num_hidden_layers=1, num_attention_heads=1, out_features=["stage1"]
        )
    return RfDetrDinov2Config(
        hidden_size=backbone.width,
        num_hidden_layers=backbone.layers,
        num_attention_heads=backbone.heads,
        image_size=config.resolution,
        patch_size=backbone.patch_size,
        num_windows=backbone.windows,
        out_features=[f"stage{layer}" for layer in backbone.out_layers],
    )
