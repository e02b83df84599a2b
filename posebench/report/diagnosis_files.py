"""A diagnosis as files: the document, the page, and each plot with what it shows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from posebench.cache import atomic_path
from posebench.report.diagnosis_page import page
from posebench.report.diagnosis_pictures import pictures
from posebench.report.plots import save

if TYPE_CHECKING:
    from posebench.diagnosis.document import Diagnosis

DOCUMENT, PAGE = "diagnosis.json", "diagnosis.md"


def write_diagnosis(diagnosis: Diagnosis, folder: Path) -> list[Path]:
    """Write everything into a folder, the document first.

    Returns:
        What was written, in order.

    Raises:
        MissingExtraError: pandas or matplotlib is not installed; the document is written.
        OSError: The folder cannot be written.
    """
    _write(folder / DOCUMENT, diagnosis.model_dump_json(indent=2) + "\n")
    found = pictures(diagnosis)
    written = [folder / DOCUMENT, folder / PAGE]
    for picture in found:
        stem = folder / picture.stem
        _write(stem.with_suffix(".csv"), picture.csv)
        written += [stem.with_suffix(".csv"), *save(picture.draw(), stem)]
    links = [(picture.title, picture.stem.name) for picture in found]
    _write(folder / PAGE, page(diagnosis, links))
    return written


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
