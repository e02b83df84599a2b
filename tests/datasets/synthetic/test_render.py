"""The same picture everywhere, and what models see in it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

import pytest

from posebench.datasets.synthetic.render import Picture, render
from posebench.datasets.synthetic.splits import GENERATOR_VERSION, SPLITS

# Labels of the first four pictures of seed 0. They change with GENERATOR_VERSION and never else.
GOLDEN = {
    "version": 1,
    "easy": "3abb9c4253c9748b",
    "default": "e161f5e6c52a3bf2",
    "crowded": "3b20a479b8d555a2",
}
# What numpy, OpenBLAS and OpenCV use of a processor can be taken from them.
PLAIN_PROCESSOR = {
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX2 FMA3 AVX F16C",
    "OPENBLAS_CORETYPE": "Prescott",
    "OPENCV_CPU_DISABLE": "AVX2,AVX,FP16",
}
DIGEST = """
import hashlib
from posebench.datasets.synthetic.render import render
from posebench.datasets.synthetic.splits import SPLITS
pictures = [render(split, 4, index) for split in SPLITS.values() for index in range(2)]
print(hashlib.sha256(repr([p.annotations for p in pictures]).encode()).hexdigest())
print(hashlib.sha256(b"".join(p.jpeg for p in pictures)).hexdigest())
"""


def _digest(pictures: list[Picture]) -> str:
    text = json.dumps([picture.annotations for picture in pictures])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@pytest.mark.parametrize("split", sorted(SPLITS))
def test_golden_labels(split: str) -> None:
    assert GOLDEN["version"] == GENERATOR_VERSION
    assert _digest([render(SPLITS[split], 0, index) for index in range(4)]) == GOLDEN[split]


def test_another_processor_gives_the_same_bytes() -> None:
    command = [sys.executable, "-c", DIGEST]
    plain, here = (
        subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
        for env in ({**os.environ, **PLAIN_PROCESSOR}, dict(os.environ))
    )
    assert plain == here


def test_pictures_differ_by_split_seed_and_index() -> None:
    pictures = [
        render(SPLITS[split], seed, index).jpeg
        for split, seed, index in (
            ("easy", 0, 0),
            ("easy", 0, 1),
            ("easy", 1, 0),
            ("default", 0, 0),
        )
    ]
    assert len(set(pictures)) == 4
