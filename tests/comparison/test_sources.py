from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gate_results import MODEL, write_result
from records import make_failure, make_model, make_record

from posebench.cache import file_sha256
from posebench.comparison.sources import load_result
from posebench.errors import InputError, PredictionsMissingError
from posebench.metrics.matches import Matches
from posebench.store import read_record, write_record


def test_a_file_its_folder_and_a_label_are_the_same(tmp_path: Path) -> None:
    wanted = write_result(tmp_path, model="a=b::c.onnx")
    write_result(tmp_path, model="other")
    references: list[str | Path] = [
        wanted,
        wanted.parent,
        str(wanted.parent),
        f"{tmp_path}::a=b::c.onnx",
    ]
    found = [load_result(reference) for reference in references]
    assert {result.path for result in found} == {wanted}
    assert found[0].label == "a=b::c.onnx"
    scored = Matches.load(wanted.parent / "matches.npz")
    assert found[0].keypoints is not None
    assert (found[0].keypoints.matched == scored.matched).all()
    assert (found[0].boxes, found[0].joints) == (None, None)


def test_a_folder_whose_name_looks_like_a_label(tmp_path: Path) -> None:
    wanted = write_result(tmp_path / "runs::new")
    assert load_result(tmp_path / "runs::new").path == wanted


def test_failures_beside_a_good_record_do_not_matter(tmp_path: Path) -> None:
    wanted = write_result(tmp_path)
    write_record(tmp_path / "failed", make_failure())
    assert load_result(tmp_path).path == wanted


def test_several_records_are_listed(tmp_path: Path) -> None:
    written = [write_result(tmp_path, model=f"model-{n}") for n in range(9)]
    with pytest.raises(InputError) as caught:
        load_result(tmp_path)
    told = str(caught.value)
    assert f"{tmp_path}: 9 good Records, and one is compared: " in told
    assert f"model-0 (ok) in {written[0]}" in told
    assert "; 1 more." in told
    assert "FOLDER::LABEL" in told


def test_no_good_record(tmp_path: Path) -> None:
    failed = write_record(tmp_path, make_failure("broken"))
    with pytest.raises(InputError, match="no good Record; there are broken") as caught:
        load_result(failed)
    assert str(failed) in str(caught.value)
    with pytest.raises(InputError, match="no good Record"):
        load_result(f"{write_result(tmp_path).parent}::nobody")
    with pytest.raises(InputError, match="no such file or folder"):
        load_result(tmp_path / "nowhere")


def test_a_record_without_its_matches(tmp_path: Path) -> None:
    path = write_result(tmp_path)
    (path.parent / "matches.npz").unlink()
    with pytest.raises(PredictionsMissingError, match=r"matches\.npz: missing") as caught:
        load_result(path)
    assert MODEL in str(caught.value)
    assert caught.value.exit_code == 4


def test_matches_that_the_record_does_not_name_are_not_its_own(tmp_path: Path) -> None:
    path = write_result(tmp_path)
    write_record(path.parent, read_record(path).model_copy(update={"files": {}}))
    with pytest.raises(PredictionsMissingError, match=r"matches\.npz: missing"):
        load_result(path)


def test_a_record_of_pckh_needs_its_distances(tmp_path: Path) -> None:
    accuracy = make_record().accuracy
    path = write_record(tmp_path, make_record(accuracy={"pckh": accuracy["keypoints"]}))
    with pytest.raises(PredictionsMissingError, match=r"pckh\.npz: missing"):
        load_result(path)


def test_a_record_without_accuracy(tmp_path: Path) -> None:
    model = make_model("start", untrained="its weights are only a start for training")
    path = write_record(tmp_path, make_record(accuracy={}, model=model))
    with pytest.raises(PredictionsMissingError, match="only a start for training"):
        load_result(path)


def test_matches_of_another_run(tmp_path: Path) -> None:
    path, other = write_result(tmp_path), write_result(tmp_path, 2.0)
    (path.parent / "matches.npz").write_bytes((other.parent / "matches.npz").read_bytes())
    with pytest.raises(InputError, match=r"changed since record\.json was written"):
        load_result(path)


def rewrite(path: Path, matches: Matches) -> Path:
    """Other matches beside a Record that names them."""
    matches.save(path.parent / "matches.npz")
    files = {"matches.npz": file_sha256(path.parent / "matches.npz")}
    return write_record(path.parent, read_record(path).model_copy(update={"files": files}))


def test_matches_that_give_another_ap(tmp_path: Path) -> None:
    path = write_result(tmp_path)
    matches = Matches.load(path.parent / "matches.npz")
    rewrite(path, replace(matches, matched=np.zeros_like(matches.matched)))
    with pytest.raises(InputError, match=r"matches\.npz: gives AP 0\.0, the Record has 0\."):
        load_result(path)


def test_matches_whose_arrays_do_not_fit(tmp_path: Path) -> None:
    path = write_result(tmp_path)
    matches = Matches.load(path.parent / "matches.npz")
    rewrite(path, replace(matches, scores=matches.scores[:-1]))
    with pytest.raises(InputError, match=r"matches\.npz: damaged"):
        load_result(path)
