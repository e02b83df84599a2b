"""Work on arrays in two threads: numpy lets go of the interpreter while it computes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Thread
from typing import TypeVar

Part = TypeVar("Part")
Result = TypeVar("Result")


def in_two_threads(work: Callable[[Part], Result], parts: Iterable[Part]) -> list[Result]:
    """Results of ``work``, one a part, in their order; both threads take the next part left.

    The executors of the standard library do the same, but importing them takes longer than what
    the second thread saves.
    """
    todo = list(parts)
    results: dict[int, Result] = {}
    errors: list[BaseException] = []
    left = iter(range(len(todo)))  # Its ``next`` is atomic under the interpreter's lock.

    def take_parts() -> None:
        try:
            for index in left:
                results[index] = work(todo[index])
        except BaseException as error:
            errors.append(error)

    helper = Thread(target=take_parts, name="posebench-score", daemon=True)
    if len(todo) > 1:
        helper.start()
    take_parts()
    if len(todo) > 1:
        helper.join()
    if errors:
        raise errors[0]
    return [results[index] for index in range(len(todo))]
