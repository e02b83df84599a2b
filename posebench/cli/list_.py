"""``posebench list``: what can be run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from posebench.cli.options import OutputFormat
from posebench.cli.tables import markdown_table, plain_table

if TYPE_CHECKING:
    from posebench.types import ModelCard

_HEADINGS = ("model", "family", "input", "params M", "GFLOPs", "published AP", "licence", "extra")


def list_models(
    pattern: Annotated[str, typer.Argument(help="Name or glob, e.g. 'yolov8*'.")] = "*",
    output: Annotated[OutputFormat, typer.Option("--format")] = OutputFormat.table,
) -> None:
    """Show the models that can be run, without importing any framework."""
    from posebench.registry import select

    cards = [request.card for request in select([pattern])]
    if output is OutputFormat.json:
        typer.echo(_json(cards))
    elif output is OutputFormat.md:
        typer.echo(markdown_table([_HEADINGS, *map(_row, cards)], left=len(_HEADINGS)))
    else:
        typer.echo(plain_table([_HEADINGS, *map(_row, cards)], left=len(_HEADINGS)))


def _row(card: ModelCard) -> tuple[str, ...]:
    height, width = card.input_size
    published = sorted({c.value for c in card.claims if c.metric == "AP"})
    return (
        card.name,
        card.family,
        f"{height}x{width}",
        "" if card.params_m is None else f"{card.params_m:g}",
        "" if card.gflops is None else f"{card.gflops:g}",
        " / ".join(f"{value * 100:.1f}" for value in published),
        card.licence,
        card.extra or "",
    )


def _json(cards: list[ModelCard]) -> str:
    import json
    from dataclasses import asdict

    plain = [{**asdict(_without_proxy(card)), "protocol": _protocol(card)} for card in cards]
    return json.dumps(plain, indent=2)


def _protocol(card: ModelCard) -> dict[str, dict[str, object]]:
    return {section: dict(fields) for section, fields in card.protocol.items()}


def _without_proxy(card: ModelCard) -> ModelCard:
    """``asdict`` copies deeply, which read-only mappings refuse."""
    from dataclasses import replace

    return replace(card, protocol={})
