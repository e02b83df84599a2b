"""Rendered pictures and their labels on disk, each sealed so that damage is found."""

from __future__ import annotations

import fcntl
import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from posebench.cache import atomic_path
from posebench.datasets.synthetic.splits import GENERATOR_VERSION
from posebench.errors import InputError

if TYPE_CHECKING:
    from posebench.datasets.synthetic.render import Picture

STATE = ".posebench"
"""Folder of what only posebench reads."""
_LEFTOVERS = (
    "images/.??????.jpg.????????",
    f"{STATE}/.made-by.json.????????",
    f"{STATE}/labels/.??????.labels.????????",
    ".person_keypoints.json.????????",
    ".person_keypoints-*.json.????????",
)
"""What ``atomic_path`` leaves when it is killed."""


@dataclass(frozen=True)
class PictureFolder:
    """``images/000001.jpg`` and so on, and a file of labels for each.

    A file of labels begins with a digest over what the picture was made from, the labels and the
    bytes of the picture. What was cut off, changed, exchanged, or rendered from another split or
    seed or by another version does not match it, and counts as missing.

    Attributes:
        root: The folder.
        split: Of the pictures.
        seed: Of the pictures.
    """

    root: Path
    split: str
    seed: int

    @property
    def images(self) -> Path:
        """The folder of the pictures."""
        return self.root / "images"

    @property
    def state(self) -> Path:
        """The folder of what only posebench reads."""
        return self.root / STATE

    def write(self, index: int, picture: Picture) -> None:
        """Keep picture ``index`` (from 0); until all of it is there, it counts as missing.

        Raises:
            OSError: The folder cannot be written.
        """
        content = {
            "width": picture.width,
            "height": picture.height,
            "annotations": picture.annotations,
        }
        labels = orjson.dumps(content)
        with atomic_path(self._picture(index)) as temporary:
            temporary.write_bytes(picture.jpeg)
        with atomic_path(self._labels(index)) as temporary:
            temporary.write_bytes(b"%s\n%s" % (self._seal(index, labels, picture.jpeg), labels))

    def is_whole(self, index: int) -> bool:
        """Whether picture and labels are there, as they were written."""
        try:
            jpeg = self._picture(index).read_bytes()
            seal, _, labels = self._labels(index).read_bytes().partition(b"\n")
        except OSError:
            return False
        return seal == self._seal(index, labels, jpeg)

    def missing(self, size: int) -> list[int]:
        """Which of the first ``size`` pictures are not whole."""
        return [index for index in range(size) if not self.is_whole(index)]

    def labels(self, index: int) -> dict[str, Any]:
        """``width``, ``height`` (px) and ``annotations`` of a picture that is whole.

        Raises:
            OSError: They cannot be read.
        """
        content: dict[str, Any] = orjson.loads(self._labels(index).read_bytes().partition(b"\n")[2])
        return content

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Work in it alone: wait for another process that does, and clear what a killed one left.

        Raises:
            OSError: The folder cannot be made or written.
        """
        self.state.mkdir(parents=True, exist_ok=True)
        with (self.state / "lock").open("w") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                sys.stderr.write(f"waiting for another posebench that renders into {self.root}\n")
                fcntl.flock(stream, fcntl.LOCK_EX)
            self._remove_leftovers()
            yield

    def _remove_leftovers(self) -> None:
        for pattern in _LEFTOVERS:
            for path in self.root.glob(pattern):
                path.unlink(missing_ok=True)

    def _seal(self, index: int, labels: bytes, jpeg: bytes) -> bytes:
        digest = hashlib.sha256(f"{GENERATOR_VERSION} {self.split} {self.seed} {index}\n".encode())
        digest.update(b"%d\n" % len(labels))
        digest.update(labels)
        digest.update(jpeg)
        return digest.hexdigest().encode()

    def _picture(self, index: int) -> Path:
        return self.images / file_name(index)

    def _labels(self, index: int) -> Path:
        return self.state / "labels" / f"{index + 1:06d}.labels"


def file_name(index: int) -> str:
    """Of picture ``index`` (from 0)."""
    return f"{index + 1:06d}.jpg"


@contextmanager
def written(root: Path, *, remedy: str) -> Iterator[None]:
    """Say which folder it is when the file system refuses.

    Raises:
        InputError: A file or folder in ``root`` cannot be written or read.
    """
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{root}: no pictures can be kept in it ({_reason(error)}).", remedy=remedy
        ) from error


def _reason(error: OSError) -> str:
    """What the file system says, with the file that it says it about."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"
