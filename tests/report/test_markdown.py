from __future__ import annotations

import re
from collections.abc import Callable

from records import BOXES, make_dataset, make_environment, make_failure, make_model, make_record

from posebench.config import EvalProtocol, Postprocess, TopDown
from posebench.record import ClaimInfo, Record
from posebench.report.groups import reports
from posebench.report.markdown import page

OKS = Postprocess(nms="oks", nms_threshold=0.9, score_mode="box-keypoint")


def written(records: list[Record]) -> str:
    (report,) = reports(records)
    return page(report, {})


def test_page(records: list[Record], golden: Callable[[str, str], None]) -> None:
    (report,) = reports(records)
    pictures = {report.groups[0].slug: [("AP against latency", "coco-val2017/ap-latency")]}
    golden("page.md", page(report, pictures))


def test_two_machines_stand_in_two_tables(golden: Callable[[str, str], None]) -> None:
    gpu = make_environment(
        fingerprint="t4", gpu="Tesla T4", gpu_driver="550.54", cpu="AMD EPYC 7R32", cpu_cores=16
    )
    golden("two-machines.md", written([make_record("a"), make_record("b", environment=gpu)]))


def test_all_failed(golden: Callable[[str, str], None]) -> None:
    golden("all-failed.md", written([make_failure(), make_failure("b", early=True)]))


def test_every_footnote_is_used_and_defined(records: list[Record]) -> None:
    text = written(records)
    defined = re.findall(r"^\[\^(\d+)\]:", text, re.MULTILINE)
    used = re.findall(r"\[\^(\d+)\](?!:)", text)
    assert defined == [str(n) for n in range(1, len(defined) + 1)]
    assert set(used) == set(defined)
    assert len(defined) > 4


def test_a_published_figure_has_its_source_and_protocol(records: list[Record]) -> None:
    text = written(records)
    (number,) = set(re.findall(r"50\.4 \(v8\.2\.0\)\[\^(\d+)\]", text))
    note = re.search(rf"^\[\^{number}\]: (.*)$", text, re.MULTILINE)
    assert note is not None
    assert "yolov8.md>" in note[1]
    assert "2346 val2017 pictures" in note[1]


def test_figures_are_not_invented() -> None:
    text = written([make_record(accuracy={}, latency=(), measured=None)])
    row = next(line for line in text.splitlines() if line.startswith("| yolov8n-pose |"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert all(re.fullmatch(r"—\[\^\d+\]", cell) for cell in cells[1:10] + cells[11:13])


def test_rows_have_as_many_cells_as_their_header(records: list[Record]) -> None:
    nasty = "a|b`c`<img src=x>*_[l](http://x)"
    claim = ClaimInfo(metric="AP", value=0.5, source="T|1", protocol="<b>|</b>", weights="v|1")
    records = [
        *records,
        make_record(nasty, model=make_model(nasty, claims=(claim,), checkpoint_generation="v|1")),
        make_failure(f"{nasty}2"),
    ]
    text = written(records)
    assert "<img" not in text and "<b>" not in text
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        counts = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(counts) == 1


def test_unreadable_pictures_stand_beside_the_status() -> None:
    text = written([make_record(dataset=make_dataset(undecodable=("bad_1.jpg",)))])
    assert "| ok[^" in text
    assert r"1 picture unreadable, scored as empty: bad\_1.jpg." in text


def test_top_down_models_tell_their_boxes_and_what_each_person_costs() -> None:
    whole, *_ = make_record().latency
    spans = {"detector": (8.0, None), "crop": (1.0, None), "end-to-end": (30.0, (2, 3))}
    cells = [
        whole.model_copy(
            update={
                "span": span,
                "people": people,
                "summary": whole.summary.model_copy(update={"p50_ms": p50}),
            }
        )
        for span, (p50, people) in spans.items()
    ]
    record = make_record(
        "hrnet",
        boxes=BOXES,
        protocol=EvalProtocol(boxes="detector", top_down=TopDown(), postprocess=OKS),
        latency=(*make_record().latency, *cells),
    )
    (report,) = reports([record, make_record("one-stage")])
    text = page(report, {})
    assert "### Top-down models" in text
    (line,) = [line for line in text.splitlines() if line.startswith("| hrnet | of yolox-s")]
    assert "score ≥ 0.1" in line
    assert "| 51.2 | 1.8 |" in line, "box AP, boxes a picture"
    assert "30.00 (n =" in line
    assert "2-3 boxes" in text
    assert "3 boxes without an area were left out" in text
    assert "1.25 x box, classic warp, quarter-shift, rank by box-keypoint, oks NMS 0.9" in text
    assert page(reports([make_record("one-stage")])[0], {}).count("Top-down") == 0
