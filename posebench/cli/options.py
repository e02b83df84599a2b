"""What several commands share: option types, and how their values are read."""

from __future__ import annotations

from contextlib import suppress
from enum import Enum
from pathlib import Path

from posebench.cache import atomic_path

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
    with suppress(ValueError):
        return _numbers(text)
    try:
        return _numbers(Path(text).read_text("utf-8-sig"))
    except FileNotFoundError:
        told = "no such file, and not numbers separated by commas"
    except (OSError, ValueError) as error:
        told = f"not numbers separated by commas, nor a file of them ({error})"
    raise InputError(
        f"--sigmas {text}: {told}.",
        remedy="Give one number a keypoint, e.g. .026,.025, or the path of a file of them.",
    )


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.strip(" \n\r\t[]").replace(",", " ").split())


def check_output_file(path: Path, option: str) -> None:
    """Fail before any work if a file could not be written.

    Raises:
        InputError: It is a folder, or its own cannot be made or written.
    """
    from posebench.errors import InputError

    if path.is_dir():
        raise InputError(f"{option} {path}: it is a folder.", remedy="Give the path of a file.")
    probe = path.with_name(f".{path.name}.writable")
    try:
        with atomic_path(probe) as temporary:
            temporary.write_text("")
        probe.unlink()
    except OSError as error:
        raise InputError(
            f"{option} {path}: it cannot be written ({error.strerror or error}).",
            remedy="Choose another path.",
        ) from error
