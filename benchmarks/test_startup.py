"""What ``posebench list`` adds to ``python -c pass``, whole processes, interleaved in one run."""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median
from typing import Any

ROUNDS = 15


def _seconds(*arguments: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - start


def test_list(benchmark: Any) -> None:
    listing, nothing = [], []
    for _ in range(ROUNDS):
        nothing.append(_seconds("-c", "pass"))
        listing.append(_seconds("-m", "posebench", "list"))
    added = [a - b for a, b in zip(listing, nothing, strict=True)]
    benchmark.extra_info["added_s"] = median(added)
    benchmark.extra_info["added_s_worst"] = max(added)
    print(f"\nposebench list: +{median(added):.3f} s (worst of {ROUNDS}: {max(added):.3f} s)")
    benchmark.pedantic(_seconds, args=("-m", "posebench", "list"), rounds=5)
