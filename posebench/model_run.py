"""One model of a run, from its card to its Record."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from posebench import __version__, environment, store
from posebench.box_source import BoxSource, box_source
from posebench.cache import atomic_path
from posebench.checkpoints import TRUST_CONFIGS_VARIABLE, TRUST_VARIABLE
from posebench.config import EvalProtocol, RunConfig
from posebench.errors import PosebenchError
from posebench.evaluation import evaluate
from posebench.latency.measure import Samples
from posebench.latency.summary import cells
from posebench.loading import LoadedModel, load_model
from posebench.pckh_evaluation import evaluate_pckh
from posebench.pckh_run import check_model
from posebench.predictions import read_predictions, to_detections
from posebench.protocols import Dataset
from posebench.record import BoxesInfo, Failure, Measured, Record, TaskAccuracy
from posebench.recording import boxes_info, dataset_info, failure_of, model_info
from posebench.registry import ModelRequest
from posebench.shards import PassNotes, predict_dataset
from posebench.types import GroundTruth
from posebench.weights import ResolvedWeights, require_weights
from posebench.worker_client import WorkerClient, WorkerFailure

_SKIPPED = ("missing-extra", "no-weights", "no-boxes")


class RunObserver(Protocol):
    """Told what happens during a run; a progress display, or nothing."""

    def started(self, label: str, images: int) -> None:
        """A model begins."""
        ...

    def stage(self, label: str, stage: str) -> None:
        """A model enters a stage: ``load``, ``predict``, ``evaluate``, ``latency``."""
        ...

    def advanced(self, images: int) -> None:
        """Pictures were finished, or found finished by an earlier run."""
        ...

    def finished(self, record: Record, *, kept: bool) -> None:
        """A model is done. ``kept``: nothing had to be computed anew."""
        ...


class ModelRun:
    """One model of a run.

    Args:
        config: Of the run.
        request: The model.
        dataset: To be predicted.
        dataset_id: Its ``recording.scored_identity``.
        truth: Its annotations.
        observer: Told what happens.
    """

    def __init__(
        self,
        config: RunConfig,
        request: ModelRequest,
        dataset: Dataset,
        dataset_id: str,
        truth: GroundTruth,
        observer: RunObserver,
    ) -> None:
        self._config = config
        self._request = request
        self._dataset = dataset
        self._dataset_id = dataset_id
        self._truth = truth
        self._observer = observer
        self._weights: ResolvedWeights | None = None
        self._boxes: BoxSource | None = None
        self._loaded: LoadedModel | None = None
        self._notes = PassNotes()
        self._accuracy: dict[str, TaskAccuracy] = {}
        self._looked: BoxesInfo | None = None
        self._good: list[Record] = []
        self._foreign = False  # whether a newer posebench wrote into the folder

    def record(self) -> Record:
        """Run the model; a failure becomes a Record too. The Record is on disk when it returns.

        A failure never replaces a good record.
        """
        self._observer.started(self._request.label, len(self._dataset.image_ids))
        try:
            record, kept = self._measure()
        except WorkerFailure as error:
            record, kept = self._failed(error.failure), False
        except PosebenchError as error:
            record, kept = self._failed(failure_of(error)), False
        except OSError as error:
            failure = Failure(kind="error", message=f"{type(error).__name__}: {error}")
            record, kept = self._failed(failure), False
        if not kept:
            self._write(record)
        self._observer.finished(record, kept=kept)
        return record

    def _write(self, record: Record) -> None:
        folder = self._folder()
        name = store.record_name(record.latency_id)
        if record.status == "ok":
            store.remove_unresolved(folder)
            store.remove_records(folder, keep=[r for r in self._good if r.latency_id])
        elif self._good or self._foreign:
            return
        store.write_record(folder, record, name)

    def _measure(self) -> tuple[Record, bool]:
        self._observer.stage(self._request.label, "load")
        check_model(self._request, self._dataset)
        self._boxes = box_source(self._config, self._request, self._dataset, self._truth)
        self._weights = require_weights(self._request.card, self._request.weights)
        worker = WorkerClient(
            self._config.out / "logs" / f"{store.slug(self._request.label)}.log",
            interpreter=self._config.interpreter,
            environment={
                TRUST_VARIABLE: ",".join(self._config.trust_checkpoints),
                TRUST_CONFIGS_VARIABLE: ",".join(self._config.trust_configs),
                "OMP_NUM_THREADS": str(self._config.threads),  # what native models go by
            },
        )
        try:
            outcome = self._work(worker, self._weights)
        except BaseException:
            worker.kill()
            raise
        worker.close()
        return outcome

    def _work(self, worker: WorkerClient, weights: ResolvedWeights) -> tuple[Record, bool]:
        loaded = load_model(
            worker, self._request, weights, self._config, self._dataset, self._boxes
        )
        self._loaded = loaded
        with store.claimed(self._folder()):
            self._foreign = True
            self._good = store.good_records(self._folder(), loaded.accuracy_id(self._dataset_id))
            self._foreign = False
            earlier = self._earlier(loaded)
            if earlier is not None and self._is_complete(earlier, loaded):
                self._observer.advanced(len(self._dataset.image_ids))
                return earlier, True
            self._accuracy = self._take_up(earlier) if earlier else self._score(worker, loaded)
            self._looked = self._box_info(loaded)
            latency = self._time(worker, loaded) if self._config.latency.enabled else None
            return self._succeeded(loaded, latency), False

    def _earlier(self, loaded: LoadedModel) -> Record | None:
        """A good record of the same accuracy, best of the same latency too.

        One with unreadable pictures is measured anew: they may have been repaired.
        """
        usable = [r for r in self._good if r.dataset and not r.dataset.undecodable]
        wanted = loaded.latency_id(self._dataset_id, self._config)
        return min(usable, key=lambda record: record.latency_id != wanted, default=None)

    def _is_complete(self, earlier: Record, loaded: LoadedModel) -> bool:
        wanted = loaded.latency_id(self._dataset_id, self._config)
        return wanted is None or earlier.latency_id == wanted

    def _folder(self) -> Path:
        identity = self._loaded.accuracy_id(self._dataset_id) if self._loaded else None
        return store.run_folder(self._config.out, self._dataset.name, self._request.label, identity)

    def _take_up(self, earlier: Record) -> dict[str, TaskAccuracy]:
        """Go on from the predictions and the accuracy of an earlier run."""
        self._observer.advanced(len(self._dataset.image_ids))
        peak = earlier.measured.peak_memory_mb if earlier.measured else None
        self._notes = PassNotes(peak_memory_mb=peak)
        return earlier.accuracy

    def _score(self, worker: WorkerClient, loaded: LoadedModel) -> dict[str, TaskAccuracy]:
        if loaded.untrained:
            self._observer.advanced(len(self._dataset.image_ids))
            return {}
        folder = self._folder()
        self._observer.stage(self._request.label, "predict")
        self._notes = predict_dataset(
            worker,
            self._dataset,
            folder / "predictions",
            self._config.limits,
            self._observer.advanced,
        )
        self._observer.stage(self._request.label, "evaluate")
        accuracy = self._evaluate(loaded.protocol, folder)
        self._good = []  # what there was names other predictions
        return accuracy

    def _evaluate(self, protocol: EvalProtocol, folder: Path) -> dict[str, TaskAccuracy]:
        predictions = read_predictions(folder / "predictions")
        if protocol.pckh is not None:
            found, accuracy = evaluate_pckh(self._dataset, predictions, protocol.pckh)
            found.save(folder / "pckh.npz")
            return accuracy
        detections = to_detections(predictions, self._truth.image_ids)
        matches, accuracy = evaluate(self._truth, detections, protocol.evaluation)
        matches.save(folder / "matches.npz")
        return accuracy

    def _time(self, worker: WorkerClient, loaded: LoadedModel) -> Samples:
        self._observer.stage(self._request.label, "latency")
        latency = self._config.latency
        ids = list(self._dataset.image_ids)
        chosen = np.linspace(0, len(ids) - 1, min(latency.samples, len(ids))).round().astype(int)
        request = {
            "op": "time_round",
            "image_ids": [ids[i] for i in chosen],
            "paths": [str(self._dataset.image_path(ids[i]).absolute()) for i in chosen],
            "warmup": latency.warmup,
            "samples": latency.samples,
        }
        reply = worker.ask(request, silence_s=self._config.limits.silence_s)
        samples = Samples(reply["spans"], reply["people"])
        arrays = {f"{span}_ms": np.asarray(values) for span, values in samples.spans.items()}
        if samples.people is not None:
            arrays["people"] = np.asarray(samples.people)
        identity = loaded.latency_id(self._dataset_id, self._config)
        assert identity is not None, "only called when latency is measured"
        path = self._folder() / store.latency_name(identity)
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            np.savez(stream, **arrays)
        return samples

    def _succeeded(self, loaded: LoadedModel, latency: Samples | None) -> Record:
        threads = loaded.runtime.threads
        timed = cells(latency, config=self._config.latency, threads=threads) if latency else ()
        return self._base(
            status="ok",
            measured=Measured(**loaded.cost, peak_memory_mb=self._notes.peak_memory_mb),
            latency=timed,
            files=store.side_files(
                self._folder(), loaded.latency_id(self._dataset_id, self._config)
            ),
        )

    def _box_info(self, loaded: LoadedModel) -> BoxesInfo | None:
        """What the people's boxes were; their AP if the model was scored."""
        if self._boxes is None:
            return None
        folder = self._folder() / "predictions"
        looked_into = None if loaded.untrained else read_predictions(folder).boxes_looked_into()
        return boxes_info(self._boxes, loaded, looked_into, self._truth)

    def _failed(self, failure: Failure) -> Record:
        """What was finished before the failure is in it."""
        status = "skipped" if failure.kind in _SKIPPED else "error"
        return self._base(status=status, failure=failure)

    def _base(self, **fields: Any) -> Record:
        config, loaded = self._config, self._loaded
        known: dict[str, Any] = {
            "accuracy_id": None,
            "latency_id": None,
            "environment": environment.describe(),
            "protocol": None,
            "runtime": None,
        }
        if loaded is not None:
            known = {
                "accuracy_id": loaded.accuracy_id(self._dataset_id),
                "latency_id": loaded.latency_id(self._dataset_id, config),
                "environment": loaded.environment,
                "protocol": loaded.protocol,
                "runtime": loaded.runtime,
                "artifacts": loaded.artifacts,
            }
        return Record(
            created_at=datetime.now(timezone.utc),
            posebench_version=__version__,
            model=model_info(
                self._request,
                self._weights,
                loaded.cost["params"] if loaded else None,
                loaded.untrained if loaded else "",
            ),
            dataset=dataset_info(
                self._dataset, self._dataset_id, self._truth, self._notes.undecodable
            ),
            latency_protocol=config.latency if config.latency.enabled else None,
            accuracy=self._accuracy,
            boxes=self._looked,
            **known,
            **fields,
        )
