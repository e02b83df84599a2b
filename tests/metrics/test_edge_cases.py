"""Files on which evaluators are silently wrong or crash: each has one rule or one clear error."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coco_problems import Problem, Shape, random_problem, run_ours, run_reference, strip_boxes

from posebench.errors import InputError

Change = Callable[[Problem], None]


@dataclass(frozen=True)
class Case:
    """A change of the base problem and what must come of it.

    Attributes:
        change: Makes the case.
        error: Parts of the message, if it is an error.
        same_as: Change that makes the problem whose pycocotools figures are the right ones.
        figure: The one value of all figures, when pycocotools has none or another.
        note: Part of a note, if the user is told something.
        raw: Changes the bytes of the predictions after writing.
    """

    change: Change = lambda problem: None
    error: tuple[str, ...] = ()
    same_as: Change | None = None
    figure: float | str | None = "reference"
    note: str = ""
    raw: Callable[[bytes], bytes] = lambda raw: raw


def base() -> Problem:
    return random_problem(Shape(seed=4, images=4, people=6, detections=12, score_levels=1000))


def set_all(field: str, value: Any, *, key: str = "dt") -> Change:
    def change(problem: Problem) -> None:
        for entry in rows(problem, key):
            entry[field] = value

    return change


def set_one(field: str, value: Any, *, row: int = 7, key: str = "dt") -> Change:
    def change(problem: Problem) -> None:
        rows(problem, key)[row][field] = value

    return change


def drop(field: str, *, row: int | None = None, key: str = "dt") -> Change:
    def change(problem: Problem) -> None:
        for index, entry in enumerate(rows(problem, key)):
            if row is None or index == row:
                entry.pop(field, None)

    return change


def each(edit: Callable[[dict[str, Any], int], None], *, key: str = "dt") -> Change:
    def change(problem: Problem) -> None:
        for index, entry in enumerate(rows(problem, key)):
            edit(entry, index)

    return change


def rows(problem: Problem, key: str) -> list[dict[str, Any]]:
    return problem.dt if key == "dt" else problem.gt[key]


def coordinate(value: Any, at: int = 15) -> Callable[[dict[str, Any], int], None]:
    def edit(entry: dict[str, Any], index: int) -> None:
        entry["keypoints"][at] = value

    return edit


def keypoints(transform: Callable[[list[float]], Any], row: int | None = None) -> Change:
    def edit(entry: dict[str, Any], index: int) -> None:
        if row is None or index == row:
            entry["keypoints"] = transform(entry["keypoints"])

    return each(edit)


def flat(points: Any) -> list[float]:
    values: list[float] = np.asarray(points, np.float64).ravel().tolist()
    return values


def no_confidence(values: list[float]) -> list[float]:
    points = np.array(values).reshape(-1, 3)
    points[:, 2] = 0
    return flat(points)


def nothing(problem: Problem) -> None:
    pass


def empty(problem: Problem) -> None:
    problem.dt.clear()


def reverse(problem: Problem) -> None:
    problem.dt.reverse()


def shuffle(problem: Problem) -> None:
    np.random.default_rng(1).shuffle(problem.dt)  # type: ignore[arg-type]


def both(*changes: Change) -> Change:
    def change(problem: Problem) -> None:
        for step in changes:
            step(problem)

    return change


def round_scores(entry: dict[str, Any], index: int) -> None:
    entry["score"] = round(entry["score"], 1)


def some_nan_scores(entry: dict[str, Any], index: int) -> None:
    if index % 10 == 3:
        entry["score"] = float("nan")


def float_image_ids(entry: dict[str, Any], index: int) -> None:
    entry["image_id"] = float(entry["image_id"])


def ids_from(first: int) -> Change:
    return each(lambda person, index: person.update(id=first + index), key="annotations")


def own_ids(entry: dict[str, Any], index: int) -> None:
    entry["id"] = 0


def twice(problem: Problem) -> None:
    problem.dt.extend(json.loads(json.dumps(problem.dt)))


def images_twice(problem: Problem) -> None:
    problem.gt["images"].extend(problem.gt["images"][:2])


def unlist_image(problem: Problem) -> None:
    used = problem.gt["annotations"][0]["image_id"]
    problem.gt["images"] = [image for image in problem.gt["images"] if image["id"] != used]
    problem.dt = [entry for entry in problem.dt if entry["image_id"] != used]


def one_image_crowd(problem: Problem) -> None:
    image = problem.gt["annotations"][0]["image_id"]
    for person in problem.gt["annotations"]:
        if person["image_id"] == image:
            person["iscrowd"] = 1


def no_annotations(problem: Problem) -> None:
    problem.gt["annotations"] = []


def no_labels(person: dict[str, Any], index: int) -> None:
    person["keypoints"] = [0] * 51
    person["num_keypoints"] = 0


def unlabel_first(problem: Problem) -> None:
    person = first_counted(problem)
    person["keypoints"] = no_confidence(person["keypoints"])
    person["num_keypoints"] = 5


def count_none(problem: Problem) -> None:
    first_counted(problem)["num_keypoints"] = 0


def first_counted(problem: Problem) -> dict[str, Any]:
    people = problem.gt["annotations"]
    return next(p for p in people if p["num_keypoints"] and not p["iscrowd"])


def areas_on_edges(person: dict[str, Any], index: int) -> None:
    person["area"] = [32**2, 96**2, 32**2 - 1e-9, 96**2 + 1e-9][index % 4]


def as_object(problem: Problem) -> None:
    problem.dt = {"annotations": problem.dt}  # type: ignore[assignment]


def ignore_some(person: dict[str, Any], index: int) -> None:
    person["ignore"] = index % 2


def boxes(keep: Callable[[int], bool]) -> Change:
    def edit(entry: dict[str, Any], index: int) -> None:
        if not keep(index):
            entry.pop("bbox")

    return each(edit)


def many_detections(problem: Problem) -> None:
    extra = random_problem(Shape(seed=4, images=4, people=6, detections=120)).dt
    problem.dt.extend(extra)


NAN, INF = float("nan"), float("inf")
SKELETON14 = "Give x, y and a confidence for each of the 17 keypoints."

CASES: dict[str, Case] = {
    "base": Case(),
    "empty_dets": Case(empty, figure=0.0),
    "dets_no_bbox": Case(drop("bbox")),
    "bbox_only_first": Case(boxes(lambda i: i == 0), note="bbox of 1 entries is not used"),
    "bbox_missing_first": Case(boxes(lambda i: i > 0), note="Box AP is not scored"),
    "nan_all_coords": Case(
        keypoints(lambda k: [NAN] * 51), error=("results[0]", "keypoints [0] is nan")
    ),
    "nan_one_kpt_each": Case(
        each(coordinate(NAN)), error=("results[0] (image_id ", "keypoints [15] is nan")
    ),
    "inf_one_kpt_each": Case(each(coordinate(INF)), error=("results[0]", "is inf")),
    "huge_1e200": Case(each(coordinate(1e200))),
    "null_coord": Case(each(coordinate(None)), error=("keypoints [15] is null",)),
    "gt_nan_coord": Case(
        each(coordinate(NAN), key="annotations"), error=("annotations[0] (id ", "is nan")
    ),
    "score_missing_all": Case(drop("score"), error=("results[0]", "score is missing", "rank")),
    "score_missing_one": Case(drop("score", row=7), error=("results[7]", "score is missing")),
    "score_null_one": Case(set_one("score", None), error=("results[7]", "score is null")),
    "score_nan_one": Case(set_one("score", NAN), error=("results[7]", "score is nan")),
    "score_nan_10pct": Case(each(some_nan_scores), error=("results[3]", "score is nan")),
    "score_string": Case(set_all("score", "0.64"), error=("results[0]", "score is a text")),
    "score_all_equal": Case(set_all("score", 0.5)),
    "score_all_equal_reversed": Case(both(set_all("score", 0.5), reverse)),
    "score_1decimal": Case(each(round_scores)),
    "score_1decimal_shuffled": Case(both(each(round_scores), shuffle)),
    "unknown_image_id": Case(
        set_one("image_id", 424242),
        error=("results[7]", "image_id 424242 is not in the annotations", "made for"),
    ),
    "image_id_string": Case(
        set_all("image_id", "249"), error=("results[0] (image_id 249)", "image_id is a text")
    ),
    "image_id_float": Case(each(float_image_ids)),
    "image_id_fraction": Case(set_one("image_id", 3.5), error=("results[7]", "whole number")),
    "unknown_category": Case(
        set_one("category_id", 99), error=("results[7]", "category_id 99", "are [1]")
    ),
    "category_missing": Case(drop("category_id"), error=("results[0]", "category_id is missing")),
    "kpts16_all": Case(keypoints(lambda k: k[:48]), error=("48 values, not 51", SKELETON14)),
    "kpts18_all": Case(keypoints(lambda k: [*k, 0, 0, 0]), error=("54 values, not 51",)),
    "kpts16_one": Case(
        keypoints(lambda k: k[:48], row=7), error=("results[7]", "48 values, not 51")
    ),
    "kpts_xy34_all": Case(keypoints(lambda k: k[:34]), error=("34 values, not 51",)),
    "kpts_empty_one": Case(keypoints(lambda k: [], row=7), error=("results[7]", "has 0 values")),
    "kpts_missing_one": Case(
        drop("keypoints", row=7), error=("results[7]", "keypoints is missing")
    ),
    "kpts_missing_all": Case(drop("keypoints"), error=("results[0]", "keypoints is missing")),
    "kpts_nested_17x3": Case(
        keypoints(lambda k: np.reshape(k, (17, 3)).tolist()), error=("17 lists, not 51 numbers",)
    ),
    "det_conf_all_zero": Case(keypoints(no_confidence)),
    "det_has_own_ids_0": Case(each(own_ids)),
    "dets_duplicated": Case(twice),
    "gt_dup_ann_ids": Case(
        set_one("id", 7, row=1, key="annotations"), error=("id 7 is not unique",)
    ),
    "gt_id_from_0": Case(ids_from(0), same_as=ids_from(1)),
    "gt_all_ids_0": Case(
        set_all("id", 0, key="annotations"), error=("annotations[1] (id 0)", "not unique")
    ),
    "gt_dup_image_entry": Case(images_twice, note="2 repeated entries in images were merged"),
    "gt_image_not_listed": Case(unlist_image, error=("annotations[0]", "is not in images")),
    "gt_only_crowd": Case(set_all("iscrowd", 1, key="annotations"), figure=None),
    "gt_one_img_only_crowd": Case(one_image_crowd),
    "gt_no_anns": Case(no_annotations, figure=None),
    "gt_zero_kpts_all": Case(each(no_labels, key="annotations"), figure=None),
    "gt_num_keypoints_missing": Case(
        drop("num_keypoints", key="annotations"), same_as=nothing, note="without num_keypoints"
    ),
    "gt_num_keypoints_wrong0": Case(count_none, note="1 annotations state a num_keypoints other"),
    "gt_num_keypoints_wrong5_v0": Case(unlabel_first, note="1 annotations state a num_keypoints"),
    "gt_area_missing": Case(
        drop("area", key="annotations"), error=("annotations[0]", "area is missing", "px²")
    ),
    "gt_area_zero": Case(set_all("area", 0, key="annotations")),
    "gt_area_on_edges": Case(each(areas_on_edges, key="annotations")),
    "gt_iscrowd_missing": Case(
        drop("iscrowd", key="annotations"),
        same_as=set_all("iscrowd", 0, key="annotations"),
        note="without iscrowd",
    ),
    "gt_bbox_missing": Case(
        drop("bbox", key="annotations"), error=("annotations[0]", "bbox is missing")
    ),
    "gt_ignore_flag": Case(each(ignore_some, key="annotations")),
    "gt_kpts_14": Case(
        each(lambda p, i: p.update(keypoints=p["keypoints"][:42]), key="annotations"),
        error=("annotations[0]", "42 values, not 51"),
    ),
    "dets_over_20_per_img": Case(many_detections),
    "dt_dict_not_list": Case(as_object, error=("an object, not a list", "annotation file")),
    "dt_truncated": Case(
        raw=lambda raw: raw[:-200], error=("not valid JSON at line 1 column", "completely")
    ),
    "dt_bom": Case(raw=lambda raw: b"\xef\xbb\xbf" + raw),
    "dt_zero_bytes": Case(raw=lambda raw: b"", error=("the file is empty", "completely")),
}


@pytest.mark.parametrize("name", CASES)
def test_edge_case(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    problem = base()
    case.change(problem)
    annotations, predictions = problem.write(tmp_path)
    predictions.write_bytes(case.raw(predictions.read_bytes()))
    if case.error:
        with pytest.raises(InputError) as caught:
            run_ours(annotations, predictions)
        culprit = annotations if name.startswith("gt_") else predictions
        for part in (str(culprit), *case.error):
            assert part in str(caught.value)
        return
    ours = run_ours(annotations, predictions)
    assert ours.figures == expected(case, problem)
    assert not case.note or any(case.note in note for note in ours.notes), ours.notes
    for figure in ours.accuracy.keypoints.values():
        assert (figure.value is None) == bool(figure.reason)


def expected(case: Case, problem: Problem) -> list[float | None]:
    if case.figure != "reference":
        return [case.figure] * 10  # type: ignore[list-item]
    if case.same_as is not None:
        problem = base()
        case.same_as(problem)
    return run_reference(strip_boxes(problem)).stats


def test_base_is_neither_perfect_nor_empty(tmp_path: Path) -> None:
    figures = run_ours(*base().write(tmp_path)).figures
    assert all(figure is not None and 0.05 < figure < 0.95 for figure in figures)


def test_fourteen_named_keypoints_need_sigmas(tmp_path: Path) -> None:
    problem = base()
    problem.gt["categories"][0]["keypoints"] = [f"joint {i}" for i in range(14)]
    for entry in [*problem.gt["annotations"], *problem.dt]:
        entry["keypoints"] = entry["keypoints"][:42]
    files = problem.write(tmp_path)
    with pytest.raises(InputError, match=r"14 keypoints that are not the 17 of COCO.*--sigmas"):
        run_ours(*files)
    with pytest.raises(InputError, match=r"--sigmas: 17 numbers, but .* has 14 keypoints"):
        run_ours(*files, sigmas=[0.05] * 17)
    assert run_ours(*files, sigmas=[0.05] * 14).figures


@pytest.mark.parametrize("name", ["nan_one_kpt_each", "score_missing_one", "unknown_image_id"])
def test_compat_does_not_let_garbage_in(name: str, tmp_path: Path) -> None:
    problem = base()
    CASES[name].change(problem)
    with pytest.raises(InputError):
        run_ours(*problem.write(tmp_path), compat=True)


def test_compat_needs_every_bbox_if_the_first_entry_has_one(tmp_path: Path) -> None:
    problem = base()
    del problem.dt[4]["bbox"]
    with pytest.raises(InputError, match=r"results\[4\].*bbox is missing"):
        run_ours(*problem.write(tmp_path), compat=True)


def test_compat_refuses_areas_from_masks(tmp_path: Path) -> None:
    problem = strip_boxes(base())
    problem.dt[0]["segmentation"] = {"size": [1, 1], "counts": ""}
    with pytest.raises(InputError, match="segmentation is present"):
        run_ours(*problem.write(tmp_path), compat=True)
