"""The set of pictures that is rendered once for many tests, and the files of such a folder."""

from __future__ import annotations

from pathlib import Path

from posebench.datasets.synthetic.names import Recipe

EASY = Recipe("easy", 12, 0)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path in it."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def pictures_and_labels(root: Path) -> dict[str, bytes]:
    """What must be the same however a folder came about."""
    found = contents(root)
    return {n: b for n, b in found.items() if n.startswith(("images/", ".posebench/labels/"))}
