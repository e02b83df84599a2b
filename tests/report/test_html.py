from __future__ import annotations

import hashlib
import re
import shutil
import sys
from base64 import b64decode, b64encode
from itertools import combinations, pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from html_tree import Element, parse_page
from planted_runs import (
    PlantedWorld,
    arms_exchanged,
    make_world,
    nobody_second,
    somebody_else,
    write_run,
)
from records import (
    KEYPOINTS,
    claims,
    make_dataset,
    make_failure,
    make_model,
    make_record,
    make_runtime,
)

from posebench.config import EvalProtocol, Pckh
from posebench.errors import InputError, MissingExtraError
from posebench.gallery.document import Drawing, Entry, Gallery, Outcome
from posebench.html_report import write_html
from posebench.html_sources import Predicted, dataset_of, prediction_folders
from posebench.record import Estimate, Failure, Interval, LatencyInterval, Record, TaskAccuracy
from posebench.recording import scored_identity
from posebench.report.groups import reports
from posebench.report.html import Findings, html_page
from posebench.report.html_candidates import Candidate
from posebench.report.html_scatter import latency_plots
from posebench.store import load_records, write_record

HOSTILE = "<script>alert(1)</script>\"'&amp; <img src=x onerror=alert(2)> {{ 7 * 7 }}"


def page(records: list[Record], gallery: Gallery | None = None) -> Element:
    (report,) = reports(records)
    findings = {group.slug: Findings(gallery=gallery) for group in report.groups}
    return parse_page(html_page(report, findings))


def lines(tree: Element) -> list[list[Element]]:
    """The cells of the table of models."""
    body = tree.all("table", "sortable")[0].one("tbody")
    return [row.all("th") + row.all("td") for row in body.all("tr")]


def column(tree: Element, title: str) -> list[Element]:
    heads = tree.all("table", "sortable")[0].one("thead").all("th")
    (index,) = [i for i, head in enumerate(heads) if head.one("button").text == title]
    return [line[index] for line in lines(tree)]


def drawing(model: str, oks: float | None = 0.5) -> Drawing:
    _, jpeg = cv2.imencode(".jpg", np.full((30, 40, 3), 90, np.uint8))
    return Drawing(model, Outcome(1, 1, oks, {"swap": 2}), jpeg.tobytes(), 40, 30)


def with_intervals(record: Record) -> Record:
    """AP ± .02 and the end-to-end median ± 5 %."""
    keypoints = record.accuracy["keypoints"]
    ap = keypoints.figures["AP"]
    assert ap.value is not None
    interval = Interval(low=ap.value - 0.02, high=ap.value + 0.02, level=0.95, replicates=9, seed=0)
    figures = {**keypoints.figures, "AP": ap.model_copy(update={"interval": interval})}
    accuracy = {"keypoints": keypoints.model_copy(update={"figures": figures})}
    cells = []
    for cell in record.latency:
        p50 = cell.summary.p50_ms
        timed = LatencyInterval(low_ms=p50 * 0.95, high_ms=p50 * 1.05, level=0.95, processes=7)
        summary = cell.summary.model_copy(update={"interval": timed})
        cells.append(cell.model_copy(update={"summary": summary}))
    return record.model_copy(update={"accuracy": accuracy, "latency": tuple(cells)})


def test_the_page_names_what_was_measured_and_every_model(records: list[Record]) -> None:
    tree = page(records)
    assert tree.one("h1").text == "coco-val2017"
    facts = tree.all("dl", "facts")[0].text
    for told in ("5000 pictures", "onnxruntime 1.20.1", "Intel Xeon Platinum 8375C", "20 people"):
        assert told in facts
    assert [line[0].text for line in lines(tree)] == [
        *("yolov8m-pose", "yolov8n-pose", "mine=best.onnx", "rfdetr-pose-m")
    ]
    failures = tree.all("table", "words")[0].text
    assert "the worker died of signal 9" in failures and "lower the batch" in failures
    assert "ultralytics is not installed" in failures


def test_a_figure_is_sorted_by_its_value_and_a_dash_has_a_note(records: list[Record]) -> None:
    tree = page(records)
    assert [cell.attributes.get("data-value") for cell in column(tree, "AP")] == [
        *("0.641", "0.497", "0.31", None)
    ]
    missing = column(tree, "APl")[2]
    (link,) = missing.all("a")
    (note,) = [
        e for e in tree.all("li") if e.attributes.get("id") == link.attributes["href"].lstrip("#")
    ]
    assert missing.text.startswith("—") and note.text == "no large person in the annotations."


def test_every_link_within_the_page_has_a_target(records: list[Record]) -> None:
    tree = page([*records, make_record("b", runtime=make_runtime(threads=4))])
    ids = [e.attributes["id"] for e in tree if "id" in e.attributes]
    assert len(set(ids)) == len(ids)
    targets = {a.attributes["href"][1:] for a in tree.all("a") if a.attributes["href"][0] == "#"}
    labelled = {e.attributes["aria-labelledby"] for e in tree if "aria-labelledby" in e.attributes}
    assert targets | labelled <= set(ids) and targets


def test_what_users_write_stays_text() -> None:
    hostile = make_record(
        HOSTILE,
        model=make_model(HOSTILE, note=HOSTILE, licence=HOSTILE, claims=claims(0.5, 0.4)),
        dataset=make_dataset(name="coco", undecodable=(f"{HOSTILE}.jpg",)),
    )
    failed = make_failure(
        f"failed {HOSTILE}",
        failure=Failure(kind="error", message=HOSTILE, remedy=HOSTILE),
        dataset=hostile.dataset,
    )
    gallery = Gallery((Entry(f"{HOSTILE}.jpg", (drawing(HOSTILE),)),), 0, (f"{HOSTILE}.png",))
    tree = page([hostile, failed], gallery)
    assert [len(tree.all(tag)) for tag in ("script", "img", "iframe", "object")] == [1, 1, 0, 0]
    assert not [name for e in tree for name in e.attributes if name.startswith("on")]
    shown = " ".join(HOSTILE.split())
    assert lines(tree)[0][0].text.startswith(shown)
    assert tree.one("p", "name").text == f"{shown}.jpg"
    assert tree.text.count(shown) >= 8


@pytest.mark.parametrize(
    ("source", "links"), [("https://example.org/a?b=1&c", 1), ("javascript:alert(1)", 0)]
)
def test_only_addresses_of_pages_are_links(source: str, links: int) -> None:
    claim = claims(0.5, 0.4)[0].model_copy(update={"source": source})
    tree = page([make_record(model=make_model("a", claims=(claim,)))])
    outside = [a.attributes["href"] for a in tree.all("a") if a.attributes["href"][0] != "#"]
    assert outside == [source] * links
    assert source in tree.text


def test_nothing_is_loaded_and_only_the_pages_own_script_may_run(records: list[Record]) -> None:
    gallery = Gallery((Entry("a.jpg", (drawing("yolov8n-pose"),)),), 0)
    tree = page(records, gallery)
    for element in tree:
        for name in ("src", "srcset", "poster", "data", "action", "background", "xlink:href"):
            value = element.attributes.get(name, "data:")
            assert value.startswith("data:"), f"<{element.tag}> loads {value}"
    assert not {"link", "iframe", "object", "embed", "base", "form action"} & {e.tag for e in tree}
    style, script = tree.one("style").content, tree.one("script").content
    assert isinstance(style[0], str) and isinstance(script[0], str)
    assert not re.search(r"url\(|@import|https?:", style[0] + script[0])
    digest = b64encode(hashlib.sha256(script[0].encode()).digest()).decode()
    (policy,) = [
        meta.attributes["content"]
        for meta in tree.all("meta")
        if meta.attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'" and rules["img-src"] == "data:"
    assert rules["script-src"] == f"'sha256-{digest}'"
    assert script[0].count('"use strict"') == script[0].count("(() => {\n") == 4


def test_the_same_records_make_the_same_page(records: list[Record]) -> None:
    (report,) = reports(records)
    (other,) = reports(list(reversed(records)))
    assert html_page(report, {}) == html_page(other, {})


def test_without_jinja2_the_extra_is_named(
    records: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match=r"posebench\[report\]"):
        page(records)


def test_the_interval_of_both_axes_is_told_and_drawn() -> None:
    record = with_intervals(make_record(ap=0.5, end_to_end_ms=100.0))
    tree = page([record])
    assert column(tree, "AP")[0].one("span", "interval").text == "48.0 to 52.0"
    wide, narrow = (tree.one("svg", name) for name in ("wide", "narrow"))
    for plot in (wide, narrow):
        point = plot.one("g", "point")
        assert point.attributes["data-tip"].splitlines() == [
            "yolov8n-pose",
            "AP 50.0 (48.0 to 52.0)",
            "p50 100.00 ms (95.00 to 105.00)",
        ]
        assert len(point.all("path", "bar")) == 2


def candidates() -> list[Candidate]:
    """Eight models of a usual table."""
    figures = [(62, 49.7), (130, 59.2), (355, 64.1), (90, 65.5), (110, 68.0), (210, 71.0),
               (420, 74.5), (115, 69.0)]  # fmt: skip
    return [
        Candidate(f"model-{i}-of-a-family", ms, ap, (0.96 * ms, 1.05 * ms), (ap - 2, ap + 2))
        for i, (ms, ap) in enumerate(figures)
    ]


def test_labels_of_eight_models_cover_neither_one_another_nor_a_point() -> None:
    for plot in latency_plots(candidates(), "AP"):
        assert len(plot.points) == 8
        for a, b in combinations(plot.points, 2):
            apart = [abs(p - q) for p, q in zip(a.label_at, b.label_at, strict=True)]
            assert apart[0] > 6.0 * len(a.label) or apart[1] > 12.0, (plot.name, a.label, b.label)
        for point in plot.points:
            for other in plot.points:
                dx, dy = other.x - point.label_at[0], other.y - point.label_at[1]
                assert abs(dx) > 3.0 * len(point.label) or abs(dy) > 6.0


def test_filled_is_who_is_beaten_by_nobody() -> None:
    models = candidates()
    beaten = {
        m.label
        for m in models
        for o in models
        if o.latency <= m.latency and o.accuracy >= m.accuracy and o is not m
    }
    plot = latency_plots(models, "AP")[0]
    by_tip = {point.tip.splitlines()[0]: point.front for point in plot.points}
    assert by_tip == {m.label: m.label not in beaten for m in models}
    corners = [tuple(map(float, corner.split(","))) for corner in plot.stairs.split()]
    on_front = {(round(p.x, 1), round(p.y, 1)) for p in plot.points if p.front}
    assert on_front <= set(corners)
    assert all(a[0] == b[0] or a[1] == b[1] for a, b in pairwise(corners))
    right = sorted(plot.points, key=lambda p: p.x)
    assert [p.tip for p in right] == [m.told("AP") for m in sorted(models, key=lambda m: m.latency)]
    assert min(plot.points, key=lambda p: p.y).tip.startswith("model-6")


def test_a_keypoint_that_a_model_lacks_is_a_dash_in_its_column() -> None:
    whole, part = make_record("whole", ap=0.6), make_record("part", ap=0.5)
    keypoints = part.accuracy["keypoints"]
    known = {k: v for k, v in keypoints.per_keypoint.items() if k != "left_wrist"}
    known["nose"] = known["nose"].model_copy(update={"oks": Estimate(value=None, reason="no nose")})
    part = part.model_copy(
        update={"accuracy": {"keypoints": keypoints.model_copy(update={"per_keypoint": known})}}
    )
    table = page([whole, part]).one("table", "plain")
    cells = {row.one("th").text: [c.text for c in row.all("td")] for row in table.all("tr")[1:]}
    assert len(cells) == len(KEYPOINTS)
    values = [r.accuracy["keypoints"].per_keypoint["right_wrist"].oks.value for r in (whole, part)]
    assert cells["right wrist"] == [f"{100 * value:.1f}" for value in values if value is not None]
    assert cells["nose"][1] == cells["left wrist"][1] == "—"
    assert "—" not in (cells["nose"][0], cells["left wrist"][0])


def test_without_predictions_the_gallery_says_how_to_get_it(records: list[Record]) -> None:
    tree = page(records)
    assert "--annotations val.json --images val/" in tree.one("section", "gallery").text
    assert not tree.all("img")


def test_pckh_stands_in_place_of_ap() -> None:
    figures = {"PCKh@0.5": Estimate(value=0.82), "PCKh@0.1": Estimate(value=0.28)}
    record = make_record(
        protocol=EvalProtocol(pckh=Pckh()),
        accuracy={"pckh": TaskAccuracy(figures=figures, evaluator="posebench 1")},
    )
    tree = page([record])
    assert column(tree, "PCKh@0.5")[0].text == "82.0"
    assert column(tree, "AUC")[0].text.startswith("—")
    assert "AP" not in [head.text for head in tree.all("table", "sortable")[0].all("th")]
    assert "PCKh@0.5 82.0" in tree.one("svg", "wide").one("g", "point").attributes["data-tip"]


def test_two_settings_are_told_apart_and_not_compared() -> None:
    tree = page([make_record("a"), make_record("b", runtime=make_runtime(threads=4))])
    titles = [head.text for head in tree.all("h2")]
    assert len(set(titles)) == 2 and "4 threads" in " ".join(titles)
    told = tree.one("header", "top")
    assert "differ in runtime.threads" in told.text
    assert [link.text for link in told.all("a")] == titles
    assert len(tree.all("table", "sortable")) == 2


def test_failures_alone_make_a_page() -> None:
    assert "missing-extra" in page([make_failure(early=True)]).text


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> PlantedWorld:
    folder = tmp_path_factory.mktemp("world")
    return make_world(folder, tuple(f"{i}.png" for i in range(1, 5)))


@pytest.fixture(scope="module")
def runs(world: PlantedWorld, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One model that is right about everybody, and one with three errors."""
    out = tmp_path_factory.mktemp("runs")
    write_run(out, world, "right", {})
    write_run(out, world, "wrong", {2: nobody_second, 3: arms_exchanged, 4: somebody_else})
    return out


def written(records: Path, world: PlantedWorld, out: Path) -> Element:
    predicted = Predicted(world.annotations, world.images, [records])
    (path,) = write_html(load_records([records]), out, {}, predicted)
    return parse_page(path.read_text(encoding="utf-8"))


def test_runs_have_a_gallery_and_their_errors(
    runs: Path, world: PlantedWorld, tmp_path: Path
) -> None:
    tree = written(runs, world, tmp_path)
    shots = {
        (card.attributes["data-name"], shot.one("span", "model").text): shot
        for card in tree.all("li", "card")
        for shot in card.all("figure", "shot")
    }
    named = {key: shot.attributes["data-errors"] for key, shot in shots.items()}
    assert named["2.png", "wrong"] == "missed" and named["3.png", "wrong"] == "inversion"
    assert named["4.png", "wrong"] == "background" and named["2.png", "right"] == ""
    assert shots["2.png", "wrong"].one("span", "oks").text == "OKS 0.50"
    for image in tree.all("img"):
        head, _, data = image.attributes["src"].partition(",")
        assert head == "data:image/jpeg;base64" and b64decode(data).startswith(b"\xff\xd8\xff")
    gains = tree.one("table", "gains")
    steps = [head.text for head in gains.one("thead").all("th")]
    right, wrong = (
        dict(zip(steps, [c.text for c in row.all("th") + row.all("td")], strict=True))
        for row in gains.one("tbody").all("tr")
    )
    # One of eight people is missed: an eighth of the recall, and so of AP, comes back.
    assert (right["model"], right["missed people"].split()[0]) == ("right", "+0.0")
    assert (wrong["model"], wrong["swap"].split()[0]) == ("wrong", "+0.0")
    assert float(wrong["missed people"].split()[0]) > 5


def test_what_had_no_room_is_counted(records: list[Record]) -> None:
    gallery = Gallery((Entry("a.jpg", (drawing("yolov8n-pose", None),)),), 3, ("b.jpg",))
    told = page(records, gallery).one("section", "gallery").text
    assert "3 more drawings had no room" in told and "Could not be read: b.jpg." in told


def test_changed_predictions_are_not_shown(runs: Path, world: PlantedWorld, tmp_path: Path) -> None:
    copied = tmp_path / "runs"
    shutil.copytree(runs, copied)
    for shard in copied.rglob("shard-*.npz"):
        shard.write_bytes(shard.read_bytes() + b"changed")
    assert prediction_folders([runs]) and not prediction_folders([copied])
    tree = written(copied, world, tmp_path)
    assert not tree.all("img")
    assert "No predictions lie beside these Records" in tree.one("section", "gallery").text


def test_published_records_beside_a_run_do_not_hide_its_predictions(
    runs: Path, tmp_path: Path
) -> None:
    for number, record in enumerate(load_records([runs])):
        write_record(tmp_path / str(number), record.model_copy(update={"files": {}}))
    assert prediction_folders([runs, tmp_path]) == prediction_folders([runs])
    assert prediction_folders([tmp_path]) == {}


def test_other_annotations_are_refused(runs: Path, tmp_path: Path) -> None:
    other = make_world(tmp_path / "other", ("1.png", "2.png"))
    with pytest.raises(InputError, match="no Record was measured on these annotations"):
        written(runs, other, tmp_path)


def test_a_run_with_a_limit_is_recognised(world: PlantedWorld) -> None:
    dataset = world.dataset(limit=3)
    info = make_dataset(identity=scored_identity(dataset), images=3)
    (group,) = reports([make_record(dataset=info)])[0].groups
    found = dataset_of(group, Predicted(world.annotations, world.images, []))
    assert found is not None and found.image_ids == [1, 2, 3]
