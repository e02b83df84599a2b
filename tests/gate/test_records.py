"""Which Record is compared with which."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from records import make_dataset, make_environment, make_failure, make_record, make_runtime

from posebench.config import resolve_protocol
from posebench.errors import InputError, NewerSchemaError, SchemaError
from posebench.gate.records import Match, match_records
from posebench.record import BoxesInfo, Estimate, Record
from posebench.store import write_record

FIRST = datetime(2026, 3, 1, tzinfo=timezone.utc)


def write(folder: Path, record: Record, days: int = 0) -> Path:
    """A Record that was made some days after the first."""
    name = f"{record.model.label}-{len(list(folder.rglob('record.json')))}"
    made = record.model_copy(update={"created_at": FIRST + timedelta(days=days)})
    return write_record(folder / name, made)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return tmp_path / "old"


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return tmp_path / "new"


def only(old: Path, new: Path) -> Match:
    (match,), warnings = match_records(old, new)
    assert warnings == []
    return match


def test_models_are_matched_by_dataset_and_label(old: Path, new: Path) -> None:
    elsewhere = make_dataset(name="val", identity="0" * 64)
    for folder in (old, new):
        for label in ("a", "b"):
            write(folder, make_record(label))
            write(folder, make_record(label, dataset=elsewhere))
    matches, warnings = match_records(old, new)
    assert warnings == []
    assert [(m.dataset, m.model) for m in matches] == [
        (dataset, label) for dataset in ("coco-val2017", "val") for label in ("a", "b")
    ]
    for match in matches:
        assert match.baseline is not None and match.candidate is not None
        assert match.baseline.key == match.candidate.key == (match.dataset, match.model)
        assert match.baseline.path.is_relative_to(old)
        assert match.candidate.path.is_relative_to(new)


def test_a_new_model_has_no_baseline_and_a_lost_one_no_candidate(old: Path, new: Path) -> None:
    write(old, make_record("lost"))
    write(new, make_record("new"))
    matches, _ = match_records(old, new)
    assert [(m.model, m.baseline is None, m.candidate is None) for m in matches] == [
        ("lost", True, True),
        ("new", True, False),
    ]


def test_the_newest_candidate_counts_and_that_is_told(old: Path, new: Path) -> None:
    write(old, make_record("m"))
    write(new, make_record("m"), days=1)
    newest = write(new, make_record("m"), days=3)
    write(new, make_record("m"), days=2)
    (match,), (warning,) = match_records(old, new)
    assert match.candidate is not None and match.candidate.path == newest
    assert warning.startswith("The candidate has 3 Records of m on coco-val2017;")
    assert str(newest) in warning


def test_a_failed_candidate_counts_and_a_failed_baseline_does_not(old: Path, new: Path) -> None:
    good = write(old, make_record("m"))
    write(old, make_failure("m"), days=1)
    write(new, make_record("m"), days=1)
    failed = write(new, make_failure("m"), days=2)
    (match,), _ = match_records(old, new)
    assert match.baseline is not None and match.baseline.path == good
    assert match.candidate is not None and match.candidate.path == failed


@pytest.mark.parametrize(
    "unlike",
    [
        {"dataset": make_dataset(identity="0" * 64)},
        {"protocol": resolve_protocol({"preprocess": {"input_width": 320}})},
        {"protocol": resolve_protocol({"evaluation": {"max_dets": 5}})},
        {"runtime": make_runtime(name="openvino")},
        {"runtime": make_runtime(precision="fp16")},
        {"runtime": make_runtime(threads=4)},
        {"environment": make_environment(fingerprint="another")},
    ],
)
def test_the_baseline_that_was_made_alike_is_taken(
    old: Path, new: Path, unlike: dict[str, Any]
) -> None:
    alike = write(old, make_record("m"))
    write(old, make_record("m", **unlike), days=9)
    write(new, make_record("m"))
    (match,), warnings = match_records(old, new)
    assert match.baseline is not None and match.baseline.path == alike
    kind = unlike.get("runtime", make_runtime())
    told = ["did not run so" in one for one in warnings]
    assert told == [True] * ((kind.name, kind.precision) != ("onnxruntime", "fp32"))


def boxed(label: str) -> dict[str, Any]:
    found = BoxesInfo(
        source="detector",
        label=label,
        sha256=None,
        score_threshold=0.05,
        count=9,
        ap=Estimate(value=0.4),
    )
    return {"boxes": found}


def test_records_of_a_label_that_tables_keep_apart_are_each_judged(old: Path, new: Path) -> None:
    for days, folder in enumerate((old, new)):
        for label in ("a", "b"):
            write(folder, make_record("m", **boxed(label)), days)
        write(folder, make_record("m", **boxed("b"), runtime=make_runtime(precision="fp16")))
    matches, warnings = match_records(old, new)
    assert warnings == []
    assert [m.model for m in matches] == [
        "m, boxes of a",
        "m, boxes of b (onnxruntime cpu fp16)",
        "m, boxes of b (onnxruntime cpu fp32)",
    ]
    for match in matches:
        assert match.label == "m" and match.baseline is not None and match.candidate is not None
        assert match.baseline.kind == match.candidate.kind == match.kind


def test_the_only_kind_of_a_label_is_compared_with_the_only_one(old: Path, new: Path) -> None:
    write(old, make_record("m", **boxed("a")))
    write(new, make_record("m", **boxed("b"), runtime=make_runtime(precision="fp16")))
    assert only(old, new).baseline is not None


def test_another_kind_is_no_baseline_where_there_are_several(old: Path, new: Path) -> None:
    for label in ("a", "b"):
        write(old, make_record("m", **boxed(label)))
    write(new, make_record("m", **boxed("c")))
    matches, _ = match_records(old, new)
    assert [(m.model, m.baseline, m.candidate is None) for m in matches] == [
        ("m, boxes of a", None, True),
        ("m, boxes of b", None, True),
        ("m, boxes of c", None, False),
    ]
    lack = matches[2].lack or ""
    assert lack.startswith(f"{old} has no good Record of m, boxes of c") and "boxes of a (" in lack


def test_a_failed_run_of_unknown_boxes_is_that_of_the_only_kind(old: Path, new: Path) -> None:
    write(old, make_record("m", **boxed("a")))
    write(new, make_failure("m"))
    match = only(old, new)
    assert match.baseline is not None and match.candidate is not None


def test_of_baselines_made_alike_the_newest_is_taken(old: Path, new: Path) -> None:
    write(old, make_record("m"))
    newest = write(old, make_record("m"), days=9)
    write(old, make_record("m"), days=5)
    write(new, make_record("m"))
    match = only(old, new)
    assert match.baseline is not None and match.baseline.path == newest


def test_scoring_alike_comes_before_the_same_machine(old: Path, new: Path) -> None:
    scored = write(old, make_record("m", environment=make_environment(fingerprint="another")))
    write(old, make_record("m", dataset=make_dataset(identity="0" * 64)))
    write(new, make_record("m"))
    match = only(old, new)
    assert match.baseline is not None and match.baseline.path == scored


def test_two_files_are_a_match_whatever_their_labels(old: Path, new: Path) -> None:
    one, other = write(old, make_record("m=old.onnx")), write(new, make_record("m=new.onnx"))
    match = only(one, other)
    assert match.baseline is not None and match.candidate is not None
    assert (match.model, match.baseline.path, match.candidate.path) == ("m=new.onnx", one, other)


def test_a_failed_file_is_no_baseline(old: Path, new: Path) -> None:
    one, other = write(old, make_failure("m")), write(new, make_record("m"))
    assert only(one, other).baseline is None


def test_datasets_of_the_baseline_alone_are_told_and_not_missed(old: Path, new: Path) -> None:
    for folder in (old, new):
        write(folder, make_record("m"))
    write(old, make_record("m", dataset=make_dataset(name="val")))
    write(old, make_record("n", dataset=make_dataset(name="val")))
    matches, warnings = match_records(old, new)
    assert [(m.dataset, m.model) for m in matches] == [("coco-val2017", "m")]
    assert warnings == ["The candidate has nothing on val, which the baseline has."]


def test_a_model_that_failed_before_its_dataset_is_missed_on_all_of_its_own(
    old: Path, new: Path
) -> None:
    write(old, make_record("m"))
    write(old, make_record("n"))
    write(new, make_failure("m", early=True))
    matches, _ = match_records(old, new)
    assert [(m.dataset, m.model) for m in matches] == [
        ("coco-val2017", "m"),
        ("unknown dataset", "m"),
    ]


def test_an_empty_candidate_is_refused(old: Path, new: Path) -> None:
    write(old, make_record("m"))
    new.mkdir()
    with pytest.raises(InputError, match=r"no Records in .*new\. Give the folder of a run"):
        match_records(old, new)


def test_an_empty_baseline_has_no_models(old: Path, new: Path) -> None:
    write(new, make_record("m"))
    old.mkdir()
    match = only(old, new)
    assert (match.baseline, match.lack) == (None, f"there are no Records in {old}")


@pytest.mark.parametrize("inside", ["", "new"])
def test_a_folder_is_not_compared_with_itself(tmp_path: Path, inside: str) -> None:
    write(tmp_path / "new", make_record("m"))
    with pytest.raises(InputError, match="is in the baseline and in the candidate"):
        match_records(tmp_path / inside, tmp_path / "new" / ".." / "new")


def test_a_missing_folder_and_a_damaged_record_are_named(old: Path, new: Path) -> None:
    path = write(new, make_record("m"))
    with pytest.raises(InputError, match="old: no such file or folder"):
        match_records(old, new)
    old.mkdir()
    path.write_text("{}")
    with pytest.raises(SchemaError, match=r"record\.json: not a posebench record"):
        match_records(old, new)
    path.write_text('{"schema_version": 99}')
    with pytest.raises(NewerSchemaError, match=r"record\.json: schema_version 99 is newer"):
        match_records(old, new)
