"""From heat maps to ranked people and figures, against the benchmark's own code and mmpose's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rdpose.coco_results import CocoTruth, coco_rows
from rdpose.config import ModelConfig
from rdpose.data import coco
from rdpose.data.batches import CropSet, collate_crops
from rdpose.data.crop import Float32Array, Region, crop_matrix
from rdpose.data.crop import to_picture as back_to_picture
from rdpose.data.samples import Person
from rdpose.decoding import average_flipped, decode
from rdpose.errors import DatasetError, RDPoseError
from rdpose.images import normalise
from rdpose.inference import Found, check_inference, find_all, flip_tested
from rdpose.joints import COCO17
from rdpose.network import PoseNetwork
from rdpose.pckh import MpiiTruth, load_truth, pckh, predictions
from rdpose.ranking import oks_nms, rescore
from rdpose_runs import TINY, variant_of
from scipy.io import loadmat
from support import read_rgb, require_oracle

from posebench.config import Preprocess, TopDown
from posebench.pipelines import flip_test, heatmaps, rescoring
from posebench.pipelines import oks_nms as suppression
from posebench.pipelines.crops import Crops, crop_people, to_picture

pytestmark = pytest.mark.framework
TOP_DOWN = TopDown(warp="classic", decode="quarter-shift", shift_flipped=True)
IMAGENET: dict[str, Any] = {
    "scale": 1 / 255,
    "mean": (0.485, 0.456, 0.406),
    "std": (0.229, 0.224, 0.225),
}
SIGMAS = COCO17.sigmas or ()
SEEDS = st.integers(0, 2**32 - 1)


def random_maps(seed: int) -> Float32Array:
    """With equal maxima, maxima at borders, and maps that are nowhere positive."""
    rng = np.random.default_rng(seed)
    maps: Float32Array = np.round(rng.standard_normal((3, 17, 8, 6)), 1).astype(np.float32)
    maps[0, 0] = -1
    return maps


# --- One person ---------------------------------------------------------------------------------


@given(seed=SEEDS)
def test_joints_are_decoded_as_in_the_benchmark(seed: int) -> None:
    maps = random_maps(seed)
    preprocess = Preprocess(input_height=32, input_width=24)
    points, scores = decode(maps, (32, 24))
    expected, expected_scores = heatmaps.decode_heatmaps(maps, preprocess, TOP_DOWN)
    np.testing.assert_array_equal(points, expected)
    np.testing.assert_array_equal(scores, expected_scores)


@given(seed=SEEDS)
def test_mirror_images_are_averaged_as_in_the_benchmark(seed: int) -> None:
    maps, flipped = random_maps(seed), random_maps(seed + 1)
    found = average_flipped(maps, flipped, COCO17.flip_pairs)
    expected = flip_test.average_flipped(maps, flipped, COCO17.flip_pairs, TOP_DOWN)
    np.testing.assert_array_equal(found, expected)


def test_a_crop_is_normalised_as_in_the_benchmark(coco_mini: Path) -> None:
    config = ModelConfig()
    person = coco.read_people(coco_mini / "person_keypoints.json", coco_mini / "images", config)[3]
    batch = collate_crops([CropSet([person], config)[0]])
    crops = Crops(
        person.region.center[None],
        person.region.size[None],
        crop_matrix(person.region, config.input_size)[None],
        (192, 256),
    )
    preprocess = Preprocess(**IMAGENET, pad_value=0, input_height=256, input_width=192)
    expected = crop_people(read_rgb(person.image), crops, preprocess)
    np.testing.assert_allclose(normalise(batch.images).numpy(), expected, atol=2e-6)
    points = np.random.default_rng(0).uniform(0, 192, (1, 17, 2)).astype(np.float32)
    back = to_picture(points, crops)
    there = back_to_picture(points[0], person.region, config.input_size)
    np.testing.assert_allclose(there, back[0], rtol=1e-6)


def test_the_flip_test_sees_the_mirrored_crop() -> None:
    """A network that answers with its picture: the mirrored answer returns, a cell to the right."""
    torch.manual_seed(0)
    network = PoseNetwork(variant_of(TINY, "bare")).eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        straight, flipped = network(images).numpy(), network(images.flip(-1)).numpy()
        found = flip_tested(network, images, "plain")
    expected = flip_test.average_flipped(straight, flipped, COCO17.flip_pairs, TOP_DOWN)
    np.testing.assert_allclose(found, expected, atol=1e-7)


def test_both_ways_of_inference_find_every_person_once(coco_mini: Path) -> None:
    torch.manual_seed(0)
    network = PoseNetwork(TINY)
    people = coco.read_people(coco_mini / "person_keypoints.json", coco_mini / "images", TINY)[:5]
    crops = CropSet(people, TINY)
    batches = [collate_crops([crops[i] for i in part]) for part in ((0, 1), (2, 3), (4,))]
    for mode in ("plain", "fdm"):
        found = find_all(network, batches, people, mode, torch.device("cpu"))
        assert [person.index for person in found] == [0, 1, 2, 3, 4]
        for person in found:
            region = people[person.index].region
            low, high = region.center - region.size / 2, region.center + region.size / 2
            inside = (person.joints >= low - region.size / 16) & (person.joints <= high)
            assert inside.all() and person.scores.shape == (17,)


def test_a_bare_network_cannot_decouple() -> None:
    check_inference(TINY, "fdm")
    check_inference(variant_of(TINY, "bare"), "plain")
    with pytest.raises(RDPoseError, match="bare has no feature decoupling"):
        check_inference(variant_of(TINY, "bare"), "fdm")


# --- Several people -----------------------------------------------------------------------------


@given(seed=SEEDS)
def test_people_are_rescored_as_in_the_benchmark(seed: int) -> None:
    rng = np.random.default_rng(seed)
    boxes = rng.random(6).astype(np.float32)
    joints = np.round(rng.uniform(-0.2, 1, (6, 17)), 1).astype(np.float32)
    joints[0] = 0.1  # none above the threshold
    found = rescore(boxes, joints)
    np.testing.assert_array_equal(found, rescoring.rescore(boxes, joints, "box-keypoint", 0.2))
    assert found[0] == 0


@given(seed=SEEDS, spread=st.sampled_from([0.5, 3.0, 20.0]))
def test_people_found_twice_are_dropped_as_in_the_benchmark(seed: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    pose = rng.uniform(0, 200, (3, 17, 2))
    joints = pose[rng.integers(0, 3, 12)] + rng.normal(0, spread, (12, 17, 2))
    scores, areas = np.round(rng.random(12), 1), rng.uniform(5e3, 5e4, 12)
    kept = oks_nms(joints, scores, areas, SIGMAS)
    expected = suppression.oks_nms(joints, scores, areas, SIGMAS, 0.9)
    np.testing.assert_array_equal(kept, expected)


def people_of(rows: list[dict[str, Any]]) -> tuple[list[Found], list[Person]]:
    """Predictions of a results file, as if a network had found them in their own extent."""
    found, people = [], []
    for index, row in enumerate(rows):
        points = np.array(row["keypoints"], np.float32).reshape(17, 3)
        extent = np.ptp(points[:, :2], axis=0) + 1
        region = Region(points[:, :2].mean(axis=0), extent)
        empty = np.zeros((0, 2), np.float32)
        image, visible = Path(f"{row['image_id']}.jpg"), np.zeros(17, np.bool_)
        people.append(
            Person(image, row["image_id"], region, points[:, :2], visible, empty, row["score"])
        )
        found.append(Found(index, points[:, :2], points[:, 2]))
    return found, people


def test_real_predictions_score_what_pycocotools_says(coco_mini: Path) -> None:
    """Those of YOLOv8n-pose, ranked anew and without doubles; the order they come in is no
    matter."""
    require_oracle("pycocotools")
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    annotations = coco_mini / "person_keypoints.json"
    found, people = people_of(json.loads((coco_mini / "yolov8n-pose.predictions.json").read_text()))
    rows = coco_rows(found[::-1], people, SIGMAS)
    assert 0 < len(rows) < len(found)
    truth = COCO(annotations)
    evaluator = COCOeval(truth, truth.loadRes(json.loads(json.dumps(rows))), "keypoints")
    evaluator.evaluate()
    evaluator.accumulate()
    evaluator.summarize()
    figures = CocoTruth(annotations, SIGMAS).figures(rows)
    assert list(figures.values()) == evaluator.stats.tolist()
    assert figures["AP"] > 0.4
    assert CocoTruth(annotations, SIGMAS).figures([])["AP"] == 0


# --- MPII ---------------------------------------------------------------------------------------


def test_pckh_of_published_predictions(data: Path) -> None:
    """The figures of the data's README: HRNet's and mmpose's definition, computed elsewhere."""
    file = data / "mpii" / "mpii-val-third.mat"
    joints = loadmat(file)["pos_pred_src"].transpose(2, 0, 1)
    figures = pckh(joints, load_truth(file))
    expected = {
        "PCKh": 82.0243,
        "Head": 95.2917,
        "Shoulder": 92.7654,
        "Elbow": 83.5959,
        "Wrist": 76.6253,
        "Hip": 81.0779,
        "Knee": 72.6748,
        "Ankle": 64.9055,
        "PCKh@0.1": 28.2063,
    }
    assert figures == pytest.approx(expected, abs=5e-5)


def test_predictions_count_from_one_in_the_order_of_the_people() -> None:
    joints = np.arange(64, dtype=np.float32).reshape(2, 16, 2)
    found = [Found(1, joints[1], joints[1, :, 0]), Found(0, joints[0], joints[0, :, 0])]
    np.testing.assert_array_equal(predictions(found), joints + 1)


def test_perfect_predictions_and_joints_that_nobody_has(data: Path) -> None:
    truth = load_truth(data / "mpii" / "mpii-val-third.mat")
    assert pckh(truth.joints, truth)["PCKh"] == 100
    nowhere = MpiiTruth(truth.joints, truth.visible & (np.arange(16) != 9), truth.head_sizes)
    figures = pckh(truth.joints, nowhere)
    assert np.isnan(figures["Head"]) and figures["PCKh"] == 100


def test_a_truth_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"gt_valid\.mat: no such file\. MPII"):
        load_truth(tmp_path / "gt_valid.mat")
    (tmp_path / "gt_valid.mat").write_text("no MATLAB")
    with pytest.raises(DatasetError, match=r"gt_valid\.mat: not MPII's ground truth"):
        load_truth(tmp_path / "gt_valid.mat")
