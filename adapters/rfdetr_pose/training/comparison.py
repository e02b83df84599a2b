"""In what two descriptions of a model or of a run differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The fields that have other values, with the old and the new one.

    Fields that only one side knows are left out: another release may have had fewer.

    Args:
        old: As JSON has it; fields of fields are compared one by one.
        new: Likewise.

    Returns:
        By name; a field of a field has a dotted one, such as ``backbone.width``.
    """
    found: dict[str, tuple[Any, Any]] = {}
    for name in (name for name in new if name in old and old[name] != new[name]):
        before, after = old[name], new[name]
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            inside = differences(before, after)
            found |= {f"{name}.{field}": values for field, values in inside.items()}
        else:
            found[name] = (before, after)
    return found
