"""A few pictures, rendered once; every test works on a copy of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from synthetic_files import EASY

from posebench.datasets.synthetic.export import make_folder
from posebench.datasets.synthetic.folder import PictureFolder
from posebench.datasets.synthetic.splits import GENERATOR_VERSION


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of ``EASY``; not to be changed."""
    out = tmp_path_factory.mktemp("synthetic") / "made"
    make_folder(EASY, out)
    return out


@pytest.fixture
def partly(made: Path) -> Callable[[Path, int], PictureFolder]:
    """Copy the first pictures, as an interrupted process leaves them, into a folder."""

    def copy(root: Path, count: int) -> PictureFolder:
        shutil.copytree(made, root)
        (root / "person_keypoints.json").unlink()
        for index in range(count, EASY.size):
            (root / "images" / f"{index + 1:06d}.jpg").unlink()
        folder = PictureFolder(root, EASY.split, EASY.seed)
        assert folder.missing(EASY.size) == list(range(count, EASY.size))
        return folder

    return copy


@pytest.fixture
def cache_root(own_cache: Path) -> Path:
    """Where the pictures of ``EASY`` lie in the test's own cache; not there yet."""
    return own_cache / "datasets" / "synthetic" / f"v{GENERATOR_VERSION}-easy-0"
