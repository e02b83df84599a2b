"""``posebench evaluate``: score a results file without running a model."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posebench.cache import HashedFile, collector_paused
from posebench.cli.options import OutputFormat, parse_sigmas
from posebench.cli.tables import markdown_table, plain_table

if TYPE_CHECKING:
    from posebench.datasets.coco import CocoDataset
    from posebench.datasets.results import Results
    from posebench.evaluation import Accuracy
    from posebench.types import GroundTruth


_DISAGREED = 1
_TOLERANCE = 1e-12


class Compat(str, Enum):
    """Whose behaviour to reproduce on input that is not valid."""

    pycocotools = "pycocotools"


class Checker(str, Enum):
    """Another evaluator to compare with."""

    pycocotools = "pycocotools"
    xtcocotools = "xtcocotools"
    hotcoco = "hotcoco"


@collector_paused()
def evaluate(
    annotations: Annotated[Path, typer.Option(help="COCO keypoint annotation JSON.")],
    predictions: Annotated[
        Path, typer.Option(help="COCO results JSON, or posebench's shard-*.npz or their folder.")
    ],
    sigmas: Annotated[
        str | None,
        typer.Option(help="Numbers separated by commas, or a file of them, one a keypoint."),
    ] = None,
    output: Annotated[OutputFormat, typer.Option("--format")] = OutputFormat.table,
    per_keypoint_ap: Annotated[
        bool, typer.Option("--per-keypoint-ap", help="Also the AP of each keypoint by itself.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first N pictures, as in a run with --limit.")
    ] = None,
    max_dets: Annotated[int, typer.Option(min=1, help="People a picture that are scored.")] = 20,
    cross_check: Annotated[
        Checker | None, typer.Option(help="Also score with another package and compare.")
    ] = None,
    compat: Annotated[
        Compat | None, typer.Option(help="Do what that package does with faulty input.")
    ] = None,
) -> None:
    """Score anybody's predictions by the rules of the COCO keypoint challenge."""
    reading = HashedFile(annotations)  # Done before numpy is imported, which takes longer.
    from posebench.datasets.coco import CocoDataset
    from posebench.datasets.results import load_predictions
    from posebench.evaluation import document, score

    as_package = compat is not None
    if limit is not None and cross_check is not None:
        raise typer.BadParameter("the other package scores every picture", param_hint="--limit")
    dataset = CocoDataset.open(
        annotations,
        sigmas=parse_sigmas(sigmas),
        limit=limit,
        pycocotools_ids=as_package,
        reading=reading,
    )
    ground_truth = dataset.ground_truth()
    results = load_predictions(predictions, dataset, ground_truth, compat=as_package)
    accuracy = score(
        ground_truth,
        results.detections,
        max_dets=max_dets,
        per_keypoint_ap=per_keypoint_ap,
        detection_areas=results.areas,
        compat=as_package,
    )
    notes = [*dataset.notes, *results.notes]
    content = document(accuracy, ground_truth, notes=notes)
    for note in notes:
        typer.echo(f"note: {note}", err=True)
    if cross_check is not None:
        entries = _entries(predictions, results, dataset, ground_truth, as_package)
        content["cross_check"] = _compare(
            cross_check, annotations, entries, accuracy, ground_truth, max_dets
        )
    typer.echo(_render(content, output))
    if cross_check is not None and not _agrees(content["cross_check"]):
        raise typer.Exit(_DISAGREED)


def _agrees(check: dict[str, Any]) -> bool:
    """Whether another evaluator gives the same figures, up to the order of its sums."""
    difference = check["max_difference"]
    return difference is not None and difference <= _TOLERANCE


def _entries(
    predictions: Path,
    results: Results,
    dataset: CocoDataset,
    ground_truth: GroundTruth,
    keep_boxes: bool,
) -> list[dict[str, Any]]:
    from posebench.crosscheck import detection_entries, results_entries

    if predictions.suffix == ".npz" or predictions.is_dir():
        categories = dataset.annotations.category_ids.tolist()
        return detection_entries(results.detections, ground_truth, categories)
    return results_entries(predictions, keep_boxes=keep_boxes)


def _compare(
    checker: Checker,
    annotations: Path,
    entries: list[dict[str, Any]],
    accuracy: Accuracy,
    ground_truth: GroundTruth,
    max_dets: int,
) -> dict[str, Any]:
    from posebench.crosscheck import cross_check

    found = cross_check(
        checker.value,
        annotations,
        entries,
        accuracy.keypoints,
        sigmas=ground_truth.skeleton.sigmas,
        max_dets=max_dets,
    )
    return {
        "package": found.package,
        "version": found.version,
        "coco": dict(found.figures),
        "max_difference": found.max_difference,
    }


def _render(content: dict[str, Any], output: OutputFormat) -> str:
    if output is OutputFormat.json:
        import orjson

        return orjson.dumps(content, option=orjson.OPT_INDENT_2).decode()
    tables = [_figure_rows(content), _keypoint_rows(content["per_keypoint"])]
    draw = markdown_table if output is OutputFormat.md else plain_table
    counted = f"{content['images']} images, {content['people']} people, "
    lines = [f"{counted}{content['detections']} detections scored by {content['evaluator']}"]
    lines += [f"{name}: {reason}" for name, reason in content["reasons"].items()]
    return "\n\n".join([*(draw(table) for table in tables), "\n".join(lines)])


def _figure_rows(content: dict[str, Any]) -> list[list[str]]:
    """Keypoint figures, box figures if any, and another evaluator's if any."""
    columns = {"keypoints": content["coco"]}
    if "bbox" in content:
        columns["bbox"] = content["bbox"]
    if "cross_check" in content:
        check = content["cross_check"]
        columns[f"{check['package']} {check['version']}"] = check["coco"]
    names = dict.fromkeys(name for found in columns.values() for name in found)
    rows = [[n, *(_number(c[n]) if n in c else "" for c in columns.values())] for n in names]
    return [["figure", *columns], *rows]


def _keypoint_rows(per_keypoint: dict[str, Any]) -> list[list[str]]:
    fields = ["oks", "count", *(["ap"] if any("ap" in v for v in per_keypoint.values()) else [])]
    rows = [
        [name, *(str(v[f]) if f == "count" else _number(v[f]) for f in fields)]
        for name, v in per_keypoint.items()
    ]
    return [["keypoint", "mean OKS", "pairs", "AP"][: len(fields) + 1], *rows]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
