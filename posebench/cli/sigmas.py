"""``posebench sigmas``: estimate the sigmas of the OKS, and check those in use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posebench.cli.options import check_output_file, parse_sigmas
from posebench.cli.sigmas_text import SigmasFormat, render

if TYPE_CHECKING:
    from posebench.datasets.annotations import Annotations
    from posebench.datasets.coco import CocoDataset
    from posebench.types import Skeleton

_REFUSALS = {
    "--predictions": "with one annotation file only: first estimate sigmas from the annotators, "
    "then check them with --sigmas and the predictions",
    "--annotations": "one file does not say how annotators differ: give that of a second "
    "annotator, or --predictions of a model",
    "--sigmas": "only with --predictions",
    "--anchor": "only with --predictions: between annotators there is no error of a model",
    "--robust": "only between annotators: residuals of a model are always taken by the median",
}


def sigmas(
    annotations: Annotated[
        list[Path],
        typer.Option(help="COCO keypoint JSON; given once for each annotator of the pictures."),
    ],
    predictions: Annotated[
        Path | None,
        typer.Option(help="Of a model for one annotation file: results JSON, or shards."),
    ] = None,
    used: Annotated[
        str | None,
        typer.Option("--sigmas", help="Sigmas to check with the predictions; else the skeleton's."),
    ] = None,
    anchor: Annotated[
        list[str] | None,
        typer.Option(help="A known sigma, KEYPOINT=SIGMA, or coco; may be given more than once."),
    ] = None,
    robust: Annotated[
        bool, typer.Option("--robust", help="Of annotators: the median, without gross errors.")
    ] = False,
    output: Annotated[SigmasFormat, typer.Option("--format")] = SigmasFormat.table,
    out: Annotated[Path | None, typer.Option(help="Write to this file instead.")] = None,
) -> None:
    """Estimate sigmas from repeated annotations or from a model's residuals."""
    _check_options(annotations, predictions, used, anchor, robust)
    if out is not None:
        check_output_file(out, "--out")
    if predictions is None:
        content = _from_annotators(annotations, robust)
    else:
        content = _from_model(annotations[0], predictions, parse_sigmas(used), anchor or [])
    text = render(content, output)
    for note in content["notes"]:
        typer.echo(f"note: {note}", err=True)
    if out is None:
        typer.echo(text)
    else:
        from posebench.cache import atomic_path

        with atomic_path(out) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")
        typer.echo(out)


def _check_options(
    annotations: list[Path],
    predictions: Path | None,
    used: str | None,
    anchor: list[str] | None,
    robust: bool,
) -> None:
    several = len(annotations) > 1
    refused = {
        "--predictions": several and predictions is not None,
        "--annotations": not several and predictions is None,
        "--sigmas": several and used is not None,
        "--anchor": several and bool(anchor),
        "--robust": not several and robust,
    }
    for option, wrong in refused.items():
        if wrong:
            raise typer.BadParameter(_REFUSALS[option], param_hint=option)


def _from_annotators(paths: list[Path], robust: bool) -> dict[str, Any]:
    from posebench.datasets.annotations import load_annotations
    from posebench.sigmas.document import of_repeats
    from posebench.sigmas.repeats import repeats
    from posebench.sigmas.same_pictures import Annotator

    annotators = [Annotator(path, load_annotations(path)) for path in paths]
    found = repeats(annotators)
    named = (a.content for a in annotators if len(a.content.keypoint_names))
    skeleton = _skeleton(next(named, annotators[0].content))
    content = of_repeats(found, annotators, skeleton, robust=robust)
    files = [f"{a.path}: {note}" for a in annotators for note in a.content.notes]
    return content | {"notes": [*files, *content["notes"]]}


def _from_model(
    annotations: Path, predictions: Path, used: tuple[float, ...] | None, anchor: list[str]
) -> dict[str, Any]:
    from posebench.datasets.annotations import load_annotations
    from posebench.datasets.results import load_predictions
    from posebench.sigmas.anchors import read_anchors
    from posebench.sigmas.document import check_of, of_residuals
    from posebench.sigmas.residuals import residuals

    dataset, known = _dataset(annotations, load_annotations(annotations), used)
    results = load_predictions(predictions, dataset, dataset.ground_truth())
    dataset = dataset.for_keypoints(results.detections.keypoints.shape[1])
    truth = dataset.ground_truth()
    anchors = read_anchors(anchor, truth.skeleton.keypoints)
    files = str(annotations), str(predictions)
    found = residuals(truth, results.detections, files=files)
    check = check_of(truth, results.detections, found) if known else None
    content = of_residuals(found, truth.skeleton, anchors, check)
    return content | {"notes": [*dataset.notes, *results.notes, *content["notes"]]}


def _dataset(
    path: Path, content: Annotations, used: tuple[float, ...] | None
) -> tuple[CocoDataset, bool]:
    """The annotations, and whether their sigmas are known."""
    from posebench.datasets.coco import CocoDataset
    from posebench.datasets.skeletons import make_skeleton, recognise

    names, count = _names(content), content.keypoints.shape[1]
    known = used is not None or recognise(names, count) is not None
    if not known:
        return CocoDataset(path.stem, _skeleton(content), content), False
    skeleton = make_skeleton(names, count, sigmas=used, source=str(path))
    return CocoDataset(path.stem, skeleton, content), True


def _skeleton(content: Annotations) -> Skeleton:
    """Names and flip pairs; the sigmas are of no meaning, and nothing here looks at them."""
    from posebench.datasets.skeletons import make_skeleton

    count = content.keypoints.shape[1]
    return make_skeleton(_names(content), count, sigmas=(1.0,) * count)


def _names(content: Annotations) -> list[str]:
    return [str(name) for name in content.keypoint_names]
