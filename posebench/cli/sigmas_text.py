"""What ``posebench sigmas`` writes: tables, a snippet of a run.toml, or the JSON document."""

from __future__ import annotations

from enum import Enum
from typing import Any

from posebench.cli.tables import markdown_table, plain_table


class SigmasFormat(str, Enum):
    """What is written."""

    table = "table"
    md = "md"
    json = "json"
    toml = "toml"


def render(content: dict[str, Any], output: SigmasFormat) -> str:
    """The document in the format asked for.

    Raises:
        InputError: TOML, and a keypoint has no sigma.
    """
    if output is SigmasFormat.json:
        import orjson

        return orjson.dumps(content, option=orjson.OPT_INDENT_2).decode()
    if output is SigmasFormat.toml:
        return _toml(content)
    draw = markdown_table if output is SigmasFormat.md else plain_table
    tables = [draw(_rows(content))]
    if content.get("check"):
        tables.append(draw(_scale_rows(content["check"]["scales"])))
    return "\n\n".join([*tables, "\n".join(_lines(content))])


def _rows(content: dict[str, Any]) -> list[list[str]]:
    rows = content["keypoints"]
    other = {"mean": "median", "median": "mean"}[content["estimator"]]
    optional = {
        "COCO": ["" if row["coco"] is None else f"{row['coco']:g}" for row in rows.values()]
    }
    if content["source"] == "annotators":
        optional[f"by the {other}"] = [_number(row[other]) for row in rows.values()]
    if content.get("check"):
        optional |= _share_columns(list(content["check"]["keypoints"].values()))
    shown = {title: cells for title, cells in optional.items() if any(cells)}
    lines = [
        [_name(name), _number(row["sigma"]), _interval(row), str(row["count"])]
        for name, row in rows.items()
    ]
    titles = ["keypoint", "sigma", "95 % interval", "deviations", *shown]
    return [titles, *([*line, *cells] for line, *cells in zip(lines, *shown.values(), strict=True))]


def _scale_rows(scales: dict[str, dict[str, float | None]]) -> list[list[str]]:
    names = list(next(iter(scales.values())))
    rows = [[scale, *(_figure(found[n]) for n in names)] for scale, found in scales.items()]
    return [["sigmas in use x", *names], *rows]


def _share_columns(rows: list[dict[str, Any]]) -> dict[str, list[str]]:
    """How similar the model's keypoints are to the labels with the sigmas in use."""
    return {
        "in use": [f"{row['sigma']:g}" for row in rows],
        "KS > .95": [_share(row["above_95"]) for row in rows],
        "KS < .05": [_share(row["below_05"]) for row in rows],
    }


def _lines(content: dict[str, Any]) -> list[str]:
    missing = [
        f"{_name(n)}: {row['reason']}" for n, row in content["keypoints"].items() if row["reason"]
    ]
    listed = [] if missing else [f"--sigmas {_comma_list(content)}"]
    return [_origin(content), *missing, *listed]


def _origin(content: dict[str, Any]) -> str:
    pictures = _counted(content["pictures"], "picture")
    people = f"{content['people']} people on {pictures}"
    if content["source"] == "annotators":
        by = "mean square" if content["estimator"] == "mean" else "median"
        return f"{by} of the differences between {content['annotators']} annotators: {people}"
    found = f"{content['found']} of {content['people']} people, {pictures}"
    factor = content["calibration"]
    scaled = (
        f", times {factor['factor']:.3g} from {_counted(len(factor['ratios']), 'anchor')}"
        if factor
        else ""
    )
    return f"median residual of a model: {found}{scaled}"


def _toml(content: dict[str, Any]) -> str:
    from posebench.errors import InputError

    missing = [_name(name) for name, row in content["keypoints"].items() if row["sigma"] is None]
    if missing:
        raise InputError(
            f"--format toml: no sigma for {', '.join(missing)}.",
            remedy="--format table says why; annotate more, or write the list by hand.",
        )
    rows = [
        f"  {_number(row['sigma'])},  # {_name(name)}, {_interval(row)}, {row['count']} deviations"
        for name, row in content["keypoints"].items()
    ]
    return "\n".join(
        [
            f"# posebench {content['posebench']}, {_origin(content)}",
            f"# --sigmas {_comma_list(content)}",
            "[protocol.evaluation]",
            "sigmas = [",
            *rows,
            "]",
        ]
    )


def _comma_list(content: dict[str, Any]) -> str:
    return ",".join(_number(row["sigma"]) for row in content["keypoints"].values())


def _number(value: float | None) -> str:
    """Three digits that count: more are not known."""
    return "-" if value is None else f"{value:#.3g}"


def _interval(row: dict[str, Any]) -> str:
    return "-" if row["low"] is None else f"{_number(row['low'])} to {_number(row['high'])}"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _name(text: str) -> str:
    from posebench.report.names import short_name

    return short_name(text)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"
