"""What ``posebench evaluate`` prints: tables, or the JSON document as it is."""

from __future__ import annotations

from typing import Any, TypeAlias

from posebench.cli.options import OutputFormat
from posebench.cli.tables import markdown_table, plain_table

Columns: TypeAlias = "dict[str, dict[str, Any]]"
"""By title of the column and name of the row."""

_MOST_KEYPOINTS = 30
_LADDER_FIGURES = ("AP50", "AP75", "APm", "APl")


def render(content: dict[str, Any], output: OutputFormat) -> str:
    """The document of an evaluation in the format asked for."""
    if output is OutputFormat.json:
        import orjson

        return orjson.dumps(content, option=orjson.OPT_INDENT_2).decode()
    draw = markdown_table if output is OutputFormat.md else plain_table
    tables = [draw(_figure_rows(content))]
    if "parts" in content:
        tables.append(draw(_columns({"part": content["parts"]})))
    if "ladder" in content:
        tables.append(draw(_ladder_rows(content["ladder"]), left=2))
    if len(content["per_keypoint"]) <= _MOST_KEYPOINTS:
        tables.append(draw(_keypoint_rows(content["per_keypoint"])))
    return "\n\n".join([*tables, "\n".join(_lines(content))])


def _lines(content: dict[str, Any]) -> list[str]:
    counted = f"{content['images']} images, {content['people']} people, "
    lines = [f"{counted}{content['detections']} detections scored by {content['evaluator']}"]
    if len(content["per_keypoint"]) > _MOST_KEYPOINTS:
        lines.append(f"{len(content['per_keypoint'])} keypoints: each by itself in --format json")
    return lines + [f"{name}: {reason}" for name, reason in content["reasons"].items()]


def _figure_rows(content: dict[str, Any]) -> list[list[str]]:
    """Figures of the protocol, of COCO, of the boxes and of another evaluator, as there are."""
    protocol = content["protocol"]
    columns = {"keypoints" if protocol == "coco" else protocol: content[protocol]}
    if protocol != "coco":
        columns["coco"] = content["coco"]
    if "bbox" in content:
        columns["bbox"] = content["bbox"]
    columns = {t: c for task in list(columns) for t, c in _with_interval(task, columns, content)}
    if "cross_check" in content:
        check = content["cross_check"]
        columns[f"{check['package']} {check['version']}"] = check["coco"]
    return _columns({"figure": columns})


def _with_interval(
    title: str, columns: Columns, content: dict[str, Any]
) -> list[tuple[str, dict[str, Any]]]:
    """A column of figures, and one of their intervals if there are any."""
    task = "coco" if title == "keypoints" else title
    known = content.get("intervals", {})
    found = {n: known[f"{task}/{n}"] for n in columns[title] if f"{task}/{n}" in known}
    texts = {n: f"{_number(i['low'])} to {_number(i['high'])}" for n, i in found.items()}
    return [(title, columns[title]), *([(f"{title}, 95 %", texts)] if texts else [])]


def _columns(table: dict[str, Columns]) -> list[list[str]]:
    """Rows of figures from one mapping a column; the key is the title of the first column."""
    ((title, columns),) = table.items()
    names = dict.fromkeys(name for found in columns.values() for name in found)
    rows = [[n, *(_number(c[n]) if n in c else "" for c in columns.values())] for n in names]
    return [[title, *columns], *rows]


def _ladder_rows(ladder: list[dict[str, Any]]) -> list[list[str]]:
    """One rung a row: AP, what the rule changed of it, and other figures where they exist."""
    shown = [n for n in _LADDER_FIGURES if any(n in rung["figures"] for rung in ladder)]
    rows = [
        [
            rung["rule"],
            rung["detail"],
            _number(rung["figures"]["AP"]),
            _change(rung["change"]),
            *(_number(rung["figures"][n]) if n in rung["figures"] else "" for n in shown),
        ]
        for rung in ladder
    ]
    return [["rule", "what it changes here", "AP", "change", *shown], *rows]


def _change(value: float | None) -> str:
    """Nothing changed is ``0``; changed by less than can be shown is ``+0.0000``."""
    if value is None:
        return ""
    return f"{value:+.4f}" if value else "0"


def _keypoint_rows(per_keypoint: dict[str, Any]) -> list[list[str]]:
    from posebench.report.names import short_name

    fields = ["oks", "count", *(["ap"] if any("ap" in v for v in per_keypoint.values()) else [])]
    rows = [
        [short_name(name), *(str(v[f]) if f == "count" else _number(v[f]) for f in fields)]
        for name, v in per_keypoint.items()
    ]
    return [["keypoint", "mean OKS", "pairs", "AP"][: len(fields) + 1], *rows]


def _number(value: float | str | None) -> str:
    if isinstance(value, str):
        return value
    return "-" if value is None else f"{value:.4f}"
