"""A model as a user meets it: construct, predict, train, export."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar, overload

import supervision as sv
import torch

from rfdetr_pose.checkpoint import is_safetensors, load_network, read_config, save_checkpoint
from rfdetr_pose.config import MEDIUM, ModelConfig
from rfdetr_pose.errors import CheckpointError
from rfdetr_pose.inputs import ImageInput
from rfdetr_pose.keypoints import KeypointSchema, keypoint_schema
from rfdetr_pose.network import PoseNetwork
from rfdetr_pose.prediction import predict_images
from rfdetr_pose.pretrained import CHECKPOINTS, fetch, load_detection_state, read_detection_state

DETECTION: Final = "detection"
"""Start from the published detection checkpoint of the size."""

_LOG = logging.getLogger("rfdetr_pose")
_MODEL = TypeVar("_MODEL", bound="PoseModel")
_CHUNK = 8  # images that go through the network together


class PoseModel:
    """A pose model of one size; use one of its subclasses.

    Args:
        pretrain_weights: ``"detection"``: the published detection checkpoint of this size,
            fetched when it is first needed, and a random keypoint head, which has to be trained.
            A path: a pose checkpoint (safetensors) or a detection checkpoint (of PyTorch).
            None: random weights.
        num_keypoints: K; 17 if nothing is said of the keypoints.
        keypoint_names: K names.
        skeleton: Zero-based pairs of keypoints joined by a limb.
        sigmas: K tolerances of the OKS; COCO's, or 0.05 for other keypoints.
        flip_pairs: Zero-based pairs that a mirror exchanges; read from ``left``/``right`` in the
            names if left out.
        class_names: Of the objects that have these keypoints.
        device: Where it runs; the first GPU if there is one.

    Raises:
        ValueError: What is said of the keypoints contradicts itself.
        CheckpointError: A path does not lead to a checkpoint of this size and these keypoints.
    """

    base_config: ClassVar[ModelConfig] = MEDIUM

    def __init__(
        self,
        pretrain_weights: str | Path | None = DETECTION,
        *,
        num_keypoints: int | None = None,
        keypoint_names: Sequence[str] | None = None,
        skeleton: Sequence[Sequence[int]] | None = None,
        sigmas: Sequence[float] | None = None,
        flip_pairs: Sequence[Sequence[int]] | None = None,
        class_names: str | Sequence[str] | None = None,
        device: str | torch.device | None = None,
    ) -> None:
        described = (num_keypoints, keypoint_names, skeleton, sigmas, flip_pairs)
        schema = keypoint_schema(*described)
        fields = ("count", "names", "skeleton", "sigmas", "flip_pairs")
        classes = (class_names,) if isinstance(class_names, str) else tuple(class_names or ())
        classes = classes or ("person",)
        wanted = self.base_config.model_copy(update={"keypoints": schema, "class_names": classes})
        self._weights = pretrain_weights
        self.config = wanted
        path = self._pose_checkpoint()
        if path is not None:
            self.config = read_config(path)
            said = {f for f, part in zip(fields, described, strict=True) if part is not None}
            _check_same(path, self.config, wanted, keypoints=said, classes=bool(class_names))
        self._device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))

    @classmethod
    def from_config(cls: type[_MODEL], config: ModelConfig, device: str | None = None) -> _MODEL:
        """A model of any architecture, with random weights."""
        model = cls(None, device=device)
        model.config = config
        return model

    @classmethod
    def from_checkpoint(cls: type[_MODEL], path: str | Path, device: str | None = None) -> _MODEL:
        """The model of any size that a pose checkpoint describes.

        Raises:
            CheckpointError: It is not a pose checkpoint.
        """
        model = cls.from_config(read_config(Path(path)), device)
        model._weights = path
        return model

    @cached_property
    def network(self) -> PoseNetwork:
        """The network, built and filled on first use.

        Raises:
            CheckpointError: Its weights cannot be fetched or loaded.
        """
        network: PoseNetwork = self._build().to(self._device).eval()
        return network

    @property
    def keypoints(self) -> KeypointSchema:
        """Names, limbs, tolerances and flip pairs of the K keypoints."""
        return self.config.keypoints

    @overload
    def predict(self, images: ImageInput, threshold: float = ...) -> sv.Detections: ...
    @overload
    def predict(
        self, images: Sequence[ImageInput], threshold: float = ...
    ) -> list[sv.Detections]: ...
    def predict(
        self, images: ImageInput | Sequence[ImageInput], threshold: float = 0.5
    ) -> sv.Detections | list[sv.Detections]:
        """Find objects and their keypoints.

        Args:
            images: Path, PIL image or (H, W, 3) uint8 RGB array, or a list of them.
            threshold: Least score of an object.

        Returns:
            ``supervision.Detections``, a list for a list, best first, in pixels of the image.
            ``data["keypoints"]`` is (N, K, 3) float32 x, y, visibility 0 or 2;
            ``data["keypoints_confidence"]`` (N, K) float32 0..1.

        Raises:
            ValueError: An image cannot be read.
        """
        if not isinstance(images, (list, tuple)):
            return predict_images(self.network, [images], threshold)[0]
        found: list[sv.Detections] = []
        for first in range(0, len(images), _CHUNK):
            found += predict_images(self.network, images[first : first + _CHUNK], threshold)
        return found

    def train(
        self,
        dataset_dir: str | Path | Sequence[str | Path],
        epochs: int = 50,
        batch_size: int = 4,
        *,
        validation_dir: str | Path | None = None,
        **options: Any,
    ) -> Any:
        """Train on a COCO-keypoint or YOLO-pose folder, and keep the best weights.

        Args:
            dataset_dir: Folder, or several that are put together.
            epochs: Times that every picture is seen.
            batch_size: Pictures a process and step.
            validation_dir: Folder that AP is computed on, instead of ``dataset_dir``'s own
                validation part.
            **options: Fields of :class:`rfdetr_pose.training.options.TrainOptions`.

        Returns:
            A :class:`rfdetr_pose.training.fit.TrainResult`.

        Raises:
            DatasetError: The data cannot be trained on.
            CheckpointError: What is to be resumed is damaged or of another model.
            pydantic.ValidationError: An option is unknown or out of range.
        """
        from rfdetr_pose.training.fit import fit
        from rfdetr_pose.training.options import TrainOptions

        chosen = TrainOptions(epochs=epochs, batch_size=batch_size, **options)
        given = [dataset_dir] if isinstance(dataset_dir, (str, Path)) else dataset_dir
        folders = [Path(folder) for folder in given]
        held_out = Path(validation_dir) if validation_dir is not None else None
        torch.manual_seed(chosen.seed)  # a network that is built now draws its first weights
        try:
            return fit(self.network, folders, chosen, held_out)
        finally:
            self.network.to(self._device).eval()

    def export(
        self,
        format: str = "onnx",
        path: str | Path | None = None,
        *,
        dynamic_batch: bool = False,
        half: bool = False,
    ) -> Path:
        """Write the network for another runtime.

        Args:
            format: ``"onnx"``.
            path: Of the file; ``rfdetr-pose-SIZE.onnx`` in the current folder if left out.
            dynamic_batch: Let the batch be of any size instead of 1.
            half: FP16 inside, FP32 coordinates, inputs and outputs.

        Returns:
            The file. Its input ``images`` is (B, 3, S, S) normalised RGB; its outputs ``boxes``
            (B, Q, 4), ``scores`` (B, Q, classes), ``keypoints`` (B, Q, K, 2) and
            ``keypoint_confidences`` (B, Q, K) are in pixels of that input and 0..1.

        Raises:
            ValueError: Another format.
            OSError: The file cannot be written.
        """
        from rfdetr_pose.export import export_onnx

        if format != "onnx":
            raise ValueError(f"format must be 'onnx', not {format!r}.")
        target = Path(path or f"rfdetr-pose-{self.config.size}.onnx")
        return export_onnx(self.network, target, dynamic_batch=dynamic_batch, half=half)

    def save(self, path: str | Path) -> Path:
        """Write a pose checkpoint: safetensors with the configuration inside.

        Raises:
            OSError: It cannot be written.
        """
        save_checkpoint(self.network, Path(path))
        return Path(path)

    def _build(self) -> PoseNetwork:
        path = self._pose_checkpoint()
        if path is not None:
            return load_network(path)
        network = PoseNetwork(self.config)
        if self._weights is None:
            return network
        published = self._weights == DETECTION
        source = fetch(self.config.size) if published else Path(self._weights)
        report = load_detection_state(network, read_detection_state(source))
        _LOG.warning("%s: the keypoint head is random and has to be trained.", source)
        if report.added_layers:
            _LOG.warning("%s: %s", source, CHECKPOINTS[self.config.size].note)
        return network

    def _pose_checkpoint(self) -> Path | None:
        """The pose checkpoint to load, if it is one."""
        if self._weights is None or self._weights == DETECTION:
            return None
        path = Path(self._weights)
        if not path.is_file():
            raise CheckpointError(f"{path}: no such checkpoint.")
        return path if path.suffix == ".safetensors" or is_safetensors(path) else None


def _check_same(
    path: Path, found: ModelConfig, wanted: ModelConfig, *, keypoints: set[str], classes: bool
) -> None:
    """Refuse a checkpoint that is not what the constructor was asked for.

    Args:
        path: Of the checkpoint, for the message.
        found: What the checkpoint describes.
        wanted: What was asked for.
        keypoints: Attributes of the keypoint schema that the user spoke of.
        classes: Whether the user spoke of the classes.
    """
    compared = set(ModelConfig.model_fields) - {"keypoints", "class_names"}
    compared |= {"class_names"} if classes else set()
    different = sorted(name for name in compared if getattr(found, name) != getattr(wanted, name))
    different += sorted(
        f"keypoints.{name}"
        for name in keypoints
        if getattr(found.keypoints, name) != getattr(wanted.keypoints, name)
    )
    if different:
        raise CheckpointError(
            f"{path}: a checkpoint of size {found.size!r} with {found.keypoints.count} keypoints; "
            f"it differs in {', '.join(different)}. PoseModel.from_checkpoint(path) loads any."
        )
