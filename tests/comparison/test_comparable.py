from __future__ import annotations

from typing import Any

import pytest
from records import BOXES, make_dataset, make_environment, make_record, make_runtime

from posebench.comparison.comparable import check_comparable, latency_obstacle, notes
from posebench.config import (
    Augmentation,
    EvalProtocol,
    Evaluation,
    LatencyConfig,
    Pckh,
    Postprocess,
    Preprocess,
    TopDown,
)
from posebench.errors import IncomparableError
from posebench.record import Record

BASE = make_record("base")


def other(**overrides: Any) -> Record:
    return make_record("other", **overrides)


def scored(**sections: Any) -> Record:
    return other(protocol=EvalProtocol(**sections))


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (
            other(dataset=make_dataset(identity="0" * 64)),
            "dataset.identity coco-val2017 (5e1f5e1f5e1f) → coco-val2017 (000000000000)",
        ),
        (scored(evaluation=Evaluation(max_dets=100)), "evaluation.max_dets 20 → 100"),
        (
            scored(evaluation=Evaluation(sigmas=(0.1, 0.2))),
            "evaluation.sigmas none → [0.1, 0.2]",
        ),
        (scored(boxes="ground-truth"), "boxes told no → yes"),
        (scored(pckh=Pckh()), "task keypoints → pckh"),
    ],
)
def test_figures_of_something_else_are_refused(record: Record, told: str) -> None:
    with pytest.raises(IncomparableError) as caught:
        check_comparable(BASE, record)
    assert told in str(caught.value)
    assert str(caught.value).startswith("other cannot be compared with base: ")
    assert caught.value.exit_code == 4


def test_pckh_of_other_joints_is_another_figure() -> None:
    with pytest.raises(IncomparableError, match=r"pckh.mapping none → coco17-to-mpii16"):
        check_comparable(scored(pckh=Pckh()), scored(pckh=Pckh(mapping="coco17-to-mpii16")))


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (
            scored(preprocess=Preprocess(input_height=448, input_width=448)),
            "Protocol: preprocess.input_height 640 → 448, preprocess.input_width 640 → 448.",
        ),
        (
            scored(postprocess=Postprocess(score_threshold=0.1)),
            "Protocol: postprocess.score_threshold 0.001 → 0.1.",
        ),
        (
            scored(augmentation=Augmentation(flip_test=True)),
            "Protocol: augmentation.flip_test False → True.",
        ),
        (scored(top_down=TopDown()), "Protocol: top_down none → given."),
        (other(boxes=BOXES), "Boxes: source none → yolox-s (cccccccccccc)."),
        (
            other(runtime=make_runtime(precision="fp16", options={"compiled": True})),
            "Runtime: runtime.precision fp32 → fp16, runtime.options.compiled none → True.",
        ),
        (
            other(environment=make_environment(fingerprint="ffff", memory_mb=1024)),
            "Machine: machine.memory_mb 32768 → 1024.",
        ),
        (
            other(dataset=make_dataset(undecodable=("1.jpg (id 1)",))),
            "Scored: unreadable pictures 0 → 1.",
        ),
    ],
)
def test_what_is_the_candidates_choice_is_told(record: Record, told: str) -> None:
    check_comparable(BASE, record)
    assert notes(BASE, record) == (told,)


def test_more_figures_and_another_name_of_the_dataset_do_not_matter() -> None:
    more = scored(evaluation=Evaluation(per_keypoint_ap=True))
    check_comparable(BASE, more)
    renamed = other(dataset=make_dataset(name="mine"))
    check_comparable(BASE, renamed)
    assert notes(BASE, renamed) == ()


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (other(runtime=make_runtime(version="1.21.0")), "runtime.version 1.20.1 → 1.21.0"),
        (other(runtime=make_runtime(threads=4)), "runtime.threads 1 → 4"),
        (
            other(runtime=make_runtime(device="cuda:0", provider="CUDAExecutionProvider")),
            "runtime.provider CPUExecutionProvider → CUDAExecutionProvider, "
            "runtime.device cpu → cuda:0",
        ),
        (
            other(environment=make_environment(fingerprint="ffff", cpu="Xeon 2", cpu_cores=4)),
            "machine.cpu Intel Xeon Platinum 8375C → Xeon 2, machine.cpu_cores 8 → 4",
        ),
        (
            other(environment=make_environment(fingerprint="ffff")),
            "machine.fingerprint a1b2c3d4 → ffff",
        ),
        (
            other(latency_protocol=LatencyConfig(warmup=3)),
            "latency_protocol.warmup 10 → 3",
        ),
    ],
)
def test_latencies_of_other_conditions_are_not_subtracted(record: Record, told: str) -> None:
    assert latency_obstacle(BASE, record, "sustained") == f"not measured alike: {told}"


@pytest.mark.parametrize(
    "record",
    [
        other(latency_protocol=LatencyConfig(processes=60, seed=4, repeats=0)),
        other(runtime=make_runtime(precision="fp16")),
        other(runtime=make_runtime(provider="CPUExecutionProvider in fp32", precision="fp16")),
        other(runtime=make_runtime(provider="CPUExecutionProvider (f16 80, f32 3)")),
        other(protocol=EvalProtocol(preprocess=Preprocess(input_height=448))),
    ],
)
def test_precision_input_and_number_of_processes_may_differ(record: Record) -> None:
    assert latency_obstacle(BASE, record, "sustained") is None


def test_the_pause_is_that_of_the_paced_regime() -> None:
    longer = other(latency_protocol=LatencyConfig(pause_ms=500))
    assert latency_obstacle(BASE, longer, "sustained") is None
    told = latency_obstacle(BASE, longer, "paced")
    assert told == "not measured alike: latency_protocol.pause_ms 200.0 → 500.0"


def test_long_values_are_cut() -> None:
    sigmas = EvalProtocol(evaluation=Evaluation(sigmas=(0.123456789,) * 17))
    with pytest.raises(IncomparableError) as caught:
        check_comparable(BASE, other(protocol=sigmas))
    assert len(str(caught.value)) < 250
