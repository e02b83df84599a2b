from __future__ import annotations

from pathlib import Path

import pytest
from commands import posebench
from stickworld import StickWorld, make_stickworld
from support import require


@pytest.fixture
def world(tmp_path: Path) -> StickWorld:
    return make_stickworld(tmp_path / "world")


def test_a_third_partys_model_passes(world: StickWorld) -> None:
    done = posebench("check", f"stick-figure={world.weights}", "--images", str(world.images))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 failed" in done.stderr


def test_a_model_that_breaks_the_contract_fails(world: StickWorld) -> None:
    done = posebench("check", f"stick-moody={world.weights}")
    assert done.returncode == 3
    assert "fail  deterministic" in done.stdout, done.stdout


@pytest.mark.data
@pytest.mark.framework
def test_the_real_yolov8n_passes_on_real_pictures(yolov8n_onnx: Path, coco_mini: Path) -> None:
    require("onnxruntime")
    done = posebench("check", f"yolov8n-pose={yolov8n_onnx}", "--images", str(coco_mini / "images"))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.data
@pytest.mark.framework
def test_rendered_people_stand_in_for_pictures(yolov8n_onnx: Path, own_cache: Path) -> None:
    require("onnxruntime")
    done = posebench("check", f"yolov8n-pose={yolov8n_onnx}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pass  finds people" in done.stdout
    assert not (own_cache / "datasets").exists()


@pytest.mark.framework
def test_the_embedded_model_keeps_the_contract() -> None:
    require("onnxruntime")
    done = posebench("check", "rfdetr-pose-demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pass  finds people" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stick-figur"], "Did you mean"),
        (["rfdetr-pose-m=nowhere.pth"], "do not exist"),
        (["stick-figure=WEIGHTS", "--images", "nowhere"], "nowhere: no picture"),
    ],
)
def test_what_cannot_be_checked_says_why(
    world: StickWorld, arguments: list[str], message: str
) -> None:
    done = posebench("check", *(a.replace("WEIGHTS", str(world.weights)) for a in arguments))
    assert done.returncode == 2
    assert message in done.stderr
