"""Checkpoints fetched from a real server, recognised, and refused when they are not themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from servers import serve

from posebench.errors import WeightsError
from posebench.types import ModelCard, Weights
from posebench.weights import natural_runtime, resolve_weights, weights_path

CONTENT = b"the weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
URL = "https://example.org/v1/model.pt"


@pytest.fixture
def published(tmp_path: Path) -> Path:
    path = tmp_path / "mirror" / "v1" / "model.pt"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def mirror(published: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with serve(published.parents[1]) as address:
        monkeypatch.setenv("POSEBENCH_MIRROR", address)
        yield address


def card(digest: str | None = None) -> ModelCard:
    return ModelCard(
        name="model",
        family="Family",
        paradigm="one-stage",
        skeleton="coco17",
        input_size=(64, 64),
        licence="MIT",
        weights=(Weights(URL, "MIT", digest, generation="v1"),),
    )


@pytest.mark.parametrize("digest", [None, f"sha256:{SHA256}", f"sha256-prefix:{SHA256[:8]}"])
def test_weights_are_fetched_once(
    mirror: str, published: Path, digest: str | None, own_cache: Path
) -> None:
    first = resolve_weights(card(digest), None)
    assert first is not None
    assert first.path.read_bytes() == CONTENT
    assert first.path.is_relative_to(own_cache)
    assert first.sha256 == SHA256
    assert first.published == card(digest).weights[0]
    published.unlink()
    assert resolve_weights(card(digest), None) == first


def test_a_wrong_checksum_is_an_error_every_time(mirror: str) -> None:
    for _ in range(2):
        with pytest.raises(WeightsError, match=r"its sha256 is .*, expected sha256:0000"):
            resolve_weights(card("sha256:" + "0" * 64), None)


def test_without_a_published_digest_the_first_seen_one_counts(mirror: str) -> None:
    resolve_weights(card(), None)
    weights_path(card(), card().weights[0]).write_bytes(b"something else")
    with pytest.raises(WeightsError, match="Delete the file"):
        resolve_weights(card(), None)


def test_what_cannot_be_fetched_says_where_to_put_it(mirror: str, published: Path) -> None:
    published.unlink()
    with pytest.raises(WeightsError, match=r"cannot fetch .*/v1/model\.pt: 404.*put it at"):
        resolve_weights(card(), None)
    assert not weights_path(card(), card().weights[0]).exists()


def test_a_server_that_is_down_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, own_cache: Path
) -> None:
    monkeypatch.setenv("POSEBENCH_MIRROR", "http://127.0.0.1:9")
    with pytest.raises(WeightsError, match="NAME=path/to/file"):
        resolve_weights(card(), None)
    assert not [path for path in own_cache.rglob("*") if path.is_file()]


def test_ones_own_file_is_recognised_by_its_digest(published: Path) -> None:
    known = resolve_weights(card(f"sha256:{SHA256}"), published)
    assert known is not None and known.published is not None
    own = resolve_weights(card(), published)
    assert own is not None and own.published is None


def test_a_card_without_weights_has_none() -> None:
    assert resolve_weights(replace(card(), weights=()), None) is None


def test_the_format_of_the_weights_asks_for_its_runtime(tmp_path: Path) -> None:
    folder = tmp_path / "model_openvino_model"
    folder.mkdir()
    (folder / "model.xml").write_text("<net/>")
    assert natural_runtime(folder) == "openvino"
    assert natural_runtime(folder / "model.xml") == "openvino"
    assert natural_runtime(Path("a.torchscript")) == "native"
    assert natural_runtime(Path("a.pt")) == natural_runtime(None) == "onnxruntime"


def test_an_md5_is_compared_where_nothing_else_is_published(mirror: str) -> None:
    right = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
    found = resolve_weights(card(f"md5:{right}"), None)
    assert found is not None and found.sha256 == SHA256
    with pytest.raises(WeightsError, match="expected md5:0000"):
        resolve_weights(card("md5:" + "0" * 32), None)


def test_packaged_weights_are_never_fetched(tmp_path: Path, own_cache: Path) -> None:
    path = tmp_path / "model.onnx"
    packaged = Weights("", "MIT", f"sha256:{SHA256}", packaged=path)
    with pytest.raises(WeightsError, match=r"model\.onnx: is missing.*Install posebench anew"):
        resolve_weights(replace(card(), weights=(packaged,)), None)
    path.write_bytes(CONTENT)
    found = resolve_weights(replace(card(), weights=(packaged,)), None)
    assert found is not None and found.path == path
    path.write_bytes(b"damaged")
    with pytest.raises(WeightsError, match="Install posebench anew"):
        resolve_weights(replace(card(), weights=(packaged,)), None)
    assert not own_cache.exists()
