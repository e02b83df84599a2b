"""Whole processes, measured from outside: wall time and peak memory."""

from __future__ import annotations

import json
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
    """Run to the end, watched by a small process: the kernel hands peak memory on to children."""
    finished = subprocess.run(
        [sys.executable, __file__, *command],
        # Installed packages come compiled; so may ours, whatever the shell says.
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        check=True,
    )
    usage = json.loads(finished.stdout)
    into.wall_s.append(usage["wall_s"])
    into.cpu_s.append(usage["cpu_s"])
    into.peak_mb = max(into.peak_mb, usage["peak_mb"])


def watch(command: Sequence[str]) -> dict[str, float]:
    """Run a command in silence and say what it took; peak memory in MiB."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - start
    assert status == 0, f"{command} ended with {status}"
    scale = 1 << 20 if sys.platform == "darwin" else 1 << 10
    cpu_s = usage.ru_utime + usage.ru_stime
    return {"wall_s": wall_s, "cpu_s": cpu_s, "peak_mb": usage.ru_maxrss / scale}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(watch(sys.argv[1:])))
