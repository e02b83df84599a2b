from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from mpii_folder import sample, truth_of, write_folder, write_mat
from support import require_mmpose

from posebench.config import DatasetRef, Preprocess, TopDown
from posebench.datasets.box_files import ground_truth_boxes
from posebench.datasets.loading import open_dataset
from posebench.datasets.mpii import MpiiDataset
from posebench.datasets.mpii_mapping import MAPPED, coco17_to_mpii16
from posebench.datasets.mpii_mat import read_predictions, read_truth
from posebench.datasets.skeletons import COCO17, MPII16
from posebench.errors import InputError, MissingExtraError
from posebench.pipelines.crops import plan_crops
from posebench.types import Float64Array


@pytest.fixture
def folder(data: Path, tmp_path: Path) -> Path:
    return write_folder(tmp_path / "mpii", data)


def one_joint(missing: float) -> Float64Array:
    """``jnt_missing`` of five people of whom all but one joint are there."""
    flags = np.zeros((16, 5))
    flags[3, 2] = missing
    return flags


def test_pictures_come_in_the_order_of_their_first_person(data: Path, tmp_path: Path) -> None:
    people = sample(data)
    twice = [*people, people[1], people[0]]
    dataset = open_dataset(DatasetRef(name=str(write_folder(tmp_path / "m", data, twice))))
    assert isinstance(dataset, MpiiDataset)
    names = [dataset.image_path(image_id).name for image_id in dataset.image_ids]
    assert names == [person["image"] for person in people]
    assert dataset.ground_truth().image_index.tolist() == [0, 1, 2, 3, 4, 1, 0]


def test_joints_count_from_zero_and_the_missing_are_not_labelled(folder: Path, data: Path) -> None:
    truth = MpiiDataset.open(folder).ground_truth()
    person = sample(data)[0]
    assert truth.keypoints[0, :, :2] == pytest.approx(np.array(person["joints"]) - 1)
    hidden = [person["joints_vis"].count(0) for person in sample(data)]
    assert max(hidden) > 0
    assert truth.num_keypoints.tolist() == [16 - count for count in hidden]
    assert (truth.keypoints[truth.keypoints[:, :, 2] == 0] == 0).all()


def test_heads_are_six_tenths_of_the_diagonal(folder: Path) -> None:
    """The first head box is real: 117 x 158 px."""
    truth = MpiiDataset.open(folder).ground_truth()
    assert truth.head_sizes is not None
    assert truth.head_sizes[0] == pytest.approx(0.6 * np.hypot(117, 158), abs=1e-3)


def test_a_crop_is_hrnets(folder: Path, data: Path) -> None:
    """lib/dataset/mpii.py: c[1] += 15 s, s *= 1.25, c -= 1; the crop is a square of 200 s."""
    dataset = MpiiDataset.open(folder)
    boxes = ground_truth_boxes(dataset.ground_truth(), dataset)
    for image_id, person in zip(dataset.image_ids, sample(data), strict=True):
        square = Preprocess(input_height=256, input_width=256)
        crops = plan_crops(boxes[image_id].boxes, square, TopDown(box_padding=1.25))
        x, y = person["center"]
        centre = x - 1, y + 15 * person["scale"] - 1
        side = 200 * 1.25 * person["scale"]
        assert crops.centers[0] == pytest.approx(centre, abs=1e-3)
        assert crops.sizes[0] == pytest.approx((side, side), abs=1e-3)


@pytest.mark.mmpose
def test_it_is_what_mmpose_reads(folder: Path) -> None:
    require_mmpose()
    from mmpose.datasets import MpiiDataset as Theirs

    theirs = Theirs(
        ann_file="annot/valid.json",
        headbox_file=str(folder / "annot" / "gt_valid.mat"),
        data_root=str(folder),
        data_prefix={"img": "images/"},
        test_mode=True,
    )
    truth = MpiiDataset.open(folder).ground_truth()
    assert truth.head_sizes is not None and len(theirs) == 5
    for row in range(5):
        info = theirs.get_data_info(row)
        visible = info["keypoints_visible"][0] > 0
        assert np.array_equal(truth.keypoints[row, :, 2] > 0, visible)
        ours = truth.keypoints[row, visible, :2] + 1  # mmpose counts its predictions up instead
        assert ours == pytest.approx(info["keypoints"][0][visible], abs=1e-3)
        assert truth.head_sizes[row] == pytest.approx(info["head_size"][0, 0], rel=1e-6)
        x, y, w, h = truth.boxes[row]
        assert info["bbox"][0] == pytest.approx((x, y, x + w, y + h), abs=1e-3)


def test_a_limit_takes_the_first_pictures_with_their_heads(folder: Path) -> None:
    whole, two = MpiiDataset.open(folder), MpiiDataset.open(folder, limit=2)
    truth, all_heads = two.ground_truth(), whole.ground_truth().head_sizes
    assert list(two.image_ids) == truth.image_ids.tolist() == [1, 2]
    assert truth.head_sizes is not None and all_heads is not None
    assert np.array_equal(truth.head_sizes, all_heads[:2])
    assert two.identity() != whole.identity()


@pytest.mark.parametrize("field", ["scale", "center"])
def test_the_identity_covers_both_files(folder: Path, field: str) -> None:
    before = MpiiDataset.open(folder).identity()
    assert MpiiDataset.open(folder).identity() == before
    path = folder / "annot" / "valid.json"
    people = json.loads(path.read_text())
    people[0][field] = np.add(people[0][field], 1).tolist()
    path.write_text(json.dumps(people))
    assert MpiiDataset.open(folder).identity() != before


def test_another_head_is_another_data_set(data: Path, tmp_path: Path) -> None:
    heads = truth_of(sample(data), data)["headboxes_src"]
    one = MpiiDataset.open(write_folder(tmp_path / "a", data))
    other = MpiiDataset.open(write_folder(tmp_path / "b", data, truth={"headboxes_src": heads * 2}))
    assert one.identity() != other.identity()


def test_people_in_another_order_are_refused(data: Path, tmp_path: Path) -> None:
    people = sample(data)
    swapped = truth_of([people[1], people[0], *people[2:]], data)
    with pytest.raises(InputError, match=r"valid\.json: joints of person 0 \(005808361\.jpg\) lie"):
        MpiiDataset.open(write_folder(tmp_path / "m", data, truth=swapped))
    fewer = truth_of(people[:4], data)
    with pytest.raises(InputError, match=r"5 people, but .*gt_valid\.mat has 4"):
        MpiiDataset.open(write_folder(tmp_path / "n", data, truth=fewer))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"joints": [[1, 2]]}, "joints is not a list of 16 points"),
        ({"joints": [[1]] * 16}, r"joints\[16\].*joints has 1 values, not 2"),
        ({"joints_vis": [1] * 15}, "joints_vis has 15 values"),
        ({"scale": 0}, "scale is not above 0"),
        ({"scale": "big"}, "scale is a text, not a number"),
        ({"center": None}, "center is null"),
        ({"center": [-1, -1]}, r"people\[1\] .*center has an x of -1, .* both files"),
        ({"image": "../escape.jpg"}, "image is '../escape.jpg'"),
        ({"image": 7}, "image is 7"),
    ],
)
def test_a_bad_entry_is_named(
    data: Path, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    folder = write_folder(tmp_path / "m", data)
    people = sample(data)
    people[1] |= change
    (folder / "annot" / "valid.json").write_text(json.dumps(people))
    with pytest.raises(InputError, match=rf"valid\.json: .*{message}"):
        MpiiDataset.open(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"pos_gt_src": np.zeros((14, 2, 5))},
            r"pos_gt_src is \(14, 2, 5\), not \(16, 2, people\)",
        ),
        ({"pos_gt_src": np.full((16, 2, 5), np.nan)}, "pos_gt_src: person 0 has a NaN"),
        ({"jnt_missing": np.zeros((16, 4))}, "are of 5, 4 and 5 people"),
        ({"jnt_missing": one_joint(np.nan)}, "jnt_missing: joint 3 of person 2 is nan, neither 0"),
        ({"jnt_missing": one_joint(2)}, "jnt_missing: joint 3 of person 2 is 2, neither 0 nor 1"),
        ({"headboxes_src": np.ones((2, 2, 5))}, "the head of person 0 has no size"),
        ({"headboxes_src": "none"}, "headboxes_src is not an array of numbers"),
        ({"dataset_joints": np.array([["head"] * 16], object)}, "rank is not at place 0"),
    ],
)
def test_a_bad_truth_is_named(
    data: Path, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    path = write_mat(tmp_path / "gt.mat", truth_of(sample(data), data) | change)
    with pytest.raises(InputError, match=rf"gt\.mat: .*{message}"):
        read_truth(path)


def test_joints_in_the_order_of_hrnets_file_are_read(data: Path, tmp_path: Path) -> None:
    names = ["rank", "rkne", "rhip", "lhip", "lkne", "lank", "pelv", "thor", "neck", "head"]
    names += ["rwri", "relb", "rsho", "lsho", "lelb", "lwri"]
    cells = {"dataset_joints": np.array([names], object)}
    path = write_mat(tmp_path / "gt.mat", truth_of(sample(data), data) | cells)
    assert len(read_truth(path).joints) == 5
    cells["dataset_joints"][0, [0, 5]] = cells["dataset_joints"][0, [5, 0]]
    with pytest.raises(InputError, match="rank is not at place 0"):
        read_truth(write_mat(tmp_path / "other.mat", truth_of(sample(data), data) | cells))


def test_a_missing_key_or_no_matlab_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gt\.mat: no pos_gt_src in it.*gt_valid\.mat"):
        read_truth(write_mat(tmp_path / "gt.mat", {"x": np.ones(3)}))
    (tmp_path / "text.mat").write_text("no matlab file, but long enough for a header " * 9)
    with pytest.raises(InputError, match=r"text\.mat: not a readable MATLAB file"):
        read_truth(tmp_path / "text.mat")
    with pytest.raises(InputError, match=r"nowhere\.mat: cannot be read"):
        read_truth(tmp_path / "nowhere.mat")


def test_both_layouts_of_predictions_are_read(tmp_path: Path) -> None:
    joints = np.random.default_rng(0).uniform(1, 500, (5, 16, 2))
    toolkit = write_mat(tmp_path / "a.mat", {"pos_pred_src": joints.transpose(1, 2, 0)})
    hrnet = write_mat(tmp_path / "b.mat", {"preds": joints})
    assert np.array_equal(read_predictions(toolkit), joints)
    assert np.array_equal(read_predictions(hrnet), joints)


def test_without_scipy_the_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(MissingExtraError, match=r"posebench\[mpii\]"):
        MpiiDataset.open(folder)


def test_the_known_name_says_what_to_put_where(own_cache: Path, data: Path) -> None:
    with pytest.raises(InputError, match=r"licence.*gt_valid\.mat.*images/ into .*mpii-val"):
        open_dataset(DatasetRef(name="mpii-val"), download=True)
    write_folder(own_cache / "datasets" / "mpii-val", data)
    dataset = open_dataset(DatasetRef(name="mpii-val", limit=3))
    assert (dataset.name, len(dataset.image_ids)) == ("mpii-val", 3)


def test_sigmas_are_refused_and_so_is_a_folder_without_pictures(folder: Path) -> None:
    with pytest.raises(InputError, match=r"--sigmas: .* PCKh"):
        open_dataset(DatasetRef(name=str(folder)), sigmas=(0.1,) * 16)
    (folder / "images").rename(folder / "pictures")
    with pytest.raises(InputError, match="images: not a folder"):
        open_dataset(DatasetRef(name=str(folder)))


@given(arrays(np.float64, (3, 17, 2), elements=st.floats(-1e4, 1e4)))
def test_limbs_are_taken_over_and_the_trunk_lies_between(coco: Float64Array) -> None:
    mpii = coco17_to_mpii16(coco)
    where = {name: coco[:, index] for index, name in enumerate(COCO17.keypoints)}
    for index, name in enumerate(MPII16.keypoints):
        if name in where:
            assert np.array_equal(mpii[:, index], where[name])
    hips, shoulders = ((where[f"left_{p}"] + where[f"right_{p}"]) / 2 for p in ("hip", "shoulder"))
    assert np.allclose(mpii[:, 6], hips) and np.allclose(mpii[:, 7], shoulders)
    missing = [MPII16.keypoints[joint] for joint in np.flatnonzero(~MAPPED)]
    assert missing == ["upper_neck", "head_top"]
