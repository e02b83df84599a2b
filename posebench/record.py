"""The Record: one JSON document a run, documented key by key in docs/results-format.md."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from posebench.config import EvalProtocol, LatencyConfig, Regime, describe_validation
from posebench.errors import NewerSchemaError, SchemaError

SCHEMA_VERSION = 2


def _from_1(document: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 timed one round in the worker that had predicted, without pauses."""
    latency = document.get("latency_protocol")
    if isinstance(latency, dict):
        one = {"regimes": ["sustained"], "processes": 1, "warmup_s": 0.0, "repeats": 0}
        document = {**document, "latency_protocol": {**one, **latency}}
    return {**document, "schema_version": 2}


MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _from_1}
"""``MIGRATIONS[n]`` turns a document of schema n into one of schema n + 1."""


Span = Literal[
    "image-decode",
    "preprocess",
    "detector",
    "crop",
    "network",
    "postprocess",
    "network+postprocess",
    "end-to-end",
    "end-to-end-encoded",
    "host-to-device",
    "device",
    "device-to-host",
]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Interval(_Model):
    """A percentile interval of a figure, by the bootstrap.

    Attributes:
        low: Lower bound, in the unit of the figure.
        high: Upper bound.
        level: Share of the replicates between them, 0..1.
        replicates: How often ``resampled`` were drawn with replacement.
        seed: Of the draws.
        resampled: What was drawn.
    """

    low: float
    high: float
    level: float
    replicates: int
    seed: int
    resampled: Literal["images"] = "images"


class Estimate(_Model):
    """A figure, or the reason why there is none.

    Attributes:
        value: The figure in ``unit``; None when it could not be computed.
        reason: Why ``value`` is None; None otherwise.
        unit: ``fraction`` (0..1), ``ms``, ``mb``, ``count``.
        higher_is_better: Direction in which the figure improves.
        interval: How far it may move with the choice of pictures; None if that was not computed.
    """

    value: float | None
    reason: str | None = None
    unit: str = "fraction"
    higher_is_better: bool = True
    interval: Interval | None = None


class KeypointScore(_Model):
    """Figures of one keypoint.

    Attributes:
        oks: Mean keypoint similarity over the pairs matched at OKS ≥ .5 in which it is labelled.
        count: Number of those pairs.
        ap: AP with every other keypoint taken out of the OKS; None unless it was asked for.
    """

    oks: Estimate
    count: int
    ap: Estimate | None = None


class TaskAccuracy(_Model):
    """Figures of one task.

    Attributes:
        figures: The task's own figures by their field name, e.g. ``AP``, ``AP50``, ``APm``.
        per_keypoint: By keypoint name; empty for tasks without keypoints.
        evaluator: Name and version of what computed them.
        notes: What a user should know of the figures, one sentence each.
    """

    figures: dict[str, Estimate]
    per_keypoint: dict[str, KeypointScore] = Field(default_factory=dict)
    evaluator: str
    notes: tuple[str, ...] = ()


class LatencyInterval(_Model):
    """Where the median lies, by Hodges and Lehmann's interval over the medians of processes.

    Attributes:
        low_ms: Lower bound.
        high_ms: Upper bound.
        level: Probability that such an interval covers the location, 0..1.
        processes: Number of medians.
    """

    low_ms: float
    high_ms: float
    level: float
    processes: int


class LatencySummary(_Model):
    """Percentiles of one span, in milliseconds, over all runs that count."""

    p50_ms: float
    p90_ms: float | None = Field(None, description="None under 29 samples")
    p95_ms: float | None = Field(None, description="None under 59 samples")
    p99_ms: float | None = Field(None, description="None under 299 samples")
    mean_ms: float
    min_ms: float
    max_ms: float
    n: int
    interval: LatencyInterval | None = Field(None, description="None under 6 processes")


class Cell(_Model):
    """One latency figure with everything that tells it from another.

    Attributes:
        span: ``image-decode``: from the encoded bytes in memory to pixels; ``preprocess``,
            ``detector``, ``crop``, ``network``, ``postprocess``: the stages of a model;
            ``network+postprocess``: to final keypoints; ``end-to-end``: from the decoded picture;
            ``end-to-end-encoded``: from its bytes; ``host-to-device``, ``device`` and
            ``device-to-host``: the network as a GPU's own events tell it.
        people: Fewest and most boxes that a top-down model looked into in these runs; None for
            runs of any number.
        regime: ``paced``: a pause before each run; ``sustained``: none.
        batch: Pictures a call.
        threads: Intra-op threads of the runtime.
        warmup: Runs thrown away before each round, at least.
        summary: Percentiles over the samples; the samples themselves lie in ``latency.npz``.
        process_p50_ms: Median of each process; empty in schema 1 and for a number of people.
    """

    span: Span
    people: tuple[int, int] | None = None
    regime: Regime = "sustained"
    batch: int = 1
    threads: int
    warmup: int
    summary: LatencySummary
    process_p50_ms: tuple[float, ...] = ()


class ArtifactInfo(_Model):
    """A file that the model was really run from."""

    role: str
    filename: str
    format: str
    sha256: str
    size_bytes: int


class ClaimInfo(_Model):
    """A published figure with its source and protocol."""

    metric: str
    value: float
    source: str
    protocol: str
    weights: str = ""


class ModelInfo(_Model):
    """The part of a model's card that belongs into a result.

    Attributes:
        name: The card's name.
        label: What the user asked for, e.g. ``yolov8n-pose=best.pt``.
        checkpoint_generation: Which published checkpoint the digest matched; None if none.
        untrained: Why there is no accuracy although the run went well, or ``""``.
    """

    name: str
    label: str
    family: str
    paradigm: str
    skeleton: str
    licence: str
    weights_licence: str | None
    training_data: tuple[str, ...]
    checkpoint_generation: str | None
    claims: tuple[ClaimInfo, ...]
    note: str = ""
    untrained: str = ""


class DatasetInfo(_Model):
    """What was scored.

    Attributes:
        identity: Digest of the annotations and of the image ids that were used.
        images: Number of pictures.
        people: Annotations that count for keypoints (not crowd, at least one labelled keypoint).
        area: What the annotated areas are: ``segment``, or how they were derived.
        undecodable: File names of the pictures that could not be read; scored as empty.
    """

    name: str
    identity: str
    images: int
    people: int
    area: str
    skeleton: str
    undecodable: tuple[str, ...] = ()


class BoxesInfo(_Model):
    """Where a top-down model looked for people.

    Attributes:
        source: ``ground-truth``, ``file`` or ``detector``.
        label: File name, or the detector as asked for.
        sha256: Of the file, or of the detector's network; None for annotated boxes.
        score_threshold: Boxes below it were not looked into.
        count: Boxes that were looked into; None if nothing was scored.
        ap: Box AP of those boxes on this dataset, people only.
        notes: What a user should know of them, one sentence each.
    """

    source: Literal["ground-truth", "file", "detector"]
    label: str
    sha256: str | None
    score_threshold: float
    count: int | None
    ap: Estimate
    notes: tuple[str, ...] = ()


class Runtime(_Model):
    """In what the network ran. ``provider`` is the one really in use, not the one asked for.

    ``options`` are those of ``[session]`` that differ from the default.
    """

    name: str
    version: str
    provider: str
    precision: str
    device: str
    threads: int
    options: dict[str, bool | int | str] = Field(default_factory=dict)


class Environment(_Model):
    """The machine and the software. ``fingerprint`` is a digest of the machine's part."""

    fingerprint: str
    cpu: str
    cpu_cores: int
    memory_mb: int
    gpu: str | None
    gpu_driver: str | None
    os: str
    python: str
    packages: dict[str, str]
    git_revision: str | None


class Measured(_Model):
    """Cost, counted or measured here, never quoted."""

    params: int | None
    gflops: float | None
    convention: str
    peak_memory_mb: float | None


class KeypointParity(_Model):
    """How far one keypoint is from where FP32 puts it.

    Attributes:
        mean_px: Mean distance, px of the picture; None if nobody was found by both.
        worst_px: Largest distance, likewise.
        oks_change: Mean similarity minus that in FP32, over people for whom it is labelled.
    """

    mean_px: float | None
    worst_px: float | None
    oks_change: float | None


class Parity(_Model):
    """How far a network in reduced precision is from the same network in FP32.

    Attributes:
        reference: What the FP32 network ran in.
        images: Pictures that both saw.
        people: Annotated people that both found at an OKS of at least .5; the distances are theirs.
        lost: Those that only FP32 found.
        gained: Those that only the reduced precision found.
        mean_px: Mean distance of a keypoint, labelled or not, px of the picture.
        worst_px: Largest distance.
        oks_change: Mean similarity of labelled keypoints minus that in FP32.
        ap_change: AP on those pictures minus that in FP32.
        per_keypoint: By keypoint name.
    """

    reference: str
    images: int
    people: int
    lost: int
    gained: int
    mean_px: float | None
    worst_px: float | None
    oks_change: float | None
    ap_change: Estimate
    per_keypoint: dict[str, KeypointParity]


class Failure(_Model):
    """Why there are no figures.

    Attributes:
        kind: Machine-readable class of the failure.
        message: What happened.
        remedy: What to do about it, or ``""``.
        detail: Traceback or the end of the worker's log.
    """

    kind: Literal[
        "missing-extra",
        "no-weights",
        "no-boxes",
        "bad-weights",
        "bad-input",
        "error",
        "crash",
        "timeout",
        "out-of-memory",
        "undecodable-images",
    ]
    message: str
    remedy: str = ""
    detail: str = ""


class Record(_Model):
    """One model on one dataset in one runtime on one machine.

    Attributes:
        schema_version: Of this document.
        status: ``ok``; ``error``: it was tried and failed; ``skipped``: it was not tried.
        accuracy_id: Identity of the accuracy figures, or None if it failed before they had one.
        latency_id: Identity of the latency figures, likewise.
        created_at: UTC time at which the record was written.
        boxes: Where a top-down model got its boxes from; None for one of whole pictures.
        accuracy: Figures by task: ``keypoints`` and ``bbox``, or ``pckh``.
        parity: Of a network in reduced precision with itself in FP32; None in FP32, or if there is
            no FP32 network to compare with.
        parity_missing: Why there is none although the precision is reduced, or ``""``.
        latency: One cell a regime and span; empty when it was not measured.
        latency_notes: What a reader of the latency should know, one sentence each.
        files: sha256 of the side files beside the record, by relative name.
    """

    schema_version: Literal[2] = 2
    status: Literal["ok", "error", "skipped"]
    accuracy_id: str | None
    latency_id: str | None
    created_at: datetime
    posebench_version: str
    model: ModelInfo
    dataset: DatasetInfo | None
    protocol: EvalProtocol | None
    latency_protocol: LatencyConfig | None
    runtime: Runtime | None
    environment: Environment
    artifacts: tuple[ArtifactInfo, ...] = ()
    boxes: BoxesInfo | None = None
    measured: Measured | None = None
    accuracy: dict[str, TaskAccuracy] = Field(default_factory=dict)
    parity: Parity | None = None
    parity_missing: str = ""
    latency: tuple[Cell, ...] = ()
    latency_notes: tuple[str, ...] = ()
    files: dict[str, str] = Field(default_factory=dict)
    failure: Failure | None = None

    def figure(self, task: str, name: str) -> float | None:
        """A figure by task and name, or None if there is none."""
        accuracy = self.accuracy.get(task)
        estimate = accuracy.figures.get(name) if accuracy else None
        return estimate.value if estimate else None

    @property
    def regimes(self) -> tuple[Regime, ...]:
        """In which latency was measured; the first is the one that short tables show."""
        known: tuple[Regime, ...] = ("sustained", "paced")
        return tuple(regime for regime in known if any(c.regime == regime for c in self.latency))

    def cells(self, regime: Regime | None = None) -> tuple[Cell, ...]:
        """The latency cells of a regime; of the first if none is named."""
        wanted = regime or next(iter(self.regimes), None)
        return tuple(cell for cell in self.latency if cell.regime == wanted)

    def span(self, name: str, regime: Regime | None = None) -> LatencySummary | None:
        """The latency of a span in a regime, or None if it was not measured."""
        found = (c for c in self.cells(regime) if c.span == name and c.people is None)
        return next((cell.summary for cell in found), None)


def parse_record(document: Any, *, source: str) -> Record:
    """A Record from a decoded JSON document of this or an older schema.

    Args:
        document: The decoded JSON.
        source: Where it came from, for the message.

    Raises:
        SchemaError: Not a record, a newer schema, or a field that does not fit.
    """
    if not isinstance(document, dict) or not isinstance(document.get("schema_version"), int):
        raise SchemaError(f"{source}: not a posebench record (no integer schema_version)")
    version = document["schema_version"]
    if version > SCHEMA_VERSION:
        raise NewerSchemaError(
            f"{source}: schema_version {version} is newer than {SCHEMA_VERSION}, the newest this "
            "posebench reads.",
            remedy="Upgrade it with: pip install --upgrade posebench",
        )
    for step in range(version, SCHEMA_VERSION):
        document = MIGRATIONS[step](document)
    try:
        return Record.model_validate(document)
    except ValidationError as error:
        raise SchemaError(f"{source}: {describe_validation(error)}") from error
