"""A page of an album as a picture, and the pages of an album as files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from posebench.datasets.images import ImageError, read_image
from posebench.types import Float64Array, Image, IntArray
from posebench.visualize.album import Album, Judged, Page
from posebench.visualize.canvas import Canvas
from posebench.visualize.drawing import draw_people
from posebench.visualize.files import write_drawing
from posebench.visualize.labels import draw_labels, with_legend
from posebench.visualize.ordering import PictureVerdict
from posebench.visualize.style import enlargement
from posebench.visualize.truth import draw_annotated, draw_annotated_box


def write_pages(album: Album, folder: Path) -> Iterator[str]:
    """Draw every page into a folder, yielding after each ``""``, or why it could not be drawn.

    Raises:
        OSError: The folder cannot be written.
    """
    for page in album.pages:
        try:
            image = read_image(page.picture)
        except ImageError as error:
            yield str(error)
            continue
        write_drawing(folder / page.name, draw_page(image, album, page))
        yield ""


def draw_page(image: Image, album: Album, page: Page) -> Image:
    """The picture with its people, their scores and a strip that explains the signs.

    Args:
        image: (H, W, 3) uint8, RGB.
        album: Where the page belongs.
        page: What to draw.

    Returns:
        (n H + strip, n W, 3) uint8, RGB: small pictures are enlarged n times.
    """
    times = enlargement(image.shape[1], image.shape[0])
    drawn = draw_picture(image, album, page, times)
    return with_legend(drawn, _caption(page.verdict), truth=album.judged is not None)


def draw_picture(image: Image, album: Album, page: Page, times: float) -> Image:
    """The picture with its people and their scores.

    Args:
        image: (H, W, 3) uint8, RGB.
        album: Where the page belongs.
        page: What to draw.
        times: How many times as large the picture becomes; less than 1 makes it smaller.

    Returns:
        (times H, times W, 3) uint8, RGB.
    """
    how = cv2.INTER_CUBIC if times > 1 else cv2.INTER_AREA
    sized = cv2.resize(image, None, fx=times, fy=times, interpolation=how)
    canvas = Canvas(np.asarray(sized, np.uint8))
    people = enlarged(album.people.keypoints[page.people], times)
    draw_people(canvas, people, album.body)
    texts = [f"{score:.2f}" for score in album.people.scores[page.people]]
    if album.judged is not None:
        _draw_truth(canvas, album, page.annotated, times)
        texts = _with_oks(texts, album.judged, page.people)
    draw_labels(canvas, people, texts)
    return canvas.pixels


def enlarged(points: Float64Array, times: float) -> Float64Array:
    """(..., 3) points on a picture that is so many times as large; 0, 0 stays a missing one.

    OpenCV takes a pixel's centre for its coordinate, before and after.
    """
    moved = points.copy()
    given = (points != 0).any(axis=-1)
    moved[given, :2] = (points[given, :2] + 0.5) * times - 0.5
    return moved


def _draw_truth(canvas: Canvas, album: Album, rows: IntArray, times: float) -> None:
    if album.judged is None:
        return
    truth, verdict = album.judged.ground_truth, album.judged.verdict
    for row in rows:
        oks, box = verdict.person_oks[row], truth.boxes[row] * times
        if np.isnan(oks) or oks == 0:
            draw_annotated_box(canvas, box, missed=not np.isnan(oks))
        points = enlarged(truth.keypoints[row], times)
        draw_annotated(canvas, points, box, album.body, missed=oks == 0)


def _with_oks(texts: list[str], judged: Judged, rows: IntArray) -> list[str]:
    oks = judged.verdict.detection_oks[rows]
    words = ["" if np.isnan(value) else f" OKS {value:.2f}" for value in oks]
    extra = judged.verdict.extra[rows]
    found = zip(texts, words, extra, strict=True)
    return [text + (" extra" if is_extra else word) for text, word, is_extra in found]


def _caption(verdict: PictureVerdict | None) -> str:
    if verdict is None:
        return ""
    mean = "nobody to find" if verdict.mean_oks is None else f"mean OKS {verdict.mean_oks:.2f}"
    return f"{mean}, {verdict.missed} of {verdict.people} missed"
