"""A picture with people on it as a small JPEG."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from posebench.datasets.images import read_image
from posebench.gallery.contender import Contender
from posebench.gallery.document import Drawing, Outcome
from posebench.types import IntArray
from posebench.visualize.album import Page
from posebench.visualize.pages import draw_picture

LONGEST_SIDE = 640
"""Of a drawing, px."""
_MOST_ENLARGED = 4.0
_QUALITY = 80


def draw_thumbnail(contender: Contender, outcome: Outcome, picture: Path) -> Drawing:
    """Draw one picture for one model.

    Args:
        contender: The model.
        outcome: How it fared on the picture.
        picture: The file.

    Raises:
        ImageError: The picture cannot be read.
    """
    image = read_image(picture)
    times = min(LONGEST_SIDE / max(image.shape[:2]), _MOST_ENLARGED)
    page = Page(
        picture=picture,
        name=picture.name,
        people=_people(contender, outcome.image_id),
        annotated=_annotated(contender, outcome.image_id),
    )
    drawn = draw_picture(image, contender.album, page, times)
    options = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR), options)
    jpeg = np.asarray(encoded).tobytes()
    return Drawing(contender.label, outcome, jpeg, drawn.shape[1], drawn.shape[0])


def _people(contender: Contender, image_id: int) -> IntArray:
    """Rows of the people to draw, by falling score."""
    people = contender.album.people
    rows = np.flatnonzero((people.image_ids == image_id) & contender.shown)
    return rows[np.argsort(-people.scores[rows], kind="stable")]


def _annotated(contender: Contender, image_id: int) -> IntArray:
    judged = contender.album.judged
    assert judged is not None, "a contender is compared with annotations"
    truth = judged.ground_truth
    return np.flatnonzero(truth.image_ids[truth.image_index] == image_id)
