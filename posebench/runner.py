"""One run: every model in a worker of its own, every outcome a Record.

What was finished is never lost: predictions are kept shard by shard, records are written as soon
as a model is done, and a second run with the same ``out`` takes up where the first one stopped.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from posebench import __version__, environment, store
from posebench.cache import atomic_path, file_sha256
from posebench.checkpoints import TRUST_VARIABLE
from posebench.config import EvalProtocol, RunConfig, accuracy_id, latency_id
from posebench.errors import InputError, MissingExtraError, PosebenchError, WeightsError
from posebench.evaluation import evaluate
from posebench.latency.summary import cells
from posebench.predictions import read_predictions, to_detections
from posebench.protocols import Dataset
from posebench.record import (
    ArtifactInfo,
    ClaimInfo,
    DatasetInfo,
    Environment,
    Failure,
    Measured,
    ModelInfo,
    Record,
    Runtime,
    TaskAccuracy,
)
from posebench.registry import ModelRequest
from posebench.types import GroundTruth
from posebench.weights import ResolvedWeights, natural_runtime, resolve_weights
from posebench.worker_client import WorkerClient, WorkerFailure

SHARD_SIZE = 256
_SKIPPED = ("missing-extra", "no-weights")


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


@dataclass(frozen=True)
class LoadedModel:
    """What the worker says of the model that it loaded.

    Attributes:
        protocol: The protocol as resolved for these weights.
        num_keypoints: K of the loaded weights.
        decode_version: Of the adapter.
        cost: Parameters and GFLOPs as counted.
    """

    artifacts: tuple[ArtifactInfo, ...]
    protocol: EvalProtocol
    runtime: Runtime
    environment: Environment
    num_keypoints: int
    decode_version: int
    cost: dict[str, Any]

    @classmethod
    def from_reply(cls, reply: dict[str, Any]) -> LoadedModel:
        """From the worker's answer to ``load``."""
        return cls(
            artifacts=tuple(ArtifactInfo.model_validate(a) for a in reply["artifacts"]),
            protocol=EvalProtocol.model_validate(reply["protocol"]),
            runtime=Runtime.model_validate(reply["runtime"]),
            environment=Environment.model_validate(reply["environment"]),
            num_keypoints=reply["num_keypoints"],
            decode_version=reply["decode_version"],
            cost=reply["cost"],
        )


def run(
    config: RunConfig, models: Sequence[ModelRequest], dataset: Dataset, observer: RunObserver
) -> list[Record]:
    """Benchmark every model, one after another.

    Returns:
        One Record a model, in order. They are written below ``config.out`` as they are made.

    Raises:
        InputError: ``config.out`` cannot be written. Whatever goes wrong with a model is in its
            Record instead.
    """
    store.check_writable(config.out)
    truth = dataset.ground_truth()
    return [ModelRun(config, request, dataset, truth, observer).record() for request in models]


class ModelRun:
    """One model of a run, from its card to its Record."""

    def __init__(
        self,
        config: RunConfig,
        request: ModelRequest,
        dataset: Dataset,
        truth: GroundTruth,
        observer: RunObserver,
    ) -> None:
        self._config = config
        self._request = request
        self._dataset = dataset
        self._truth = truth
        self._observer = observer
        self._weights: ResolvedWeights | None = None
        self._loaded: LoadedModel | None = None
        self._undecodable: dict[str, str] = {}
        self._peak_memory_mb: float | None = None

    def record(self) -> Record:
        """Run the model; a failure becomes a Record too. The Record is on disk when it returns."""
        self._observer.started(self._request.label, len(self._dataset.image_ids))
        try:
            record, kept = self._measure()
        except WorkerFailure as error:
            record, kept = self._failed(error.failure), False
        except PosebenchError as error:
            record, kept = self._failed(_failure(error)), False
        if not kept:
            store.write_record(self._folder(), record)
        if record.status == "ok":
            store.remove_unresolved(self._folder())
        self._observer.finished(record, kept=kept)
        return record

    def _measure(self) -> tuple[Record, bool]:
        self._observer.stage(self._request.label, "load")
        self._weights = resolve_weights(self._request.card, self._request.weights)
        if self._weights is None:
            card = self._request.card
            raise WeightsError(
                f"no weights are published for {card.name}.",
                remedy=f"{card.note} Pass your own: {card.name}=path/to/weights.".lstrip(),
            )
        worker = WorkerClient(
            self._config.out / "logs" / f"{store.slug(self._request.label)}.log",
            interpreter=self._config.interpreter,
            environment={
                TRUST_VARIABLE: ",".join(self._config.trust_checkpoints),
                "OMP_NUM_THREADS": str(self._config.threads),  # what native models go by
            },
        )
        try:
            record = self._work(worker)
        except BaseException:
            worker.kill()
            raise
        worker.close()
        return record

    def _work(self, worker: WorkerClient) -> tuple[Record, bool]:
        self._loaded = self._load(worker)
        earlier = self._earlier()
        if earlier is not None and earlier.latency_id == self._latency_id():
            self._observer.advanced(len(self._dataset.image_ids))
            return earlier, True
        if earlier is not None and earlier.dataset is not None:
            self._observer.advanced(len(self._dataset.image_ids))
            self._undecodable = dict.fromkeys(earlier.dataset.undecodable, "")
            self._peak_memory_mb = earlier.measured.peak_memory_mb if earlier.measured else None
            accuracy = earlier.accuracy
        else:
            self._predict(worker)
            accuracy = self._evaluate()
        latency = self._time(worker) if self._config.latency.enabled else {}
        return self._succeeded(accuracy, latency), False

    def _load(self, worker: WorkerClient) -> LoadedModel:
        assert self._weights is not None
        request = {
            "op": "load",
            "reference": self._request.reference,
            "weights": str(self._weights.path.resolve()),
            "overrides": self._config.model_dump(mode="json")["protocol"],
            "runtime": self._config.runtime or natural_runtime(self._weights.path),
            "precision": self._config.precision,
            "device": self._config.device,
            "threads": self._config.threads,
        }
        loaded = LoadedModel.from_reply(worker.ask(request, silence_s=self._config.limits.load_s))
        asked = self._config.runtime
        if asked is not None and loaded.runtime.name != asked:
            raise InputError(
                f"{self._request.label} has nothing that {asked} could run.",
                remedy="Use --runtime native.",
            )
        if loaded.runtime.name == "native" and self._config.device != "cpu":
            raise InputError(
                f"{self._request.label} runs natively, and native models run on the CPU only.",
                remedy="Use --device cpu, or a runtime that the model can be exported to.",
            )
        expected = len(self._dataset.skeleton.keypoints)
        if loaded.num_keypoints != expected:
            raise InputError(
                f"{self._request.label} predicts {loaded.num_keypoints} keypoints, the dataset "
                f"{self._dataset.name} has {expected}.",
                remedy="Use weights trained for the dataset's skeleton.",
            )
        return loaded

    def _accuracy_id(self) -> str | None:
        if self._loaded is None:
            return None
        runtime = self._loaded.runtime
        return accuracy_id(
            artifact_sha256=tuple(artifact.sha256 for artifact in self._loaded.artifacts),
            dataset_id=self._dataset.identity(),
            protocol=self._loaded.protocol,
            runtime=runtime.name,
            runtime_version=runtime.version,
            precision=runtime.precision,
            device_kind=runtime.device.partition(":")[0],
            decode_version=self._loaded.decode_version,
        )

    def _latency_id(self) -> str | None:
        accuracy = self._accuracy_id()
        if accuracy is None or self._loaded is None or not self._config.latency.enabled:
            return None
        return latency_id(
            accuracy,
            machine=self._loaded.environment.fingerprint,
            threads=self._loaded.runtime.threads,
            config=self._config.latency,
        )

    def _folder(self) -> Path:
        return store.run_folder(
            self._config.out, self._dataset.name, self._request.label, self._accuracy_id()
        )

    def _earlier(self) -> Record | None:
        """A good record of the same accuracy from an earlier run, if its files are whole."""
        path = self._folder() / store.RECORD_NAME
        if not path.exists():
            return None
        record = store.read_record(path)
        if record.status != "ok" or record.accuracy_id != self._accuracy_id():
            return None
        return record if store.files_are_whole(path.parent, record) else None

    def _predict(self, worker: WorkerClient) -> None:
        self._observer.stage(self._request.label, "predict")
        ids = list(self._dataset.image_ids)
        for number, start in enumerate(range(0, len(ids), SHARD_SIZE)):
            self._predict_shard(worker, number, ids[start : start + SHARD_SIZE])
            self._check_undecodable()

    def _predict_shard(self, worker: WorkerClient, number: int, image_ids: list[int]) -> None:
        shard = self._folder() / "predictions" / f"shard-{number:05d}.npz"
        seal = shard.with_suffix(".json")
        done = _sealed(shard, seal)
        if done is None:
            request = {
                "op": "predict",
                "image_ids": image_ids,
                "paths": [str(self._dataset.image_path(i).resolve()) for i in image_ids],
                "shard": str(shard.resolve()),
            }
            silence_s = self._config.limits.silence_s
            done = worker.ask(request, silence_s=silence_s, progress=self._observer.advanced)
            with atomic_path(seal) as temporary:
                temporary.write_text(json.dumps({**done, "sha256": file_sha256(shard)}))
        else:
            self._observer.advanced(len(image_ids))
        self._undecodable.update(done["undecodable"])
        self._peak_memory_mb = max(self._peak_memory_mb or 0.0, done["peak_memory_mb"])

    def _check_undecodable(self) -> None:
        share = len(self._undecodable) / len(self._dataset.image_ids)
        if share > self._config.limits.undecodable_share:
            shown = "; ".join(list(self._undecodable.values())[:5])
            raise WorkerFailure(
                Failure(
                    kind="undecodable-images",
                    message=f"{len(self._undecodable)} pictures ({share:.1%}) cannot be read, more "
                    f"than {self._config.limits.undecodable_share:.1%}: {shown}",
                    remedy="Repair the pictures, or raise limits.undecodable_share.",
                )
            )

    def _evaluate(self) -> dict[str, TaskAccuracy]:
        assert self._loaded is not None
        self._observer.stage(self._request.label, "evaluate")
        predictions = read_predictions(self._folder() / "predictions")
        detections = to_detections(predictions, self._truth.image_ids)
        matches, accuracy = evaluate(self._truth, detections, self._loaded.protocol.evaluation)
        matches.save(self._folder() / "matches.npz")
        return accuracy

    def _time(self, worker: WorkerClient) -> dict[str, list[float]]:
        self._observer.stage(self._request.label, "latency")
        latency = self._config.latency
        ids = list(self._dataset.image_ids)
        chosen = np.linspace(0, len(ids) - 1, min(latency.samples, len(ids))).round().astype(int)
        request = {
            "op": "time_round",
            "paths": [str(self._dataset.image_path(ids[i]).resolve()) for i in chosen],
            "warmup": latency.warmup,
            "samples": latency.samples,
        }
        reply = worker.ask(request, silence_s=self._config.limits.load_s)
        samples: dict[str, list[float]] = reply["samples"]
        arrays = {f"{span}_ms": np.asarray(values) for span, values in samples.items()}
        path = self._folder() / "latency.npz"
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            np.savez(stream, **arrays)
        return samples

    def _succeeded(
        self, accuracy: dict[str, TaskAccuracy], latency: dict[str, list[float]]
    ) -> Record:
        assert self._loaded is not None
        measured = Measured(**self._loaded.cost, peak_memory_mb=self._peak_memory_mb)
        make_cells = partial(cells, config=self._config.latency)
        return self._base(
            status="ok",
            measured=measured,
            accuracy=accuracy,
            latency=make_cells(latency, threads=self._loaded.runtime.threads),
            files=store.side_files(self._folder()),
        )

    def _failed(self, failure: Failure) -> Record:
        status = "skipped" if failure.kind in _SKIPPED else "error"
        return self._base(status=status, failure=failure)

    def _base(self, **fields: Any) -> Record:
        loaded = self._loaded
        return Record(
            accuracy_id=self._accuracy_id(),
            latency_id=self._latency_id(),
            created_at=datetime.now(timezone.utc),
            posebench_version=__version__,
            model=_model_info(self._request, self._weights),
            dataset=self._dataset_info(),
            protocol=loaded.protocol if loaded else None,
            latency_protocol=self._config.latency if self._config.latency.enabled else None,
            runtime=loaded.runtime if loaded else None,
            environment=loaded.environment if loaded else environment.describe(),
            artifacts=loaded.artifacts if loaded else (),
            **fields,
        )

    def _dataset_info(self) -> DatasetInfo:
        counted = ~self._truth.is_crowd & (self._truth.num_keypoints > 0)
        return DatasetInfo(
            name=self._dataset.name,
            identity=self._dataset.identity(),
            images=len(self._dataset.image_ids),
            people=int(counted.sum()),
            area=self._truth.area_source,
            skeleton=self._dataset.skeleton.name,
            undecodable=tuple(self._undecodable),
        )


def _sealed(shard: Path, seal: Path) -> dict[str, Any] | None:
    """What an earlier run noted of a shard, if the shard is still as it was."""
    if not shard.exists() or not seal.exists():
        return None
    noted: dict[str, Any] = json.loads(seal.read_text())
    return noted if noted["sha256"] == file_sha256(shard) else None


def _failure(error: PosebenchError) -> Failure:
    kind = "bad-input"
    if isinstance(error, WeightsError):
        kind = "no-weights"
    elif isinstance(error, MissingExtraError):
        kind = "missing-extra"
    message = BaseException.__str__(error)
    return Failure.model_validate({"kind": kind, "message": message, "remedy": error.remedy})


def _model_info(request: ModelRequest, weights: ResolvedWeights | None) -> ModelInfo:
    card = request.card
    published = weights.published if weights else None
    own = request.weights is not None and published is None
    return ModelInfo(
        name=card.name,
        label=request.label,
        family=card.family,
        paradigm=card.paradigm,
        skeleton=card.skeleton,
        licence=card.licence,
        weights_licence=published.licence if published else None,
        training_data=() if own else card.training_data,
        checkpoint_generation=published.generation if published else None,
        claims=tuple(ClaimInfo(**asdict(claim)) for claim in card.claims),
        note=card.note,
    )
