"""What a user sees while latencies are measured, and how a failure ends the command."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from posebench.cli.options import INTERRUPTED
from posebench.errors import PosebenchError


@contextmanager
def measuring(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A progress bar on standard error, moved by each call of what it gives.

    Raises:
        PosebenchError: A worker failed.
        typer.Exit: Ctrl-C.
    """
    from rich.console import Console
    from rich.progress import Progress

    from posebench.worker_client import WorkerFailure

    try:
        # Drawn between rounds only: nothing else should be awake.
        with Progress(console=Console(stderr=True), transient=True, auto_refresh=False) as progress:
            bar = progress.add_task(what, total=total)
            yield lambda: progress.update(bar, advance=1, refresh=True)
    except WorkerFailure as error:
        raise PosebenchError(error.failure.message, remedy=error.failure.remedy) from error
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
