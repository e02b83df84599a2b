"""Golden files: `POSEBENCH_UPDATE_GOLDEN=1 pytest tests/report` writes them anew."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from records import make_failure, make_model, make_record

from posebench.record import Estimate, Record

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compare a text with the golden file of that name."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if os.environ.get("POSEBENCH_UPDATE_GOLDEN") == "1":
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return compare


@pytest.fixture
def records() -> list[Record]:
    """Two good runs, one with gaps, one that crashed and one that never began."""
    gaps = make_record("mine=best.onnx", ap=0.31)
    keypoints = gaps.accuracy["keypoints"]
    no_large = Estimate(value=None, reason="no large person in the annotations")
    figures = {**keypoints.figures, "APl": no_large}
    return [
        make_record("yolov8n-pose", ap=0.497, end_to_end_ms=62.4),
        make_record("yolov8m-pose", ap=0.641, end_to_end_ms=355.0),
        make_record(
            "mine=best.onnx",
            ap=0.31,
            model=make_model("mine=best.onnx", checkpoint_generation=None),
            accuracy={"keypoints": keypoints.model_copy(update={"figures": figures})},
            latency=(),
        ),
        make_failure("rfdetr-pose-m"),
        make_failure("yolo26n-pose", early=True),
    ]
