"""``posebench evaluate`` on MPII's MATLAB files: PCKh with intervals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from posebench.cli.options import OutputFormat

if TYPE_CHECKING:
    from posebench.datasets.mpii_mat import MpiiTruth
    from posebench.metrics.head_distances import HeadDistances
    from posebench.metrics.pckh import Comparison
    from posebench.types import IntArray

SUFFIX = ".mat"
_PEOPLE = "valid.json"


def evaluate_mat(annotations: Path, predictions: Path, comparison: Comparison) -> dict[str, Any]:
    """The document of PCKh of predicted joints.

    Args:
        annotations: HRNet's ``gt_valid.mat``. A ``valid.json`` beside it tells who shares a
            picture, so that the intervals draw pictures; without it they draw people.
        predictions: With ``preds`` or ``pos_pred_src``, of the same people in the same order.
        comparison: Of a distance with the threshold, for a right joint.

    Raises:
        InputError: A file is not what it should be, or they are of another number of people.
        MissingExtraError: scipy is not installed.
    """
    from posebench.metrics.pckh import pckh
    from posebench.pckh_evaluation import pckh_document

    found, resampled, notes = _distances(annotations, predictions)
    return pckh_document(
        pckh(found, comparison=comparison),
        found,
        resampled=resampled,
        comparison=comparison,
        notes=notes,
    )


def _distances(annotations: Path, predictions: Path) -> tuple[HeadDistances, str, list[str]]:
    """Distances, what the intervals draw, and what a user should know of it."""
    import numpy as np

    from posebench.datasets.mpii_mat import read_predictions, read_truth
    from posebench.errors import InputError
    from posebench.metrics.head_distances import HeadDistances, head_distances

    truth, joints = read_truth(annotations), read_predictions(predictions)
    if len(joints) != len(truth.joints):
        raise InputError(
            f"{predictions}: {len(joints)} people, but {annotations} has {len(truth.joints)}.",
            remedy="Give the predictions of all of them, in their order.",
        )
    units, ids, resampled, notes = _units(annotations, truth)
    distances = head_distances(joints, truth.joints, truth.visible, truth.head_sizes)
    every_joint = np.ones(joints.shape[1], np.bool_)
    return HeadDistances(distances, truth.visible, every_joint, units, ids), resampled, notes


def _units(annotations: Path, truth: MpiiTruth) -> tuple[IntArray, IntArray, str, list[str]]:
    """What the intervals draw: the pictures if it is known who is in which, or else people."""
    import numpy as np

    from posebench.datasets.mpii_people import check_same_people, read_people

    path = annotations.with_name(_PEOPLE)
    if path.is_file():
        people = read_people(path)
        check_same_people(people, truth, annotations)
        pictures = np.arange(1, len(people.pictures) + 1, dtype=np.int64)
        return people.image_index, pictures, "images", []
    everybody = np.arange(len(truth.joints), dtype=np.int64)
    note = f"intervals draw people, not pictures: no {_PEOPLE} beside the annotations says who "
    return everybody, everybody, "people", [f"{note}shares one, so they may be too narrow."]


def render(content: dict[str, Any], output: OutputFormat) -> str:
    """The document in the format asked for."""
    from posebench.cli.tables import markdown_table, plain_table

    if output is OutputFormat.json:
        import orjson

        return orjson.dumps(content, option=orjson.OPT_INDENT_2).decode()
    draw = markdown_table if output is OutputFormat.md else plain_table
    rows = [
        [name, _number(value), _interval(content["intervals"].get(name))]
        for name, value in content["pckh"].items()
    ]
    return "\n\n".join([draw([["figure", "value", "95 % interval"], *rows]), _told(content)])


def _told(content: dict[str, Any]) -> str:
    drawn = "images" if "images" in content else "people"
    lines = [
        f"{content['people']} people scored by {content['evaluator']}; right is a distance "
        f"{content['comparison']} the threshold; intervals: {content[drawn]} {drawn} drawn with "
        "replacement"
    ]
    return "\n".join(lines + [f"{name}: {reason}" for name, reason in content["reasons"].items()])


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _interval(interval: dict[str, Any] | None) -> str:
    return "-" if interval is None else f"{interval['low']:.4f} to {interval['high']:.4f}"
