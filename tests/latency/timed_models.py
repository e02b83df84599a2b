"""A clock that stands still until somebody spends time on it, and models that do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from posebench.latency.measure import Picture
from posebench.types import Image, PersonBoxes, Prediction, Spans


class FakeClock:
    """Time passes by ``spend`` and ``sleep`` only; every sleep is remembered."""

    def __init__(self) -> None:
        self.time_ns = 0
        self.slept: list[float] = []

    def now_ns(self) -> int:
        return self.time_ns

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time_ns += round(seconds * 1e9)

    def spend(self, ms: float) -> None:
        self.time_ns += round(ms * 1e6)


class Whole:
    """A model of one piece; ``cost_ms`` says what its n-th run takes."""

    num_keypoints = 1

    def __init__(self, clock: FakeClock, cost_ms: Callable[[int], float] = lambda run: 7.0) -> None:
        self.clock = clock
        self.cost_ms = cost_ms
        self.sizes: list[int] = []

    def predict(self, images: Sequence[Image], boxes: object = None) -> list[Prediction]:
        self._run(images)
        return [Prediction.empty(1) for _ in images]

    def _run(self, images: Sequence[Image]) -> None:
        self.clock.spend(self.cost_ms(len(self.sizes)))
        self.sizes.append(len(images[0]))


class Staged(Whole):
    """Stages of 1, ``cost_ms(n)`` and 2 ms. ``measured`` is what its runtime measures of a run."""

    measured: tuple[Spans, ...] = ()

    def preprocess(self, images: Sequence[Image], boxes: Any = None) -> Sequence[Image]:
        self.clock.spend(1)
        return images

    def infer(self, prepared: Sequence[Image]) -> Any:
        self._run(prepared)
        self.log = list(self.measured)
        return prepared

    def postprocess(self, raw: Any) -> list[Prediction]:
        self.clock.spend(2)
        return [Prediction.empty(1)]

    def ran(self) -> bool:
        """Whether the network ran since this was asked last."""
        before, self.known = getattr(self, "known", 0), len(self.sizes)
        return len(self.sizes) > before

    def drain(self) -> list[Spans]:
        found, self.log = getattr(self, "log", []), []
        return found


def pictures(
    clock: FakeClock, sizes: Sequence[int] = (4, 6), boxes: PersonBoxes | None = None
) -> list[Picture]:
    """Square pictures that take 3 ms to decode."""

    def decode(size: int) -> Image:
        clock.spend(3)
        return np.zeros((size, size, 3), np.uint8)

    return [Picture(lambda size=size: decode(size), boxes) for size in sizes]  # type: ignore[misc]
