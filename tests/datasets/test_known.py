"""A real server, real zip files of real pictures; only the addresses are local."""

from __future__ import annotations

import hashlib
import signal
import stat
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from pathlib import Path

import pytest
from support import disk_full_after

from posebench.datasets.known import KNOWN, Archive, KnownDataset, fetch
from posebench.datasets.unzip import unpack
from posebench.errors import InputError

NAME = "mini"
ANNOTATIONS, IMAGES = "annotations/person_keypoints.json", "val"


class Mirror(ThreadingHTTPServer):
    """Serves ``files``; remembers the Range of every request; may cut an answer short."""

    def __init__(self, *, ranges: bool) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.ranges = ranges
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.cut_after: int | None = None
        self.stalled: threading.Event | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.requests.append((self.path, asked))
        data = self.server.files.get(self.path)
        if data is None:
            self.send_error(404)
            return
        start = int(asked[6:-1]) if asked and self.server.ranges else 0
        if start and start >= len(data):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start:][: self.server.cut_after])
        if self.server.stalled is not None:
            self.server.stalled.wait(30)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture(params=[True, False], ids=["ranges", "no ranges"])
def mirror(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, archives: dict[str, bytes]
) -> Iterator[Mirror]:
    server = Mirror(ranges=request.param)
    server.files = {f"/{path}": data for path, data in archives.items()}
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setenv("POSEBENCH_MIRROR", server.url + "/")
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def archives(coco_mini: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("archives")
    with zipfile.ZipFile(folder / "annotations.zip", "w", zipfile.ZIP_DEFLATED) as opened:
        opened.write(coco_mini / "person_keypoints.json", ANNOTATIONS)
        opened.writestr("annotations/captions.json", "{}")
    with zipfile.ZipFile(folder / "val.zip", "w") as opened:
        for path in sorted((coco_mini / "images").glob("*.jpg"))[:8]:
            opened.write(path, f"{IMAGES}/{path.name}")
    return {
        "a/annotations.zip": (folder / "annotations.zip").read_bytes(),
        "z/val.zip": (folder / "val.zip").read_bytes(),
    }


@pytest.fixture(autouse=True)
def known(archives: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> KnownDataset:
    def described(path: str, member: str) -> Archive:
        data = archives[path]
        return Archive(path, hashlib.sha256(data).hexdigest(), len(data), member, 10**8)

    dataset = KnownDataset(
        "http://127.0.0.1:9",
        described("a/annotations.zip", ANNOTATIONS),
        described("z/val.zip", IMAGES),
    )
    monkeypatch.setitem(KNOWN, NAME, dataset)
    return dataset


@pytest.fixture
def folder(own_cache: Path) -> Path:
    return own_cache / "datasets" / NAME


def assert_fetched(folder: Path, coco_mini: Path) -> None:
    assert fetch(NAME) == (folder / ANNOTATIONS, folder / IMAGES)
    original = (coco_mini / "person_keypoints.json").read_bytes()
    assert (folder / ANNOTATIONS).read_bytes() == original
    pictures = sorted((folder / IMAGES).iterdir())
    assert len(pictures) == 8
    assert all(p.read_bytes() == (coco_mini / "images" / p.name).read_bytes() for p in pictures)
    # Neither zip files nor other members nor temporary folders are left.
    assert sorted(p.name for p in folder.iterdir()) == ["annotations", IMAGES]
    assert [p.name for p in (folder / "annotations").iterdir()] == ["person_keypoints.json"]


def test_fetched_once(mirror: Mirror, folder: Path, coco_mini: Path) -> None:
    fetch(NAME, download=True)
    assert_fetched(folder, coco_mini)
    assert len(mirror.requests) == 2
    fetch(NAME, download=True)
    assert len(mirror.requests) == 2


def test_nothing_is_downloaded_unasked(mirror: Mirror, folder: Path) -> None:
    with pytest.raises(InputError, match=rf"{NAME} is not in the cache.*--download"):
        fetch(NAME)
    assert mirror.requests == []
    assert not folder.exists()


def test_only_the_missing_part_is_downloaded(mirror: Mirror, folder: Path) -> None:
    (folder / IMAGES).mkdir(parents=True)
    fetch(NAME, download=True)
    assert [path for path, _ in mirror.requests] == ["/a/annotations.zip"]


def test_cut_connection_is_resumed(mirror: Mirror, folder: Path, coco_mini: Path) -> None:
    mirror.cut_after = 10_000
    with pytest.raises(InputError, match=r"ended after 10000 bytes.*run it again to continue"):
        fetch(NAME, download=True)
    assert not (folder / ANNOTATIONS).exists()
    mirror.cut_after = None
    fetch(NAME, download=True)
    assert mirror.requests[1] == ("/a/annotations.zip", "bytes=10000-")
    assert_fetched(folder, coco_mini)


def test_killed_while_downloading(mirror: Mirror, folder: Path, coco_mini: Path) -> None:
    mirror.cut_after, mirror.stalled = 10_000, threading.Event()
    process = get_context("fork").Process(target=fetch, args=(NAME,), kwargs={"download": True})
    process.start()
    part = folder / "downloads" / "annotations.zip.part"
    while process.is_alive() and not (part.exists() and part.stat().st_size):
        process.join(0.01)
    process.kill()
    process.join()
    mirror.stalled.set()
    assert process.exitcode == -signal.SIGKILL
    mirror.cut_after, mirror.stalled = None, None
    fetch(NAME, download=True)
    assert mirror.requests[1][1] in {f"bytes={size}-" for size in range(1, 10_001)}
    assert_fetched(folder, coco_mini)


def test_killed_between_download_and_unpacking(
    mirror: Mirror, folder: Path, coco_mini: Path, archives: dict[str, bytes]
) -> None:
    downloads = folder / "downloads"
    downloads.mkdir(parents=True)
    (downloads / "annotations.zip").write_bytes(archives["a/annotations.zip"])
    (downloads / "val.zip.part").write_bytes(archives["z/val.zip"])
    (downloads / "tmpabcdef").write_bytes(b"what pooch left")
    fetch(NAME, download=True)
    assert mirror.requests == []
    assert_fetched(folder, coco_mini)


def test_wrong_checksum_is_thrown_away(
    mirror: Mirror, folder: Path, coco_mini: Path, archives: dict[str, bytes]
) -> None:
    mirror.files["/z/val.zip"] = archives["z/val.zip"][:-1] + b"!"
    with pytest.raises(InputError, match=r"val\.zip: the checksum is wrong"):
        fetch(NAME, download=True)
    assert not (folder / IMAGES).exists()
    mirror.files["/z/val.zip"] = archives["z/val.zip"]
    fetch(NAME, download=True)
    assert mirror.requests[-1] == ("/z/val.zip", None)
    assert_fetched(folder, coco_mini)


def test_damaged_part_is_repaired(
    mirror: Mirror, folder: Path, coco_mini: Path, archives: dict[str, bytes]
) -> None:
    downloads = folder / "downloads"
    downloads.mkdir(parents=True)
    (downloads / "annotations.zip.part").write_bytes(bytes(len(archives["a/annotations.zip"])))
    (downloads / "val.zip.part").write_bytes(bytes(10**7))
    with pytest.raises(InputError, match="checksum is wrong"):
        fetch(NAME, download=True)
    fetch(NAME, download=True)
    assert_fetched(folder, coco_mini)


def test_larger_file_than_announced_is_not_stored(mirror: Mirror, folder: Path) -> None:
    mirror.files["/a/annotations.zip"] += bytes(10**7)
    fetch(NAME, download=True)
    assert (folder / ANNOTATIONS).exists()


def test_shorter_file_on_the_server(mirror: Mirror, folder: Path) -> None:
    full = mirror.files["/a/annotations.zip"]
    mirror.files["/a/annotations.zip"] = full[:5000]
    for _ in range(2):
        with pytest.raises(InputError, match=r"ended after 5000 bytes|416"):
            fetch(NAME, download=True)
    mirror.files["/a/annotations.zip"] = full
    fetch(NAME, download=True)


def test_missing_on_the_server(mirror: Mirror) -> None:
    mirror.files.clear()
    with pytest.raises(InputError, match=r"a/annotations\.zip: HTTP Error 404: Not Found"):
        fetch(NAME, download=True)


def test_server_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POSEBENCH_MIRROR", raising=False)
    with pytest.raises(InputError, match=r"http://127\.0\.0\.1:9/a/annotations.*refused"):
        fetch(NAME, download=True)


def test_mirror_must_be_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSEBENCH_MIRROR", "/data/coco")
    with pytest.raises(InputError, match="POSEBENCH_MIRROR: '/data/coco' is not an http"):
        fetch(NAME, download=True)


def test_cache_that_cannot_be_written(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("POSEBENCH_CACHE", str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"file/datasets.*Not a directory"):
        fetch(NAME, download=True)


def test_disk_full_while_downloading(mirror: Mirror, folder: Path, coco_mini: Path) -> None:
    with (
        disk_full_after(20_000),
        pytest.raises(InputError, match=r"annotations\.zip: .*File too large.*run it again"),
    ):
        fetch(NAME, download=True)
    assert not (folder / ANNOTATIONS).exists()
    fetch(NAME, download=True)
    assert_fetched(folder, coco_mini)


def test_disk_full_while_unpacking(mirror: Mirror, folder: Path, coco_mini: Path) -> None:
    with (
        disk_full_after(len(mirror.files["/a/annotations.zip"]) + 1000),
        pytest.raises(InputError, match=r"cannot be written \(File too large\).*Make room"),
    ):
        fetch(NAME, download=True)
    assert list((folder / "annotations").iterdir()) == []
    fetch(NAME, download=True)
    assert_fetched(folder, coco_mini)


def write_zip(path: Path, *members: zipfile.ZipInfo | str) -> Path:
    with zipfile.ZipFile(path, "w") as opened:
        for member in members:
            opened.writestr(member, b"content")
    return path


def test_unpack_refuses_paths_that_lead_out(tmp_path: Path) -> None:
    for name in ("val/../../evil", "val/..\\evil"):
        archive = write_zip(tmp_path / "evil.zip", "val/good.jpg", name)
        with pytest.raises(InputError, match="leads out of the archive"):
            unpack(archive, "val", tmp_path / "target" / "val", max_bytes=1000)
        assert not (tmp_path / "target" / "val").exists()


def test_unpack_refuses_links(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("val/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive = write_zip(tmp_path / "link.zip", link)
    with pytest.raises(InputError, match="'val/link' is neither a file nor a folder"):
        unpack(archive, "val", tmp_path / "val", max_bytes=1000)


def test_unpack_refuses_too_much(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "big.zip", "val/a", "val/b")
    unpack(archive, "val", tmp_path / "enough", max_bytes=14)
    with pytest.raises(InputError, match="larger than 13 bytes"):
        unpack(archive, "val", tmp_path / "val", max_bytes=13)
    assert not (tmp_path / "val").exists()


def test_unpack_names_what_is_missing_or_damaged(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "other.zip", "value/a")
    with pytest.raises(InputError, match="there is no val in it"):
        unpack(archive, "val", tmp_path / "val", max_bytes=1000)
    archive.write_bytes(b"PK")
    with pytest.raises(InputError, match="not a readable zip archive"):
        unpack(archive, "val", tmp_path / "val", max_bytes=1000)


def test_published_dataset_is_described_plausibly() -> None:
    coco = KNOWN["coco-val2017"]
    for archive in (coco.annotations, coco.images):
        assert len(bytes.fromhex(archive.sha256)) == 32
        assert archive.path.endswith(".zip")
