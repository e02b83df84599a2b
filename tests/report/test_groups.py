from __future__ import annotations

from datetime import datetime, timezone

from records import BOXES, make_dataset, make_environment, make_failure, make_record, make_runtime

from posebench.config import EvalProtocol, Evaluation, Preprocess, TopDown
from posebench.report.groups import NO_DATASET, differences, group, labels, reports, slugify


def test_equal_settings_share_a_table() -> None:
    (only,) = group([make_record("a"), make_record("b", ap=0.6), make_failure("c")])
    assert [record.model.label for record in only.records] == ["b", "a", "c"]
    assert [record.model.label for record in only.measured] == ["b", "a"]


def test_models_may_differ_in_their_input() -> None:
    small = EvalProtocol(preprocess=Preprocess(input_height=256, input_width=192))
    assert len(group([make_record("a"), make_record("b", protocol=small)])) == 1


def test_whatever_makes_figures_incomparable_splits_the_table() -> None:
    base = make_record()
    scoring = EvalProtocol(evaluation=Evaluation(max_dets=100))
    others = {
        "runtime.version": make_record(runtime=make_runtime(version="1.21.0")),
        "runtime.precision": make_record(runtime=make_runtime(precision="fp16")),
        "runtime.threads": make_record(runtime=make_runtime(threads=4)),
        "machine.fingerprint": make_record(environment=make_environment(fingerprint="ffff")),
        "dataset.identity": make_record(dataset=make_dataset(identity="0" * 64)),
        "evaluation.max_dets": make_record(protocol=scoring),
    }
    for field, other in others.items():
        groups = group([base, other])
        assert len(groups) == 2
        assert differences(groups) == [field]
        assert len({g.slug for g in groups}) == 2


def test_slug_does_not_depend_on_the_other_groups() -> None:
    (alone,) = group([make_record()])
    other = make_record(runtime=make_runtime(threads=4))
    assert alone.slug in {g.slug for g in group([other, make_record("b")])}


def test_one_report_a_dataset_and_early_failures_in_each() -> None:
    found = reports(
        [
            make_record(),
            make_record(dataset=make_dataset(name="a set")),
            make_failure(),
            make_failure("early", early=True),
        ]
    )
    assert [report.name for report in found] == ["a-set", "coco-val2017"]
    assert [[r.model.label for r in report.without_figures] for report in found] == [
        ["early"],
        ["early", "rfdetr-pose-m"],
    ]


def test_names_that_are_one_file_name_share_a_page_but_no_table() -> None:
    (report,) = reports(
        [
            make_record(dataset=make_dataset(name="a set")),
            make_record(dataset=make_dataset(name="a/set", identity="0" * 64)),
        ]
    )
    assert len(report.groups) == 2


def test_only_early_failures() -> None:
    (report,) = reports([make_failure(early=True)])
    assert (report.name, report.groups) == (NO_DATASET, ())


def test_no_records() -> None:
    assert reports([]) == []
    assert differences([]) == []


def test_labels_get_the_time_where_they_are_equal() -> None:
    later = make_record("a", created_at=datetime(2026, 3, 2, 8, 5, tzinfo=timezone.utc))
    assert labels([make_record("a"), make_record("b"), later]) == [
        "a (2026-03-01 12:30)",
        "b",
        "a (2026-03-02 08:05)",
    ]


def test_labels_name_the_boxes_where_they_tell_rows_apart_and_are_never_equal() -> None:
    boxes = [BOXES, BOXES.model_copy(update={"label": "yolox-m"}), BOXES]
    records = [
        make_record("a", boxes=found, accuracy_id=f"{number:064d}"[::-1])
        for number, found in enumerate(boxes, 100000)
    ]
    assert labels(records)[1] == "a, boxes of yolox-m"
    assert len(set(labels(records))) == 3


def test_annotated_boxes_have_a_table_of_their_own() -> None:
    detected = make_record("a", protocol=EvalProtocol(boxes="detector", top_down=TopDown()))
    told = make_record("b", protocol=EvalProtocol(boxes="ground-truth", top_down=TopDown()))
    assert len(group([make_record("c"), detected])) == 1
    groups = group([make_record("c"), told])
    assert differences(groups) == ["boxes.source"]


def test_slug_is_a_file_name() -> None:
    assert slugify("../My data/set #2") == "My-data-set-2"
    assert slugify("///") == "unnamed"
