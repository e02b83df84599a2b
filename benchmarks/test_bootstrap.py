"""2,000 paired replicates of all ten keypoint figures at the scale of COCO val2017.

Run with ``pytest benchmarks/test_bootstrap.py``. Nothing is asserted about times: seconds, and how
many plain accumulations they are worth in the same run, are in the benchmark's ``extra_info``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from val2017_scale import write_problem

from posebench.datasets.coco import CocoDataset
from posebench.datasets.results import load_predictions
from posebench.metrics.accumulate import KEYPOINT_FIGURES, figures
from posebench.metrics.bootstrap import draw_weights
from posebench.metrics.coco import match_keypoints
from posebench.metrics.matches import Matches
from posebench.metrics.paired import Draws
from posebench.metrics.paired_figures import paired_figures
from posebench.metrics.resampling import replicates

REPLICATES = 2000
ROUNDS = 3
_AP = {"AP": KEYPOINT_FIGURES["AP"]}


@pytest.fixture(scope="module")
def two_models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Matches, Matches]:
    """One set of detections, and the same with 2 px of noise."""
    folder = tmp_path_factory.mktemp("val2017")
    write_problem(folder)
    dataset = CocoDataset.open(folder / "gt.json")
    truth = dataset.ground_truth()
    found = load_predictions(folder / "shards", dataset, truth).detections
    noise = np.random.default_rng(1).normal(0, 2, found.keypoints.shape)
    other = replace(found, keypoints=found.keypoints + noise)
    return match_keypoints(truth, found), match_keypoints(truth, other)


def test_two_thousand_paired_replicates(
    benchmark: Any, two_models: tuple[Matches, Matches]
) -> None:
    weights = draw_weights(len(two_models[0].image_ids), replicates=REPLICATES)
    found: dict[str, list[float]] = {name: [] for name in ("ten figures", "AP", "accumulate once")}

    def one_round() -> None:
        for name, work in {
            "ten figures": lambda: [replicates(m, KEYPOINT_FIGURES, weights) for m in two_models],
            "AP": lambda: [replicates(m, _AP, weights) for m in two_models],
            "accumulate once": lambda: [figures(m, KEYPOINT_FIGURES) for m in two_models],
        }.items():
            found[name].append(_seconds(work))

    benchmark.pedantic(one_round, rounds=ROUNDS, iterations=1)
    for name, seconds in found.items():
        benchmark.extra_info[name] = {"median_s": round(float(np.median(seconds)), 3)}
    whole, once = (np.array(found[name]) for name in ("ten figures", "accumulate once"))
    benchmark.extra_info["accumulations a replicate"] = round(
        float(np.median(whole / once)) / REPLICATES, 4
    )
    print(benchmark.extra_info)
    for matches in two_models:
        exact = figures(matches, KEYPOINT_FIGURES)
        ones = replicates(matches, KEYPOINT_FIGURES, np.ones((1, len(matches.image_ids))))
        assert {name: float(v[0]) for name, v in ones.items()} == {
            name: figure.value for name, figure in exact.items()
        }


def test_a_whole_comparison(benchmark: Any, two_models: tuple[Matches, Matches]) -> None:
    """With the p-values of the swap test."""
    draws = Draws(replicates=REPLICATES)
    found = benchmark.pedantic(
        lambda: paired_figures(*two_models, KEYPOINT_FIGURES, draws), rounds=1, iterations=1
    )
    print(found["AP"])


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
