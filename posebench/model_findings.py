"""What a run has found out about one model so far, and the Record of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from posebench import __version__, environment, store
from posebench.box_source import BoxSource, box_source
from posebench.config import RunConfig
from posebench.latency.rounds import TimedRound
from posebench.latency.summary import cells, notes, precision_notes
from posebench.loading import LoadedModel
from posebench.pckh_run import check_model
from posebench.protocols import Dataset
from posebench.record import BoxesInfo, Failure, Measured, Parity, Record, TaskAccuracy
from posebench.recording import dataset_info, model_info
from posebench.registry import ModelRequest
from posebench.shards import PassNotes
from posebench.types import GroundTruth
from posebench.weights import ResolvedWeights, require_weights

_SKIPPED = ("missing-extra", "no-weights", "no-boxes")


@dataclass(frozen=True, eq=False)
class ModelTask:
    """One model of a run and what it is run on.

    Attributes:
        config: Of the run.
        request: The model.
        dataset: To be predicted.
        dataset_id: Its ``recording.scored_identity``.
        truth: Its annotations.
    """

    config: RunConfig
    request: ModelRequest
    dataset: Dataset
    dataset_id: str
    truth: GroundTruth


@dataclass(eq=False)
class Findings:
    """What was found out about a model. Everything may be missing if it failed.

    Attributes:
        task: The model.
        weights: Of it.
        boxes: Where a top-down model looks.
        loaded: What its worker said of it.
        notes: Of the accuracy pass.
        accuracy: By task.
        looked: What the boxes were.
        parity: With itself in FP32.
        parity_missing: Why there is none although the precision is reduced, or ``""``.
    """

    task: ModelTask
    weights: ResolvedWeights | None = None
    boxes: BoxSource | None = None
    loaded: LoadedModel | None = None
    notes: PassNotes = field(default_factory=PassNotes)
    accuracy: dict[str, TaskAccuracy] = field(default_factory=dict)
    looked: BoxesInfo | None = None
    parity: Parity | None = None
    parity_missing: str = ""

    def look_up(self) -> None:
        """Find the weights and the boxes of the model.

        Raises:
            InputError: There are none, or the model does not fit the dataset.
        """
        task = self.task
        check_model(task.request, task.dataset)
        self.boxes = box_source(task.config, task.request, task.dataset, task.truth)
        self.weights = require_weights(task.request.card, task.request.weights)

    @property
    def accuracy_id(self) -> str | None:
        """Identity of the accuracy, once the model was loaded."""
        return self.loaded.accuracy_id(self.task.dataset_id) if self.loaded else None

    @property
    def latency_id(self) -> str | None:
        """Identity of the latency, once the model was loaded; None if none is measured."""
        loaded = self.loaded
        return loaded.latency_id(self.task.dataset_id, self.task.config) if loaded else None

    @property
    def folder(self) -> Path:
        """Where the run keeps the model's files."""
        task = self.task
        return store.run_folder(
            task.config.out, task.dataset.name, task.request.label, self.accuracy_id
        )

    def scored(self) -> Record:
        """The Record of a model that was not timed."""
        return self._good(None)

    def timed(self, rounds: Sequence[TimedRound], machine_notes: Sequence[str]) -> Record:
        """The Record of a model that was timed too.

        Args:
            rounds: All of them, also those that were measured again.
            machine_notes: What there is to say of the machine.
        """
        assert self.loaded is not None, "it was timed"
        config = self.task.config.latency
        return self._good(
            self.latency_id,
            latency_protocol=config,
            latency=cells(rounds, config=config, threads=self.loaded.runtime.threads),
            latency_notes=(
                *machine_notes,
                *precision_notes(self.loaded.runtime),
                *notes(rounds, config),
            ),
        )

    def failed(self, failure: Failure) -> Record:
        """The Record of a failure. What was finished before is in it."""
        config = self.task.config.latency
        return self._record(
            status="skipped" if failure.kind in _SKIPPED else "error",
            failure=failure,
            latency_id=self.latency_id,
            latency_protocol=config if config.enabled else None,
        )

    def _good(self, latency_id: str | None, **latency: Any) -> Record:
        assert self.loaded is not None, "it was scored"
        return self._record(
            status="ok",
            measured=Measured(**self.loaded.cost, peak_memory_mb=self.notes.peak_memory_mb),
            files=store.side_files(self.folder, latency_id),
            latency_id=latency_id,
            **{"latency_protocol": None, **latency},
        )

    def _record(self, **fields: Any) -> Record:
        task, loaded = self.task, self.loaded
        return Record(
            created_at=datetime.now(timezone.utc),
            posebench_version=__version__,
            accuracy_id=self.accuracy_id,
            model=model_info(
                task.request,
                self.weights,
                loaded.cost["params"] if loaded else None,
                loaded.untrained if loaded else "",
            ),
            dataset=dataset_info(task.dataset, task.dataset_id, task.truth, self.notes.undecodable),
            protocol=loaded.protocol if loaded else None,
            runtime=loaded.runtime if loaded else None,
            environment=loaded.environment if loaded else environment.describe(),
            artifacts=loaded.artifacts if loaded else (),
            accuracy=self.accuracy,
            parity=self.parity,
            parity_missing=self.parity_missing,
            boxes=self.looked,
            **fields,
        )
