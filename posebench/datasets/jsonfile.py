"""Reading big JSON files fast, and saying precisely what is wrong with a bad one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from posebench.cache import HashedFile
from posebench.errors import InputError
from posebench.types import BoolArray, Float64Array, IntArray

_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"
_EXACT_FLOATS = 2**53
"""Up to here every whole number is a float of its own."""
_MISSING = object()


def read_bytes(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        InputError: It cannot be read, or is empty.
    """
    with _readable(path):
        raw = path.read_bytes()
    return _not_empty(raw, path)


def read_hashed(file: HashedFile) -> tuple[bytes, str]:
    """The bytes and the digest of a file that is read in the background.

    Raises:
        InputError: It cannot be read, or is empty.
    """
    with _readable(file.path):
        raw, digest = file.result()
    return _not_empty(raw, file.path), digest


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error


def _not_empty(raw: bytes, path: Path) -> bytes:
    if not raw or raw.isspace():
        raise InputError(f"{path}: the file is empty.", remedy="Was it written completely?")
    return raw


def parse(raw: bytes, path: Path) -> Any:
    """Decode JSON; a byte order mark is skipped, NaN and Infinity are read as such.

    They are read so that the check of the numbers can name the entry they stand in.

    Raises:
        InputError: Not JSON, with the line and column, or not UTF-8.
    """
    if raw.startswith(_GZIP):
        raise InputError(f"{path}: compressed with gzip.", remedy="Unpack it first: gunzip FILE.")
    text = raw[len(_BOM) :] if raw.startswith(_BOM) else raw
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    return _parse_slowly(text, path)


def _parse_slowly(text: bytes, path: Path) -> Any:
    """With the standard library: it reads NaN, and says where the JSON goes wrong."""
    import json

    try:
        return json.loads(text.decode())
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start}).") from error
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path}: not valid JSON at line {error.lineno} column {error.colno} ({error.msg}).",
            remedy="Was it written completely?",
        ) from error
    except RecursionError as error:
        raise InputError(f"{path}: not valid JSON (nested too deeply).") from error


@dataclass(frozen=True)
class Entries:
    """A list of JSON objects, read column by column.

    Each column is first read at once; only if that fails are the entries walked through to find
    the first bad one, so that the message can name it.

    Attributes:
        path: The file, for messages.
        name: What the list is called in messages, e.g. ``annotations``.
        rows: The objects.
        positions: Index of each row in the file's list, or None if they are all of it.
        key: Field that identifies an entry in messages, e.g. ``id``.
    """

    path: Path
    name: str
    rows: list[dict[str, Any]]
    key: str
    positions: Sequence[int] | None = None

    @classmethod
    def of(cls, path: Path, name: str, value: Any, key: str) -> Entries:
        """Entries of a decoded value.

        Raises:
            InputError: Not a list, or an element is not an object.
        """
        if not isinstance(value, list):
            raise InputError(f"{path}: {name} is {_kind(value)}, not a list.")
        if set(map(type, value)) - {dict}:
            index = next(i for i, row in enumerate(value) if type(row) is not dict)
            raise InputError(
                f"{path}: {name}[{index}] is {_kind(value[index])}, not an object.",
                remedy="Each entry must be an object with the fields of the COCO format.",
            )
        return cls(path, name, value, key)

    def __len__(self) -> int:
        return len(self.rows)

    def select(self, rows: Sequence[int] | IntArray) -> Entries:
        """Some of the entries; messages still name their place in the file."""
        chosen = [int(row) for row in rows]
        places = chosen if self.positions is None else [self.positions[row] for row in chosen]
        return Entries(self.path, self.name, [self.rows[r] for r in chosen], self.key, places)

    def label(self, row: int) -> str:
        """How a message names an entry: list, zero-based index, identifying field."""
        index = row if self.positions is None else self.positions[row]
        value = self.rows[row].get(self.key)
        suffix = f" ({self.key} {value})" if isinstance(value, int | float | str) else ""
        return f"{self.name}[{index}]{suffix}"

    def error(self, row: int, problem: str, remedy: str = "") -> InputError:
        """An error that names the file, the entry, the field and the remedy."""
        return InputError(f"{self.path}: {self.label(row)}: {problem}.", remedy=remedy)

    def numbers(self, field: str, default: float | None = None, remedy: str = "") -> Float64Array:
        """(N,) finite numbers.

        Args:
            field: Key of each object.
            default: Taken where the key is absent; without it an absent key is an error.
            remedy: Ends the message.

        Raises:
            InputError: Naming the first entry that has none, or something else.
        """
        values = self._column(field, default)
        if set(map(type, values)) <= {float, int}:
            array = np.array(values)
            if array.dtype.kind in "if" and np.isfinite(array).all():
                return array.astype(np.float64, copy=False)
        raise self._first(values, field, _number_problem, remedy)

    def integers(self, field: str, default: int | None = None, remedy: str = "") -> IntArray:
        """(N,) whole numbers; ``3.0`` is one.

        Raises:
            InputError: Naming the first entry that has none, or something else.
        """
        values = self._column(field, default)
        types = set(map(type, values))
        if types <= {int} and max(map(abs, values), default=0) < 2**63:
            return np.array(values, np.int64)
        if types <= {float, int}:
            array = np.array(values)
            if array.dtype.kind == "f" and _whole(array).all():
                return array.astype(np.int64)
        raise self._first(values, field, _integer_problem, remedy)

    def flags(self, field: str) -> Any:
        """(N,) bool from 0, 1, false or true; an absent key is false.

        Raises:
            InputError: Naming the first entry that has something else.
        """
        values = self._column(field, 0)
        if all(isinstance(value, int | float) and value in (0, 1) for value in values):
            return np.array(values, np.bool_)
        raise self._first(values, field, _flag_problem, "")

    def vectors(self, field: str, length: int, remedy: str = "") -> Float64Array:
        """(N, length) finite numbers.

        Raises:
            InputError: Naming the first entry that has none, or not ``length`` finite numbers.
        """
        values = self._column(field, None)
        if not values:
            return np.zeros((0, length))
        try:
            array = np.array(values)
        except (ValueError, TypeError, OverflowError):
            array = np.zeros(0, object)
        if array.dtype.kind in "if" and array.shape == (len(values), length):
            floats = array.astype(np.float64, copy=False)
            if np.isfinite(floats).all():
                return floats
        raise self._first(values, field, lambda value: _vector_problem(value, length), remedy)

    def _column(self, field: str, default: float | None) -> list[Any]:
        try:
            return list(map(itemgetter(field), self.rows))
        except KeyError:
            fallback = _MISSING if default is None else default
            return [row.get(field, fallback) for row in self.rows]

    def _first(
        self, values: list[Any], field: str, problem: Callable[[Any], str], remedy: str
    ) -> InputError:
        for row, value in enumerate(values):
            found = "is missing" if value is _MISSING else problem(value)
            if found:
                return self.error(row, f"{field} {found}", remedy)
        raise AssertionError(f"{self.path}: {field} was refused, but every entry is right")


def _whole(array: Float64Array) -> BoolArray:
    return np.asarray((np.abs(array) < 2**53) & (array % 1 == 0))


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    if value is None:
        return "null"
    return names.get(type(value), "a number")


def _number_problem(value: Any) -> str:
    if type(value) not in (int, float):
        return f"is {_kind(value)}, not a number"
    if type(value) is int:
        return "" if abs(value) < 2**63 else "is too large an integer"
    return "" if math.isfinite(value) else f"is {value}, not a finite number"


def _integer_problem(value: Any) -> str:
    problem = _number_problem(value)
    if problem or type(value) is int:
        return problem
    if value % 1:
        return f"is {value}, not a whole number"
    return "is too large for a whole number" if abs(value) > _EXACT_FLOATS else ""


def _flag_problem(value: Any) -> str:
    fits = isinstance(value, int | float) and value in (0, 1)
    return "" if fits else f"is {value!r}, neither 0 nor 1"


def _vector_problem(value: Any, length: int) -> str:
    if not isinstance(value, list):
        return f"is {_kind(value)}, not a list of {length} numbers"
    if len(value) != length:
        nested = " lists" if value and isinstance(value[0], list) else ""
        return f"has {len(value)}{nested or ' values'}, not {length} numbers"
    problems = chain.from_iterable(
        [f"[{i}] {problem}"] if (problem := _number_problem(element)) else []
        for i, element in enumerate(value)
    )
    return next(problems, "")
