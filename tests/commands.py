"""The posebench command as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def posebench(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``python -m posebench`` to its end; both outputs as text."""
    return subprocess.run(
        [sys.executable, "-m", "posebench", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def quick_latency(samples: int, processes: int = 1) -> str:
    """The section of a run.toml that measures latency in no time, on a machine that is busy."""
    return (
        f'[latency]\nregimes = ["sustained"]\nprocesses = {processes}\nsamples = {samples}\n'
        "warmup = 1\nwarmup_s = 0\nrepeats = 0\n"
    )
