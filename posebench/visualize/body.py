"""What is joined by limbs, and which side a keypoint is on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from posebench.datasets.skeletons import SKELETONS, recognise
from posebench.types import Skeleton

LEFT, MIDDLE, RIGHT = -1, 0, 1


@dataclass(frozen=True)
class Body:
    """How the K keypoints of a person are drawn.

    Attributes:
        sides: K times ``LEFT``, ``MIDDLE`` or ``RIGHT``, as the person sees it.
        edges: Zero-based pairs of keypoints joined by a limb; none if that is unknown.
        name: Of the known skeleton, or ``""``.
    """

    sides: tuple[int, ...]
    edges: tuple[tuple[int, int], ...] = ()
    name: str = ""

    def side(self, edge: tuple[int, int]) -> int:
        """Side of a limb: that of its ends, if they do not contradict each other."""
        found = {self.sides[end] for end in edge} - {MIDDLE}
        return found.pop() if len(found) == 1 else MIDDLE


def find_body(count: int, names: Sequence[str] = (), edges: Sequence[tuple[int, int]] = ()) -> Body:
    """The body of ``count`` keypoints.

    Without names it is the known skeleton of that many keypoints. One that nobody knows has the
    limbs given, if all their ends are there, or none.

    Args:
        count: K.
        names: K names, if they are known.
        edges: Limbs, if they are known.
    """
    known = recognise(names, count) or _by_count(names, count)
    if known is not None:
        return Body(_sides(known.keypoints), known.edges, known.name)
    inside = all(0 <= end < count for edge in edges for end in edge)
    sides = _sides(names) if len(names) == count else (MIDDLE,) * count
    return Body(sides, tuple(edges) if inside else ())


def _by_count(names: Sequence[str], count: int) -> Skeleton | None:
    """Also one that is not scored by OKS, or whose number of keypoints is no proof of it."""
    fitting = (s for s in SKELETONS.values() if len(s.keypoints) == count)
    return next((s for s in fitting if not names or s.keypoints == tuple(names)), None)


def _sides(names: Sequence[str]) -> tuple[int, ...]:
    return tuple(_side(name.lower()) for name in names)


def _side(name: str) -> int:
    if name.startswith(("left", "l_")):
        return LEFT
    return RIGHT if name.startswith(("right", "r_")) else MIDDLE
