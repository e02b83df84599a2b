"""Loading a model in its worker, and what its results are found by."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from posebench.box_source import DETECTOR, BoxSource
from posebench.config import EvalProtocol, RunConfig, SessionOptions, accuracy_id, latency_id
from posebench.errors import InputError
from posebench.pckh_run import check_keypoints, is_scored_by_pckh, with_pckh
from posebench.protocols import Dataset
from posebench.record import ArtifactInfo, Environment, Runtime
from posebench.registry import ModelRequest
from posebench.weights import ResolvedWeights, natural_runtime
from posebench.worker_client import WorkerClient

NATIVE_PACKAGES = ("torch", "torchvision", "mmpose", "mmcv", "mmcv-lite")
"""Packages that can move the figures of a model that is run natively."""
DETECTOR_RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "openvino")


@dataclass(frozen=True)
class LoadedModel:
    """What the worker says of the model that it loaded.

    Attributes:
        artifacts: The files it runs from.
        protocol: As resolved for these weights.
        runtime: In what it really runs.
        environment: Of the worker.
        num_keypoints: K of the loaded weights.
        decode_version: Of the adapter.
        cost: Parameters and GFLOPs as counted.
        untrained: Why its accuracy would say nothing, or ``""``.
        session: How the runtime was set up.
    """

    artifacts: tuple[ArtifactInfo, ...]
    protocol: EvalProtocol
    runtime: Runtime
    environment: Environment
    num_keypoints: int
    decode_version: int
    cost: dict[str, Any]
    untrained: str
    session: SessionOptions = field(default_factory=SessionOptions)

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
            untrained=reply["untrained"],
        )

    def accuracy_id(self, dataset_id: str) -> str:
        """Identity of the model's accuracy on a dataset."""
        return accuracy_id(
            artifact_sha256=tuple(artifact.sha256 for artifact in self.artifacts),
            dataset_id=dataset_id,
            protocol=self.protocol,
            runtime=self.runtime.name,
            precision=self.runtime.precision,
            device_kind=self.runtime.device.partition(":")[0],
            decode_version=self.decode_version,
            versions={**self._versions(), **self._options()},
        )

    def _versions(self) -> dict[str, str]:
        """Of the runtime and of the packages beside it that can move a figure."""
        native: tuple[str, ...] = NATIVE_PACKAGES if self.runtime.name == "native" else ()
        if native and any(a.role.startswith(DETECTOR) for a in self.artifacts):
            native += DETECTOR_RUNTIMES
        moving = ("opencv-python", "opencv-python-headless", *native)
        packages = {p: v for p, v in self.environment.packages.items() if p in moving}
        return {self.runtime.name: self.runtime.version, **packages}

    def _options(self) -> dict[str, str]:
        """Of the runtime, if they are not the defaults: they choose kernels, which round anew."""
        chosen = self.session.model_dump(mode="json", exclude_defaults=True)
        return {f"session.{name}": str(value) for name, value in chosen.items()}

    def latency_id(self, dataset_id: str, config: RunConfig) -> str | None:
        """Identity of the model's latency on this machine; None if none is measured."""
        if not config.latency.enabled:
            return None
        return latency_id(
            self.accuracy_id(dataset_id),
            machine=self.environment.fingerprint,
            threads=self.runtime.threads,
            config=config.latency,
        )


def load_model(
    worker: WorkerClient,
    request: ModelRequest,
    weights: ResolvedWeights,
    config: RunConfig,
    dataset: Dataset,
    boxes: BoxSource | None = None,
) -> LoadedModel:
    """Load a model in its worker and check that the run can use it.

    Args:
        worker: In which it is loaded.
        request: The model.
        weights: Of the model.
        config: Of the run.
        dataset: To be predicted.
        boxes: Where a top-down model gets its boxes from.

    Raises:
        WorkerFailure: It could not be loaded.
        InputError: It does not run where the run wants it, or has other keypoints.
    """
    overrides = config.model_dump(mode="json")["protocol"]
    if is_scored_by_pckh(dataset):
        overrides = with_pckh(overrides)
    with tempfile.TemporaryDirectory() as folder:  # holds the boxes until they are read
        reply = worker.ask(
            {
                "op": "load",
                "reference": request.reference,
                "weights": str(weights.path.absolute()),
                "overrides": boxes.overrides(overrides) if boxes else overrides,
                "box_source": boxes.request(Path(folder)) if boxes else None,
                "runtime": config.runtime or natural_runtime(weights.path),
                "precision": config.precision,
                "device": config.device,
                "threads": config.threads,
                "session": config.session.model_dump(mode="json"),
            },
            silence_s=config.limits.load_s,
        )
    loaded = replace(LoadedModel.from_reply(reply), session=config.session)
    if boxes and boxes.file:
        loaded = replace(loaded, artifacts=(*loaded.artifacts, boxes.file))
    _check_runtime(request, loaded, config)
    _check_skeleton(request, loaded, dataset)
    return loaded


def _check_runtime(request: ModelRequest, loaded: LoadedModel, config: RunConfig) -> None:
    if config.runtime is not None and loaded.runtime.name != config.runtime:
        raise InputError(
            f"{request.label} has nothing that {config.runtime} could run.",
            remedy="Use --runtime native.",
        )
    if loaded.runtime.name != "native":
        return
    if config.device != "cpu" or config.precision != "fp32":
        raise InputError(
            f"{request.label} runs natively, and native models run on the CPU in fp32 only.",
            remedy="Use --device cpu --precision fp32, or a runtime that it can be exported to.",
        )
    if config.session != SessionOptions():
        raise InputError(
            f"{request.label} runs natively, and [session] sets up other runtimes.",
            remedy="Leave [session] out, or use a runtime that it can be exported to.",
        )
    own = [a for a in loaded.artifacts if not a.role.startswith(DETECTOR)]
    if {artifact.format for artifact in own} & {"onnx", "openvino"}:
        # Threads and precision would be the framework's own, and unknown.
        raise InputError(
            f"{request.label} is an exported file, which is not run natively.",
            remedy="Use --runtime onnxruntime or openvino.",
        )


def _check_skeleton(request: ModelRequest, loaded: LoadedModel, dataset: Dataset) -> None:
    if request.card.paradigm == DETECTOR:
        raise InputError(
            f"{request.label} finds people but no keypoints.",
            remedy=f"Use it for a top-down model: --boxes {request.label}.",
        )
    if loaded.protocol.pckh is not None:
        check_keypoints(request, loaded.num_keypoints, loaded.protocol.pckh, dataset)
        return
    expected = len(dataset.skeleton.keypoints)
    if loaded.num_keypoints != expected:
        raise InputError(
            f"{request.label} predicts {loaded.num_keypoints} keypoints, the dataset "
            f"{dataset.name} has {expected}.",
            remedy="Use weights trained for the dataset's skeleton.",
        )
