"""Names that users gave, made fit for one cell of a table or one label of a picture."""

from __future__ import annotations

from posebench.report.plots import cut

_CHARACTERS = 30


def short_name(text: str, characters: int = _CHARACTERS) -> str:
    """The name on one line, cut in the middle.

    Two colons at the start are left out: a log of GitHub would take the line for a command.
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return cut(line.lstrip(":"), characters)
