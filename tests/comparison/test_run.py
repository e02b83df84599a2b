from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gate_results import IMAGES, truth, write_result
from gate_results import found as detections
from records import make_record

from posebench.cache import file_sha256
from posebench.comparison.document import Change, Comparison
from posebench.comparison.run import compare_records, compare_results
from posebench.comparison.sources import load_result
from posebench.config import EvalProtocol, Evaluation, Pckh
from posebench.datasets.skeletons import COCO17
from posebench.errors import IncomparableError
from posebench.evaluation import score, to_record
from posebench.metrics.accumulate import BOX_FIGURES, KEYPOINT_FIGURES
from posebench.metrics.head_distances import HeadDistances
from posebench.metrics.paired import Draws
from posebench.record import Estimate, TaskAccuracy
from posebench.store import BOX_MATCHES, MATCHES, read_record, write_record
from posebench.types import Detections

QUICK = Draws(replicates=50, permutations=99, seed=3)
GROUPS = 6


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A result, and one whose keypoints lie nearer."""
    folder = tmp_path_factory.mktemp("pair")
    return write_result(folder, 16.0, model="blurred"), write_result(folder, 4.0, model="sharp")


def by_metric(document: Comparison, place: int = 0) -> dict[str, Change]:
    return {change.metric: change for change in document.pairs[place].changes}


def write_with_boxes(folder: Path, model: str, spread_px: float) -> Path:
    """As ``write_result``, of a model that predicts boxes too."""
    plain = vars(detections(spread_px))
    boxes = np.tile([spread_px, 0.0, 200.0, 200.0], (len(truth().boxes), 1))
    found = score(truth(), Detections(**(plain | {"boxes": boxes})))
    assert found.box_matches is not None
    path = write_result(folder, spread_px, model=model)
    record = read_record(path)
    found.box_matches.save(path.parent / BOX_MATCHES)
    files = {**record.files, BOX_MATCHES: file_sha256(path.parent / BOX_MATCHES)}
    changed = {"files": files, "accuracy": to_record(found)}
    return write_record(path.parent, record.model_copy(update=changed))


def test_every_figure_of_both_records(tmp_path: Path) -> None:
    blurred, sharp = (write_with_boxes(tmp_path, f"m{px:g}", px) for px in (16.0, 4.0))
    document = compare_records(blurred, [sharp], QUICK)
    found = by_metric(document)
    for task, specs in (("keypoints", KEYPOINT_FIGURES), ("bbox", BOX_FIGURES)):
        for name in specs:
            change = found.pop(f"{task}/{name}")
            pair = [read_record(path).figure(task, name) for path in (blurred, sharp)]
            if change.change is None:
                assert pair[0] is None or pair[1] is None
                continue
            assert (change.baseline, change.candidate) == pytest.approx(pair)
            assert pair[0] is not None and pair[1] is not None
            assert change.change == pytest.approx(pair[1] - pair[0])
            assert (change.n, change.test) == (IMAGES, "swap")
    groups = [name for name in found if name.startswith("keypoints/AP[")]
    points = {f"keypoints/oks[{name}]" for name in COCO17.keypoints}
    assert len(groups) == GROUPS
    assert set(found) == points | set(groups)


def test_one_that_is_better_is_shown_to_be(pair: tuple[Path, Path]) -> None:
    blurred, sharp = pair
    change = by_metric(compare_records(blurred, [sharp], QUICK))["keypoints/AP"]
    assert change.low is not None and change.low > 0
    assert change.p == 1 / (QUICK.permutations + 1)
    assert change.p_holm == change.p
    back = by_metric(compare_records(sharp, [blurred], QUICK))["keypoints/AP"]
    assert back.high is not None and back.high < 0
    assert back.p == change.p


def test_the_document_tells_how_it_was_made_and_comes_back(pair: tuple[Path, Path]) -> None:
    one, other = pair
    document = compare_records(one, [other, one], QUICK)
    assert Comparison.model_validate_json(document.model_dump_json()) == document
    assert Draws(document.replicates, document.permutations, document.seed) == QUICK
    assert [pair.candidate.label for pair in document.pairs] == ["sharp", "blurred"]
    assert document.baseline.record == one.as_posix()
    assert document.images == IMAGES
    same = by_metric(document, 1)["keypoints/AP"]
    assert (same.change, same.low, same.high, same.p) == (0, 0, 0, 1)
    again = compare_records(one, [other, one], QUICK)
    assert again.model_copy(update={"created_at": document.created_at}) == document


def test_adjusted_for_all_candidates_who_are_told_what_cannot_be_shown(
    pair: tuple[Path, Path],
) -> None:
    one, other = pair
    document = compare_records(one, [other, other], QUICK)
    change = by_metric(document, 1)["keypoints/AP"]
    assert change.p is not None
    assert change.p_holm == pytest.approx(2 * change.p)
    told = "99 permutations are too few to show any of 34 changes (oks)."
    assert all(told in one.notes for one in document.pairs)


def test_another_way_of_scoring_is_refused(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    protocol = EvalProtocol(evaluation=Evaluation(max_dets=5))
    other = write_result(tmp_path, 4.0, model="other", protocol=protocol)
    with pytest.raises(IncomparableError, match="max_dets 20 → 5"):
        compare_records(pair[0], [other], QUICK)


def test_boxes_that_only_one_of_them_has(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    boxed, plain = write_with_boxes(tmp_path, "boxed", 4.0), pair[0]
    lacking = by_metric(compare_records(boxed, [plain], QUICK))["bbox/AP"]
    assert lacking.reason == "the candidate predicts no boxes"
    assert lacking.baseline is not None and lacking.candidate is None
    (boxed.parent / BOX_MATCHES).unlink()
    lost = by_metric(compare_records(plain, [boxed], QUICK))["bbox/AP"]
    assert lost.reason == "the baseline predicts no boxes"
    assert lost.candidate == read_record(boxed).figure("bbox", "AP")
    old = by_metric(compare_records(boxed, [boxed], QUICK))["bbox/AP"]
    assert old.reason == f"the baseline has no {BOX_MATCHES} beside its Record"
    assert old.incomparable, "or else a gate would be turned off by taking the file away"
    assert not lacking.incomparable
    assert MATCHES in read_record(boxed).files


def write_pckh(folder: Path, model: str, spread: float) -> Path:
    """A result of 60 people, two a picture, whose joints are off by so many heads."""
    random = np.random.default_rng(1)
    everywhere = np.ones((60, 16), np.bool_)
    HeadDistances(
        distances=np.abs(random.normal(0, spread, (60, 16))),
        visible=everywhere,
        predicted=everywhere[0],
        unit_index=np.repeat(np.arange(30), 2),
        unit_ids=np.arange(30),
    ).save(folder / model / "pckh.npz")
    task = TaskAccuracy(figures={"PCKh@0.5": Estimate(value=0.5)}, evaluator="posebench 1")
    files = {"pckh.npz": file_sha256(folder / model / "pckh.npz")}
    record = make_record(model, protocol=EvalProtocol(pckh=Pckh()), accuracy={"pckh": task})
    return write_record(folder / model, record.model_copy(update={"files": files}))


def test_pckh(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    one, other = write_pckh(tmp_path, "one", 0.5), write_pckh(tmp_path, "other", 0.4)
    found = by_metric(compare_records(one, [other], QUICK))
    change = found["pckh/PCKh@0.5"]
    assert change.low is not None and change.low > 0
    assert (change.n, change.counted) == (30, 60)
    assert "pckh/wrist" in found
    with pytest.raises(IncomparableError, match="task pckh → keypoints"):
        compare_records(one, [pair[0]], QUICK)


def test_files_of_other_people_are_incomparable(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    baseline, other = load_result(pair[0]), load_result(pair[1])
    assert other.keypoints is not None
    moved = replace(other.keypoints, people_ids=other.keypoints.people_ids + 1)
    with pytest.raises(IncomparableError, match=r"sharp.*: .* people_ids differ"):
        compare_results(baseline, [replace(other, keypoints=moved)], QUICK)
