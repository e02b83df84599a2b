"""Names with wildcards, and what a misspelt name may have meant."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache


def is_pattern(name: str) -> bool:
    """Whether a name has wildcards."""
    return "*" in name or "?" in name


def matches(pattern: str, name: str) -> bool:
    """Whether a name fits: ``*`` stands for any characters, ``?`` for one, all else for itself.

    Not ``fnmatch``, to which the brackets of ``keypoints/oks[nose]`` are a set of characters.
    """
    return _compiled(pattern).fullmatch(name) is not None


@lru_cache
def _compiled(pattern: str) -> re.Pattern[str]:
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(c, re.escape(c)) for c in pattern), re.DOTALL)


def near_misses(name: str, known: Iterable[str]) -> str:
    """A sentence with the known names that look most like ``name``, or with a few of them."""
    import difflib

    names = sorted(set(known))
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return f"Did you mean {' or '.join(close)}?"
    return f"There are {', '.join(names[:6])}{' and others' if len(names) > 6 else ''}."
