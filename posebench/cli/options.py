"""What several commands share: option types, and how their values are read."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

FAILED = 3
"""Exit code: a model failed, or broke the contract."""
INTERRUPTED = 130


class OutputFormat(str, Enum):
    """What is written to standard output."""

    table = "table"
    md = "md"
    json = "json"


def parse_sigmas(text: str | None) -> tuple[float, ...] | None:
    """Numbers separated by commas, or a file of them; None stays None.

    Raises:
        InputError: Neither.
    """
    from posebench.errors import InputError

    if text is None:
        return None
    try:
        content = Path(text).read_text("utf-8-sig") if Path(text).is_file() else text
        return tuple(float(part) for part in content.strip(" \n\r\t[]").replace(",", " ").split())
    except (OSError, ValueError) as error:
        raise InputError(
            f"--sigmas {text}: not numbers separated by commas, nor a file of them ({error})."
        ) from error
