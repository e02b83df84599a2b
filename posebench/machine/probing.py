"""Finding out in a process of its own what works: it may crash or hang and take nothing along."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

Status = Literal["ready", "missing", "unusable"]
# Whatever a framework keeps between two programs must not decide whether it works.
_CACHES = ("POSEBENCH_CACHE", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "YOLO_CONFIG_DIR")
_AGAIN = "Run posebench doctor again while the machine is less busy."


@dataclass(frozen=True)
class Finding:
    """What was found out of one precision.

    Attributes:
        precision: ``fp32``, ``fp16``, or ``""`` where it is no matter of precision.
        status: ``ready``: it computed and the result was right. ``missing``: a package is not
            installed. ``unusable``: installed, but does not work here.
        detail: Of what it is, or why it is not ready.
        remedy: What to do about it, or ``""``.
    """

    precision: str
    status: Status
    detail: str
    remedy: str = ""


def ask(command: Sequence[str], precisions: Sequence[str], limit_s: float) -> list[Finding]:
    """Run a program that finds out.

    Args:
        command: The program and its arguments. It writes one JSON object a line to its standard
            output, with the fields of a :class:`Finding`.
        precisions: That it is to tell of, in order.
        limit_s: After so many seconds it is stopped.

    Returns:
        A finding of each precision. Those that the program did not live to tell are unusable, for
        the reason of its end.
    """
    with tempfile.TemporaryDirectory(prefix="posebench-doctor-") as folder:
        end, remedy, told = _run(command, Path(folder), limit_s)
    findings = {fields["precision"]: Finding(**fields) for fields in map(json.loads, told)}
    return [findings.get(name) or Finding(name, "unusable", end, remedy) for name in precisions]


def _run(command: Sequence[str], folder: Path, limit_s: float) -> tuple[str, str, list[str]]:
    """How the program ended, what to do about it, and the whole lines that it wrote.

    Into files: a pipe would stay open as long as any process that the program started.
    """
    environment = {**os.environ, **{name: str(folder / name) for name in _CACHES}}
    output, errors = folder / "stdout", folder / "stderr"
    remedy = ""
    with output.open("wb") as out, errors.open("wb") as err:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment
        )
        try:
            child.wait(limit_s)
        except subprocess.TimeoutExpired:
            _kill_all(child)
            end, remedy = f"gave no answer within {limit_s:g} s", _AGAIN
        else:
            end = _end(child.returncode, errors)
    lines = output.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    return end, remedy, [line for line in lines if line.endswith("\n")]


def _kill_all(child: subprocess.Popen[bytes]) -> None:
    """The program and every process that it started."""
    descendants = psutil.Process(child.pid).children(recursive=True)
    for process in (child, *descendants):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    child.wait()


def _end(code: int, errors: Path) -> str:
    if code < 0:
        return f"was killed by {_signal_name(-code)}"
    lines = errors.read_text(encoding="utf-8", errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f"ended with code {code}: {last}" if last else f"ended with code {code}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
