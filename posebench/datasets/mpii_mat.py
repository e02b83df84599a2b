"""MPII's MATLAB files: the annotated joints and heads of its validation people, and predictions.

The files are those of HRNet's data folder and of MPII's evaluation toolkit. Coordinates in them are
pixels counted from 1, and are left so here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from posebench.datasets.skeletons import MPII16
from posebench.errors import InputError, MissingExtraError
from posebench.types import BoolArray, Float64Array, Tensor

HEAD_SIZE_PER_DIAGONAL = 0.6
"""``SC_BIAS`` of MPII's evaluation toolkit: what is called the head is .6 of its box's diagonal."""

_JOINTS = len(MPII16.keypoints)
_TRUTH_REMEDY = "Give HRNet's gt_valid.mat, with pos_gt_src, jnt_missing and headboxes_src."
_PREDICTIONS_REMEDY = (
    "Give preds (people, 16, 2) as HRNet writes it, or pos_pred_src (16, 2, people)."
)
# The places at which HRNet's evaluation expects these names in dataset_joints.
_NAMED = {"rank": 0, "rkne": 1, "rhip": 2, "lhip": 3, "lkne": 4, "lank": 5, "head": 9}
_NAMED |= {"rwri": 10, "relb": 11, "rsho": 12, "lsho": 13, "lelb": 14, "lwri": 15}


@dataclass(frozen=True, eq=False)
class MpiiTruth:
    """The annotated people of a ``gt_valid.mat``, in its order. G people.

    Attributes:
        joints: (G, 16, 2) float64 px, counted from 1.
        visible: (G, 16) whether a joint is annotated.
        head_sizes: (G,) float64 px.
    """

    joints: Float64Array
    visible: BoolArray
    head_sizes: Float64Array


def read_truth(path: Path) -> MpiiTruth:
    """Read ``pos_gt_src`` (16, 2, G), ``jnt_missing`` (16, G) and ``headboxes_src`` (2, 2, G).

    Raises:
        InputError: Not such a file, a key is missing or has another shape, a number is not finite,
            or a head has no size.
        MissingExtraError: scipy is not installed.
    """
    content = _load(path)
    _check_names(content, path)
    joints = _people_last(content, "pos_gt_src", (_JOINTS, 2), path, _TRUTH_REMEDY)
    missing = _people_last(content, "jnt_missing", (_JOINTS,), path, _TRUTH_REMEDY)
    heads = _people_last(content, "headboxes_src", (2, 2), path, _TRUTH_REMEDY)
    if not len(joints) == len(missing) == len(heads):
        counts = f"{len(joints)}, {len(missing)} and {len(heads)}"
        problem = f"pos_gt_src, jnt_missing and headboxes_src are of {counts} people"
        raise InputError(f"{path}: {problem}.", remedy=_TRUTH_REMEDY)
    _check_flags(missing, path)
    visible = missing == 0
    _check_finite(np.where(visible[..., None], joints, 0), "pos_gt_src", path)
    _check_finite(heads, "headboxes_src", path)
    sizes = HEAD_SIZE_PER_DIAGONAL * np.linalg.norm(heads[:, 1] - heads[:, 0], axis=1)
    if (sizes <= 0).any():
        person = int(np.argmax(sizes <= 0))
        raise InputError(f"{path}: headboxes_src: the head of person {person} has no size.")
    return MpiiTruth(joints, visible, sizes)


def read_predictions(path: Path) -> Float64Array:
    """Predicted joints, (G, 16, 2) float64 px counted from 1.

    Raises:
        InputError: Not such a file, neither or both of ``preds`` and ``pos_pred_src``, another
            shape, or a number that is not finite.
        MissingExtraError: scipy is not installed.
    """
    content = _load(path)
    found = [name for name in ("preds", "pos_pred_src") if name in content]
    if len(found) != 1:
        problem = "both preds and pos_pred_src" if found else "neither preds nor pos_pred_src"
        raise InputError(f"{path}: {problem} in it.", remedy=_PREDICTIONS_REMEDY)
    (name,) = found
    if name == "preds":
        joints = _numbers(content, name, path, _PREDICTIONS_REMEDY)
        if joints.ndim != 3 or joints.shape[1:] != (_JOINTS, 2):
            raise _wrong_shape(path, name, joints, f"(people, {_JOINTS}, 2)", _PREDICTIONS_REMEDY)
    else:
        joints = _people_last(content, name, (_JOINTS, 2), path, _PREDICTIONS_REMEDY)
    _check_finite(joints, name, path)
    return joints


def _load(path: Path) -> Mapping[str, Any]:
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise MissingExtraError(
            "MPII's annotations are MATLAB files, which scipy reads.", extra="mpii"
        ) from error
    try:
        content: Mapping[str, Any] = loadmat(str(path), appendmat=False)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}).") from error
    except NotImplementedError as error:
        problem = f"{path}: a MATLAB 7.3 file, which is HDF5"
        raise InputError(f"{problem}.", remedy="Save it with: save -v7 FILE.") from error
    except Exception as error:  # whatever a damaged file makes of scipy's parser
        raise InputError(f"{path}: not a readable MATLAB file ({error}).") from error
    return content


def _check_names(content: Mapping[str, Any], path: Path) -> None:
    """Refuse joints in another order; not every file names them."""
    if "dataset_joints" not in content:
        return
    found = [str(np.squeeze(name)).strip() for name in np.ravel(content["dataset_joints"])]
    for name, place in _NAMED.items():
        if found[place : place + 1] != [name]:
            problem = f"dataset_joints: {name} is not at place {place}"
            raise InputError(f"{path}: {problem}.", remedy=_TRUTH_REMEDY)


def _people_last(
    content: Mapping[str, Any], name: str, shape: tuple[int, ...], path: Path, remedy: str
) -> Float64Array:
    """(G, *shape) an array whose last dimension is the people; MATLAB drops one of length 1."""
    array = _numbers(content, name, path, remedy)
    if array.shape == shape:
        array = array[..., None]
    if array.ndim != len(shape) + 1 or array.shape[:-1] != shape:
        wanted = f"({', '.join(map(str, shape))}, people)"
        raise _wrong_shape(path, name, array, wanted, remedy)
    return np.ascontiguousarray(np.moveaxis(array, -1, 0))


def _numbers(content: Mapping[str, Any], name: str, path: Path, remedy: str) -> Float64Array:
    if name not in content:
        raise InputError(f"{path}: no {name} in it.", remedy=remedy)
    array = content[name]
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
        raise InputError(f"{path}: {name} is not an array of numbers.", remedy=remedy)
    return array.astype(np.float64)


def _wrong_shape(path: Path, name: str, array: Tensor, wanted: str, remedy: str) -> InputError:
    return InputError(f"{path}: {name} is {array.shape}, not {wanted}.", remedy=remedy)


def _check_flags(missing: Float64Array, path: Path) -> None:
    """Refuse what is neither 0 nor 1: a NaN would silently pass for a joint that is missing."""
    odd = ~np.isin(missing, (0, 1))
    if odd.any():
        person, joint = (int(place) for place in np.argwhere(odd)[0])
        problem = f"jnt_missing: joint {joint} of person {person} is {missing[person, joint]:g}"
        raise InputError(f"{path}: {problem}, neither 0 nor 1.", remedy=_TRUTH_REMEDY)


def _check_finite(array: Float64Array, name: str, path: Path) -> None:
    finite = np.isfinite(array).reshape(len(array), -1).all(axis=1)
    if not finite.all():
        person = int(np.argmin(finite))
        raise InputError(f"{path}: {name}: person {person} has a NaN or infinite coordinate.")
