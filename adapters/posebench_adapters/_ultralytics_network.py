"""Loading Ultralytics networks: offline, without installing anything, and without running pickles.

Ultralytics checkpoints are pickled modules. They are read with ``torch.load(weights_only=True)``
and Ultralytics' list of known classes (its "safe load"); a file that needs more is refused unless
the user trusts its very bytes.
"""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rfdetr_pose.torchvision_import import import_torchvision

from posebench.artifacts.exported import format_of
from posebench.cache import cache_dir, file_sha256
from posebench.checkpoints import is_trusted
from posebench.errors import MissingExtraError, WeightsError
from posebench.pipelines.yolo_pose import Head
from posebench.types import ModelCard

_RUNNABLE = ("onnx", "openvino", "torchscript")


def import_ultralytics() -> Any:
    """The package, told to stay offline, install nothing and load checkpoints safely.

    Raises:
        MissingExtraError: It, torch or torchvision is not installed.
        WeightsError: This version cannot load checkpoints safely.
    """
    settings = cache_dir("ultralytics")
    settings.mkdir(parents=True, exist_ok=True)
    os.environ.update(
        ULTRALYTICS_SAFE_LOAD="true",
        YOLO_AUTOINSTALL="false",
        YOLO_OFFLINE="true",
        YOLO_VERBOSE="false",
        # Its settings file would otherwise land in the user's home.
        YOLO_CONFIG_DIR=str(settings),
    )
    try:
        import_torchvision()
        import ultralytics
        from ultralytics.nn import tasks
    except ImportError as error:
        raise MissingExtraError(
            f"Ultralytics cannot be imported: {error}.", extra="ultralytics"
        ) from error
    import torch

    safe = hasattr(tasks, "SAFE_LOAD")
    if not safe or not hasattr(torch.serialization, "get_unsafe_globals_in_checkpoint"):
        raise WeightsError(
            f"ultralytics {ultralytics.__version__} with torch {torch.__version__} cannot load "
            "checkpoints without running them.",
            remedy="Install torch 2.6 and ultralytics 8.4.190 or newer.",
        )
    # Set as well where Ultralytics was imported before posebench could set the environment.
    tasks.SAFE_LOAD = True
    return ultralytics


def load_yolo(card: ModelCard, weights: Path) -> Any:
    """Ultralytics' ``YOLO`` around any weights that it takes.

    Args:
        card: Names the architecture that a bare ``.safetensors`` state dict belongs to.
        weights: ``.pt``, ``.yaml``, ``.safetensors``, ``.onnx``, ``.torchscript``, an OpenVINO
            folder, or any other format that Ultralytics runs, if it is trusted.

    Raises:
        WeightsError: Missing, damaged, of another task, or refused.
        MissingExtraError: Ultralytics is not installed.
    """
    ultralytics = import_ultralytics()
    if not weights.exists():
        raise WeightsError(f"{weights}: no such file.")
    kind = format_of(weights)
    if kind == "torch":
        yolo = _load_checkpoint(ultralytics, weights)
    elif kind == "safetensors":
        yolo = _load_state_dict(ultralytics, card, weights)
    elif kind == "yaml":
        yolo = _build(ultralytics, str(weights))
    elif kind in _RUNNABLE or is_trusted(weights):
        path = weights.parent if weights.suffix == ".xml" else weights
        yolo = ultralytics.YOLO(_openvino_name(path) if kind == "openvino" else path, task="pose")
    else:
        raise WeightsError(
            f"{weights}: {kind} files can run code when they are loaded.",
            remedy=_how_to_trust(weights),
        )
    if yolo.task != "pose":
        raise WeightsError(f"{weights}: its task is {yolo.task!r}, not pose.")
    return yolo


def is_network(yolo: Any) -> bool:
    """Whether it is a torch network (and not an exported file), so that it can be exported."""
    return not isinstance(yolo.model, (str, Path))


def head_of(yolo: Any, *, one_to_one: bool) -> Head:
    """The head of a torch network.

    Args:
        yolo: With a torch network.
        one_to_one: Read the head that gives each person once, if the network has one.
    """
    head = yolo.model.model[-1]
    num_keypoints, dims = head.kpt_shape
    selected = one_to_one and has_one_to_one(yolo)
    return Head("yolo-pose-nms" if selected else "yolo-pose", num_keypoints, dims, head.nc)


def has_one_to_one(yolo: Any) -> bool:
    """Whether the network has a head that needs no NMS (YOLO26)."""
    return getattr(yolo.model.model[-1], "one2one_cv2", None) is not None


def _load_checkpoint(ultralytics: Any, weights: Path) -> Any:
    trusted = is_trusted(weights)
    try:
        with _loading(safely=not trusted):
            return ultralytics.YOLO(weights.resolve())
    except (
        TypeError,
        RuntimeError,
        ModuleNotFoundError,
        AttributeError,
        LookupError,
        ValueError,
        EOFError,
        pickle.UnpicklingError,
    ) as error:
        refused = not trusted and isinstance(error.__cause__, pickle.UnpicklingError)
        what = "cannot be loaded without running code from it" if refused else "cannot be loaded"
        raise WeightsError(
            f"{weights}: the checkpoint {what} ({_first_line(error)}).",
            remedy=_how_to_trust(weights) if refused else "",
        ) from error


def _how_to_trust(weights: Path) -> str:
    return f"If you trust it, pass --trust-checkpoint sha256:{file_sha256(weights)}"


@contextmanager
def _loading(*, safely: bool) -> Iterator[None]:
    from ultralytics.nn import tasks

    before = tasks.SAFE_LOAD
    tasks.SAFE_LOAD = safely
    try:
        yield
    finally:
        tasks.SAFE_LOAD = before


def _load_state_dict(ultralytics: Any, card: ModelCard, weights: Path) -> Any:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError as error:
        raise MissingExtraError("safetensors is not installed.", extra="ultralytics") from error
    yolo = _build(ultralytics, f"{card.name}.yaml")
    try:
        yolo.model.load_state_dict(load_file(weights), strict=True)
    except (SafetensorError, RuntimeError) as error:
        raise WeightsError(
            f"{weights}: not a state dict of {card.name} ({_reason(error)}).",
            remedy="Name the model that the weights belong to, or give a .pt checkpoint.",
        ) from error
    if yolo.model.model[-1].nc == 1:
        yolo.model.names = {0: "person"}
    return yolo


def _build(ultralytics: Any, description: str) -> Any:
    """A network from its description. Untrained weights are the same every time."""
    import torch

    torch.manual_seed(0)
    yolo = ultralytics.YOLO(description)
    yolo.model.eval()
    return yolo


def _openvino_name(folder: Path) -> Path:
    """Ultralytics recognises an OpenVINO folder by its name, whatever is in it."""
    if folder.name.endswith("_openvino_model"):
        return folder
    place = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    alias = cache_dir("ultralytics", "openvino", place) / f"{folder.name}_openvino_model"
    alias.parent.mkdir(parents=True, exist_ok=True)
    if not alias.is_symlink():
        alias.symlink_to(folder.resolve(), target_is_directory=True)
    return alias


def _reason(error: BaseException) -> str:
    """The message without line breaks, at most a few lines of it."""
    return " ".join(str(error).split())[:300]


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
