"""The accuracy pass over one shard: decoding, stages and network side by side.

The network runs in the calling thread. One thread decodes and preprocesses the pictures that come
next, another postprocesses those that are done, so that on two cores the pass takes about as long
as the network alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from posebench.datasets.images import ImageError, read_image
from posebench.protocols import PoseModel, StagedPoseModel
from posebench.types import Image, PersonBoxes, Prediction

_T = TypeVar("_T")
Given: TypeAlias = "list[PersonBoxes] | None"
"""The boxes of one picture, as a batch of one."""
Task: TypeAlias = "tuple[Path, Given]"
_AHEAD = 4
"""Pictures prepared before the network needs them; each holds one decoded input tensor."""


@dataclass(frozen=True)
class Outcome:
    """What became of one picture.

    Attributes:
        prediction: The people found; nobody if the picture could not be read.
        error: Why the picture could not be read, or None.
    """

    prediction: Prediction
    error: str | None = None


def predict_images(
    model: PoseModel, paths: Sequence[Path], boxes: Sequence[PersonBoxes] | None = None
) -> Iterator[Outcome]:
    """Predict every picture, in order, batch 1; ``boxes`` say where a top-down model looks.

    A picture that cannot be read is predicted as empty and says why; any other error propagates.
    """
    prepare, infer, finish = _stages(model)

    def load(task: Task) -> Any:
        try:
            return prepare(read_image(task[0]), task[1])
        except ImageError as error:
            return error

    def complete(raw: Any) -> Outcome:
        if isinstance(raw, ImageError):
            return Outcome(Prediction.empty(model.num_keypoints), str(raw))
        return Outcome(finish(raw))

    tasks = [(path, None if boxes is None else [boxes[i]]) for i, path in enumerate(paths)]
    with ThreadPoolExecutor(1) as before, ThreadPoolExecutor(1) as after:
        done: deque[Future[Outcome]] = deque()
        for prepared in _prefetched(before, load, tasks):
            raw = prepared if isinstance(prepared, ImageError) else infer(prepared)
            done.append(after.submit(complete, raw))
            while len(done) > _AHEAD or (done and done[0].done()):
                yield done.popleft().result()
        while done:
            yield done.popleft().result()


def _stages(
    model: PoseModel,
) -> tuple[Callable[[Image, Given], Any], Callable[[Any], Any], Callable[[Any], Prediction]]:
    if isinstance(model, StagedPoseModel):
        staged = model
        return (
            lambda image, given: staged.preprocess([image], given),
            staged.infer,
            lambda raw: staged.postprocess(raw)[0],
        )
    return (
        lambda image, given: (image, given),
        lambda pair: model.predict([pair[0]], pair[1])[0],
        lambda prediction: prediction,
    )


def _prefetched(
    pool: ThreadPoolExecutor, load: Callable[[Task], _T], tasks: Sequence[Task]
) -> Iterator[_T]:
    waiting: deque[Future[_T]] = deque(pool.submit(load, task) for task in tasks[:_AHEAD])
    for task in [*tasks[_AHEAD:], *[None] * len(waiting)]:
        ready = waiting.popleft().result()
        if task is not None:
            waiting.append(pool.submit(load, task))
        yield ready
