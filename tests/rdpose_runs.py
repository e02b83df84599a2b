"""Small RDPose networks and folders in the layout of RDPose's README, from the real pictures."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from rdpose.config import HRNetBackbone, ModelConfig, Variant
from scipy.io import savemat

Document = dict[str, Any]

TINY = ModelConfig(
    backbone=HRNetBackbone(width=8, modules=(1, 1, 1), blocks=1, stem_blocks=1),
    input_size=(64, 64),
)
"""Everything that a network of full size has."""


def variant_of(config: ModelConfig, variant: Variant) -> ModelConfig:
    """The same network, but for how it decouples features."""
    return ModelConfig.model_validate({**config.model_dump(), "variant": variant})


def mpii_of(config: ModelConfig) -> ModelConfig:
    """The same network for MPII's joints."""
    return ModelConfig.model_validate({**config.model_dump(), "joints": "mpii16"})


def crowded(coco_mini: Path, pictures: int) -> Document:
    """The annotations of the real pictures in which several people have keypoints."""
    document: Document = json.loads((coco_mini / "person_keypoints.json").read_text())
    posed = [a["image_id"] for a in document["annotations"] if a["num_keypoints"] >= 8]
    chosen = [image for image in document["images"] if posed.count(image["id"]) in (2, 3)]
    return only(document, (image["id"] for image in chosen[:pictures]))


def only(document: Document, image_ids: Iterable[int]) -> Document:
    """A COCO document of some of its pictures."""
    wanted = set(image_ids)
    kept = {
        "images": [i for i in document["images"] if i["id"] in wanted],
        "annotations": [a for a in document["annotations"] if a["image_id"] in wanted],
    }
    return {**document, **kept}


def write_coco(root: Path, coco_mini: Path, pictures: int) -> Path:
    """``data`` with COCO's layout; the same pictures for training and validation."""
    document = crowded(coco_mini, pictures)
    for split in ("train2017", "val2017"):
        write_json(root / f"coco/annotations/person_keypoints_{split}.json", document)
    info = {key: value for key, value in document.items() if key != "annotations"}
    write_json(root / "coco/annotations/image_info_test-dev2017.json", info)
    for split in ("train2017", "val2017", "test2017"):
        folder = root / "coco/images" / split
        folder.mkdir(parents=True)
        for image in document["images"]:
            (folder / image["file_name"]).symlink_to(coco_mini / "images" / image["file_name"])
    people = [a for a in document["annotations"] if not a["iscrowd"]]
    for name, score in VAL_BOXES, TEST_BOXES:
        boxes = [detection(person, score) for person in people]
        write_json(root / f"coco/person_detection_results/{name}", boxes)
    return root


VAL_BOXES = ("COCO_val2017_detections_AP_H_56_person.json", 0.75)
TEST_BOXES = ("COCO_test-dev2017_detections_AP_H_609_person.json", 0.5)
"""Name and score of the detections of a split."""


def detection(annotation: Document, score: float = 0.75) -> Document:
    """An annotated box as a detector would give it."""
    box, image = annotation["bbox"], annotation["image_id"]
    return {"image_id": image, "category_id": 1, "bbox": box, "score": score}


def write_mpii(root: Path, samples: Path) -> Path:
    """``data`` with MPII's layout from mmpose's five pictures.

    Their heads' boxes are not published with them: head top and neck span one here.
    """
    rows = json.loads((samples / "test_mpii.json").read_text())
    for split in ("train", "valid"):
        write_json(root / f"mpii/annot/{split}.json", rows)
    unlabelled = [{key: row[key] for key in ("image", "center", "scale")} for row in rows]
    write_json(root / "mpii/annot/test.json", unlabelled)
    (root / "mpii/images").mkdir()
    for row in rows:
        (root / "mpii/images" / row["image"]).symlink_to(samples / row["image"])
    joints = np.array([row["joints"] for row in rows], np.float64)
    truth = {
        "pos_gt_src": joints.transpose(1, 2, 0),
        "jnt_missing": 1 - np.array([row["joints_vis"] for row in rows]).T,
        "headboxes_src": joints[:, [9, 8]].transpose(1, 2, 0),
    }
    savemat(root / "mpii/annot/gt_valid.mat", truth)
    return root


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
