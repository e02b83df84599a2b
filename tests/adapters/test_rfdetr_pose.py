from __future__ import annotations

from pathlib import Path

import pytest
from posebench_adapters import rfdetr_pose

from posebench.config import resolve_protocol
from posebench.errors import WeightsError


def test_the_four_sizes_are_listed_without_weights() -> None:
    sizes = {card.name: (card.aliases, card.input_size) for card in rfdetr_pose.CARDS}
    assert sizes == {
        "rfdetr-pose-n": (("rfdetr-pose-nano",), (384, 384)),
        "rfdetr-pose-s": (("rfdetr-pose-small",), (512, 512)),
        "rfdetr-pose-m": (("rfdetr-pose-medium",), (576, 576)),
        "rfdetr-pose-l": (("rfdetr-pose-large",), (768, 768)),
    }
    for card in rfdetr_pose.CARDS:
        assert card.weights == ()
        assert "No weights are published" in card.note
        resolve_protocol(card.protocol)


@pytest.mark.parametrize("weights", [None, Path("own.pt")])
def test_loading_says_why_it_cannot(weights: Path | None) -> None:
    for card in rfdetr_pose.CARDS:
        with pytest.raises(WeightsError, match="No weights are published"):
            rfdetr_pose.load(card, weights, resolve_protocol(), None)
