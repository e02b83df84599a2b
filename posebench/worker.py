"""The child process in which one model lives: it loads, predicts shards, times rounds, closes.

Requests come as JSON lines on standard input, replies go as JSON lines to what was standard
output; whatever a framework prints goes to standard error, which the parent keeps as a log. Bulk
data never crosses the pipe: predictions are written to shard files.

Run as a program by :mod:`posebench.worker_client`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from posebench.errors import (
    MissingExtraError,
    PosebenchError,
    WeightsError,
    WeightsUnavailableError,
)

Reply = dict[str, Any]


class Worker:
    """Holds the loaded model between requests."""

    def __init__(self, send: Callable[[Reply], None]) -> None:
        self._send = send
        self._model: Any = None
        self._runtime: Any = None
        self._before: Any = None
        self._timing: Any = None
        self._boxes: dict[int, Any] | None = None

    def load(self, request: Reply) -> Reply:
        """Load a model and describe what was really loaded."""
        from posebench import environment
        from posebench.config import SessionOptions
        from posebench.worker_loading import load
        from posebench.worker_runtime import RuntimeHandle

        runtime = RuntimeHandle(
            name=request["runtime"],
            precision=request["precision"],
            device=request["device"],
            threads=request["threads"],
            options=SessionOptions.model_validate(request.get("session", {})),
        )
        loaded = load(request, runtime)
        self._model, self._runtime, self._timing = loaded.model, runtime, None
        self._boxes = _given_boxes(request.get("box_source") or {})
        return {
            "protocol": loaded.protocol.model_dump(mode="json"),
            "environment": environment.describe().model_dump(mode="json"),
            "artifacts": [asdict(a) for a in (*self._model.artifacts(), *runtime.built)],
            "cost": asdict(self._model.cost()),
            "num_keypoints": self._model.num_keypoints,
            "untrained": getattr(self._model, "untrained", ""),
            "runtime": runtime.describe(loaded.framework).model_dump(mode="json"),
            "decode_version": loaded.decode_version,
        }

    def predict(self, request: Reply) -> Reply:
        """Predict one shard and write it."""
        from posebench.overlap import predict_images
        from posebench.predictions import collect, write_shard

        predictions, undecodable = [], {}
        paths = [Path(path) for path in request["paths"]]
        outcomes = predict_images(self._model, paths, self._boxes_in(request["image_ids"]))
        for image_id, outcome in zip(request["image_ids"], outcomes, strict=True):
            predictions.append(outcome.prediction)
            if outcome.error is not None:
                undecodable[image_id] = outcome.error
            self._send({"progress": 1})
        write_shard(Path(request["shard"]), collect(request["image_ids"], predictions))
        return {"undecodable": undecodable, "peak_memory_mb": peak_memory_mb()}

    def warm_up(self, request: Reply) -> Reply:
        """Run the model until it is warm."""
        from posebench import worker_timing

        self._before = worker_timing.warm_up(self._timed(), request, self._alive)
        return {}

    def time_round(self, request: Reply) -> Reply:
        """Time pictures: raw samples in milliseconds by span, and what came between."""
        from posebench import worker_timing

        return worker_timing.time_round(self._timed(), request, self._before, self._alive)

    def _alive(self) -> None:
        self._send({"progress": 0})

    def network_runs(self, request: Reply) -> Reply:
        """How often the networks run for one picture, and for a batch of it twice."""
        from posebench import worker_timing

        return {"runs": worker_timing.network_runs(self._timed(), request)}

    def _timed(self) -> Any:
        from posebench.worker_timing import Timed

        if self._timing is None:
            self._timing = Timed(self._model, self._runtime.drain, self._boxes)
        return self._timing

    def close(self, request: Reply) -> Reply:
        """Free the model."""
        if self._model is not None:
            self._model.close()
            self._model = self._timing = None
        return {}

    def _boxes_in(self, image_ids: list[int]) -> list[Any] | None:
        return None if self._boxes is None else [self._boxes[i] for i in image_ids]

    def handle(self, request: Reply) -> Reply:
        """Answer one request; an error becomes a reply."""
        operations = {
            "load": self.load,
            "predict": self.predict,
            "warm_up": self.warm_up,
            "time_round": self.time_round,
            "network_runs": self.network_runs,
            "close": self.close,
        }
        try:
            return {"ok": operations[request["op"]](request)}
        except Exception as error:  # the boundary: every error becomes a Record
            return {"error": describe_error(error)}


def _given_boxes(source: Reply) -> dict[int, Any] | None:
    from posebench.box_source import read_boxes

    return read_boxes(Path(source["boxes"])) if "boxes" in source else None


def describe_error(error: BaseException) -> Reply:
    """An error as the fields of a ``record.Failure``."""
    return {
        "kind": _failure_kind(error),
        "message": BaseException.__str__(error)
        if isinstance(error, PosebenchError)
        else f"{type(error).__name__}: {error}",
        "remedy": getattr(error, "remedy", ""),
        "detail": "".join(traceback.format_exception(error))[-4000:],
    }


def _failure_kind(error: BaseException) -> str:
    if isinstance(error, MissingExtraError):
        return "missing-extra"
    if isinstance(error, WeightsUnavailableError):
        return "no-weights"
    if isinstance(error, WeightsError):
        return "bad-weights"
    if isinstance(error, PosebenchError):
        return "bad-input"
    names = {cls.__name__ for cls in type(error).__mro__}
    if isinstance(error, MemoryError) or "OutOfMemoryError" in names:
        return "out-of-memory"
    return "error"


def peak_memory_mb() -> float:
    """Largest resident set of this process so far, in MB (10^6 bytes).

    Linux hands ``ru_maxrss`` on from the parent through ``exec``; ``VmHWM`` is this process's own.
    """
    status = Path("/proc/self/status")
    if status.exists():
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(fields["VmHWM"].split()[0]) * 1024 / 1e6
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def serve(requests: IO[str], replies: IO[str]) -> None:
    """Answer requests until the parent closes its end."""

    def send(reply: Reply) -> None:
        replies.write(json.dumps(reply) + "\n")
        replies.flush()

    worker = Worker(send)
    for line in requests:
        send(worker.handle(json.loads(line)))


def main() -> None:
    """Entry point: keep standard output for replies, give prints to the log."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    import cv2

    cv2.setNumThreads(1)
    try:
        serve(sys.stdin, replies)
    except BrokenPipeError:
        sys.exit(1)  # the parent is gone


if __name__ == "__main__":
    main()
