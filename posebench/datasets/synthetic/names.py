"""How a set of rendered pictures is called: ``synthetic[-SPLIT][:N[:SEED]]``."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from posebench.datasets.synthetic.splits import SPLITS
from posebench.errors import InputError

DEFAULT_SPLIT = "default"
DEFAULT_SIZE = 200
DEFAULT_SEED = 0
_FAMILY = "synthetic"
_FORM = f"{_FAMILY}[-SPLIT][:N[:SEED]]"
_NUMBERS = "number of pictures", "seed"
_BOUNDS = {"number of pictures": (10, 5000), "seed": (0, 2**63 - 1)}
_MOST_DIGITS = 19

SPLIT_OF = {_FAMILY: DEFAULT_SPLIT, **{f"{_FAMILY}-{split}": split for split in SPLITS}}
"""The names without numbers, and the split that each stands for."""


@dataclass(frozen=True)
class Recipe:
    """What is to be rendered.

    Attributes:
        split: A key of ``SPLITS``.
        size: Number of pictures.
        seed: Picture i depends on the split, the seed and i, and on nothing else.
    """

    split: str = DEFAULT_SPLIT
    size: int = DEFAULT_SIZE
    seed: int = DEFAULT_SEED

    @property
    def name(self) -> str:
        """The shortest name that stands for it."""
        family = _FAMILY if self.split == DEFAULT_SPLIT else f"{_FAMILY}-{self.split}"
        if self.seed != DEFAULT_SEED:
            return f"{family}:{self.size}:{self.seed}"
        return family if self.size == DEFAULT_SIZE else f"{family}:{self.size}"


def is_synthetic(name: str) -> bool:
    """Whether a dataset's name is one of these, its numbers left aside."""
    return name.partition(":")[0] in SPLIT_OF


def parse_name(name: str) -> Recipe:
    """What a name for which ``is_synthetic`` holds stands for.

    Raises:
        InputError: A number is missing, not a whole one, out of range, or one too many.
    """
    head, *texts = name.split(":")
    if len(texts) > len(_NUMBERS):
        raise InputError(f"{name}: more than two numbers.", remedy=f"Write {_FORM}.")
    given = [_whole(text, field, name) for text, field in zip(texts, _NUMBERS, strict=False)]
    size, seed = [*given, *(DEFAULT_SIZE, DEFAULT_SEED)[len(given) :]]
    return make_recipe(SPLIT_OF[head], size, seed, source=name)


def make_recipe(split: str, size: int, seed: int, *, source: str) -> Recipe:
    """A recipe of values that a user gave.

    Args:
        split: Name of the split.
        size: Number of pictures.
        seed: Of all that is drawn.
        source: What the user wrote, for the message.

    Raises:
        InputError: There is no such split, or a number is out of range.
    """
    if split not in SPLITS:
        close = difflib.get_close_matches(split, SPLITS, n=1)
        suggestion = f"Did you mean {close[0]}? " if close else ""
        raise InputError(
            f"{source}: unknown split {split!r}.",
            remedy=f"{suggestion}There are {', '.join(SPLITS)}.",
        )
    for field, value in zip(_NUMBERS, (size, seed), strict=True):
        low, high = _BOUNDS[field]
        if not low <= value <= high:
            raise _out_of_range(str(value), field, source)
    return Recipe(split, size, seed)


def _whole(text: str, field: str, source: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > _MOST_DIGITS:
        raise _out_of_range(repr(text), field, source)
    return int(text)


def _out_of_range(value: str, field: str, source: str) -> InputError:
    low, high = _BOUNDS[field]
    return InputError(
        f"{source}: the {field} is {value}.", remedy=f"Give a whole number from {low} to {high}."
    )
