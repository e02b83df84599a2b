"""From options and a ``run.toml`` to what will be done, before anything is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from posebench.box_source import DETECTOR, TOP_DOWN, kind_of, recommended_boxes
from posebench.checkpoints import trusted_configs
from posebench.config import RunConfig, describe_validation, read_toml, resolve_protocol
from posebench.datasets.loading import open_dataset
from posebench.errors import InputError
from posebench.pckh_run import check_wishes
from posebench.protocols import Dataset
from posebench.registry import ModelRequest, select
from posebench.weights import natural_runtime, weights_path


@dataclass(frozen=True)
class Plan:
    """What a run will do."""

    config: RunConfig
    models: Sequence[ModelRequest]
    dataset: Dataset

    def describe(self) -> str:
        """The plan in a few lines, one a model."""
        config = self.config
        lines = [
            f"dataset  {self.dataset.name}: {len(self.dataset.image_ids)} pictures, "
            f"{self.dataset.skeleton.name}",
            f"device   {config.device}, {config.precision}, {config.threads} thread(s)",
            f"out      {config.out}",
            *(f"note     {note}" for note in self.dataset.notes),
        ]
        for request in self.models:
            runtime = config.runtime or natural_runtime(request.weights)
            lines.append(f"model    {request.label} on {runtime}: {_weights_line(request)}")
            if request.card.paradigm == TOP_DOWN:
                boxes = config.boxes or recommended_boxes(request.card)
                lines.append(f"boxes    {boxes or 'none were asked for, will be skipped'}")
        return "\n".join(lines)


def _weights_line(request: ModelRequest) -> str:
    if request.weights is not None:
        return f"weights {request.weights}"
    if not request.card.weights:
        return "no published weights, will be skipped"
    weights = request.card.weights[0]
    if weights.packaged:
        return "weights installed with posebench"
    path = weights_path(request.card, weights)
    return f"weights {path}" if path.exists() else f"weights to be fetched from {weights.url}"


def plan(config_file: Path | None, options: Mapping[str, Any], *, download: bool) -> Plan:
    """Resolve everything that can be resolved without loading a model.

    Args:
        config_file: TOML with the fields of RunConfig, or None.
        options: The same fields, nested; None means "not given". They win over the file.
        download: Whether a known dataset may be fetched.

    Raises:
        InputError: A field, a model, a dataset or an annotation is wrong.
    """
    written = {} if config_file is None else read_toml(config_file)
    document = _merge(_without_replaced(written, options), options)
    try:
        config = RunConfig.model_validate(document)
    except ValidationError as error:
        raise InputError(f"run configuration: {describe_validation(error)}.") from error
    protocol = resolve_protocol(config.protocol)
    with trusted_configs(config.trust_configs):  # read here to know the model, then by the worker
        asked = select(config.models)
    models = [r for r in asked if r.by_name or r.card.paradigm != DETECTOR]
    if config.boxes and any(request.card.paradigm == TOP_DOWN for request in models):
        kind_of(config.boxes)
    if not models:
        raise InputError(
            f"{', '.join(config.models)}: only person detectors, which predict no keypoints.",
            remedy="Give one to a top-down model with --boxes.",
        )
    dataset = open_dataset(config.dataset, sigmas=protocol.evaluation.sigmas, download=download)
    check_wishes(config, dataset)
    return Plan(config, models, dataset)


def _without_replaced(document: dict[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """A dataset named by an option replaces the files of the configuration, not their name."""
    wished = options.get("dataset", {})
    if wished.get("name") is None or wished.get("annotations") is not None:
        return document
    dataset = {k: v for k, v in document.get("dataset", {}).items() if k == "limit"}
    return {**document, "dataset": dataset}


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``over`` on top of ``base``; mappings are merged, None leaves what is there."""
    merged = dict(base)
    for key, value in over.items():
        if isinstance(value, Mapping):
            inner = merged.get(key, {})
            mixed = _merge(inner if isinstance(inner, Mapping) else {}, value)
            if mixed:
                merged[key] = mixed
        elif value is not None:
            merged[key] = value
    return merged
