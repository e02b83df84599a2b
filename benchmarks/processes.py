"""Whole processes, measured from outside: wall time and peak memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PYCOCOTOOLS = """
import sys
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
truth = COCO(sys.argv[1])
evaluator = COCOeval(truth, truth.loadRes(sys.argv[2]), "keypoints")
evaluator.evaluate()
evaluator.accumulate()
evaluator.summarize()
"""

HOTCOCO = """
import sys
import numpy
from hotcoco import COCO, COCOeval
truth = COCO(sys.argv[1])
evaluator = COCOeval(truth, truth.load_res(sys.argv[2]), "keypoints")
evaluator.evaluate()
evaluator.accumulate()
evaluator.summarize()
"""


@dataclass
class Samples:
    """Measurements of one command."""

    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    peak_mb: float = 0.0

    @property
    def median_s(self) -> float:
        return statistics.median(self.wall_s)


def reference(script: str, folder: Path) -> list[str]:
    return [sys.executable, "-c", script, str(folder / "gt.json"), str(folder / "dt.json")]


def posebench(folder: Path, predictions: str) -> list[str]:
    files = ["--annotations", str(folder / "gt.json"), "--predictions", str(folder / predictions)]
    return [sys.executable, "-m", "posebench", "evaluate", "--format", "json", *files]


def run_once(command: Sequence[str], environment: Mapping[str, str], into: Samples) -> None:
    """Run to the end; peak memory is the kernel's figure for that process alone."""
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        # Installed packages come compiled; so may ours, whatever the shell says.
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    into.wall_s.append(time.perf_counter() - start)
    into.cpu_s.append(usage.ru_utime + usage.ru_stime)
    scale = 1 << 20 if sys.platform == "darwin" else 1 << 10
    into.peak_mb = max(into.peak_mb, usage.ru_maxrss / scale)
    assert status == 0, f"{command[0]} ended with {status}"
