"""Which pictures are worth a look: the worst of each model, and what two models disagree on.

Every list is taken from in turn, its first picture before anybody's second, so that a gallery that
is cut short still shows something of every model and every kind of error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations, zip_longest

from posebench.gallery.document import ERRORS, ErrorName, Outcome

_WORST = 12
_OF_EACH_ERROR = 3
_COMPARED = 4
_OF_EACH_PAIR = 4


@dataclass(frozen=True)
class Choice:
    """A picture, and the models for which it is drawn.

    Attributes:
        image_id: The picture.
        models: Their positions; two that disagree on it, or the one that it is the worst of.
    """

    image_id: int
    models: tuple[int, ...]


def choose(outcomes: Sequence[Sequence[Outcome]]) -> list[Choice]:
    """The pictures to draw, the most telling first; no picture twice for the same models.

    Args:
        outcomes: For each model, the best first, every picture, worst first.
    """
    lists = [
        *_disagreements(outcomes),
        *(_worst(index, of_model) for index, of_model in enumerate(outcomes)),
        *(
            _worst_of(index, of_model, error)
            for error in ERRORS
            for index, of_model in enumerate(outcomes)
        ),
    ]
    return list(dict.fromkeys(_in_turn(lists)))


def _in_turn(lists: Iterable[Sequence[Choice]]) -> Iterator[Choice]:
    rounds = chain.from_iterable(zip_longest(*lists))
    return (choice for choice in rounds if choice is not None)


def _worst(index: int, outcomes: Sequence[Outcome]) -> list[Choice]:
    found = [outcome for outcome in outcomes if outcome.mean_oks is not None]
    return [Choice(outcome.image_id, (index,)) for outcome in found[:_WORST]]


def _worst_of(index: int, outcomes: Sequence[Outcome], error: ErrorName) -> list[Choice]:
    """Where this error is most frequent; of equals the worse picture."""
    found = [outcome for outcome in outcomes if outcome.errors.get(error)]
    found.sort(key=lambda outcome: -outcome.errors[error])
    return [Choice(outcome.image_id, (index,)) for outcome in found[:_OF_EACH_ERROR]]


def _disagreements(outcomes: Sequence[Sequence[Outcome]]) -> list[list[Choice]]:
    """Of each pair of the first models, the pictures whose mean OKS differ most."""
    means = [{o.image_id: o.mean_oks for o in of_model} for of_model in outcomes[:_COMPARED]]
    found = []
    for a, b in combinations(range(len(means)), 2):
        apart = {i: _apart(means[a][i], means[b].get(i)) for i in means[a]}
        differing = [i for i in apart if apart[i] > 0]
        differing.sort(key=lambda image_id: (-apart[image_id], image_id))
        found.append([Choice(i, (a, b)) for i in differing[:_OF_EACH_PAIR]])
    return found


def _apart(a: float | None, b: float | None) -> float:
    return 0.0 if a is None or b is None else abs(a - b)
