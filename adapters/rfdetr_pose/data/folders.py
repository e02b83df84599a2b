"""Finding the parts of a dataset in its folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from rfdetr_pose.config import ModelConfig
from rfdetr_pose.data.coco import read_coco
from rfdetr_pose.data.samples import Sample, check_samples
from rfdetr_pose.data.yolo import names_part, read_yolo
from rfdetr_pose.errors import DatasetError

_COCO_PARTS = {
    "train": (
        ("train/_annotations.coco.json", "train"),
        ("annotations/person_keypoints_train2017.json", "train2017"),
        ("train/person_keypoints.json", "train/images"),
        ("person_keypoints.json", "images"),
    ),
    "val": (
        ("valid/_annotations.coco.json", "valid"),
        ("val/_annotations.coco.json", "val"),
        ("annotations/person_keypoints_val2017.json", "val2017"),
        ("val/person_keypoints.json", "val/images"),
    ),
}


def read_training_set(
    folders: Sequence[Path], config: ModelConfig, validation: Path | None = None
) -> tuple[list[Sample], list[Sample]]:
    """Training and validation images of one or several dataset folders, put together.

    Args:
        folders: Each a COCO-keypoint folder, a YOLO-pose folder with a ``data.yaml``, or a YAML
            file of that kind.
        config: Of the model.
        validation: A folder of which the validation part is used, or its only part, instead of
            the folders' own.

    Returns:
        The two parts; the second is empty if no folder has one.

    Raises:
        DatasetError: A folder is not a dataset, or its data cannot be trained on.
    """
    train: list[Sample] = []
    held_out: list[Sample] = []
    for folder in folders:
        train += _read_part(folder, "train", config)
        if validation is None and _finder(folder, "val") is not None:
            held_out += _read_part(folder, "val", config)
    if validation is not None:
        part = "val" if _finder(validation, "val") else "train"
        held_out = _read_part(validation, part, config)
    return train, held_out


def _read_part(folder: Path, part: str, config: ModelConfig) -> list[Sample]:
    if not folder.exists():
        raise DatasetError(f"{folder}: no such dataset folder.")
    read = _finder(folder, part)
    if read is None:
        layouts = ", ".join(name for name, _ in _COCO_PARTS[part])
        raise DatasetError(
            f"{folder}: no {part} part found. Looked for {layouts} and for a data.yaml that names "
            f"{part!r}."
        )
    samples = read(config)
    check_samples(samples, folder)
    return samples


def _finder(folder: Path, part: str) -> Callable[[ModelConfig], list[Sample]] | None:
    for file, images in _COCO_PARTS[part]:
        if (folder / file).is_file():
            return lambda config: read_coco(folder / file, folder / images, config)
    description = folder if folder.suffix in (".yaml", ".yml") else folder / "data.yaml"
    if description.is_file() and names_part(description, part):
        return lambda config: read_yolo(description, part, config)
    return None
