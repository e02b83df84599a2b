"""Option types that several commands share."""

from __future__ import annotations

from enum import Enum


class OutputFormat(str, Enum):
    """What is written to standard output."""

    table = "table"
    md = "md"
    json = "json"
