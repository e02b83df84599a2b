"""Speed of ``evaluate`` at the scale of COCO val2017, beside pycocotools and hotcoco.

Run with ``pytest benchmarks/test_evaluate.py``. Nothing is asserted about times: the ratios, all
of them from interleaved whole processes of one run, are in the benchmark's ``extra_info``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from processes import HOTCOCO, PYCOCOTOOLS, Samples, posebench, reference, run_once
from val2017_scale import Counts

from posebench.datasets.coco import CocoDataset
from posebench.datasets.results import load_predictions
from posebench.evaluation import score

ROUNDS = 7


@pytest.fixture(scope="session")
def val2017(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("val2017"))


def made(folder: Path, factor: int = 1) -> Path:
    """Made by another process: the kernel counts this one's memory as its children's too."""
    script = Path(__file__).with_name("val2017_scale.py")
    subprocess.run([sys.executable, str(script), str(folder), str(factor)], check=True)
    return folder


def test_whole_processes(benchmark: Any, val2017: Path, tmp_path: Path) -> None:
    pytest.importorskip("pycocotools")
    pytest.importorskip("hotcoco")
    commands = {
        "pycocotools": reference(PYCOCOTOOLS, val2017),
        "hotcoco": reference(HOTCOCO, val2017),
        "json": posebench(val2017, "dt.json"),
        "json, cached": posebench(val2017, "dt.json"),
        "shards, cached": posebench(val2017, "shards"),
    }
    samples = {name: Samples() for name in commands}
    run_once(commands["json"], {"POSEBENCH_CACHE": str(tmp_path / "warm")}, Samples())

    def one_round() -> None:
        for name, command in commands.items():
            cache = tmp_path / ("warm" if "cached" in name else "cold")
            shutil.rmtree(tmp_path / "cold", ignore_errors=True)
            run_once(command, {"POSEBENCH_CACHE": str(cache)}, samples[name])

    benchmark.pedantic(one_round, rounds=ROUNDS, iterations=1)
    for name, found in samples.items():
        benchmark.extra_info[name] = {
            "median_s": round(found.median_s, 3),
            "min_s": round(min(found.wall_s), 3),
            "cpu_s": round(min(found.cpu_s), 3),
            "peak_mb": round(found.peak_mb),
            "times_faster_than_pycocotools": _ratio(samples["pycocotools"], found),
            "times_hotcoco": _ratio(found, samples["hotcoco"]),
        }
        print(name, benchmark.extra_info[name])


def _ratio(one: Samples, other: Samples) -> float:
    """Median of the ratios within each round."""
    ratios = sorted(a / b for a, b in zip(one.wall_s, other.wall_s, strict=True))
    return round(ratios[len(ratios) // 2], 2)


def test_in_one_process(benchmark: Any, val2017: Path) -> None:
    """Loading and scoring without starting a process; hotcoco from JSON, ours from shards."""
    hotcoco = pytest.importorskip("hotcoco")
    truth_file, results_file = str(val2017 / "gt.json"), str(val2017 / "dt.json")

    def theirs() -> None:
        truth = hotcoco.COCO(truth_file)
        evaluator = hotcoco.COCOeval(truth, truth.load_res(results_file), "keypoints")
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()

    def ours() -> None:
        dataset = CocoDataset.open(val2017 / "gt.json")
        truth = dataset.ground_truth()
        score(truth, load_predictions(val2017 / "shards", dataset, truth).detections)

    ours()
    ratios = sorted(_seconds(ours) / _seconds(theirs) for _ in range(ROUNDS))
    benchmark.extra_info["times_hotcoco"] = round(ratios[ROUNDS // 2], 2)
    print(benchmark.extra_info)
    benchmark.pedantic(ours, rounds=1)


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_growth_with_images(benchmark: Any, factor: int, tmp_path: Path) -> None:
    """Loading shards and scoring them, in this process; the cost a picture should not change."""
    made(tmp_path, factor)
    CocoDataset.open(tmp_path / "gt.json")

    def load_and_score() -> None:
        dataset = CocoDataset.open(tmp_path / "gt.json")
        truth = dataset.ground_truth()
        score(truth, load_predictions(tmp_path / "shards", dataset, truth).detections)

    benchmark.pedantic(load_and_score, rounds=ROUNDS, iterations=1, warmup_rounds=1)
    if benchmark.stats is not None:
        seconds = benchmark.stats.stats.median / Counts().times(factor).images
        benchmark.extra_info["us_per_image"] = round(1e6 * seconds, 2)
        print(factor, benchmark.extra_info)
