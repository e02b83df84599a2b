"""What a worker does when it is asked to time its model."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from posebench.config import LatencyConfig
from posebench.datasets.images import ImageError, decode_image
from posebench.errors import InputError
from posebench.latency import batches, measure
from posebench.latency.clock import SystemClock
from posebench.latency.measure import Drain, Picture, Samples
from posebench.machine.cpu import CpuUse, disturbance, read_cpu_use
from posebench.protocols import PoseModel
from posebench.types import PersonBoxes

_SIGN_OF_LIFE_S = 1.0


@dataclass(frozen=True, eq=False)
class Timed:
    """What is timed.

    Attributes:
        model: Loaded.
        drain: What its runtime measured since the last call.
        boxes: Where a top-down model looks, by image id; None if that is not given.
        pictures: Those read so far, by their paths: warm-up and round follow without a pause.
    """

    model: PoseModel
    drain: Drain
    boxes: Mapping[int, PersonBoxes] | None
    pictures: dict[tuple[str, ...], list[Picture]] = field(default_factory=dict)


def warm_up(timed: Timed, request: Mapping[str, Any], alive: Callable[[], None]) -> CpuUse:
    """Warm the model up on the pictures that will be timed, decoded anew each time.

    Args:
        timed: The model.
        request: ``paths`` and ``image_ids`` of the pictures, ``latency``.
        alive: Told now and then that runs are finished.

    Returns:
        The processors' accounts before.

    Raises:
        InputError: None of the pictures can be read.
    """
    pictures, config = _pictures(timed, request), _config(request)
    before = read_cpu_use()
    measure.warm_up(timed.model, pictures, config, clock=SystemClock(), alive=_now_and_then(alive))
    return before


def time_round(
    timed: Timed,
    request: Mapping[str, Any],
    before: CpuUse,
    alive: Callable[[], None],
) -> dict[str, Any]:
    """Time one round of a model that is warm.

    Args:
        timed: The model.
        request: ``paths`` and ``image_ids`` of the pictures, ``latency``, ``regime``, and
            ``batch``: pictures a call, or None for single ones, whose stages are told apart.
        before: What ``warm_up`` gave: what the processors did besides is counted from there.
        alive: Told now and then that runs are finished.

    Returns:
        ``spans`` and ``people`` of the samples, and ``cpu``: what came between, or None.

    Raises:
        InputError: None of the pictures can be read.
    """
    samples = _samples(timed, _pictures(timed, request), request, _now_and_then(alive))
    cpu = disturbance(before, read_cpu_use())
    return {**asdict(samples), "cpu": asdict(cpu) if cpu else None}


def network_runs(timed: Timed, request: Mapping[str, Any]) -> list[int]:
    """How often the networks run for one picture, and for a batch of it twice."""
    picture = _pictures(timed, request)[0]
    return [batches.network_runs(timed.model, picture, size, timed.drain) for size in (1, 2)]


def _samples(
    timed: Timed, pictures: list[Picture], request: Mapping[str, Any], alive: Callable[[], None]
) -> Samples:
    config = _config(request)
    regime, clock, batch = request["regime"], SystemClock(), request["batch"]
    if batch is not None:
        return batches.time_batches(
            timed.model, pictures, batch, config, regime, clock=clock, alive=alive
        )
    return measure.time_round(
        timed.model, pictures, config, regime, clock=clock, drain=timed.drain, alive=alive
    )


def _config(request: Mapping[str, Any]) -> LatencyConfig:
    return LatencyConfig.model_validate(request["latency"])


def _pictures(timed: Timed, request: Mapping[str, Any]) -> list[Picture]:
    """The pictures of a request, from memory once they were read."""
    paths = tuple(request["paths"])
    if paths not in timed.pictures:
        timed.pictures[paths] = _read(timed, request)
    return timed.pictures[paths]


def _read(timed: Timed, request: Mapping[str, Any]) -> list[Picture]:
    """The pictures that can be read; the others are listed by the accuracy pass."""
    found = []
    for path, image_id in zip(map(Path, request["paths"]), request["image_ids"], strict=True):
        try:
            data = path.read_bytes()
            decode_image(path, data)
        except (OSError, ImageError):
            continue
        boxes = None if timed.boxes is None else timed.boxes[image_id]
        found.append(Picture(partial(decode_image, path, data), boxes))
    if not found:
        raise InputError("none of the pictures that were to be timed can be read.")
    return found


def _now_and_then(alive: Callable[[], None]) -> Callable[[], None]:
    """Once a second at most: each message wakes the parent up."""
    last = time.monotonic()

    def seldom() -> None:
        nonlocal last
        if time.monotonic() - last > _SIGN_OF_LIFE_S:
            alive()
            last = time.monotonic()

    return seldom
