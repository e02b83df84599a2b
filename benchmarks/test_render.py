"""Rendering people: pictures a second and core, and the memory of one process."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import pytest

from posebench.datasets.synthetic.render import render
from posebench.datasets.synthetic.splits import SPLITS

PICTURES = 24
_PEAK_MEMORY = """
import resource, sys
from posebench.datasets.synthetic.render import render
from posebench.datasets.synthetic.splits import SPLITS
for index in range(int(sys.argv[1])):
    render(SPLITS["crowded"], 0, index % 8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.parametrize("split", sorted(SPLITS))
def test_pictures_a_second(split: str, benchmark: Any) -> None:
    render(SPLITS[split], 0, 0)
    start = time.process_time()
    for index in range(PICTURES):
        render(SPLITS[split], 1, index)
    rate = PICTURES / (time.process_time() - start)
    benchmark.extra_info["pictures_a_second_and_core"] = rate
    print(f"\n{split}: {rate:.2f} pictures a second and core")
    benchmark.pedantic(render, args=(SPLITS[split], 1, 0), rounds=5)


def test_memory_does_not_grow_with_the_number_of_pictures(benchmark: Any) -> None:
    few, many = (
        int(subprocess.run(
            [sys.executable, "-c", _PEAK_MEMORY, str(count)],
            capture_output=True, text=True, check=True,
        ).stdout)
        for count in (8, 80)
    )  # fmt: skip
    benchmark.extra_info["peak_ratio"] = many / few
    print(f"\npeak memory after 80 pictures / after 8: {many / few:.3f}")
    benchmark.pedantic(render, args=(SPLITS["crowded"], 0, 0), rounds=1)
