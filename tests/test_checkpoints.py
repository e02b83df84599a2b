from __future__ import annotations

from pathlib import Path

import pytest

from posebench.cache import file_sha256
from posebench.checkpoints import TRUST_VARIABLE, is_trusted


def test_only_the_very_bytes_are_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TRUST_VARIABLE, raising=False)
    file = tmp_path / "best.pt"
    file.write_bytes(b"weights")
    assert not is_trusted(file)
    digest = file_sha256(file)
    monkeypatch.setenv(TRUST_VARIABLE, f"sha256:{'0' * 64}, sha256:{digest.upper()}")
    assert is_trusted(file)
    file.write_bytes(b"other weights")
    assert not is_trusted(file)


def test_an_empty_list_trusts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "best.pt"
    file.write_bytes(b"weights")
    for value in ("", ",", file_sha256(file), "sha256:"):
        monkeypatch.setenv(TRUST_VARIABLE, value)
        assert not is_trusted(file)
