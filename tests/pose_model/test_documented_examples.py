"""The examples of the page that describes the interface, on pictures and weights of the test.

Only the name of the package differs from the page, and where pictures come from.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import supervision as sv
from PIL import Image
from pose_networks import TINY, make_model, random_picture
from rfdetr_pose import (
    COCO_KEYPOINT_NAMES,
    RFDETRPose,
    RFDETRPoseLarge,
    RFDETRPoseMedium,
    RFDETRPoseNano,
    RFDETRPoseSmall,
    draw_keypoints,
)

pytestmark = pytest.mark.framework


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """``path/to/pose_weights.pth`` below the working directory, of a small network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(RFDETRPose, "base_config", TINY)
    model = make_model()
    # Scores on both sides of the threshold that the examples have.
    model.network.detector.class_embed.bias.data.zero_()
    model.save("path/to/pose_weights.pth")
    for name in ("dog-2.jpeg", "dog-3.jpeg"):
        Image.fromarray(random_picture(96, 128, seed=len(name))).save(name)
    yield tmp_path


def test_choose_the_size_that_fits() -> None:
    sizes = [RFDETRPoseNano(), RFDETRPoseSmall(), RFDETRPoseMedium(), RFDETRPoseLarge()]
    assert [model.config.resolution for model in sizes] == [384, 512, 576, 768]


def test_run_on_an_image(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[npt.NDArray[np.uint8]] = []
    monkeypatch.setattr(sv, "plot_image", shown.append)
    model = RFDETRPose(pretrain_weights="path/to/pose_weights.pth")

    image = Image.open(io.BytesIO(Path("dog-2.jpeg").read_bytes()))

    detections = model.predict(image, threshold=0.5)

    # Access keypoints from detections
    keypoints = detections.data.get("keypoints")  # [N, K, 3] where K=num_keypoints

    # Annotate image with boxes
    annotated_image = image.copy()
    annotated_image = sv.BoxAnnotator().annotate(annotated_image, detections)

    # Draw keypoints manually
    if keypoints is not None:
        annotated_image = draw_keypoints(annotated_image, keypoints)

    sv.plot_image(annotated_image)

    assert len(detections) > 0
    assert keypoints.shape == (len(detections), 17, 3)
    assert shown[0].shape == (96, 128, 3)
    boxes_only = np.array(sv.BoxAnnotator().annotate(image.copy(), detections))
    assert (shown[0] != boxes_only).any()


def test_run_on_a_video_file(trained: Path) -> None:
    source, target = trained / "in.mp4", trained / "out.mp4"
    writer = cv2.VideoWriter(str(source), cv2.VideoWriter.fourcc(*"mp4v"), 10, (128, 96))
    for number in range(3):
        writer.write(random_picture(96, 128, seed=number))
    writer.release()
    seen = []

    model = RFDETRPose(pretrain_weights="path/to/pose_weights.pth")

    def callback(frame: Any, index: int) -> Any:
        detections = model.predict(frame[:, :, ::-1], threshold=0.5)
        keypoints = detections.data.get("keypoints")

        annotated_frame = frame.copy()
        annotated_frame = sv.BoxAnnotator().annotate(annotated_frame, detections)

        # Draw keypoints on frame
        if keypoints is not None:
            annotated_frame = draw_keypoints(annotated_frame, keypoints)

        seen.append((index, len(detections), bool((annotated_frame != frame).any())))
        return annotated_frame

    sv.process_video(source_path=str(source), target_path=str(target), callback=callback)

    assert [index for index, _, _ in seen] == [0, 1, 2]
    assert all(count > 0 and drawn for _, count, drawn in seen)
    info = sv.VideoInfo.from_video_path(str(target))
    assert (info.width, info.height, info.total_frames) == (128, 96, 3)


class Webcam:
    """Two frames, then the plug is pulled."""

    def __init__(self, index: int) -> None:
        self.left = 2

    def read(self) -> tuple[bool, npt.NDArray[np.uint8] | None]:
        self.left -= 1
        return (True, random_picture(96, 128)) if self.left >= 0 else (False, None)

    def release(self) -> None:
        pass


@pytest.mark.parametrize(("key", "frames"), [(-1, 2), (ord("q"), 1)])
def test_run_on_a_webcam_stream(
    trained: Path, monkeypatch: pytest.MonkeyPatch, key: int, frames: int
) -> None:
    shown: list[npt.NDArray[np.uint8]] = []
    monkeypatch.setattr(cv2, "VideoCapture", Webcam)
    monkeypatch.setattr(cv2, "imshow", lambda _, frame: shown.append(frame))
    monkeypatch.setattr(cv2, "waitKey", lambda _: key)
    monkeypatch.setattr(cv2, "destroyAllWindows", lambda: None)
    model = RFDETRPose(pretrain_weights="path/to/pose_weights.pth")

    cap = cv2.VideoCapture(0)
    while True:
        success, frame = cap.read()
        if not success:
            break

        detections = model.predict(frame[:, :, ::-1], threshold=0.5)
        keypoints = detections.data.get("keypoints")

        annotated_frame = frame.copy()
        annotated_frame = sv.BoxAnnotator().annotate(annotated_frame, detections)

        if keypoints is not None:
            annotated_frame = draw_keypoints(annotated_frame, keypoints)

        cv2.imshow("Webcam", annotated_frame)

        if cv2.waitKey(1) & 0xFF == ord("q"):
            break

    cap.release()
    cv2.destroyAllWindows()

    assert len(shown) == frames
    assert (shown[0] != random_picture(96, 128)).any()


def test_keypoint_output_format(trained: Path) -> None:
    model = RFDETRPose(pretrain_weights="path/to/pose_weights.pth")
    detections = model.predict("dog-2.jpeg")

    keypoints = detections.data["keypoints"]  # [N, K, 3] - (x, y, visibility)
    confidence = detections.data["keypoints_confidence"]  # [N, K] - raw scores 0.0-1.0

    assert keypoints.shape == (len(detections), 17, 3)
    assert confidence.shape == (len(detections), 17)
    assert set(np.unique(keypoints[..., 2])) <= {0, 2}
    assert COCO_KEYPOINT_NAMES[:3] == ("nose", "left_eye", "right_eye")


def test_custom_keypoint_configurations() -> None:
    # Custom configuration for hand keypoints (21 keypoints)
    model = RFDETRPose(
        num_keypoints=21,
        keypoint_names=[
            "wrist",
            *("thumb_cmc", "thumb_mcp", "thumb_ip", "thumb_tip"),
            *("index_mcp", "index_pip", "index_dip", "index_tip"),
            *("middle_mcp", "middle_pip", "middle_dip", "middle_tip"),
            *("ring_mcp", "ring_pip", "ring_dip", "ring_tip"),
            *("pinky_mcp", "pinky_pip", "pinky_dip", "pinky_tip"),
        ],
        skeleton=[
            *([0, 1], [1, 2], [2, 3], [3, 4]),  # thumb
            *([0, 5], [5, 6], [6, 7], [7, 8]),  # index
        ],
        pretrain_weights=None,  # Train from scratch for custom keypoints
    )
    picture = random_picture(96, 128)
    detections = model.predict(picture, threshold=0.0)
    assert detections.data["keypoints"].shape == (300, 21, 3)
    assert model.keypoints.names[20] == "pinky_tip"
    assert model.keypoints.skeleton[-1] == (7, 8)
    drawing = draw_keypoints(
        picture, detections.data["keypoints"][:1], skeleton=model.keypoints.skeleton
    )
    assert drawing.shape == picture.shape


def test_batch_inference(trained: Path) -> None:
    model = RFDETRPose(pretrain_weights="path/to/pose_weights.pth")

    paths = ["dog-2.jpeg", "dog-3.jpeg"]

    images = [Image.open(io.BytesIO(Path(path).read_bytes())) for path in paths]

    detections_list = model.predict(images, threshold=0.5)

    assert len(detections_list) == 2
    for image, detections in zip(images, detections_list, strict=True):
        keypoints = detections.data.get("keypoints")
        assert keypoints.shape == (len(detections), 17, 3)
        np.testing.assert_allclose(
            detections.xyxy, model.predict(image, threshold=0.5).xyxy, atol=1e-2
        )
