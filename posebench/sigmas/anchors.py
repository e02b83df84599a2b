"""Known sigmas of some keypoints, by which those measured on a model's residuals are scaled.

A model errs more than annotators scatter. If it does so by the same factor in every keypoint, one
known sigma is enough to take the factor out, and the ratios of several agree.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from posebench.datasets.skeletons import COCO17
from posebench.errors import InputError

COCO = "coco"
_LARGEST = 1.0
"""Nobody places a keypoint a whole person away from its place."""
_FORM = "Write KEYPOINT=SIGMA, or coco for the keypoints that have COCO's names."


def coco_sigmas(names: Sequence[str]) -> dict[int, float]:
    """COCO's sigmas by the positions of the keypoints that have COCO's names.

    Case does not matter, and a blank or a hyphen may stand for the underscore.
    """
    known = dict(zip(COCO17.keypoints, COCO17.sigmas, strict=True))
    plain = [name.lower().replace(" ", "_").replace("-", "_") for name in names]
    return {k: known[name] for k, name in enumerate(plain) if name in known}


def read_anchors(wishes: Sequence[str], names: Sequence[str]) -> dict[int, float]:
    """Sigmas by keypoint from ``KEYPOINT=SIGMA`` and ``coco``; the former goes first.

    Raises:
        InputError: Neither form, no such keypoint, one given twice, not a number in 0..1, or none
            has COCO's name.
    """
    anchors = _coco(names) if COCO in wishes else {}
    given: dict[int, str] = {}
    for wish in wishes:
        if wish == COCO:
            continue
        keypoint, value = _one(wish, names)
        if keypoint in given:
            raise InputError(
                f"--anchor {wish}: {names[keypoint]} has one already, {given[keypoint]}.",
                remedy="Give one of the two.",
            )
        anchors[keypoint], given[keypoint] = value, wish
    return anchors


def _coco(names: Sequence[str]) -> dict[int, float]:
    found = coco_sigmas(names)
    if not found:
        raise InputError(
            f"--anchor coco: no keypoint has a name of COCO's ({', '.join(names)}).",
            remedy=_FORM,
        )
    return found


def _one(wish: str, names: Sequence[str]) -> tuple[int, float]:
    name, equals, text = wish.rpartition("=")
    if not equals:
        raise InputError(f"--anchor {wish}: no '=' in it.", remedy=_FORM)
    if name not in names:
        raise InputError(
            f"--anchor {wish}: no keypoint {name!r}.", remedy=f"There are: {', '.join(names)}."
        )
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise InputError(f"--anchor {wish}: {text!r} is not a positive number.", remedy=_FORM)
    if value > _LARGEST:
        raise InputError(
            f"--anchor {wish}: {text} times the root of a person's area is no scatter of labels.",
            remedy="Give a fraction of that root, as COCO's .025 (eye) to .107 (hip).",
        )
    return list(names).index(name), value


def spread_note(ratios: Mapping[int, float]) -> str:
    """How far the anchors agree, one sentence."""
    if len(ratios) == 1:
        return (
            "calibrated by one anchor: nothing tells whether the model errs by the same factor in "
            "the other keypoints."
        )
    low, high = min(ratios.values()), max(ratios.values())
    return (
        f"calibrated by {len(ratios)} anchors: their ratios to the measured scatter run from "
        f"{low:.2f} to {high:.2f}, and the other sigmas are no better known than that."
    )
