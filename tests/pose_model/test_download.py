"""Detection checkpoints over the network, and files that are none."""

from __future__ import annotations

import argparse
import hashlib
import os
import pickle
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rfdetr_pose import (
    CheckpointError,
    PoseModel,
    RFDETRPoseLarge,
    RFDETRPoseMedium,
    RFDETRPoseNano,
    RFDETRPoseSmall,
    pretrained,
)
from rfdetr_pose.pretrained import CHECKPOINTS, fetch, read_detection_state
from servers import serve

pytestmark = pytest.mark.framework
CONTENT = b"the weights"
FILE = "nano_coco/checkpoint_best_regular.pth"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "pose-cache"
    monkeypatch.setenv(pretrained.CACHE_VARIABLE, str(folder))
    return folder


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A mirror of the publisher's server, with a short file in the place of the Nano."""
    file = tmp_path / "mirror" / FILE
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)
    entry = replace(CHECKPOINTS["nano"], md5=hashlib.md5(CONTENT).hexdigest())
    monkeypatch.setitem(CHECKPOINTS, "nano", entry)
    with serve(tmp_path / "mirror") as address:
        monkeypatch.setenv(pretrained.MIRROR_VARIABLE, address)
        yield address


def test_what_is_published_where() -> None:
    base = "https://storage.googleapis.com/rfdetr/"
    assert {size: (entry.url, entry.md5) for size, entry in CHECKPOINTS.items()} == {
        "nano": (f"{base}{FILE}", "fb6504cce7fbdc783f7a46991f07639f"),
        "small": (
            f"{base}small_coco/checkpoint_best_regular.pth",
            "fb37061c1af7bace359c91b723a8d5c1",
        ),
        "medium": (
            f"{base}medium_coco/checkpoint_best_regular.pth",
            "7223f764a87b863f02eb8d52bf0ce2ee",
        ),
        "large": (f"{base}rf-detr-large-2026.pth", "5cb72153541cbcb9aa6efa26222acc75"),
    }
    assert "704 px and 4 layers" in CHECKPOINTS["large"].note


def test_a_checkpoint_is_fetched_once_and_kept_by_its_size(mirror: str, cache: Path) -> None:
    path = fetch("nano")
    # Three sizes have the same file name.
    assert path == cache / "nano" / "checkpoint_best_regular.pth"
    assert path.read_bytes() == CONTENT


def test_the_second_call_needs_no_server(mirror: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = fetch("nano")
    monkeypatch.setenv(pretrained.MIRROR_VARIABLE, "http://127.0.0.1:9")
    assert fetch("nano") == first


def test_what_changed_in_the_cache_is_fetched_again(mirror: str) -> None:
    fetch("nano").write_bytes(b"damaged")
    assert fetch("nano").read_bytes() == CONTENT


def test_a_wrong_checksum_is_refused_and_not_kept(
    mirror: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CHECKPOINTS, "nano", replace(CHECKPOINTS["nano"], md5="0" * 32))
    for _ in range(2):
        with pytest.raises(CheckpointError, match=f"{mirror}/{FILE}: wrong checksum"):
            fetch("nano")
    assert [path for path in cache.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("gone", ["server", "file"])
def test_what_cannot_be_fetched_names_its_address_and_the_remedy(
    gone: str, mirror: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if gone == "server":
        with socket.create_server(("127.0.0.1", 0)) as unused:
            mirror = f"http://127.0.0.1:{unused.getsockname()[1]}"
        monkeypatch.setenv(pretrained.MIRROR_VARIABLE, f"{mirror}/")
    else:
        (tmp_path / "mirror" / FILE).unlink()
    with pytest.raises(CheckpointError, match="pretrain_weights, or pass None") as caught:
        fetch("nano")
    assert f"cannot fetch {mirror}/{FILE}: " in str(caught.value)


def test_a_size_without_a_checkpoint() -> None:
    with pytest.raises(CheckpointError, match="published for the size 'demo'"):
        fetch("demo")


@pytest.mark.parametrize(
    "model", [RFDETRPoseNano, RFDETRPoseSmall, RFDETRPoseMedium, RFDETRPoseLarge]
)
def test_constructing_downloads_nothing(
    model: type[PoseModel], monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    def connect(*_: Any, **__: Any) -> None:
        raise AssertionError("the network is used")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", connect)
    made = model()
    assert made.keypoints.count == 17
    assert not cache.exists()
    with pytest.raises(AssertionError, match="the network is used"):
        fetch(made.config.size)


class Payload:
    """Runs a command where it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("legacy", [False, True])
def test_code_in_a_checkpoint_is_not_executed(tmp_path: Path, legacy: bool) -> None:
    path, target = tmp_path / "evil.pth", tmp_path / "executed"
    document = {"model": {"class_embed.weight": Payload(target)}}
    torch.save(document, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(CheckpointError, match=r"evil\.pth: not a readable checkpoint"):
        read_detection_state(path)
    assert not target.exists()
    torch.load(path, weights_only=False)  # it would have been
    assert target.exists()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_plain_pickle_with_code_is_not_executed(tmp_path: Path) -> None:
    path, target = tmp_path / "evil.pth", tmp_path / "executed"
    path.write_bytes(pickle.dumps(Payload(target)))
    with pytest.raises(CheckpointError, match=r"evil\.pth"):
        read_detection_state(path)
    assert not target.exists()


@pytest.mark.parametrize("kept", [0, 1, 100, 2000, -1, -30])
def test_a_truncated_checkpoint(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "short.pth"
    state = {"class_embed.weight": torch.zeros(91, 64)}
    torch.save({"model": state, "args": argparse.Namespace(lr=1e-4)}, path)
    assert list(read_detection_state(path)) == list(state)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match=r"short\.pth: not a readable checkpoint"):
        read_detection_state(path)


@pytest.mark.parametrize(
    "document", [{"model": {"weight": torch.zeros(3)}}, {"model": 3}, [1, 2], torch.zeros(3), {}]
)
def test_a_file_without_a_detector(tmp_path: Path, document: Any) -> None:
    path = tmp_path / "other.pth"
    torch.save(document, path)
    with pytest.raises(CheckpointError, match=r"other\.pth: holds no weights of an RF-DETR"):
        read_detection_state(path)


def test_a_bare_state_dict_will_do(tmp_path: Path) -> None:
    state = {"class_embed.weight": torch.ones(91, 4), "_kp_active_mask": torch.ones(1)}
    torch.save(state, tmp_path / "bare.pth")
    found = read_detection_state(tmp_path / "bare.pth")
    assert list(found) == ["class_embed.weight"]
    assert torch.equal(found["class_embed.weight"], torch.ones(91, 4))


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(st.binary(max_size=20), st.text(".hqX}]ceKM(tRs0abN", max_size=9)))
def test_any_other_file(tmp_path: Path, content: bytes | str) -> None:
    path = tmp_path / "noise.pth"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(CheckpointError, match=r"noise\.pth"):
        read_detection_state(path)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        RFDETRPoseNano(tmp_path / "missing.pth")
    with pytest.raises(CheckpointError, match=r"missing\.pth: not a readable checkpoint"):
        read_detection_state(tmp_path / "missing.pth")
