"""What mmpose's configurations say of heat maps, and the networks that give them as ONNX."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from posebench_adapters._mmpose_config import pinned_metainfo
from posebench_adapters._mmpose_import import import_mmpose, quiet
from posebench_adapters._onnx_export import graph_of

from posebench.config import TopDown
from posebench.errors import InputError
from posebench.pipelines.heatmap_head import HeatmapHead


def describe(config: Any) -> HeatmapHead:
    """What a configuration says of its network's heat maps and of how it is evaluated.

    Raises:
        InputError: It is not a top-down model of heat maps.
    """
    codec = _codec(config)
    metainfo = metainfo_of(config)
    width, height = codec["input_size"]
    normalisation = config.model.data_preprocessor
    pipeline = {step["type"]: step for step in config.test_dataloader.dataset.pipeline}
    testing = config.model.get("test_cfg") or {}
    sigmas = tuple(float(sigma) for sigma in metainfo["sigmas"])
    return HeatmapHead(
        skeleton=_skeleton(metainfo),
        num_keypoints=len(sigmas),
        flip_pairs=tuple((i, int(j)) for i, j in enumerate(metainfo["flip_indices"]) if i < j),
        sigmas=sigmas,
        protocol={
            "preprocess": {
                "input_height": int(height),
                "input_width": int(width),
                "color": "rgb" if normalisation.get("bgr_to_rgb") else "bgr",
                "scale": 1.0,
                "mean": tuple(normalisation.mean),
                "std": tuple(normalisation.std),
                "pad_value": 0,
            },
            "postprocess": {
                "nms": "oks",
                "nms_threshold": 0.9,
                "score_mode": "box-keypoint",
                "keypoint_score": "heatmap-max",
            },
            "augmentation": {"flip_test": bool(testing.get("flip_test", False))},
            "top_down": {
                "box_padding": float(pipeline["GetBBoxCenterScale"].get("padding", 1.25)),
                "warp": "udp" if pipeline["TopdownAffine"].get("use_udp") else "classic",
                "shift_flipped": bool(testing.get("shift_heatmap", False)),
                **_decoding(codec),
            },
        },
    )


def _skeleton(metainfo: Mapping[str, Any]) -> str:
    known = {"coco": "coco17", "crowdpose": "crowdpose14", "coco_wholebody": "coco-wholebody133"}
    name = metainfo["dataset_name"]
    return known.get(name, f"{name}-{len(metainfo['sigmas'])}")


def _codec(config: Any) -> Any:
    head = config.model.get("head") or {}
    codec = head.get("decoder")
    kinds = ("MSRAHeatmap", "UDPHeatmap")
    if config.model.get("type") != "TopdownPoseEstimator" or not codec or isinstance(codec, list):
        raise InputError(f"{config.filename}: not a top-down model with one set of heat maps.")
    if codec["type"] not in kinds:
        raise InputError(
            f"{config.filename}: its codec is {codec['type']}; heat maps are {' and '.join(kinds)}."
        )
    return codec


def _decoding(codec: Any) -> dict[str, Any]:
    if codec["type"] == "MSRAHeatmap":
        blur = {"blur_kernel": codec.get("blur_kernel_size", 11)} if codec.get("unbiased") else {}
        return {"decode": "dark" if codec.get("unbiased") else "quarter-shift", **blur}
    blur = {"blur_kernel": codec.get("blur_kernel_size", 11)}
    if codec.get("heatmap_type", "gaussian") == "gaussian":
        return {"decode": "udp-dark", **blur}
    return {
        "decode": "udp-offset",
        "offset_radius": codec.get("radius_factor", TopDown().offset_radius),
        **blur,
    }


def metainfo_of(config: Any) -> dict[str, Any]:
    """Mmpose's description of the data set that a configuration is evaluated on."""
    import_mmpose()
    dataset = config.test_dataloader.dataset
    metainfo = dataset.get("metainfo") or _class_metainfo(dataset.type)
    utilities = import_module("mmpose.datasets.datasets.utils")
    described = dict(metainfo)
    if "from_file" in described:
        described["from_file"] = pinned_metainfo(described["from_file"])
    with quiet():
        parsed: dict[str, Any] = utilities.parse_pose_metainfo(described)
    return parsed


def _class_metainfo(name: str) -> Mapping[str, Any]:
    import_module("mmpose.datasets.datasets")
    kind = import_module("mmpose.registry").DATASETS.get(name)
    if kind is None:
        raise InputError(f"mmpose has no data set {name!r}.")
    metainfo: Mapping[str, Any] = kind.METAINFO
    return metainfo


def export(network: Any, head: HeatmapHead, path: Path) -> None:
    """Write a network as ONNX: pictures (B, 3, H, W) → heat maps (B, C, h, w), any batch.

    Args:
        network: mmpose's estimator, in eval mode.
        head: Goes into the file's metadata.
        path: To write.
    """
    import onnx
    import torch

    class Heatmaps(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.estimator = network

        def forward(self, images: Any) -> Any:
            return self.estimator.head(self.estimator.extract_feat(images))

    pre = head.protocol["preprocess"]
    example = torch.zeros(2, 3, pre["input_height"], pre["input_width"])  # 1 would become fixed
    with quiet(), torch.no_grad():
        model = graph_of(Heatmaps().eval(), {"images": example}, ["heatmaps"], open_axis="batch")
    onnx.helper.set_model_props(model, head.to_metadata())
    onnx.save(model, path)
