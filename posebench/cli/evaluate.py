"""``posebench evaluate``: score a results file without running a model."""

from __future__ import annotations

import math
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from posebench.cache import HashedFile, collector_paused
from posebench.cli.evaluate_pckh import SUFFIX, evaluate_mat
from posebench.cli.evaluate_pckh import render as render_pckh
from posebench.cli.options import OutputFormat, parse_sigmas

if TYPE_CHECKING:
    from posebench.conventions.case import Case
    from posebench.conventions.ladder import Wish
    from posebench.datasets.coco import CocoDataset
    from posebench.evaluation import Accuracy


_DISAGREED = 1
_TOLERANCE = 1e-12
_LEAST_PICTURES = 2
"""With fewer, nothing can be drawn."""


class Compat(str, Enum):
    """Whose behaviour to reproduce on input that is not valid."""

    pycocotools = "pycocotools"


class Checker(str, Enum):
    """Another evaluator to compare with."""

    pycocotools = "pycocotools"
    xtcocotools = "xtcocotools"
    hotcoco = "hotcoco"


class RulesOf(str, Enum):
    """Whose rules to score by."""

    coco = "coco"
    mmpose = "mmpose"
    ultralytics = "ultralytics"


class Comparison(str, Enum):
    """Of a distance with PCKh's threshold."""

    at_most = "<="
    below = "<"


class Mode(str, Enum):
    """What people are ranked by."""

    box = "box"
    box_keypoint = "box-keypoint"
    keypoint = "keypoint"


@collector_paused()
def evaluate(
    annotations: Annotated[
        Path, typer.Option(help="COCO keypoint annotation JSON, or MPII's gt_valid.mat.")
    ],
    predictions: Annotated[
        Path,
        typer.Option(
            help="COCO results JSON, or posebench's shard-*.npz or their folder; for MPII a .mat."
        ),
    ],
    protocol: Annotated[
        RulesOf, typer.Option(help="Whose rules; other than COCO's are told apart one by one.")
    ] = RulesOf.coco,
    sigmas: Annotated[
        str | None,
        typer.Option(help="Numbers separated by commas, or a file of them, one a keypoint."),
    ] = None,
    output: Annotated[OutputFormat, typer.Option("--format")] = OutputFormat.table,
    per_keypoint_ap: Annotated[
        bool, typer.Option("--per-keypoint-ap", help="Also the AP of each keypoint by itself.")
    ] = False,
    intervals: Annotated[
        bool, typer.Option("--intervals", help="Also the 95 % interval of each figure.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first N pictures, as in a run with --limit.")
    ] = None,
    max_dets: Annotated[
        int | None,
        typer.Option(min=1, help="People a picture that are scored: 20, ultralytics 300."),
    ] = None,
    score_threshold: Annotated[
        float | None, typer.Option(help="Leave out people with a lower score.")
    ] = None,
    score_mode: Annotated[
        Mode | None, typer.Option(help="Rank people by this score instead of the predicted one.")
    ] = None,
    pckh_comparison: Annotated[
        Comparison | None,
        typer.Option(help="MPII only: whether a joint at exactly the threshold is right."),
    ] = None,
    cross_check: Annotated[
        Checker | None, typer.Option(help="Also score with another package and compare.")
    ] = None,
    compat: Annotated[
        Compat | None, typer.Option(help="Do what that package does with faulty input.")
    ] = None,
) -> None:
    """Score anybody's predictions by the rules of the COCO keypoint challenge, or by others."""
    if annotations.suffix.lower() == SUFFIX:
        _check_none_given(
            sigmas,
            per_keypoint_ap,
            intervals,
            limit,
            max_dets,
            score_threshold,
            score_mode,
            cross_check,
            compat,
        )
        comparison: Literal["<=", "<"] = "<" if pckh_comparison is Comparison.below else "<="
        return _evaluate_mat(annotations, predictions, protocol, output, comparison)
    if pckh_comparison is not None:
        raise typer.BadParameter("only with a .mat of MPII", param_hint="--pckh-comparison")
    reading = HashedFile(annotations)  # Done before numpy is imported, which takes longer.
    from posebench.conventions.ladder import Wish
    from posebench.datasets.coco import CocoDataset

    if score_threshold is not None and not math.isfinite(score_threshold):
        raise typer.BadParameter("not a finite number", param_hint="--score-threshold")
    wish = Wish(
        protocol.value,
        score_threshold,
        None if score_mode is None else score_mode.value,
        max_dets,
        own_sigmas=sigmas is not None,
    )
    _check_options(wish, limit, cross_check, compat)
    dataset = CocoDataset.open(
        annotations,
        sigmas=parse_sigmas(sigmas),
        limit=limit,
        pycocotools_ids=compat is not None,
        reading=reading,
    )
    dataset, case = _case(dataset, predictions, compat)
    wanted = {
        "per_keypoint_ap": per_keypoint_ap,
        "intervals": intervals,
        "compat": compat is not None,
    }
    final, accuracy, content = _score(case, wish, dataset, wanted)
    if cross_check is not None:
        from posebench.crosscheck import check_files

        category_ids = dataset.annotations.category_ids.tolist()
        keep_boxes = compat is not None
        found, notes = check_files(
            cross_check.value, annotations, predictions, final, accuracy.keypoints,
            category_ids=category_ids, keep_boxes=keep_boxes,
        )  # fmt: skip
        content["cross_check"] = found.document()
        content["notes"] += notes
    _show(content, output)


_OKS_OPTIONS = (
    *("--sigmas", "--per-keypoint-ap", "--intervals", "--limit", "--max-dets"),
    *("--score-threshold", "--score-mode", "--cross-check", "--compat"),
)


def _check_none_given(*values: object) -> None:
    """Refuse what PCKh does not know; the values of ``_OKS_OPTIONS``."""
    for name, value in zip(_OKS_OPTIONS, values, strict=True):
        if value is not None and value is not False:
            raise typer.BadParameter("MPII is scored by PCKh, not by the OKS", param_hint=name)


def _evaluate_mat(
    annotations: Path,
    predictions: Path,
    protocol: RulesOf,
    output: OutputFormat,
    comparison: Literal["<=", "<"],
) -> None:
    if protocol is not RulesOf.coco:
        raise typer.BadParameter("MPII is scored by PCKh alone", param_hint="--protocol")
    content = evaluate_mat(annotations, predictions, comparison)
    for note in content["notes"]:
        typer.echo(f"note: {note}", err=True)
    typer.echo(render_pckh(content, output))


def _check_options(
    wish: Wish, limit: int | None, cross_check: Checker | None, compat: Compat | None
) -> None:
    if limit is not None and cross_check is not None:
        raise typer.BadParameter("the other package scores every picture", param_hint="--limit")
    other_rules = wish.protocol != "coco" or wish.score_threshold is not None or wish.score_mode
    if other_rules and cross_check is not None:
        raise typer.BadParameter(
            "the other package scores the file as it is, by the rules of COCO",
            param_hint="--cross-check",
        )
    if other_rules and compat is not None:
        raise typer.BadParameter("only with the rules of COCO", param_hint="--compat")


def _case(
    dataset: CocoDataset, predictions: Path, compat: Compat | None
) -> tuple[CocoDataset, Case]:
    """The files as they are, and the dataset with the whole body if they have it."""
    from posebench.conventions.case import Case
    from posebench.datasets.results import load_predictions
    from posebench.datasets.skeletons import CROWDPOSE14

    truth = dataset.ground_truth()
    results = load_predictions(predictions, dataset, truth, compat=compat is not None)
    fitting = dataset.for_keypoints(results.detections.keypoints.shape[1])
    crowded = fitting.skeleton.name == CROWDPOSE14.name
    return fitting, Case(
        truth if fitting is dataset else fitting.ground_truth(),
        results,
        crowd_index=fitting.crowd_index if crowded else None,
    )


def _score(
    case: Case, wish: Wish, dataset: CocoDataset, wanted: dict[str, bool]
) -> tuple[Case, Accuracy, dict[str, Any]]:
    """The case by the rules asked for, its accuracy, and the document to show."""
    from posebench.conventions.case import accuracy, parts
    from posebench.conventions.document import document
    from posebench.conventions.ladder import climb, notes_of, rules_of

    rules = rules_of(wish, case)
    final, rungs = climb(case, rules) if rules else (case, [])
    if wanted["compat"]:
        rungs = []  # They know nothing of what pycocotools does to faulty ids.
    found = accuracy(final, **wanted)
    if rungs:
        found = replace(found, boxes=None)  # these rules are for keypoints, nobody's box AP
    content = document(
        found,
        final,
        protocol=wish.protocol,
        parts=parts(final),
        rungs=rungs,
        notes=[*dataset.notes, *case.results.notes, *notes_of(wish, case)],
    )
    if wanted["intervals"]:
        content["notes"] += _without_intervals(content)
    return final, found, content


def _without_intervals(content: dict[str, Any]) -> list[str]:
    """Why figures that were to have intervals have none, a sentence; mostly nothing."""
    known = content.get("intervals", {})
    if any(name.startswith("coco/") for name in known):
        return []
    if content["images"] < _LEAST_PICTURES:
        return ["--intervals: there are none of a single picture, which cannot be drawn anew."]
    if all(value is None for value in content["coco"].values()):
        return []  # There is a reason in place of each figure.
    return [
        "--intervals: the figures have none, which are known by the rules of COCO alone "
        "(--protocol coco, no --score-threshold or --score-mode, no crowd index)."
    ]


def _show(content: dict[str, Any], output: OutputFormat) -> None:
    from posebench.cli.evaluation_text import render

    for note in content["notes"]:
        typer.echo(f"note: {note}", err=True)
    typer.echo(render(content, output))
    check = content.get("cross_check")
    if check is not None and not _agrees(check):
        raise typer.Exit(_DISAGREED)


def _agrees(check: dict[str, Any]) -> bool:
    """Whether another evaluator gives the same figures, up to the order of its sums."""
    difference = check["max_difference"]
    return difference is not None and difference <= _TOLERANCE
