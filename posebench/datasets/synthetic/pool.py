"""Render pictures in several processes at once.

They are plain child processes rather than a ``ProcessPoolExecutor``: they neither need a main
module that can be imported again, nor outlive a parent that was killed, nor get its Ctrl-C.
"""

from __future__ import annotations

import math
import os
import subprocess
from collections.abc import Generator, Iterable
from contextlib import ExitStack
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from posebench.children import module_command
from posebench.errors import PosebenchError

if TYPE_CHECKING:
    from posebench.datasets.synthetic.render import Picture

_SINGLE_THREADED = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def cores() -> int:
    """Processor cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    count = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, math.ceil(min(count, _quota())))


def _quota() -> float:
    """Cores that a container may use on average; infinity if nothing limits it."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text("ascii").split()
        return int(quota) / int(period)
    except (OSError, ValueError):
        return math.inf


def render_all(
    split: str, seed: int, indices: Iterable[int], *, workers: int
) -> Generator[tuple[int, Picture], None, None]:
    """Pictures with their indices, as they are done; one a process is under way.

    Args:
        split: A key of ``SPLITS``.
        seed: Of the pictures.
        indices: From 0.
        workers: Largest number of processes.

    Raises:
        PosebenchError: One of the processes ended.
    """
    todo = iter(indices)
    with ExitStack() as stack:
        busy: dict[Connection, _Process] = {}
        for _, index in zip(range(workers), todo, strict=False):
            process = stack.enter_context(_Process(split, seed))
            process.begin(index)
            busy[process.connection] = process
        while busy:
            for ready in wait(list(busy)):
                assert isinstance(ready, Connection)
                yield busy[ready].result()
                index = next(todo, -1)
                if index < 0:
                    del busy[ready]
                else:
                    busy[ready].begin(index)


class _Process:
    """A child that renders one picture at a time. It ends with this process, however that ends."""

    def __init__(self, split: str, seed: int) -> None:
        self.connection, theirs = Pipe()
        self._index = -1
        with theirs:
            self._process = subprocess.Popen(
                [
                    *module_command("posebench.datasets.synthetic.pool_worker"),
                    *(str(theirs.fileno()), split, str(seed)),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, **_SINGLE_THREADED},
            )

    def __enter__(self) -> _Process:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.connection.close()
        self._process.kill()
        self._process.wait()

    def begin(self, index: int) -> None:
        self._index = index
        try:
            self.connection.send(index)
        except OSError:
            raise self._ended() from None

    def result(self) -> tuple[int, Picture]:
        try:
            picture: Picture = self.connection.recv()
        except (EOFError, OSError):
            raise self._ended() from None
        return self._index, picture

    def _ended(self) -> PosebenchError:
        code = self._process.wait()
        what = f"a process that rendered picture {self._index + 1}"
        if code >= 0:
            return PosebenchError(f"{what} ended with exit code {code}; why is said above.")
        return PosebenchError(
            f"{what} was killed by signal {-code} (too little memory?).",
            remedy="What is done is kept: run it again, or with fewer --workers "
            "by posebench dataset make.",
        )
