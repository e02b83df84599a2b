from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support import require

from posebench.pipelines.nms import nms

pytestmark = pytest.mark.framework


def test_box_nms_works_whichever_torchvision_is_installed() -> None:
    torch: Any = require("torch")
    require("ultralytics")
    from rfdetr_pose.torchvision_import import import_torchvision

    import_torchvision()
    import_torchvision()
    import torchvision

    random = np.random.default_rng(0)
    corners = random.uniform(0, 100, (500, 2))
    boxes = np.concatenate([corners, corners + random.uniform(1, 60, (500, 2))], axis=1)
    boxes, scores = boxes.astype(np.float32), random.permutation(500).astype(np.float32)
    kept = torchvision.ops.nms(torch.from_numpy(boxes), torch.from_numpy(scores), 0.5)
    np.testing.assert_array_equal(kept.numpy(), nms(boxes, scores, 0.5, max_detections=500))
