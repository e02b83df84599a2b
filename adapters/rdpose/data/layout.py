"""Where the files of COCO and MPII lie under a data folder, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

DatasetName = Literal["coco", "mpii"]

COCO_SOURCE = "COCO's annotations and pictures come from https://cocodataset.org/#download."
MPII_SOURCE = (
    "MPII's pictures come from http://human-pose.mpi-inf.mpg.de/, its annotations as JSON from the "
    "data folder that HRNet's README links to."
)
BOXES_SOURCE = (
    "HRNet's README links to the detector's boxes; --boxes names another file, and --use-gt-bbox "
    "takes the annotated boxes."
)

_DETECTIONS = {
    "val2017": "COCO_val2017_detections_AP_H_56_person.json",
    "test-dev2017": "COCO_test-dev2017_detections_AP_H_609_person.json",
}


@dataclass(frozen=True)
class CocoLayout:
    """COCO's files under ``root``, which is ``data/coco``."""

    root: Path

    def annotations(self, split: str) -> Path:
        """Of a split; those of the test pictures tell their names and sizes only."""
        kind = "image_info" if split.startswith("test") else "person_keypoints"
        return self.root / "annotations" / f"{kind}_{split}.json"

    def images(self, split: str) -> Path:
        """Folder of a split's pictures; ``test-dev2017`` is a part of ``test2017``."""
        return self.root / "images" / ("test2017" if split.startswith("test") else split)

    def boxes(self, split: str) -> Path:
        """The detector's boxes that are published for a split."""
        name = _DETECTIONS.get(split, f"COCO_{split}_detections_person.json")
        return self.root / "person_detection_results" / name


@dataclass(frozen=True)
class MpiiLayout:
    """MPII's files under ``root``, which is ``data/mpii``."""

    root: Path

    def annotations(self, split: str) -> Path:
        """``train``, ``valid``, ``trainval`` or ``test``."""
        return self.root / "annot" / f"{split}.json"

    def truth(self, split: str) -> Path:
        """Joints, visibility and head boxes, as MATLAB wrote them."""
        return self.root / "annot" / f"gt_{split}.mat"

    @property
    def images(self) -> Path:
        """Folder of all pictures."""
        return self.root / "images"
