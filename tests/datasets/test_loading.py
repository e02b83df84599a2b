from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from posebench.config import DatasetRef
from posebench.datasets.coco import CocoDataset
from posebench.datasets.known import KNOWN
from posebench.datasets.loading import open_dataset
from posebench.datasets.yolo_pose import YoloPoseDataset
from posebench.errors import InputError

DATA_YAML = "names: [person]\nkpt_shape: [17, 3]\nval: images\n"


@pytest.fixture
def yolo_folder(tmp_path: Path) -> Path:
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    for name in ("a", "b"):
        cv2.imwrite(str(tmp_path / f"images/{name}.png"), np.zeros((8, 8, 3), np.uint8))
        (tmp_path / f"labels/{name}.txt").touch()
    (tmp_path / "data.yaml").write_text(DATA_YAML)
    return tmp_path


def test_coco_files(coco_mini: Path) -> None:
    annotations = coco_mini / "person_keypoints.json"
    dataset = open_dataset(
        DatasetRef(annotations=annotations, images=coco_mini / "images", limit=5)
    )
    assert isinstance(dataset, CocoDataset)
    assert len(dataset.image_ids) == 5


@pytest.mark.parametrize("name", ["data.yaml", "other.YML", "."])
def test_yolo_by_file_or_folder(yolo_folder: Path, name: str) -> None:
    (yolo_folder / "other.YML").write_text(DATA_YAML)
    dataset = open_dataset(DatasetRef(name=str(yolo_folder / name), limit=1), sigmas=[0.05] * 17)
    assert isinstance(dataset, YoloPoseDataset)
    assert list(dataset.image_ids) == [1]
    assert dataset.skeleton.sigmas == (0.05,) * 17


def test_known_name_from_the_cache(coco_mini: Path, own_cache: Path) -> None:
    folder = own_cache / "datasets" / "coco-val2017"
    (folder / "annotations").mkdir(parents=True)
    document = json.loads((coco_mini / "person_keypoints.json").read_text())
    (folder / KNOWN["coco-val2017"].annotations.member).write_text(json.dumps(document))
    (folder / "val2017").symlink_to(coco_mini / "images")
    dataset = open_dataset(DatasetRef(name="coco-val2017"))
    assert dataset.name == "coco-val2017"
    assert len(dataset.image_ids) == 102
    assert dataset.image_path(785).parent == folder / "val2017"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("coco-val17", "unknown dataset 'coco-val17'. Did you mean coco-val2017[?] Known: coco"),
        (
            "crowdpose",
            "'crowdpose'. Known: coco-val2017, mpii-val, synthetic, .*; or give a YOLO-pose",
        ),
        ("synthetic-eazy:500:1", "dataset 'synthetic-eazy:500:1'. Did you mean synthetic-easy[?]"),
        ("synthetics", "unknown dataset 'synthetics'. Did you mean synthetic[?]"),
        ("synthetic-easy:0", "synthetic-easy:0: the number of pictures is 0"),
        ("coco-val2017", "not in the cache .* Add --download to get 1068 MB; POSEBENCH_CACHE"),
    ],
)
def test_unknown_or_absent_name(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_dataset(DatasetRef(name=name))


def test_folder_without_a_data_file(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"a folder without a data\.yaml.*valid\.json.*--annotations"
    ):
        open_dataset(DatasetRef(name=str(tmp_path)))
