"""Two made-up models on made-up pictures, of which it is known how good they are.

A picture holds nobody, or one person and more; how hard it is to see, and how hard each person, is
the same for both models. Beside that each model has luck of its own. The OKS of a person grows with
the sum of these, and so does, less surely, the score; further detections are of nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posebench.metrics.coco import THRESHOLDS
from posebench.metrics.matches import Bits, Matches
from posebench.types import Float64Array, IntArray

LARGEST = 1e10


@dataclass(frozen=True)
class World:
    """What both models have to do with.

    Attributes:
        images: Pictures of a dataset.
        empty: Share of those that hold nobody, as in COCO val2017.
        more: Mean of further people in a picture that holds one.
        shared: Share of the variance of a person's latent quality that both models have in common.
        crowd: Part of it that all people of a picture have in common.
        nobody: Mean detections of nobody in a picture, a model.
    """

    images: int = 500
    empty: float = 0.46
    more: float = 1.36
    shared: float = 0.8
    crowd: float = 0.3
    nobody: float = 2.0


@dataclass(frozen=True)
class Model:
    """How good a model is.

    Attributes:
        skill: Mean of the latent quality; the OKS is its normal distribution function.
        blur: Standard deviation of what the score does not know of the quality.
    """

    skill: float = 0.9
    blur: float = 0.7


@dataclass(frozen=True, eq=False)
class People:
    """Those on the pictures of one dataset. P people.

    Attributes:
        image_index: (P,) picture of each.
        difficulty: (P,) what both models meet, of unit variance.
    """

    image_index: IntArray
    difficulty: Float64Array

    @classmethod
    def of(cls, world: World, random: np.random.Generator) -> People:
        """Draw the people of a dataset."""
        there = random.random(world.images) >= world.empty
        counts = np.where(there, 1 + random.poisson(world.more, world.images), 0)
        image_index = np.repeat(np.arange(world.images), counts)
        of_picture = random.normal(size=world.images)[image_index]
        own = random.normal(size=len(image_index))
        difficulty = np.sqrt(world.crowd) * of_picture + np.sqrt(1 - world.crowd) * own
        return cls(image_index, difficulty)


def two_results(
    world: World, models: tuple[Model, Model], random: np.random.Generator
) -> tuple[Matches, Matches]:
    """What two models find on the same pictures."""
    people = People.of(world, random)
    first, second = (_result(world, model, people, random) for model in models)
    return first, second


def _result(world: World, model: Model, people: People, random: np.random.Generator) -> Matches:
    count = len(people.image_index)
    luck = random.normal(size=count)
    latent = np.sqrt(world.shared) * people.difficulty + np.sqrt(1 - world.shared) * luck
    quality = model.skill + latent
    blind = random.integers(0, world.images, random.poisson(world.nobody * world.images))
    scores = np.concatenate([quality, random.normal(-0.6, 0.8, len(blind))])
    scores = scores + random.normal(0, model.blur, len(scores))
    oks = np.concatenate([_normal_cdf(quality), np.zeros(len(blind))])
    owners = np.concatenate([np.arange(count), np.full(len(blind), -1)])
    images = np.concatenate([people.image_index, blind])
    return _matches(world, people, images, scores, (oks, owners))


def _matches(
    world: World,
    people: People,
    images: IntArray,
    scores: Float64Array,
    met: tuple[Float64Array, IntArray],
) -> Matches:
    order = np.lexsort((-scores, images))
    images, scores = images[order], scores[order]
    oks, owners = met[0][order], met[1][order]
    starts = np.searchsorted(images, images, side="left")
    count, none = len(people.image_index), np.zeros(0, np.int64)
    reached = oks >= THRESHOLDS[:, None]
    return Matches(
        thresholds=THRESHOLDS,
        area_names=np.array(["all"]),
        area_ranges=np.array([[0.0, LARGEST]]),
        max_dets=np.array([10**6]),
        class_names=np.array(["person"]),
        keypoint_names=np.zeros(0, "U1"),
        image_ids=np.arange(world.images),
        detections=np.arange(len(scores)),
        image_index=images,
        class_ids=np.zeros(len(scores), np.int64),
        ranks=np.arange(len(scores)) - starts,
        scores=scores,
        similarity=np.where(oks >= THRESHOLDS[0], oks, 0.0),
        matched_people=np.where(reached, owners, -1),
        matched=_bits(oks),
        ignored=np.zeros(len(scores), np.uint64),
        people_image_index=people.image_index,
        people_class_ids=np.zeros(count, np.int64),
        people_ignored=np.zeros((count, 1), np.bool_),
        people_ids=np.arange(count),
        people_areas=np.ones(count),
        people_labelled=np.full(count, 17),
        people_visible=np.full(count, 17),
        people_overlaps=np.zeros(count, np.int64),
        pairs=none,
        keypoint_similarity=np.zeros((0, 0)),
        keypoint_labelled=np.zeros((0, 0), np.bool_),
    )


def _bits(oks: Float64Array) -> Bits:
    reached = np.searchsorted(THRESHOLDS, oks, side="right").astype(np.uint64)
    return (np.uint64(1) << reached) - np.uint64(1)


def _normal_cdf(values: Float64Array) -> Float64Array:
    from scipy.special import ndtr

    return np.asarray(ndtr(values), np.float64)
