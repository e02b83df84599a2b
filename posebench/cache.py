"""Where posebench keeps what it can make or fetch again; reading files fast, writing them whole."""

from __future__ import annotations

import gc
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

CACHE_VARIABLE = "POSEBENCH_CACHE"
_PLAIN_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '([<|][biufU][1-9]\d*)', 'fortran_order': False, "
    rb"'shape': \(([\d, ]*)\), \} *\n",
    re.DOTALL,
)


@contextmanager
def collector_paused() -> Iterator[None]:
    """No cyclic garbage collection inside: millions of new floats would set it off for nothing."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def cache_dir(*parts: str) -> Path:
    """A folder of the cache, not created. ``POSEBENCH_CACHE`` moves the root."""
    root = os.environ.get(CACHE_VARIABLE)
    if not root:
        import platformdirs

        root = platformdirs.user_cache_dir("posebench")
    return Path(root).joinpath(*parts)


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """A temporary path beside ``target`` that replaces it when the block ends without an error.

    A reader therefore sees the old file, the new file or none, never a part of one.
    """
    import tempfile

    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def file_sha256(path: Path) -> str:
    """Hex digest of a file's bytes, or of a folder's sorted file names and digests."""
    digest = hashlib.sha256()
    if path.is_dir():
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            digest.update(f"{file.relative_to(path).as_posix()}\0{file_sha256(file)}\n".encode())
        return digest.hexdigest()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


class HashedFile:
    """A file that another thread reads and hashes, while this one imports what will use it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._content: tuple[bytes, str] | None = None
        self._error: OSError | None = None
        self._thread = Thread(target=self._read, name="posebench-hash", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            raw = self.path.read_bytes()
        except OSError as error:
            self._error = error
        else:
            self._content = raw, hashlib.sha256(raw).hexdigest()

    def result(self) -> tuple[bytes, str]:
        """The bytes and the hex digest of their sha256.

        Raises:
            OSError: The file cannot be read.
        """
        self._thread.join()
        if self._content is None:
            raise self._error or OSError(f"{self.path} was not read")
        return self._content


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Every array of an ``.npz`` without pickles, read-only.

    ``numpy.load`` parses each array's header as Python source, which takes longer than reading an
    array of a shard. Checksums are compared here as there.

    Raises:
        OSError, ValueError, EOFError, zipfile.BadZipFile: Not such a file, or damaged.
    """
    from zipfile import ZipFile

    with ZipFile(path) as archive:
        return {n.removesuffix(".npy"): _array(archive.read(n)) for n in archive.namelist()}


def _array(raw: bytes) -> npt.NDArray[Any]:
    from numpy import frombuffer

    plain = _PLAIN_HEADER.match(raw)
    if plain is None:
        from io import BytesIO

        from numpy.lib import format as npy

        array: npt.NDArray[Any] = npy.read_array(BytesIO(raw), allow_pickle=False)  # type: ignore[no-untyped-call]
        return array
    shape = [int(length) for length in plain[2].split(b",") if length.strip()]
    return frombuffer(raw, plain[1].decode(), offset=plain.end()).reshape(shape)
