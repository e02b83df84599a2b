"""What a run is trained on and by which figure its epochs are compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rdpose.coco_results import CocoTruth, coco_rows
from rdpose.config import ModelConfig
from rdpose.data import coco, mpii
from rdpose.data.layout import CocoLayout, DatasetName, MpiiLayout
from rdpose.data.samples import Person
from rdpose.errors import DatasetError
from rdpose.inference import Found
from rdpose.pckh import check_same_people, load_truth, pckh, predictions


@dataclass(frozen=True, eq=False)
class HeldOut:
    """People that are not trained on.

    Attributes:
        people: With their annotated boxes.
        judge: Figures of their joints, one :class:`Found` a person.
        monitor: The figure that decides which epoch is the best.
    """

    people: Sequence[Person]
    judge: Callable[[Sequence[Found]], dict[str, float]]
    monitor: str


@dataclass(frozen=True, eq=False)
class TrainingData:
    """What a run needs.

    Attributes:
        people: To be trained on.
        held_out: For validation; None leaves it out.
    """

    people: Sequence[Person]
    held_out: HeldOut | None


def read_training_data(dataset: DatasetName, data: Path, config: ModelConfig) -> TrainingData:
    """The training and validation parts of ``data/coco`` or ``data/mpii``.

    Args:
        dataset: Which of them.
        data: The folder ``data``.
        config: Of the model.

    Raises:
        DatasetError: A file of the layout is missing or is not what it should be.
    """
    read = _read_coco if dataset == "coco" else _read_mpii
    return read(data / dataset, config)


def _read_coco(root: Path, config: ModelConfig) -> TrainingData:
    layout = CocoLayout(root)
    train, val = (
        coco.read_people(layout.annotations(split), layout.images(split), config)
        for split in ("train2017", "val2017")
    )
    return TrainingData(train, held_out_coco(val, layout.annotations("val2017"), config))


def _read_mpii(root: Path, config: ModelConfig) -> TrainingData:
    layout = MpiiLayout(root)
    train, valid = (
        mpii.read_people(layout.annotations(split), layout.images, config)
        for split in ("train", "valid")
    )
    return TrainingData(train, held_out_mpii(valid, layout, "valid"))


def held_out_coco(people: Sequence[Person], annotations: Path, config: ModelConfig) -> HeldOut:
    """Judged by AP, as pycocotools computes it.

    Args:
        people: Annotated, of all pictures of the file.
        annotations: The file that they are from.
        config: Of the model.
    """
    sigmas = config.joint_set.sigmas
    if sigmas is None:
        raise DatasetError(f"{annotations}: a model of {config.joints} joints has no OKS.")
    truth = CocoTruth(annotations, sigmas)

    def judge(found: Sequence[Found]) -> dict[str, float]:
        rows: list[dict[str, Any]] = coco_rows(found, people, sigmas)
        return truth.figures(rows)

    return HeldOut(people, judge, "AP")


def held_out_mpii(people: Sequence[Person], layout: MpiiLayout, split: str) -> HeldOut:
    """Judged by PCKh@0.5.

    Args:
        people: Of the split's annotations.
        layout: Of the files that they are from.
        split: ``valid``, or another whose truth there is.

    Raises:
        DatasetError: The truth is missing, is not such a file, or is of other people.
    """
    truth = load_truth(layout.truth(split))
    check_same_people(people, layout.annotations(split), truth, layout.truth(split))
    return HeldOut(people, lambda found: pckh(predictions(found), truth), "PCKh")
