from __future__ import annotations

from pathlib import Path

import pytest
from records import make_dataset, make_failure, make_record, make_runtime

from posebench.record import Record
from posebench.report.files import check, render


def names(paths: list[Path], folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in paths]


def test_what_is_written_is_current(records: list[Record], tmp_path: Path) -> None:
    written = render(records, tmp_path)
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == written
    stems = {name.split("-onnxruntime")[0] for name in names(written, tmp_path)}
    assert stems == {"coco-val2017.md", "coco-val2017/ap-latency", "coco-val2017/keypoints"}
    assert len(written) == 7
    assert check(records, tmp_path) == []
    assert check(list(reversed(records)), tmp_path) == []


def test_every_linked_file_exists(records: list[Record], tmp_path: Path) -> None:
    written = set(names(render(records, tmp_path), tmp_path))
    text = (tmp_path / "coco-val2017.md").read_text()
    linked = {part.split(")")[0] for part in text.split("](coco")[1:]}
    assert {f"coco{link}" for link in linked} == written - {"coco-val2017.md"}


def test_every_kind_of_staleness_is_named(records: list[Record], tmp_path: Path) -> None:
    written = render(records, tmp_path)
    by_suffix = {path.suffix: path for path in written}
    by_suffix[".md"].write_text("edited")
    by_suffix[".csv"].write_text(by_suffix[".csv"].read_text() + "another,1,2\n")
    by_suffix[".svg"].unlink()
    by_suffix[".png"].unlink()
    assert sorted(check(records, tmp_path)) == sorted(
        [
            "coco-val2017.md is not what the Records say.",
            f"{by_suffix['.csv'].relative_to(tmp_path)} is not what the Records say.",
            f"{by_suffix['.svg'].relative_to(tmp_path)} is missing.",
            f"{by_suffix['.png'].relative_to(tmp_path)} is missing.",
        ]
    )


def test_a_changed_figure_makes_page_and_data_stale(tmp_path: Path) -> None:
    render([make_record(ap=0.5)], tmp_path)
    stale = check([make_record(ap=0.51)], tmp_path)
    assert [problem.split("/")[-1].split("-")[0] for problem in stale] == [
        "coco",
        "keypoints",
        "ap",
    ]


def test_a_page_without_records_is_named_but_not_another_file(tmp_path: Path) -> None:
    render([make_record(), make_record(dataset=make_dataset(name="old"))], tmp_path)
    (tmp_path / "README.md").write_text("# by hand")
    assert check([make_record()], tmp_path) == ["old.md has no Record behind it any more."]


def test_nothing_written_yet(tmp_path: Path) -> None:
    assert len(check([make_record()], tmp_path / "none")) == 7


def test_two_settings_have_their_own_pictures(tmp_path: Path) -> None:
    records = [make_record("a"), make_record("b", runtime=make_runtime(threads=4))]
    assert len(render(records, tmp_path)) == 1 + 2 * 6


@pytest.mark.parametrize(
    "records", [[make_failure(), make_failure("b", early=True)], [make_failure(early=True)]]
)
def test_all_failed_is_a_page_without_pictures(records: list[Record], tmp_path: Path) -> None:
    (page,) = render(records, tmp_path)
    assert "missing-extra" in page.read_text()
    assert check(records, tmp_path) == []


def test_no_records_no_files(tmp_path: Path) -> None:
    assert render([], tmp_path) == []
    assert check([], tmp_path) == []


def test_no_latency_no_scatter(tmp_path: Path) -> None:
    written = names(render([make_record(latency=())], tmp_path), tmp_path)
    assert len(written) == 4
    assert not [name for name in written if "ap-latency" in name]


def test_names_stay_in_the_folder(tmp_path: Path) -> None:
    out = tmp_path / "out"
    written = render([make_record(dataset=make_dataset(name="../../evil"))], out)
    assert all(path.resolve().is_relative_to(out) for path in written)
