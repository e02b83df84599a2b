from __future__ import annotations

import pytest
from posebench_adapters.ultralytics import CARDS

from posebench.config import resolve_protocol
from posebench.types import ModelCard

BY_NAME = {card.name: card for card in CARDS}


def claims(card: ModelCard, metric: str, weights: str = "") -> list[float]:
    return [c.value for c in card.claims if c.metric == metric and c.weights == weights]


def test_the_whole_family_is_there() -> None:
    assert set(BY_NAME) == {
        *(f"yolov8{size}-pose" for size in "nsmlx"),
        "yolov8x-pose-p6",
        *(f"yolo11{size}-pose" for size in "nsmlx"),
        *(f"yolo26{size}-pose" for size in "nsmlx"),
    }


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_every_card_is_complete(card: ModelCard) -> None:
    assert card.licence == "AGPL-3.0-only"
    assert card.extra == "ultralytics"
    assert card.skeleton == "coco17"
    assert card.input_size == ((1280, 1280) if card.name.endswith("p6") else (640, 640))
    assert card.training_data
    assert card.aliases
    assert card.params_m
    assert card.gflops
    assert card.weights
    for weights in card.weights:
        assert weights.url.endswith(f"/{card.name}.pt")
        assert weights.generation in weights.url
        digest = weights.digest
        assert digest is None or (digest.startswith("sha256:") and len(digest) == 7 + 64)
    assert claims(card, "AP", card.weights[0].generation if len(card.weights) > 1 else "")
    assert all(claim.source and claim.protocol for claim in card.claims)
    resolve_protocol(card.protocol)


def test_names_aliases_and_digests_are_unique() -> None:
    names = [name for card in CARDS for name in (card.name, *card.aliases)]
    digests = [w.digest for card in CARDS for w in card.weights if w.digest]
    assert len(names) == len(set(names))
    assert len(digests) == len(set(digests)) >= 11


def test_both_generations_of_yolov8_are_told_apart() -> None:
    expected = {
        "yolov8n-pose": (0.497, 131.8, 0.504),
        "yolov8s-pose": (0.592, 233.2, 0.600),
        "yolov8m-pose": (0.636, 456.3, 0.650),
        "yolov8l-pose": (0.670, 784.5, 0.676),
        "yolov8x-pose": (0.689, 1607.1, 0.692),
        "yolov8x-pose-p6": (0.715, 4088.7, 0.716),
    }
    for name, (first, cpu_ms, later) in expected.items():
        card = BY_NAME[name]
        assert [w.generation for w in card.weights] == ["v8.2.0", "v0.0.0"]
        assert claims(card, "AP", "v0.0.0") == [first]
        assert cpu_ms in claims(card, "latency_ms", "v0.0.0")
        assert claims(card, "AP", "v8.2.0") == [later]


def test_yolo26_needs_no_nms() -> None:
    for name, card in BY_NAME.items():
        nms = resolve_protocol(card.protocol).postprocess.nms
        assert nms == ("none" if name.startswith("yolo26") else "box-iou")
