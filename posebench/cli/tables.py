"""Tables of ready cells on standard output. The first row holds the titles."""

from __future__ import annotations

from collections.abc import Sequence


def plain_table(rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """Columns in line, two blanks apart; the first ``left`` of them are flush left."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(_padded(row, widths, left)).rstrip() for row in rows)


def _padded(row: Sequence[str], widths: Sequence[int], left: int) -> list[str]:
    return [*map(str.ljust, row[:left], widths[:left]), *map(str.rjust, row[left:], widths[left:])]


def markdown_table(rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """The same as Markdown."""
    from posebench.report.text import table

    return table(rows[0], rows[1:], left=left)
