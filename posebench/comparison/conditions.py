"""In what the conditions of two Records differ, field by field, in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from posebench.config import EvalProtocol
from posebench.record import Environment, Runtime

Fields = Mapping[str, Any]
"""Flat: ``evaluation.max_dets`` → 20."""

_MACHINE = ("cpu", "cpu_cores", "memory_mb", "gpu", "gpu_driver", "os")
_SHOWN = 48
"""Characters of a value in a sentence."""


def differing(baseline: Fields, candidate: Fields) -> list[str]:
    """``field baseline → candidate`` for each field in which the two differ, in their order.

    Of a part that only one of them has, its own name is told, not its fields.
    """
    names = dict.fromkeys([*baseline, *candidate])
    other = [name for name in names if baseline.get(name) != candidate.get(name)]
    parts = tuple(f"{name}." for name in other)
    return [
        f"{name} {_text(baseline.get(name))} → {_text(candidate.get(name))}"
        for name in other
        if not name.startswith(parts)
    ]


def protocol_fields(protocol: EvalProtocol) -> Fields:
    """Every choice by its path; a part stands for itself as ``given`` or None."""
    return _flat(protocol.model_dump(mode="json"))


def runtime_fields(runtime: Runtime | None) -> Fields:
    """Of the runtime; the provider without what depends on the network that it runs."""
    if runtime is None:
        return {}
    fields = runtime.model_dump(mode="json") | {"provider": _provider(runtime.provider)}
    options = fields.pop("options")
    return {f"runtime.{n}": v for n, v in fields.items()} | {
        f"runtime.options.{n}": v for n, v in options.items()
    }


def machine_fields(environment: Environment) -> Fields:
    """What the fingerprint is made of, and the fingerprint."""
    fields = environment.model_dump(include={*_MACHINE, "fingerprint"})
    return {f"machine.{name}": fields[name] for name in (*_MACHINE, "fingerprint")}


def machine_difference(baseline: Environment, candidate: Environment) -> list[str]:
    """In what two machines differ; nothing if they are alike by their fingerprints."""
    if baseline.fingerprint == candidate.fingerprint:
        return []
    told = differing(machine_fields(baseline), machine_fields(candidate))
    return told[:-1] or told


def _flat(fields: Fields, above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in fields.items():
        path = f"{above}{name}"
        if isinstance(value, dict):
            found |= {path: "given", **_flat(value, f"{path}.")}
        else:
            found[path] = value
    return found


def _provider(name: str) -> str:
    """E.g. ``CPU`` of ``CPU (f16 80, f32 3)``: counts of layers are those of one network."""
    bare = re.sub(r" \([^)]*\)| in fp\d+", "", name)
    return ", ".join(dict.fromkeys(bare.split(", ")))


def _text(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
