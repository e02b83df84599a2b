"""The ranks of several results over the same pictures, with their uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from posebench.comparison.sources import Result, load_result
from posebench.errors import IncomparableError, InputError
from posebench.metrics.accumulate import KEYPOINT_FIGURES
from posebench.metrics.bootstrap import draw_weights
from posebench.metrics.pckh import count, figures_of
from posebench.metrics.ranks import RankRange, rank_ranges
from posebench.metrics.resampling import replicates
from posebench.record import Record
from posebench.report.groups import Ranks, group
from posebench.types import Float64Array

_AP, _PCKH = "AP", "PCKh@0.5"


def ranks_of(located: Sequence[tuple[Path, Record]]) -> Ranks:
    """Rank ranges of the records of each table of a report.

    Only records that can be compared picture by picture have a rank; it is one among those.

    Args:
        located: Records and the files that they are in.
    """
    paths = {id(record): path for path, record in located}
    ranks: dict[tuple[str, str], str] = {}
    for table in group(record for _, record in located):
        results = [r for record in table.measured if (r := _result(paths[id(record)])) is not None]
        for result, rank in zip(results, leaderboard(results), strict=True):
            ranks[table.key, result.record.accuracy_id or ""] = str(rank)
    return ranks


def _result(path: Path) -> Result | None:
    try:
        return load_result(path)
    except (IncomparableError, InputError):  # nothing beside it, or of another format
        return None


def leaderboard(results: Sequence[Result]) -> list[RankRange]:
    """Rank ranges by AP or, on MPII, by PCKh@0.5; in the order of the results.

    Args:
        results: Comparable ones: of the same pictures, scored alike.
    """
    number = _images(results[0]) if results else 0
    if number < 2:
        return [RankRange(1, len(results)) for _ in results]
    ones, weights = np.ones((1, number)), draw_weights(number)
    values = np.array([_figure(result, ones)[0] for result in results])
    return rank_ranges(values, np.stack([_figure(result, weights) for result in results]))


def _images(result: Result) -> int:
    if result.keypoints is not None:
        return len(result.keypoints.image_ids)
    assert result.joints is not None, "one of the two is there"
    return len(result.joints.unit_ids)


def _figure(result: Result, weights: Float64Array) -> Float64Array:
    """(R,) what models are ranked by, for each row of weights."""
    if result.keypoints is not None:
        return replicates(result.keypoints, {_AP: KEYPOINT_FIGURES[_AP]}, weights)[_AP]
    protocol = result.record.protocol
    assert result.joints is not None and protocol is not None and protocol.pckh is not None
    return figures_of(count(result.joints, protocol.pckh.comparison), weights)[_PCKH]
