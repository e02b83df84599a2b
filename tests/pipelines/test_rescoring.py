from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support import require_mmpose

from posebench.config import Preprocess, TopDown
from posebench.datasets.skeletons import COCO17
from posebench.errors import InputError
from posebench.pipelines.crops import padded_areas, plan_crops
from posebench.pipelines.oks_nms import oks_nms
from posebench.pipelines.rescoring import rescore

MODES = {"box": "bbox", "box-keypoint": "bbox_keypoint", "keypoint": "keypoint"}


@pytest.mark.mmpose
@pytest.mark.framework
@pytest.mark.parametrize("mode", sorted(MODES))
def test_people_are_scored_and_suppressed_as_by_the_metric_of_mmpose(
    mode: str, tmp_path: Path
) -> None:
    """Scores, areas and NMS together: the results file that CocoMetric writes."""
    require_mmpose()
    from mmpose.evaluation.metrics import CocoMetric

    random = np.random.default_rng(3)
    count = 40
    corners = random.uniform(0, 200, (count, 2))
    boxes = np.concatenate([corners, corners + random.uniform(80, 300, (count, 2))], axis=1)
    crops = plan_crops(
        boxes.astype(np.float32), Preprocess(input_height=256, input_width=192), TopDown()
    )
    # Four people, each found ten times over.
    people = random.uniform(0, 400, (4, 17, 2))[np.arange(count) % 4]
    keypoints = (people + random.normal(size=people.shape) * 6).astype(np.float32)
    scores = random.uniform(-0.05, 1, (count, 17)).astype(np.float32)
    scores[5:8] = 0.1
    scores[8:12] = 0.2  # as float32 just above the threshold
    box_scores = random.uniform(0, 1, count).astype(np.float32)
    samples = [
        {
            "id": row,
            "img_id": 7,
            "ori_shape": (480, 640),
            "raw_ann_info": None,
            "pred_instances": {
                "keypoints": keypoints[row : row + 1],
                "keypoint_scores": scores[row : row + 1],
                "bbox_scores": box_scores[row : row + 1],
            },
            "gt_instances": {"bbox_scales": crops.sizes[row : row + 1]},
        }
        for row in range(count)
    ]
    metric = CocoMetric(
        format_only=True, outfile_prefix=str(tmp_path / "out"), score_mode=MODES[mode]
    )
    metric.dataset_meta = {
        "dataset_name": "coco",
        "CLASSES": [{"id": 1, "name": "person"}],
        "num_keypoints": 17,
        "sigmas": np.array(COCO17.sigmas, np.float32),
    }
    metric.process([], samples)
    metric.compute_metrics(metric.results)
    expected = json.loads((tmp_path / "out.keypoints.json").read_text())

    ranks = rescore(box_scores, scores, mode, 0.2)
    kept = oks_nms(keypoints, ranks, padded_areas(crops), COCO17.sigmas, 0.9)
    assert len(kept) < count
    assert len(kept) == len(expected)
    for row, result in zip(kept, expected, strict=True):
        np.testing.assert_array_equal(
            np.reshape(result["keypoints"], (17, 3))[:, :2], keypoints[row].astype(np.float64)
        )
        assert ranks[row] == np.float32(result["score"])


def test_a_person_without_a_keypoint_above_the_threshold_scores_nothing() -> None:
    scores = rescore(np.ones(1, np.float32), np.full((1, 17), 0.2, np.float32), "box-keypoint", 0.3)
    np.testing.assert_array_equal(scores, [0])


@pytest.mark.parametrize("mode", sorted(MODES))
def test_nobody_has_no_score(mode: str) -> None:
    none = rescore(np.zeros(0, np.float32), np.zeros((0, 17), np.float32), mode, 0.2)
    assert none.shape == (0,)
    assert none.dtype == np.float32


def test_what_heat_maps_do_not_give_is_refused() -> None:
    with pytest.raises(InputError, match="uncertainty-fused"):
        rescore(np.ones(1, np.float32), np.ones((1, 17), np.float32), "uncertainty-fused", 0.2)
