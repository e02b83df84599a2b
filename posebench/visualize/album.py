"""Which pictures are drawn, with whom on them, in which order, under which name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from posebench.datasets.coco import CocoDataset
from posebench.datasets.ids import positions
from posebench.errors import InputError
from posebench.types import Float64Array, GroundTruth, IntArray
from posebench.visualize.body import Body, find_body
from posebench.visualize.files import drawing_names
from posebench.visualize.ordering import PictureVerdict, Verdict, judge
from posebench.visualize.people import People, read_people
from posebench.visualize.pictures import find_pictures, open_dataset


@dataclass(frozen=True)
class Wish:
    """What is to be drawn.

    Attributes:
        predictions: Results JSON, shard or folder of shards.
        images: Folder of the pictures.
        annotations: COCO annotations; without them pictures are found by the number in their name.
        worst: Worst first, with the annotated people.
        limit: Draw only so many pictures; None for all.
        score_threshold: Draw only people with at least this score.
        sigmas: Of a skeleton that is not known, for ``worst``.
    """

    predictions: Path
    images: Path
    annotations: Path | None = None
    worst: bool = False
    limit: int | None = None
    score_threshold: float = 0.3
    sigmas: Sequence[float] | None = None


@dataclass(frozen=True, eq=False)
class Page:
    """One drawing.

    Attributes:
        picture: The file that is drawn on.
        name: Of the drawing's file.
        people: Rows of the album's people, by falling score.
        annotated: Rows of the album's ground truth, if that is drawn.
        verdict: What is wrong on it, if that was asked for.
    """

    picture: Path
    name: str
    people: IntArray
    annotated: IntArray
    verdict: PictureVerdict | None = None


@dataclass(frozen=True, eq=False)
class Judged:
    """The comparison with the annotations.

    Attributes:
        ground_truth: Annotated people.
        verdict: Who was found, and the pictures, worst first.
    """

    ground_truth: GroundTruth
    verdict: Verdict


@dataclass(frozen=True, eq=False)
class Album:
    """The drawings to be made.

    Attributes:
        pages: In order.
        people: Those who are drawn.
        body: What their keypoints are.
        missing: What the pictures are called that are not there.
        notes: What a user should know, one sentence each.
        judged: Only if the worst pictures were asked for.
    """

    pages: Sequence[Page]
    people: People
    body: Body
    missing: Sequence[str]
    notes: Sequence[str]
    judged: Judged | None = None


def plan_album(wish: Wish) -> Album:
    """Read what is needed, and decide what is drawn.

    Raises:
        InputError: A file is not what it should be, nobody reaches the threshold, or no picture
            is there.
    """
    dataset = _open(wish)
    categories = None if dataset is None else dataset.annotations.category_ids
    found = read_people(wish.predictions, categories)
    people = _above_threshold(found, wish)
    body = _body(found.keypoints.shape[1], dataset)
    notes = []
    if not body.edges:
        notes.append(f"no limbs are known of {len(body.sides)} keypoints: only points are drawn.")
    if wish.worst and dataset is not None:
        dataset = dataset.for_keypoints(len(body.sides))
        people, judged = _judge(dataset, people, wish)
        notes += _of_silence(judged.ground_truth, found)
    else:
        judged = None
        notes += _of_the_hidden(found, people)
    pages, missing = _pages(wish, dataset, people, judged)
    return Album(pages, people, body, missing, notes, judged)


def _open(wish: Wish) -> CocoDataset | None:
    if wish.annotations is not None:
        return open_dataset(wish.annotations, wish.images, sigmas=wish.sigmas, scored=wish.worst)
    if wish.worst:
        raise InputError("--worst: there is nothing to compare with.", remedy="Give --annotations.")
    return None


def _body(count: int, dataset: CocoDataset | None) -> Body:
    """As the annotations say, if they have as many keypoints as the predictions."""
    if dataset is None or len(dataset.skeleton.keypoints) != count:
        return find_body(count)
    return find_body(count, dataset.skeleton.keypoints, dataset.skeleton.edges)


def _above_threshold(found: People, wish: Wish) -> People:
    rows = np.flatnonzero(found.scores >= wish.score_threshold)
    if len(rows):
        return found.take(rows)
    if not len(found):
        raise InputError(f"{wish.predictions}: there are no predictions in it.")
    raise InputError(
        f"{wish.predictions}: no prediction has a score of at least {wish.score_threshold:g}; the "
        f"highest is {found.scores.max():.3g}.",
        remedy="Give a lower --score-threshold.",
    )


def _judge(dataset: CocoDataset, people: People, wish: Wish) -> tuple[People, Judged]:
    """The people whom the annotations can judge, and how they are judged."""
    truth = dataset.ground_truth()
    points, expected = people.keypoints.shape[1], len(truth.skeleton.keypoints)
    if points != expected:
        raise InputError(
            f"{wish.predictions}: {points} keypoints a person, {wish.annotations} has {expected}.",
            remedy="Give the annotations that these predictions were made for.",
        )
    known = positions(people.image_ids, truth.image_ids) >= 0
    known &= (people.class_ids >= 0) & (people.class_ids < len(truth.class_names))
    people = people.take(np.flatnonzero(known))
    return people, Judged(truth, judge(truth, people.detections(truth.image_ids)))


def _of_silence(truth: GroundTruth, found: People) -> list[str]:
    silent = len(set(truth.image_ids.tolist()) - set(found.image_ids.tolist()))
    strangers = int((positions(found.image_ids, truth.image_ids) < 0).sum())
    notes = []
    if silent:
        notes.append(f"{silent} annotated pictures have no predictions: all on them are missed.")
    if strangers:
        notes.append(f"{strangers} predictions of pictures without annotations are not drawn.")
    return notes


def _of_the_hidden(found: People, people: People) -> list[str]:
    hidden = len(set(found.image_ids.tolist()) - set(people.image_ids.tolist()))
    if not hidden:
        return []
    return [f"{hidden} pictures are not drawn: no score on them reaches the threshold."]


def _pages(
    wish: Wish, dataset: CocoDataset | None, people: People, judged: Judged | None
) -> tuple[list[Page], Sequence[str]]:
    """The drawings of the pictures that are there, and what the others are called."""
    rows = _by_picture(people.image_ids, people.scores)
    annotated: dict[int, IntArray] = {}
    verdicts: dict[int, PictureVerdict] = {}
    if judged is not None:
        truth = judged.ground_truth
        owners = truth.image_ids[truth.image_index]
        annotated = _by_picture(owners, np.zeros(len(owners)))
        verdicts = {picture.image_id: picture for picture in judged.verdict.pictures}
    found = find_pictures(list(verdicts or sorted(rows)), wish.images, dataset)
    chosen = found.there[: wish.limit]
    names = drawing_names([path for _, path in chosen], ranked=wish.worst)
    none = np.zeros(0, np.int64)
    pages = [
        Page(path, name, rows.get(i, none), annotated.get(i, none), verdicts.get(i))
        for (i, path), name in zip(chosen, names, strict=True)
    ]
    return pages, found.missing


def _by_picture(image_ids: IntArray, scores: Float64Array) -> dict[int, IntArray]:
    """Rows of each picture by falling score; equal ones in the order of the file."""
    order = np.lexsort((-scores, image_ids))
    ids, starts = np.unique(image_ids[order], return_index=True)
    return dict(zip(ids.tolist(), np.split(order, starts)[1:], strict=True))
