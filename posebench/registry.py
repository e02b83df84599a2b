"""From what a user writes after ``--models`` to model cards, through entry points.

An entry point of the group ``posebench.models`` names an adapter module. Its cards are found by
their names and aliases; if the module also has a function ``card_for(path)``, the entry point's
name is a scheme as well: ``onnx:path/to/model.onnx`` asks the adapter ``onnx`` for a card.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from posebench.errors import InputError, UnknownModelError
from posebench.types import ModelCard

GROUP = "posebench.models"
_WILDCARDS = "*?["


@dataclass(frozen=True)
class Entry:
    """A card and the adapter that loads it."""

    card: ModelCard
    adapter: str


@dataclass(frozen=True)
class ModelRequest:
    """One model of a run.

    Attributes:
        label: How the row is called: the card's name, with the override if there is one.
        reference: What ``resolve_reference`` turns into the same card in another process.
        card: What is known of the model.
        weights: The user's own file or folder, or None.
        by_name: Asked for by its own name, so that a failure is a failure of the run; models
            that came in by a glob or ``all`` may be skipped.
    """

    label: str
    reference: str
    card: ModelCard
    weights: Path | None
    by_name: bool


@cache
def adapters() -> dict[str, EntryPoint]:
    """Registered adapters by name, not imported.

    Raises:
        InputError: Two installed packages register the same name.
    """
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
        other = found.setdefault(point.name, point)
        if other.value != point.value:
            raise InputError(
                f"two adapters are registered as {point.name!r}: {other.value} and {point.value}.",
                remedy="Uninstall one of the two packages.",
            )
    return found


def import_adapter(name: str) -> ModuleType:
    """The adapter module behind a registered name.

    Raises:
        InputError: It cannot be imported, or has no ``CARDS`` or no ``load``.
    """
    point = adapters()[name]
    try:
        module = point.load()
    except ImportError as error:
        raise InputError(
            f"adapter {name!r} ({point.value}) cannot be imported: {error}.",
            remedy="An adapter must import its framework inside load(), not at its top.",
        ) from error
    for attribute in ("CARDS", "DECODE_VERSION", "load"):
        if not hasattr(module, attribute):
            raise InputError(f"adapter {name!r} ({point.value}) has no {attribute}.")
    return module  # type: ignore[no-any-return]


def recommended_protocol(
    adapter: ModuleType, card: ModelCard, weights: Path
) -> list[Mapping[str, Mapping[str, Any]]]:
    """Protocol overrides of a model, the later ones winning.

    The card's input size, the card's protocol and, if the adapter has a ``recommend(card,
    weights)``, what it reads from the user's own file.
    """
    height, width = card.input_size
    size = {"preprocess": {"input_height": height, "input_width": width}}
    recommend = getattr(adapter, "recommend", None)
    return [size, card.protocol, *([recommend(card, weights)] if recommend else [])]


@cache
def catalogue() -> dict[str, Entry]:
    """Every registered card by its name.

    Raises:
        InputError: A name or alias is used twice.
    """
    cards: dict[str, Entry] = {}
    owners: dict[str, str] = {}
    for adapter in sorted(adapters()):
        for card in import_adapter(adapter).CARDS:
            for name in (card.name, *card.aliases):
                if name in owners:
                    raise InputError(
                        f"model name {name!r} is registered by {owners[name]} and by {adapter}."
                    )
                owners[name] = adapter
            cards[card.name] = Entry(card, adapter)
    return cards


def _by_alias() -> dict[str, Entry]:
    return {
        name: entry
        for entry in catalogue().values()
        for name in (entry.card.name, *entry.card.aliases)
    }


def resolve_reference(reference: str) -> Entry:
    """The card of one name, alias or ``scheme:path``.

    Raises:
        UnknownModelError: No such model; the message names the nearest ones.
        InputError: The file of a scheme is missing or says nothing about itself.
    """
    scheme, colon, rest = reference.partition(":")
    if colon and scheme in adapters():
        module = import_adapter(scheme)
        if hasattr(module, "card_for"):
            return Entry(module.card_for(Path(rest)), scheme)
    names = _by_alias()
    if reference in names:
        return names[reference]
    raise UnknownModelError(f"unknown model {reference!r}.", remedy=_suggestion(reference, names))


def _suggestion(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name.lower(), list(known), n=3, cutoff=0.6)
    if near:
        return f"Did you mean {', '.join(near)}?"
    return "`posebench list` shows every model."


def select(specifications: Sequence[str]) -> list[ModelRequest]:
    """The models that a user asked for, in order, each once.

    Args:
        specifications: Names, aliases, globs, ``all``, ``scheme:path``, each with an optional
            ``=path/to/weights``.

    Raises:
        UnknownModelError: A name that no adapter has, or a glob that matches nothing.
        InputError: A weights override that does not exist or sits on a glob.
    """
    requests: dict[tuple[str, Path | None], ModelRequest] = {}
    for specification in specifications:
        for request in _expand(specification.strip()):
            key = (request.reference, request.weights)
            if key not in requests or request.by_name:
                requests[key] = request
    if not requests:
        raise InputError("no model was asked for.", remedy="Use --models NAME[,NAME...].")
    return _with_distinct_labels(list(requests.values()))


def _with_distinct_labels(requests: list[ModelRequest]) -> list[ModelRequest]:
    """Files of one name are told apart by their folder, then by number: rows must not mix."""
    by_folder = [
        replace(request, label=f"{request.label} ({request.weights.absolute().parent.name})")
        if shared and request.weights is not None
        else request
        for request, shared in zip(requests, _shared_labels(requests), strict=True)
    ]
    return [
        replace(request, label=f"{request.label} #{number}") if shared else request
        for number, (request, shared) in enumerate(
            zip(by_folder, _shared_labels(by_folder), strict=True), 1
        )
    ]


def _shared_labels(requests: list[ModelRequest]) -> list[bool]:
    count = Counter(request.label for request in requests)
    return [count[request.label] > 1 for request in requests]


def _expand(specification: str) -> list[ModelRequest]:
    scheme, colon, file = specification.partition(":")
    if colon and scheme in adapters() and Path(file).exists():
        return [_request(specification, None, by_name=True)]
    reference, equals, override = specification.partition("=")
    if not reference:
        raise InputError(f"empty model name in {specification!r}.")
    if reference == "all" or any(character in reference for character in _WILDCARDS):
        if equals:
            raise InputError(f"{specification!r}: a weights override needs one model, not a glob.")
        return _expand_glob("*" if reference == "all" else reference)
    if equals and not override:
        raise InputError(f"{specification!r}: no path to the weights behind the '='.")
    weights = Path(override).expanduser() if equals else None
    if weights is not None and not weights.exists():
        raise InputError(f"{specification!r}: weights {override!r} do not exist.")
    return [_request(reference, weights, by_name=True)]


def _expand_glob(pattern: str) -> list[ModelRequest]:
    matches = [
        entry.card.name
        for entry in catalogue().values()
        if any(fnmatchcase(name, pattern) for name in (entry.card.name, *entry.card.aliases))
    ]
    if not matches:
        raise UnknownModelError(
            f"no model matches {pattern!r}.", remedy="`posebench list` shows every model."
        )
    return [_request(name, None, by_name=False) for name in matches]


def _request(reference: str, weights: Path | None, *, by_name: bool) -> ModelRequest:
    card = resolve_reference(reference).card
    label = card.name if weights is None else f"{card.name}={weights.name}"
    if reference in _by_alias():
        return ModelRequest(label, card.name, card, weights, by_name)
    scheme, _, file = reference.partition(":")
    names_weights = not getattr(import_adapter(scheme), "SCHEME_IS_CONFIGURATION", False)
    own = Path(file) if names_weights else None
    return ModelRequest(label, reference, card, weights or own, by_name)
