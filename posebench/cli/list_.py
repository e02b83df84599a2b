"""``posebench list``: what can be run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from posebench.cli.options import OutputFormat

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
        typer.echo(_markdown(cards))
    else:
        typer.echo(_plain(cards))


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


def _plain(cards: list[ModelCard]) -> str:
    rows = [_HEADINGS, *map(_row, cards)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def _markdown(cards: list[ModelCard]) -> str:
    rows = [_HEADINGS, ("---",) * len(_HEADINGS), *map(_row, cards)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


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
