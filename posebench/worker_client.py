"""The parent's end of a worker: start it, ask it, and turn whatever happens into a reply."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from posebench.children import module_command
from posebench.record import Failure

_LOG_TAIL = 2000


class WorkerFailure(Exception):
    """The worker refused, crashed or fell silent. ``failure`` says which and why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class WorkerClient:
    """A worker process of its own process group.

    Args:
        log: File that receives what the worker's frameworks print.
        interpreter: The python to run it in; this one if None.
        environment: Variables set on top of this process's own.
    """

    def __init__(
        self,
        log: Path,
        *,
        interpreter: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = log
        with log.open("wb") as stream:
            self._process = subprocess.Popen(
                module_command("posebench.worker", interpreter),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                text=True,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
            )
        self._replies: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def pid(self) -> int:
        """Of the worker's process."""
        return self._process.pid

    def _read(self) -> None:
        assert self._process.stdout is not None
        with contextlib.suppress(ValueError):  # closed under the reader by kill()
            for line in self._process.stdout:
                self._replies.put(line)
        self._replies.put(None)

    def ask(
        self,
        request: Mapping[str, Any],
        *,
        silence_s: float,
        progress: Callable[[int], None] | None = None,
    ) -> dict[str, Any]:
        """Send a request and wait for its answer.

        Args:
            request: The operation and its arguments.
            silence_s: Longest time without an answer or a sign of progress.
            progress: Told how many pictures were finished since the last call.

        Raises:
            WorkerFailure: The worker refused, died, or was silent for too long. In the last two
                cases the process is gone.
        """
        self._send(request)
        while True:
            reply = self._receive(silence_s)
            if "progress" in reply:
                if progress is not None:
                    progress(reply["progress"])
            elif "error" in reply:
                raise WorkerFailure(Failure.model_validate(reply["error"]))
            else:
                answer: dict[str, Any] = reply["ok"]
                return answer

    def _send(self, request: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            raise self._died() from None

    def _receive(self, silence_s: float) -> dict[str, Any]:
        try:
            line = self._replies.get(timeout=silence_s)
        except queue.Empty:
            self.kill()
            message = f"no sign of life for {silence_s:g} s; the worker was stopped."
            raise self._failure("timeout", message, "Raise limits.silence_s or load_s.") from None
        if line is None:
            raise self._died()
        reply: dict[str, Any] = json.loads(line)
        return reply

    def _died(self) -> WorkerFailure:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)
        self.kill()
        code = self._process.returncode
        if code == -signal.SIGKILL:
            return self._failure(
                "out-of-memory",
                "the worker was killed by the system (SIGKILL), most often for lack of memory.",
                "Free memory or use a smaller model or input.",
            )
        cause = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return self._failure("crash", f"the worker died ({cause}).", f"See {self._log}.")

    def _failure(self, kind: str, message: str, remedy: str) -> WorkerFailure:
        detail = self._log.read_text(errors="replace")[-_LOG_TAIL:]
        return WorkerFailure(
            Failure.model_validate(
                {"kind": kind, "message": message, "remedy": remedy, "detail": detail}
            )
        )

    def close(self) -> None:
        """Let the worker end by itself, then make sure."""
        if self._process.poll() is None:
            with contextlib.suppress(WorkerFailure):
                self.ask({"op": "close"}, silence_s=30)
        self.kill()

    def kill(self) -> None:
        """End the worker and everything it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
