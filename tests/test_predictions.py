from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posebench.cache import HashedFile, read_arrays
from posebench.errors import InputError
from posebench.predictions import (
    collect,
    concatenate,
    read_predictions,
    read_shard,
    to_detections,
    write_shard,
)
from posebench.types import PersonBoxes, Prediction


def people(n: int, seed: int = 0, *, boxes: bool = True) -> Prediction:
    random = np.random.default_rng(seed)
    corners = np.sort(random.uniform(0, 99, (n, 2, 2)), axis=1).reshape(n, 4).astype(np.float32)
    return Prediction(
        keypoints=random.uniform(0, 99, (n, 5, 2)).astype(np.float32),
        keypoint_scores=random.uniform(0, 1, (n, 5)).astype(np.float32),
        box_scores=random.uniform(0, 1, n).astype(np.float32),
        scores=random.uniform(0, 1, n).astype(np.float32),
        boxes=corners if boxes else None,
    )


@given(st.lists(st.integers(0, 4), min_size=1, max_size=6), st.integers(1, 6))
def test_splitting_into_shards_changes_nothing(counts: list[int], cut: int) -> None:
    predictions = [people(n, seed) for seed, n in enumerate(counts)]
    ids = list(range(10, 10 + len(counts)))
    whole = collect(ids, predictions)
    parts = [
        collect(ids[i : i + cut], predictions[i : i + cut]) for i in range(0, len(counts), cut)
    ]
    joined = concatenate(parts)
    for name, array in vars(whole).items():
        if array is not None:
            np.testing.assert_array_equal(getattr(joined, name), array)


def test_a_shard_comes_back_as_it_was_written(tmp_path: Path) -> None:
    shard = collect([7, 3], [people(2), people(0)])
    write_shard(tmp_path / "shard-00000.npz", shard)
    back = read_predictions(tmp_path)
    assert back.source_boxes is None
    np.testing.assert_array_equal(back.keypoints, shard.keypoints)
    np.testing.assert_array_equal(back.offsets, [0, 2, 2])


def test_detections_follow_the_order_of_the_images_of_the_truth() -> None:
    shard = collect([30, 10], [people(1, 1), people(2, 2)])
    detections = to_detections(shard, np.array([10, 20, 30]))
    np.testing.assert_array_equal(detections.image_index, [2, 0, 0])
    assert detections.boxes is not None
    assert shard.boxes is not None
    np.testing.assert_allclose(detections.boxes[:, :2], shard.boxes[:, :2])
    np.testing.assert_allclose(
        detections.boxes[:, :2] + detections.boxes[:, 2:], shard.boxes[:, 2:], rtol=1e-6
    )


def test_a_prediction_for_an_unknown_image_is_an_error() -> None:
    with pytest.raises(InputError, match="unknown image id 99"):
        to_detections(collect([99], [people(1)]), np.array([1, 2]))


def test_a_model_that_never_sees_boxes_has_none() -> None:
    assert collect([1], [people(1, boxes=False)]).boxes is None


def test_a_missing_or_damaged_shard_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no shard-\*\.npz"):
        read_predictions(tmp_path)
    damaged = tmp_path / "shard-00000.npz"
    write_shard(damaged, collect([1], [people(3)]))
    damaged.write_bytes(damaged.read_bytes()[:200])
    with pytest.raises(InputError, match=r"shard-00000\.npz"):
        read_shard(damaged)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "shard-00000.npz"
    np.savez(path, format_version=np.int64(2))
    with pytest.raises(InputError, match="format 2"):
        read_shard(path)


def test_predictions_with_wrong_shapes_or_nan_do_not_exist() -> None:
    good = people(2)
    with pytest.raises(ValueError, match="keypoint_scores"):
        Prediction(good.keypoints, good.keypoint_scores[:1], good.box_scores, good.scores)
    bad = good.keypoints.copy()
    bad[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        Prediction(bad, good.keypoint_scores, good.box_scores, good.scores)


def test_arrays_are_read_as_numpy_reads_them(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {
        "scalar": np.int64(3),
        "empty": np.zeros((0, 17, 2), np.float32),
        "text": np.array(["a", "äöü"]),
        "no_text": np.array([], np.str_),
        "flags": np.array([True, False]),
        "big_endian": np.arange(3, dtype=">i4"),
        "by_column": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    }
    np.savez(tmp_path / "stored.npz", **arrays)
    np.savez_compressed(tmp_path / "packed.npz", **arrays)
    for name in ("stored.npz", "packed.npz"):
        found = read_arrays(tmp_path / name)
        assert list(found) == list(arrays)
        for key, value in arrays.items():
            assert found[key].dtype == np.asarray(value).dtype
            np.testing.assert_array_equal(found[key], value)


def test_pickles_are_not_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.array([{}], object))
    with pytest.raises(ValueError, match="allow_pickle"):
        read_arrays(tmp_path / "a.npz")


def test_a_flipped_bit_is_found(tmp_path: Path) -> None:
    path = tmp_path / "shard-00000.npz"
    write_shard(path, collect([1], [people(50)]))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a readable predictions shard"):
        read_shard(path)


def test_a_file_is_hashed_in_the_background(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    expected = b"content", hashlib.sha256(b"content").hexdigest()
    assert HashedFile(tmp_path / "file").result() == expected
    with pytest.raises(FileNotFoundError):
        HashedFile(tmp_path / "missing").result()


def test_a_shard_of_unreadable_pictures_keeps_the_boxes_of_the_others() -> None:
    boxes = PersonBoxes(np.array([[1, 2, 3, 4]], np.float32), np.ones(1, np.float32))
    found = Prediction(
        keypoints=np.zeros((1, 3, 2), np.float32),
        keypoint_scores=np.ones((1, 3), np.float32),
        box_scores=boxes.scores,
        scores=boxes.scores,
        boxes=boxes.boxes,
        source_boxes=np.zeros(1, np.int64),
        input_boxes=boxes,
    )
    joined = concatenate([collect([5], [found]), collect([7, 9], [Prediction.empty(3)] * 2)])
    looked_into = joined.boxes_looked_into()
    assert looked_into is not None
    assert {k: len(v) for k, v in looked_into.items()} == {5: 1, 7: 0, 9: 0}
    assert joined.source_boxes is not None
    assert joined.source_boxes.tolist() == [0]
