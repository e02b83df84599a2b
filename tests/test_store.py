from __future__ import annotations

import shutil
import string
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posebench.cache import atomic_path, file_sha256
from posebench.errors import InputError, SchemaError
from posebench.record import Record
from posebench.store import (
    check_writable,
    claimed,
    files_are_whole,
    good_records,
    latency_name,
    load_records,
    merge,
    publish,
    read_record,
    record_paths,
    run_folder,
    side_files,
    slug,
    write_record,
)

FIXTURES = Path(__file__).parent / "fixtures" / "records" / "v1"


@pytest.fixture
def good() -> Record:
    return read_record(FIXTURES / "ok.json")


@given(st.text())
def test_a_slug_is_a_safe_folder_name(name: str) -> None:
    made = slug(name)
    assert 1 <= len(made) <= 80
    assert set(made) <= set(string.ascii_lowercase + string.digits + "._-")
    assert made not in {".", ".."}


def test_a_record_comes_back_as_it_was_written(tmp_path: Path, good: Record) -> None:
    assert read_record(write_record(tmp_path / "a" / "b", good)) == good


def test_writing_is_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_records_of_several_machines_merge(tmp_path: Path, good: Record) -> None:
    other = good.model_copy(update={"latency_id": "f" * 64})
    write_record(tmp_path / "one" / "x", good)
    write_record(tmp_path / "two" / "x", other)
    write_record(tmp_path / "two" / "again", good)
    found = load_records([tmp_path / "one", tmp_path / "two"])
    assert {r.latency_id for r in found} == {good.latency_id, "f" * 64}
    assert len(found) == 2


def test_of_equal_identities_the_newest_counts(good: Record) -> None:
    newer = good.model_copy(update={"created_at": good.created_at + timedelta(days=1)})
    assert merge([newer, good]) == [newer]


def test_a_failure_without_identity_gives_way_to_a_result(good: Record) -> None:
    failed = read_record(FIXTURES / "skipped.json")
    same = failed.model_copy(update={"model": good.model, "dataset": good.dataset})
    assert merge([same, good]) == [good]
    assert merge([failed, good]) in ([failed, good], [good, failed])


def test_files_of_a_record_are_checked(tmp_path: Path, good: Record) -> None:
    (tmp_path / "predictions").mkdir()
    (tmp_path / "predictions" / "shard-00000.npz").write_bytes(b"rows")
    (tmp_path / "predictions" / ".shard-00000.npz.a1b2").write_bytes(b"left behind")
    (tmp_path / "latency-000000000000.npz").write_bytes(b"another latency's")
    record = good.model_copy(update={"files": side_files(tmp_path, "f" * 64)})
    write_record(tmp_path, record)
    assert list(record.files) == ["predictions/shard-00000.npz"]
    assert files_are_whole(tmp_path, record)
    (tmp_path / "predictions" / "shard-00000.npz").write_bytes(b"rowz")
    assert not files_are_whole(tmp_path, record)


def make_run(folder: Path, good: Record) -> Path:
    folder.mkdir(parents=True)
    (folder / "matches.npz").write_bytes(b"matches")
    assert good.latency_id is not None
    (folder / latency_name(good.latency_id)).write_bytes(b"samples")
    files = side_files(folder, good.latency_id)
    assert list(files) == [latency_name(good.latency_id), "matches.npz"]
    return write_record(folder, good.model_copy(update={"files": files}))


def test_publish_copies_the_record_its_matches_and_its_samples(
    tmp_path: Path, good: Record
) -> None:
    path = publish(make_run(tmp_path / "run", good), tmp_path / "results")
    assert good.accuracy_id is not None and good.latency_id is not None
    assert path.parent.name == f"{good.accuracy_id[:12]}-{good.latency_id[:12]}"
    published = read_record(path)
    assert list(published.files) == [latency_name(good.latency_id), "matches.npz"]
    assert files_are_whole(path.parent, published)


def test_publish_refuses_what_was_changed_or_failed(tmp_path: Path, good: Record) -> None:
    path = make_run(tmp_path / "run", good)
    (path.parent / "matches.npz").write_bytes(b"better matches")
    with pytest.raises(InputError, match=r"matches\.npz: missing or changed"):
        publish(path, tmp_path / "results")
    with pytest.raises(InputError, match="only 'ok' records"):
        publish(FIXTURES / "skipped.json", tmp_path / "results")


def test_a_damaged_record_is_named_and_not_passed_over(tmp_path: Path, good: Record) -> None:
    path = write_record(tmp_path, good)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(SchemaError, match=r"record\.json: not JSON"):
        load_records([tmp_path])
    with pytest.raises(InputError, match="no such file or folder"):
        record_paths([tmp_path / "missing"])


def test_the_folder_of_a_run_tells_dataset_model_and_identity(tmp_path: Path) -> None:
    folder = run_folder(tmp_path, "COCO val", "a/b=c.pt", "0123456789abcdef")
    assert folder.relative_to(tmp_path).parts == ("coco-val", "a-b-c.pt", "0123456789ab")
    assert run_folder(tmp_path, "d", "m", None).name == "unresolved"


def test_a_folder_has_one_run_at_a_time(tmp_path: Path) -> None:
    with (
        claimed(tmp_path / "run"),
        pytest.raises(InputError, match="another run is at work"),
        claimed(tmp_path / "run"),
    ):
        pass
    with claimed(tmp_path / "run"):
        pass


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"schema_version": 1}'])
def test_a_damaged_record_counts_as_absent_for_a_run(
    tmp_path: Path, good: Record, damage: bytes
) -> None:
    assert good.accuracy_id is not None
    whole = good.model_copy(update={"files": {}})
    path = write_record(tmp_path, whole)
    assert good_records(tmp_path, good.accuracy_id) == [whole]
    path.write_bytes(damage)
    assert good_records(tmp_path, good.accuracy_id) == []


def test_a_newer_record_is_never_taken_for_absent(tmp_path: Path, good: Record) -> None:
    assert good.accuracy_id is not None
    path = write_record(tmp_path, good)
    path.write_text(path.read_text().replace('"schema_version": 2', '"schema_version": 99'))
    with pytest.raises(SchemaError, match="newer"):
        good_records(tmp_path, good.accuracy_id)


def test_a_results_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(InputError, match="--out"):
        check_writable(tmp_path / "runs")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="only Linux has such a folder")
def test_a_results_folder_without_permission_is_refused() -> None:
    with pytest.raises(InputError, match="--out"):
        check_writable(Path("/proc/self/runs"))


def test_the_digest_of_a_folder_covers_names_and_bytes(tmp_path: Path) -> None:
    one = tmp_path / "one"
    one.mkdir()
    (one / "a").write_text("x")
    before = file_sha256(one)
    shutil.move(one / "a", one / "b")
    renamed = file_sha256(one)
    (one / "b").write_text("y")
    assert len({before, renamed, file_sha256(one)}) == 3
