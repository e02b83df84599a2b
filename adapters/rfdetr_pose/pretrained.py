"""RF-DETR's published detection checkpoints as the start of pose networks."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pooch
import torch
from platformdirs import user_cache_path
from requests import RequestException
from torch import Tensor, nn
from torch.nn import functional
from transformers.utils import logging as transformers_logging

from rfdetr_pose.config import DinoBackbone, ModelConfig
from rfdetr_pose.errors import CheckpointError
from rfdetr_pose.network import PoseNetwork, detector_config
from rfdetr_pose.upstream import RfDetrForObjectDetection

MIRROR_VARIABLE = "RFDETR_POSE_MIRROR"
CACHE_VARIABLE = "RFDETR_POSE_CACHE"

_BASE = "https://storage.googleapis.com/rfdetr/"
_ROWS = {"person": 1}  # of the published class heads, whose rows are COCO's category ids
_ROW_COUNT = 91
_CLASS_HEAD = re.compile(r"(^|\.)(class_embed|enc_out_class_embed\.\d+)\.(weight|bias)$")
_DECODER_LAYER = re.compile(r"^model\.decoder\.layers\.(\d+)\.")
_POSITIONS = "backbone.0.encoder.encoder.embeddings.position_embeddings"
_NOT_WEIGHTS = ("_kp_active_mask",)


@dataclass(frozen=True)
class DetectionCheckpoint:
    """A published checkpoint of the bare detector.

    Attributes:
        path: Below the publisher's base address.
        md5: Hex digest of the file, the only one that is published.
        note: What a user should know of it, or ``""``.
        decoder_layers: If it has fewer than the size.
    """

    path: str
    md5: str
    note: str = ""
    decoder_layers: int | None = None

    @property
    def url(self) -> str:
        """Where it is published."""
        return _BASE + self.path


CHECKPOINTS: Mapping[str, DetectionCheckpoint] = {
    "nano": DetectionCheckpoint(
        "nano_coco/checkpoint_best_regular.pth", "fb6504cce7fbdc783f7a46991f07639f"
    ),
    "small": DetectionCheckpoint(
        "small_coco/checkpoint_best_regular.pth", "fb37061c1af7bace359c91b723a8d5c1"
    ),
    "medium": DetectionCheckpoint(
        "medium_coco/checkpoint_best_regular.pth", "7223f764a87b863f02eb8d52bf0ce2ee"
    ),
    "large": DetectionCheckpoint(
        "rf-detr-large-2026.pth",
        "5cb72153541cbcb9aa6efa26222acc75",
        "No detection checkpoint of 768 px and 6 decoder layers is published. Large starts from "
        "the one of 704 px and 4 layers: its position embeddings are resized, and the two layers "
        "more start as identities.",
        decoder_layers=4,
    ),
}


@dataclass(frozen=True)
class LoadReport:
    """What of a network came from a detection checkpoint and what did not.

    Attributes:
        fresh: Names of parameters that keep their random values: the keypoint head, and rows of
            classes that the checkpoint does not know.
        resized: Names of parameters that were interpolated.
        added_layers: Decoder layers that the checkpoint does not have, which start as identities.
    """

    fresh: tuple[str, ...]
    resized: tuple[str, ...]
    added_layers: tuple[int, ...]


def fetch(size: str) -> Path:
    """The published detection checkpoint for a size, downloaded once.

    ``RFDETR_POSE_MIRROR`` replaces the publisher's base address, ``RFDETR_POSE_CACHE`` the folder.

    Raises:
        CheckpointError: None is published for the size, it cannot be fetched, or its checksum is
            wrong.
    """
    published = CHECKPOINTS.get(size)
    if published is None:
        raise CheckpointError(f"no detection checkpoint is published for the size {size!r}.")
    base = os.environ.get(MIRROR_VARIABLE, _BASE).rstrip("/")
    default = user_cache_path("rfdetr-pose", appauthor=False)
    folder = Path(os.environ.get(CACHE_VARIABLE, default)) / size
    url = f"{base}/{published.path}"
    try:
        found = pooch.retrieve(
            url, f"md5:{published.md5}", fname=Path(published.path).name, path=folder
        )
    except (RequestException, OSError) as error:
        raise CheckpointError(
            f"cannot fetch {url}: {error}. Fetch it by other means and pass its path as "
            "pretrain_weights, or pass None to start from random weights."
        ) from error
    except ValueError as error:
        raise CheckpointError(f"{url}: wrong checksum: {error}") from error
    return Path(found)


def read_detection_state(path: Path) -> dict[str, Tensor]:
    """The state dict of an RF-DETR detection checkpoint.

    Only tensors are unpickled, never code.

    Raises:
        CheckpointError: It cannot be read, or holds no state dict.
    """
    try:
        # Published checkpoints carry their training arguments as a Namespace.
        with torch.serialization.safe_globals([argparse.Namespace]):
            document = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle raises almost anything
        raise CheckpointError(f"{path}: not a readable checkpoint: {error}") from error
    state = document.get("model", document) if isinstance(document, Mapping) else None
    if not isinstance(state, Mapping) or "class_embed.weight" not in state:
        raise CheckpointError(f"{path}: holds no weights of an RF-DETR detector.")
    return {name: value for name, value in state.items() if name not in _NOT_WEIGHTS}


def load_detection_state(network: PoseNetwork, state: Mapping[str, Tensor]) -> LoadReport:
    """Initialise everything but the keypoint head from a detector's state dict.

    The rows of the class heads are chosen by name, so that ``person`` stays the person. The
    position embeddings are resized to the network's resolution, as the backbone itself would.
    Decoder layers beyond those of the size's published checkpoint may be missing and then start as
    identities: the network gives what the detector gives.

    Args:
        network: Filled in place.
        state: With the names that the rfdetr package uses.

    Raises:
        CheckpointError: Names or shapes do not fit the network.
    """
    config = network.config
    state, fresh_rows = _choose_classes(dict(state), config.class_names)
    state, resized = _resize_positions(state, config)
    with _quiet_transformers():
        try:
            detector, info = RfDetrForObjectDetection.from_pretrained(
                None,
                config=detector_config(config),
                state_dict=state,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
            )
        except (RuntimeError, ValueError) as error:
            raise CheckpointError(f"the detector's weights cannot be loaded: {error}") from error
    added = _added_layers(info["missing_keys"], config)
    in_added = tuple(f"model.decoder.layers.{layer}." for layer in added)
    missing = {name for name in info["missing_keys"] if not name.startswith(in_added or ("\0",))}
    wrong = sorted({*missing, *info["unexpected_keys"], *(k for k, *_ in info["mismatched_keys"])})
    if wrong:
        raise CheckpointError(
            f"the detector's weights do not fit the {config.size} network: {', '.join(wrong[:5])}"
            f"{' ...' if len(wrong) > 5 else ''}. Is it a checkpoint of another size?"
        )
    for layer in added:
        _make_identity(detector.model.decoder.layers[layer])
    network.detector.load_state_dict(detector.state_dict())
    head = tuple(f"keypoint_head.{name}" for name, _ in network.keypoint_head.named_parameters())
    return LoadReport((*head, *fresh_rows), resized, added)


def _choose_classes(
    state: dict[str, Tensor], class_names: tuple[str, ...]
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Class heads with one row for each of the network's classes; unknown ones get fresh rows."""
    # What the rows of another head mean, of a fine-tuned detector say, is not known.
    is_coco = len(state["class_embed.weight"]) == _ROW_COUNT
    rows = [_ROWS.get(name) if is_coco else None for name in class_names]
    for name in [name for name in state if _CLASS_HEAD.search(name)]:
        published = state[name]
        state[name] = torch.stack(
            [_fresh_row(published) if row is None else published[row] for row in rows]
        )
    unknown = [name for name, row in zip(class_names, rows, strict=True) if row is None]
    return state, tuple(f"class {name!r}" for name in unknown)


def _fresh_row(published: Tensor) -> Tensor:
    """Of a weight or bias: a score of 1 % everywhere, as detectors of this kind start."""
    if published.ndim == 1:
        return torch.tensor(-4.595, dtype=published.dtype)  # -log(99)
    return torch.randn_like(published[0]) * 0.02


def _resize_positions(
    state: dict[str, Tensor], config: ModelConfig
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    positions = state.get(_POSITIONS)
    if positions is None or not isinstance(config.backbone, DinoBackbone):
        raise CheckpointError(f"a checkpoint with a DINOv2 backbone does not fit {config.size}.")
    wanted = config.resolution // config.backbone.patch_size
    side = round((positions.shape[1] - 1) ** 0.5)
    if side == wanted:
        return state, ()
    grid = positions[:, 1:].reshape(1, side, side, -1).permute(0, 3, 1, 2)
    grid = functional.interpolate(grid, (wanted, wanted), mode="bicubic", antialias=True)
    patches = grid.permute(0, 2, 3, 1).flatten(1, 2)
    return {**state, _POSITIONS: torch.cat([positions[:, :1], patches], 1)}, (_POSITIONS,)


def _added_layers(missing: set[str], config: ModelConfig) -> tuple[int, ...]:
    """Decoder layers that are missing because the size's published checkpoint has fewer."""
    published = CHECKPOINTS.get(config.size)
    first = published.decoder_layers if published is not None else None
    added = range(first or config.decoder_layers, config.decoder_layers)
    layers = {int(found.group(1)) for name in missing if (found := _DECODER_LAYER.match(name))}
    return tuple(added) if layers == set(added) else ()


def _make_identity(layer: nn.Module) -> None:
    """Let a decoder layer add nothing to its residual stream.

    What is left of it is a normalisation, which the decoder's own last one absorbs.
    """
    for part in (layer.self_attn.o_proj, layer.cross_attn.output_proj, layer.mlp.fc2):
        nn.init.zeros_(part.weight)
        nn.init.zeros_(part.bias)
    for norm in (layer.self_attn_layer_norm, layer.cross_attn_layer_norm, layer.layer_norm):
        norm.reset_parameters()


@contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Its report of what was loaded would be printed; ours is returned."""
    before, bar = (
        transformers_logging.get_verbosity(),
        transformers_logging.is_progress_bar_enabled(),
    )
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(before)
        if bar:
            transformers_logging.enable_progress_bar()
