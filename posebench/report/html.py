"""The report on one dataset as one HTML file, to be opened from a disk without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from posebench import __version__
from posebench.record import Record
from posebench.report.facts import facts
from posebench.report.groups import Group, Ranks, Report, differences, labels, ranks_of
from posebench.report.html_candidates import candidates
from posebench.report.html_environment import render_page
from posebench.report.html_errors import STEPS, breakdowns
from posebench.report.html_gallery import wall
from posebench.report.html_keypoints import keypoint_plot
from posebench.report.html_scatter import latency_plots
from posebench.report.html_table import accuracy_table
from posebench.report.scores import scores_of
from posebench.report.summary import runtime_text
from posebench.report.text import EMPTY

if TYPE_CHECKING:
    from posebench.diagnosis.document import Diagnosis
    from posebench.gallery.document import Gallery

_INTRODUCTION = (
    "Figures come from the Records of runs on the machine named below, accuracy and latency from "
    "the same artifact. Published figures are quoted from their source, where they were measured "
    "by another protocol: they are context, not a target. A dash is a figure that was not "
    "measured; its note says why."
)
_MAIN_FACTS = ("Dataset", "Runtime", "Machine", "Scoring")
_KINDS = {
    "good": "similarity at least .85",
    "jitter": "near the right place, .5 to .85",
    "inversion": "at the same keypoint of the other side",
    "swap": "at a keypoint of somebody else",
    "miss": "near no such keypoint, below .5",
}


@dataclass(frozen=True, eq=False)
class Findings:
    """What predictions and annotations tell of the models of a table, beyond their Records.

    Attributes:
        diagnoses: By the model's label in the table.
        gallery: Pictures; None if there are none.
        missing: Why there are neither, in a sentence or two; ``""`` where nobody asked for them.
    """

    diagnoses: Mapping[str, Diagnosis] = field(default_factory=dict)
    gallery: Gallery | None = None
    missing: str = ""


def html_page(report: Report, findings: Mapping[str, Findings], ranks: Ranks | None = None) -> str:
    """The whole page.

    Args:
        report: What to tell.
        findings: By the slug of a group; of others it is said how to get them.
        ranks: Shown in the tables where there are any.

    Raises:
        MissingExtraError: Jinja2 is not installed.
    """
    groups = [
        _group(group, findings.get(group.slug, Findings()), ranks_of(group, ranks or {}))
        for group in report.groups
    ]
    return render_page(
        name=report.name,
        introduction=_INTRODUCTION,
        settings=differences(report.groups) if len(groups) > 1 else [],
        links=_links(groups, failed=bool(report.without_figures)),
        groups=groups,
        main_facts=_MAIN_FACTS,
        kinds=_KINDS,
        steps=list(STEPS.values()),
        failures=_failures(report.without_figures),
        version=__version__,
    )


def _group(group: Group, found: Findings, ranks: Sequence[str] | None) -> dict[str, Any]:
    scores = scores_of(group.records)
    models = candidates(group.measured)
    return {
        "slug": group.slug,
        "title": _title(group),
        "facts": facts(group),
        "metric": scores.main_title,
        "table": accuracy_table(group, ranks),
        "plots": latency_plots(models, scores.main_title),
        "keypoints": keypoint_plot(group.measured),
        "breakdowns": breakdowns(found.diagnoses),
        "wall": wall(found.gallery, labels(group.records)) if found.gallery else None,
        "missing": found.missing,
    }


def _title(group: Group) -> str:
    """Tells the parts of a page apart, also those of two machines."""
    first = group.records[0]
    assert first.runtime is not None, "as in every group"
    on_cpu = first.runtime.device == "cpu"
    machine = first.environment.cpu if on_cpu else first.environment.gpu
    return f"{runtime_text(first.runtime)}, {machine} (setting {group.key})"


def _links(groups: Sequence[Mapping[str, Any]], *, failed: bool) -> list[dict[str, str]]:
    """To the parts of the only group, or to each of several groups."""
    if len(groups) == 1:
        targets = _parts(groups[0])
    else:
        targets = {group["slug"]: group["title"] for group in groups}
    if failed:
        targets["failures"] = "Runs without figures"
    return [{"target": target, "text": text} for target, text in targets.items()]


def _parts(group: Mapping[str, Any]) -> dict[str, str]:
    """By its id, the heading of each part that the page has."""
    parts = (
        ("models", "Models", True),
        ("latency", f"{group['metric']} against latency", group["plots"]),
        ("keypoints", "Keypoints", group["keypoints"]),
        ("errors", "What goes wrong", group["breakdowns"]),
        ("gallery", "Gallery", True),
    )
    return {f"{part}-{group['slug']}": text for part, text, there in parts if there}


def _failures(records: Sequence[Record]) -> list[list[str]]:
    """Failed and skipped runs: what happened, and what to do about it."""
    found = []
    for label, record in zip(labels(records), records, strict=True):
        failure = record.failure
        runtime = runtime_text(record.runtime) if record.runtime else ""
        told = (failure.kind, failure.message, failure.remedy) if failure else ("", "", "")
        found.append([cell or EMPTY for cell in (label, record.status, runtime, *told)])
    return found
