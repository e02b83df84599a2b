"""The HTML report as files, with what the predictions of a run show beyond its Records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from posebench.cache import atomic_path
from posebench.datasets.coco import CocoDataset
from posebench.diagnosis.document import Diagnosis
from posebench.diagnosis.run import Subject, diagnose
from posebench.errors import InputError
from posebench.gallery.build import BUDGET, build_gallery
from posebench.gallery.contender import contend
from posebench.html_sources import Predicted, dataset_of, models_of, prediction_folders
from posebench.record import Record
from posebench.report.groups import Group, Ranks, reports
from posebench.report.html import Findings, html_page
from posebench.report.scores import AP_SCORES, scores_of
from posebench.types import GroundTruth
from posebench.visualize.people import People, read_people

_NO_PREDICTIONS = (
    "No predictions lie beside these Records. The folder of a run keeps them, published Records do "
    "not: give that folder with --records."
)
_NO_OKS = "Pictures and kinds of errors are shown of models that are scored by OKS."


def write_html(
    records: Sequence[Record],
    out: Path,
    ranks: Ranks,
    predicted: Predicted | None = None,
    tell: Callable[[str], object] = lambda stage: None,
) -> list[Path]:
    """Write one HTML file for each dataset of the records.

    Args:
        records: Of any datasets.
        out: Folder of the files.
        ranks: Shown in the tables where there are any.
        predicted: What the gallery and the kinds of errors are made of; None leaves them out.
        tell: Told what is at work; it takes up to a minute a model and 5,000 pictures.

    Raises:
        InputError: The annotations are invalid, or of none of the records.
        MissingExtraError: Jinja2 is not installed.
    """
    found = reports(records)
    groups = [group for report in found for group in report.groups]
    findings = _all_findings(groups, predicted, tell) if predicted else {}
    written = []
    for report in found:
        text = html_page(report, findings, ranks)
        path = out / f"{report.name}.html"
        with atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def _all_findings(
    groups: Sequence[Group], predicted: Predicted, tell: Callable[[str], object]
) -> dict[str, Findings]:
    """By the slug of a group.

    Raises:
        InputError: The annotations and pictures are those of no group.
    """
    folders, datasets = prediction_folders(predicted.folders), _datasets(groups, predicted)
    shown, found = {}, {}
    for group in groups:
        dataset, models = datasets[group.slug], models_of(group, folders)
        missing = _missing(group, dataset, models, predicted)
        found[group.slug] = Findings(missing=missing)
        if dataset is not None and not missing:
            shown[group.slug] = models, dataset
    for slug, (models, dataset) in shown.items():
        found[slug] = _look(models, dataset, BUDGET // len(shown), tell)
    return found


def _datasets(groups: Sequence[Group], predicted: Predicted) -> dict[str, CocoDataset | None]:
    """What each group was measured on, by its slug; None for PCKh and for other pictures.

    Raises:
        InputError: The annotations and pictures are those of no group.
    """
    found = {
        group.slug: dataset_of(group, predicted) if scores_of(group.records) is AP_SCORES else None
        for group in groups
    }
    if not any(found.values()):
        raise InputError(
            f"--annotations {predicted.annotations}, --images {predicted.images}: no Record was "
            "measured on these annotations and pictures.",
            remedy="Give the very files of the run.",
        )
    return found


def _missing(
    group: Group, dataset: CocoDataset | None, models: Mapping[str, Path], predicted: Predicted
) -> str:
    """Why nothing is shown beyond the Records, or ``""``."""
    if scores_of(group.records) is not AP_SCORES:
        return _NO_OKS
    if dataset is None:
        return f"These models were measured on other pictures than {predicted.annotations.name}'s."
    return "" if models else _NO_PREDICTIONS


def _look(
    models: Mapping[str, Path], dataset: CocoDataset, budget: int, tell: Callable[[str], object]
) -> Findings:
    """Draw the gallery, and find the errors.

    Args:
        models: Folders of the predictions by label.
        dataset: What was predicted.
        budget: Bytes of the gallery.
        tell: Told what is at work.
    """
    truth = dataset.ground_truth()
    contenders, diagnoses = [], {}
    for label, path in models.items():
        tell(f"errors of {label}")
        people = read_people(path)
        contenders.append(contend(label, people, truth))
        diagnoses[label] = _diagnosis(label, people, dataset, truth)
    tell("gallery")
    pictures = {image_id: dataset.image_path(image_id) for image_id in dataset.image_ids}
    return Findings(diagnoses, build_gallery(contenders, pictures, budget))


def _diagnosis(label: str, people: People, dataset: CocoDataset, truth: GroundTruth) -> Diagnosis:
    detections, confidence = people.detections(truth.image_ids), people.keypoints[:, :, 2]
    subject = Subject(label, dataset.name, dataset.identity())
    return diagnose(truth, detections, confidence, subject=subject)
