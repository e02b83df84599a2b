"""A network trained on photographs sees the rendered people, and sees worse pictures worse."""

from __future__ import annotations

from pathlib import Path

import pytest
from recognition import Dataset, blurred, figure, halved, rendered, run
from support import require

SIZE = 30
# Six standard errors or so below what 500 pictures of other seeds give: see docs/synthetic.md.
FLOORS = {"easy": 65.0, "default": 50.0}

pytestmark = [pytest.mark.data, pytest.mark.framework]


@pytest.mark.parametrize("split", sorted(FLOORS))
def test_yolov8n_pose(split: str, yolov8n_onnx: Path, own_cache: Path, tmp_path: Path) -> None:
    require("onnxruntime")

    def ap(dataset: Dataset) -> float:
        return figure(run(f"onnx:{yolov8n_onnx}", "fp32", dataset, tmp_path / "runs"), "AP")

    dataset = rendered(split, 0, SIZE)
    whole = ap(dataset)
    assert whole > FLOORS[split]
    soft, coarse = (ap(dataset.copy(tmp_path, change)) for change in (blurred, halved))
    assert whole > soft
    assert whole > coarse
