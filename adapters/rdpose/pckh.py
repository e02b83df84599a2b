"""PCKh on MPII: joints within a share of the head's size of where they are.

Andriluka et al., CVPR 2014, with HRNet's head size: 0.6 times the diagonal of the head's box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rdpose.data.layout import MPII_SOURCE
from rdpose.data.samples import Person
from rdpose.errors import DatasetError
from rdpose.inference import Found

Float64Array = npt.NDArray[np.float64]

_HEAD_SHARE = 0.6
_PELVIS_AND_THORAX = (6, 7)
_GROUPS = {
    "Head": (9,),
    "Shoulder": (12, 13),
    "Elbow": (11, 14),
    "Wrist": (10, 15),
    "Hip": (2, 3),
    "Knee": (1, 4),
    "Ankle": (0, 5),
}
_SAME_PX = 1.01  # one pixel, and what single precision rounds
_ONE_SOURCE = "Take both from the same copy of the annotations."


@dataclass(frozen=True, eq=False)
class MpiiTruth:
    """N annotated people.

    Attributes:
        joints: (N, 16, 2) x and y, counted from 1.
        visible: (N, 16) whether a joint is annotated.
        head_sizes: (N,) px.
    """

    joints: Float64Array
    visible: npt.NDArray[np.bool_]
    head_sizes: Float64Array

    def __len__(self) -> int:
        return len(self.joints)


def load_truth(path: Path) -> MpiiTruth:
    """Read ``gt_valid.mat``.

    Raises:
        DatasetError: It is missing or is not such a file, or a head has no size.
    """
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    if not path.is_file():
        raise DatasetError(f"{path}: no such file. {MPII_SOURCE}")
    try:
        document = loadmat(path)
        return _truth(document)
    except (KeyError, ValueError, TypeError, NotImplementedError, MatReadError) as error:
        raise DatasetError(f"{path}: not MPII's ground truth: {error!r}.") from error


def _truth(document: dict[str, Any]) -> MpiiTruth:
    boxes = np.asarray(document["headboxes_src"], np.float64)  # (2 corners, 2, N)
    joints = np.transpose(document["pos_gt_src"], (2, 0, 1)).astype(np.float64)
    visible = np.transpose(document["jnt_missing"]) == 0
    sizes = _HEAD_SHARE * np.linalg.norm(boxes[1] - boxes[0], axis=0)
    if joints.shape != (len(sizes), 16, 2) or visible.shape != (len(sizes), 16):
        raise ValueError(f"joints {joints.shape}, visibility {visible.shape}, {len(sizes)} heads")
    if not (sizes > 0).all():
        raise ValueError(f"headboxes_src: the head of person {np.argmin(sizes > 0)} has no size")
    return MpiiTruth(joints, visible, sizes)


def check_same_people(
    people: Sequence[Person], annotations: Path, truth: MpiiTruth, path: Path
) -> None:
    """Refuse two files that do not list the same people in the same order.

    Args:
        people: Of ``annotations``, whose joints are counted from 0.
        annotations: ``valid.json``.
        truth: Of ``path``.
        path: ``gt_valid.mat``.

    Raises:
        DatasetError: Another number of people, or a joint that is annotated in both lies more than
            a pixel apart.
    """
    if len(truth) != len(people):
        raise DatasetError(
            f"{path}: {len(truth)} people, but {annotations.name} has {len(people)}. {_ONE_SOURCE}"
        )
    apart = [_apart(person, truth, i) for i, person in enumerate(people)]
    far = [i for i, distance in enumerate(apart) if not distance <= _SAME_PX]
    if far:
        raise DatasetError(
            f"{path}: pos_gt_src of person {far[0]} lies {apart[far[0]]:.1f} px from the joints "
            f"({people[far[0]].image.name}) in {annotations}. {_ONE_SOURCE}"
        )


def _apart(person: Person, truth: MpiiTruth, index: int) -> float:
    """Largest difference of a coordinate, px."""
    both = person.visible & truth.visible[index]
    return float(np.abs(person.joints + 1 - truth.joints[index])[both].max(initial=0))


def predictions(found: Sequence[Found]) -> npt.NDArray[np.float32]:
    """(N, 16, 2) joints in the order of the people, counted from 1 as MATLAB does."""
    ordered = sorted(found, key=lambda person: person.index)
    return np.asarray(np.stack([person.joints for person in ordered]) + 1, np.float32)


def pckh(joints: npt.NDArray[Any], truth: MpiiTruth) -> dict[str, float]:
    """Percentages of joints that were found; NaN for a group that is nowhere annotated.

    ``PCKh`` and ``PCKh@0.1`` are over all annotated joints but pelvis and thorax, at 0.5 and 0.1
    of the head's size; a group's is the mean of its left and right joint, at 0.5. What HRNet
    prints as ``Mean@0.1`` is at 0.11 and so is another figure.

    Args:
        joints: (N, 16, 2) predictions, counted from 1.
        truth: Of the same N people.
    """
    distances = np.linalg.norm(joints - truth.joints, axis=2) / truth.head_sizes[:, None]
    counted = truth.visible.copy()
    counted[:, _PELVIS_AND_THORAX] = False
    near = (distances <= 0.5) & truth.visible
    with np.errstate(invalid="ignore"):
        each = 100 * near.sum(axis=0) / truth.visible.sum(axis=0)
    return {
        "PCKh": _percentage(distances <= 0.5, counted),
        **{name: float(each[list(group)].mean()) for name, group in _GROUPS.items()},
        "PCKh@0.1": _percentage(distances <= 0.1, counted),
    }


def _percentage(right: npt.NDArray[np.bool_], counted: npt.NDArray[np.bool_]) -> float:
    return float(100 * (right & counted).sum() / max(counted.sum(), 1))
