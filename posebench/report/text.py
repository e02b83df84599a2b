"""Markdown as text: escaping, tables, footnotes. Knows nothing of Records."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

EMPTY = "—"
_SPECIAL = re.compile(r"([\\`*_\[\]|~$#])")
_URL = re.compile(r"https?://[^\s<>|]+")


def escape(text: str) -> str:
    """Text that Markdown shows as it is, on one line, in a table cell or elsewhere."""
    line = " ".join(text.split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", line)


def link_or_text(text: str) -> str:
    """An address as a link, anything else escaped."""
    return f"<{text}>" if _URL.fullmatch(text) else escape(text)


def table(titles: Sequence[str], lines: Iterable[Sequence[str]], *, left: int = 1) -> str:
    """A Markdown table of ready cells; the first ``left`` columns are flush left."""
    rule = ["---" if index < left else "--:" for index in range(len(titles))]
    return "\n".join("| " + " | ".join(line) + " |" for line in [titles, rule, *lines])


class Footnotes:
    """Numbers footnotes in the order of their first use; equal ones share a number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def mark(self, note: str) -> str:
        """The reference to a footnote, whose text must be ready Markdown."""
        return f"[^{self._numbers.setdefault(note, len(self._numbers) + 1)}]"

    def text(self) -> str:
        """Every footnote, to be put at the end of the page."""
        return "\n".join(f"[^{number}]: {note}" for note, number in self._numbers.items())
