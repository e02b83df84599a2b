"""Fetch a large file once, checked, and take up an interrupted download where it stopped."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from posebench.errors import InputError

_BLOCK = 1 << 20
_TIMEOUT_S = 60.0
_RANGE_NOT_SATISFIABLE = 416


def download(url: str, target: Path, *, sha256: str, size_bytes: int) -> None:
    """Download ``url`` to ``target``, which appears only when its checksum is right.

    What an interrupted download leaves, ``<target>.part``, is continued by the next one.

    Args:
        url: http or https.
        target: Where the file is to lie; kept as it is when it has the right checksum already.
        sha256: Hex digest.
        size_bytes: Length of the file; never more than this is written.

    Raises:
        InputError: The server cannot be reached, sends something else, or the folder cannot be
            written.
    """
    import pooch

    # pooch tells its own story at level INFO; ours is the progress bar.
    pooch.get_logger().setLevel(logging.WARNING)
    part = target.with_name(f"{target.name}.part")
    try:
        pooch.retrieve(
            url,
            known_hash=f"sha256:{sha256}",
            fname=target.name,
            path=target.parent,
            downloader=_ResumingDownloader(part, size_bytes),
        )
    except ValueError as error:
        raise InputError(
            f"{url}: the checksum is wrong: not the file that was published.",
            remedy="It was thrown away. Try again, or use another mirror.",
        ) from error
    except (OSError, HTTPException) as error:
        raise InputError(
            f"{url}: {_reason(error)}.",
            remedy=f"What has arrived is kept in {target.parent}: run it again to continue.",
        ) from error


def _reason(error: OSError | HTTPException) -> str:
    """What went wrong, with the file's name where the file system refused."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__


@dataclass(frozen=True)
class _ResumingDownloader:
    """pooch's way to plug in a downloader; pooch checks what it puts in ``output_file``.

    Attributes:
        part: Survives a killed process.
        size_bytes: Length of the whole file.
    """

    part: Path
    size_bytes: int

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        done = self.part.stat().st_size if self.part.exists() else 0
        if done > self.size_bytes:
            self.part.unlink()
            done = 0
        if done < self.size_bytes:
            self._fetch(url, done)
        if self.part.stat().st_size != self.size_bytes:
            raise ConnectionError(f"it ended after {self.part.stat().st_size} bytes")
        self.part.replace(output_file)

    def _fetch(self, url: str, done: int) -> None:
        request = Request(url, headers={"Range": f"bytes={done}-"} if done else {})
        try:
            response = urlopen(request, timeout=_TIMEOUT_S)
        except HTTPError as error:
            if error.code == _RANGE_NOT_SATISFIABLE:
                # The file on the server is another one: begin anew next time.
                self.part.unlink()
            raise
        with response:
            resumed = response.status == 206
            self._write(response, done if resumed else 0)

    def _write(self, response: Any, done: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

        columns = ("{task.description}", BarColumn(), DownloadColumn(), TimeRemainingColumn())
        with (
            self.part.open("ab" if done else "wb") as stream,
            Progress(*columns, console=Console(stderr=True), transient=True) as progress,
        ):
            task = progress.add_task(self.part.stem, total=self.size_bytes, completed=done)
            while done < self.size_bytes:
                block = response.read1(min(_BLOCK, self.size_bytes - done))
                if not block:
                    return
                stream.write(block)
                done += len(block)
                progress.update(task, completed=done)
