"""What is wrong with a ``gate.toml``, in its own words: rules are counted from 1."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

_MORE_THAN_ONE = ("rule", "acknowledged")
_WORDS = {
    "missing": "is missing",
    "string_type": "must be text in quotes",
    "string_pattern_mismatch": "is blank",
    "string_too_short": "is blank",
    "too_short": "is empty",
    "float_type": "must be a number, without quotes",
    "finite_number": "must be a finite number",
    "date_type": "must be a date without quotes, such as 2026-12-31",
    "tuple_type": "must be a list in brackets",
    "model_type": "must be a table",
}


def misshapen(document: Mapping[str, Any]) -> str | None:
    """What is wrong with the tables of a file, before their fields are looked at; None: nothing."""
    for name in _MORE_THAN_ONE:
        if isinstance(document.get(name), Mapping):
            return f"[{name}]: write [[{name}]], there may be several"
        if f"{name}s" in document:
            return f"unknown {name}s: write [[{name}]]"
    if not document.get("rule"):
        return "there is no rule: write [[rule]] with a metric and a margin"
    return None


def described(error: ValidationError, tables: Mapping[str, type[BaseModel]]) -> str:
    """Every mistake that pydantic found, one after the other.

    Args:
        error: Of the document.
        tables: By name of a table, the model that has its fields.
    """
    return "; ".join(_mistake(dict(item), tables) for item in error.errors())


def _mistake(item: Mapping[str, Any], tables: Mapping[str, type[BaseModel]]) -> str:
    place = _place(item["loc"])
    if item["type"] == "extra_forbidden":
        return _unknown(item["loc"], tables)
    if item["type"] == "literal_error":
        return f"{place} must be {item['ctx']['expected']}, not {_short(item['input'])}"
    if item["type"] in ("greater_than", "greater_than_equal"):
        least = "more than 0" if item["type"] == "greater_than" else "0 or more"
        return f"{place} must be {least}, not {_short(item['input'])}"
    if item["type"] == "value_error":
        return f"{place}: {item['ctx']['error']}"
    words = _WORDS.get(item["type"], item["msg"])
    return f"{place} {words}{'' if item['type'] == 'missing' else ', not ' + _short(item['input'])}"


def _place(location: tuple[int | str, ...]) -> str:
    """``rule 2: margin``."""
    table, *rest = location
    parts = [str(part + 1) if isinstance(part, int) else part for part in rest]
    if rest and isinstance(rest[0], int):
        table, parts = f"{table} {parts[0]}", parts[1:]
    return ": ".join([str(table), " ".join(parts)]) if parts else str(table)


def _unknown(location: tuple[int | str, ...], tables: Mapping[str, type[BaseModel]]) -> str:
    *inside, name = location
    known = list(tables[str(inside[0])].model_fields) if inside else list(tables)
    close = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    told = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
    where = f"{_place(tuple(inside))}: " if inside else ""
    return f"{where}unknown field {name}, {told}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
