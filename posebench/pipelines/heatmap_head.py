"""What a network's heat maps are, as its exported file says it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from posebench.errors import InputError

HEAD_KEY = "posebench.heatmaps"
"""Key of the ONNX metadata under which a network says what its heat maps are."""


@dataclass(frozen=True)
class HeatmapHead:
    """What the channels of the heat maps are.

    Attributes:
        skeleton: Name of the K keypoints' skeleton.
        num_keypoints: K.
        flip_pairs: Keypoints that change places in a mirror image.
        sigmas: K standard deviations of the OKS, by which people are suppressed.
        protocol: Protocol fields that the weights were trained for, by section.
    """

    skeleton: str
    num_keypoints: int
    flip_pairs: tuple[tuple[int, int], ...]
    sigmas: tuple[float, ...]
    protocol: Mapping[str, Mapping[str, Any]]

    def to_metadata(self) -> dict[str, str]:
        """As ONNX metadata."""
        return {HEAD_KEY: json.dumps(asdict(self), sort_keys=True)}


def head_from_metadata(metadata: Mapping[str, str]) -> HeatmapHead | None:
    """The head that a network's metadata describes, or None if there is none of it.

    Raises:
        InputError: It cannot be read.
    """
    if HEAD_KEY not in metadata:
        return None
    try:
        found = json.loads(metadata[HEAD_KEY])
        pairs = tuple((int(one), int(other)) for one, other in found["flip_pairs"])
        sigmas = tuple(map(float, found["sigmas"]))
        return HeatmapHead(
            str(found["skeleton"]), int(found["num_keypoints"]), pairs, sigmas, found["protocol"]
        )
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(f"the network's metadata cannot be read: {error!r}.") from error
