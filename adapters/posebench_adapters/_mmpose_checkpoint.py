"""mmpose's networks: built from a configuration, filled from a checkpoint, fetching nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from posebench_adapters._mmpose_config import pinned_metainfo
from posebench_adapters._mmpose_import import EXTRA, import_mmpose, quiet

from posebench.cache import file_sha256
from posebench.checkpoints import is_trusted
from posebench.errors import InputError, MissingExtraError, WeightsError

_SHOWN = 3
_STATISTICS = ("min", "max", "current", "mean")


class _History:
    """Stands in for mmengine's record of the losses, which is not needed."""

    current = max = mean = min = None

    def __setstate__(self, state: object) -> None: ...


def _statistic(owner: type, name: str) -> None:
    """Stands in for the ``getattr`` by which that record names its own methods."""
    if owner is not _History or name not in _STATISTICS:
        raise ValueError(f"getattr({owner!r}, {name!r}) is not part of a checkpoint")


def build(config: Any, weights: Path | None) -> Any:
    """A network with the weights of a checkpoint, in eval mode.

    Args:
        config: mmengine's ``Config``; it is not changed.
        weights: ``.pth`` or ``.safetensors``; None leaves the initial weights.

    Returns:
        The torch module that mmpose builds.

    Raises:
        InputError: mmpose cannot build what the configuration describes.
        WeightsError: The checkpoint cannot be loaded, or belongs to another configuration.
        MissingExtraError: mmpose is not installed.
    """
    import_mmpose()
    description = _offline(config.model.to_dict())
    try:
        with quiet():
            network = import_module("mmpose.models.builder").build_pose_estimator(description)
            network = import_module("mmengine.model").revert_sync_batchnorm(network)
    except (KeyError, TypeError, ValueError, AssertionError, ImportError) as error:
        raise InputError(f"{config.filename}: mmpose cannot build it: {error}.") from error
    if weights is not None:
        _fill(network, load_state(weights), weights, Path(str(config.filename)).stem)
    return network.eval()


def load_state(weights: Path) -> dict[str, Any]:
    """The tensors of a checkpoint by name, without running code from it.

    Averaged weights need no care: mmengine's hook saves them as the ``state_dict``, and the others
    as ``ema_state_dict``.

    Args:
        weights: ``.pth`` or ``.safetensors``.

    Raises:
        WeightsError: It is missing, damaged, holds no weights, or needs code that is not trusted.
        MissingExtraError: A package that reads it is not installed.
    """
    if not weights.is_file():
        raise WeightsError(f"{weights}: no such checkpoint.")
    read = _read_safetensors if weights.suffix == ".safetensors" else _read_pickle
    document = read(weights)
    state = document.get("state_dict", document) if isinstance(document, Mapping) else None
    if not isinstance(state, Mapping) or not state or not _all_tensors(state):
        raise WeightsError(
            f"{weights}: holds no weights of a network.",
            remedy="Give a checkpoint of mmpose 1.x, or a .safetensors state dict.",
        )
    return {name.removeprefix("module."): value for name, value in state.items()}


def _read_safetensors(weights: Path) -> Any:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError as error:
        raise MissingExtraError("safetensors is not installed.", extra=EXTRA) from error
    try:
        return load_file(weights)
    except SafetensorError as error:
        raise WeightsError(f"{weights}: not a readable checkpoint: {error}.") from error


def _read_pickle(weights: Path) -> Any:
    import pickle

    import torch

    trusted = is_trusted(weights)
    try:
        with torch.serialization.safe_globals(_harmless()), quiet():
            return torch.load(weights, map_location="cpu", weights_only=not trusted)
    except Exception as error:  # a damaged pickle raises almost anything
        refused = isinstance(error, pickle.UnpicklingError) and "GLOBAL" in str(error)
        reason = _reason(error)
        raise WeightsError(
            f"{weights}: the checkpoint cannot be loaded without running code from it ({reason})."
            if refused
            else f"{weights}: not a readable checkpoint: {reason}.",
            remedy=f"If you trust it, pass --trust-checkpoint sha256:{file_sha256(weights)}"
            if refused
            else "",
        ) from error


def _reason(error: Exception) -> str:
    """What torch says, without its advice to trust the file."""
    wanted = re.search(r"GLOBAL ([\w.]+)", str(error))
    first = (str(error).strip().splitlines() or [repr(error)])[0]
    return f"it needs {wanted[1]}" if wanted else first.rstrip(". ")


def _harmless() -> list[Callable[..., Any] | tuple[Callable[..., Any], str]]:
    """What OpenMMLab's checkpoints hold beside tensors: numpy values and the record of losses."""
    multiarray = np.ones(0).__reduce__()[0].__module__
    module = import_module(multiarray)
    packages = ("numpy.core.multiarray", "numpy._core.multiarray")
    makers = [
        (getattr(module, n), f"{p}.{n}") for p in packages for n in ("_reconstruct", "scalar")
    ]
    kinds = {type(np.dtype(code)) for code in "?bBhHiIlLqQefd"} | {type(np.dtype("U1"))}
    return [
        *makers,
        np.ndarray,
        np.dtype,
        *kinds,
        (_History, "mmengine.logging.history_buffer.HistoryBuffer"),
        (_statistic, "builtins.getattr"),
    ]


def _all_tensors(state: Mapping[Any, Any]) -> bool:
    import torch

    return all(isinstance(k, str) and isinstance(v, torch.Tensor) for k, v in state.items())


def _offline(description: Any) -> Any:
    """A configuration that neither fetches weights nor runs files of the working directory."""
    if isinstance(description, dict):
        kept = {key: _offline(value) for key, value in description.items() if key != "init_cfg"}
        if isinstance(kept.get("metainfo"), str):
            kept["metainfo"] = pinned_metainfo(kept["metainfo"])
        return kept
    if isinstance(description, (list, tuple)):
        return type(description)(_offline(value) for value in description)
    return description


def _fill(network: Any, state: Mapping[str, Any], weights: Path, config: str) -> None:
    known = network.state_dict()
    faults = {
        "lacks": [name for name in known if name not in state and not _is_counter(name)],
        "also has": [name for name in state if name not in known],
        "has of another shape": [
            f"{name} {tuple(state[name].shape)} for {tuple(value.shape)}"
            for name, value in known.items()
            if name in state and state[name].shape != value.shape
        ],
    }
    wrong = [f"it {what} {_few(names)}" for what, names in faults.items() if names]
    if wrong:
        raise WeightsError(
            f"{weights}: a checkpoint of another configuration than {config}: {'; '.join(wrong)}.",
            remedy="Name the model or the configuration that it was trained with.",
        )
    network.load_state_dict(state, strict=False)


def _is_counter(name: str) -> bool:
    """Batches seen in training, which older checkpoints do not have."""
    return name.endswith("num_batches_tracked")


def _few(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
