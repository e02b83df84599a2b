"""Intervals of the figures of one result, by the bootstrap over its pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from posebench.metrics.accumulate import Figure, FigureSpec, figures
from posebench.metrics.bootstrap import draw_weights, percentile_interval
from posebench.metrics.keypoints import KeypointFigure, keypoint_oks
from posebench.metrics.matches import Matches
from posebench.metrics.resampling import replicates
from posebench.types import Float64Array


def figures_with_intervals(matches: Matches, specs: Mapping[str, FigureSpec]) -> dict[str, Figure]:
    """The figures of ``specs``; their intervals are None if there is only one picture."""
    found = figures(matches, specs)
    if len(matches.image_ids) < 2:
        return found
    drawn = replicates(matches, specs, draw_weights(len(matches.image_ids)))
    return {name: _with_interval(figure, drawn[name]) for name, figure in found.items()}


def keypoints_with_intervals(matches: Matches) -> dict[str, KeypointFigure]:
    """Mean similarity of each keypoint, likewise."""
    found = keypoint_oks(matches)
    if len(matches.image_ids) < 2:
        return found
    totals, labelled = _sums_by_image(matches)
    weights = draw_weights(len(matches.image_ids))
    total, count = weights @ totals, weights @ labelled
    means = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return {
        name: replace(found[name], oks=_with_interval(found[name].oks, drawn))
        for name, drawn in zip(found, means.T, strict=True)
    }


def _with_interval(figure: Figure, drawn: Float64Array) -> Figure:
    return figure if figure.value is None else replace(figure, interval=percentile_interval(drawn))


def _sums_by_image(matches: Matches) -> tuple[Float64Array, Float64Array]:
    """(I, K) sums of the similarities, and of the labels."""
    images = matches.image_index[matches.pairs]
    totals, labelled = np.zeros((2, len(matches.image_ids), len(matches.keypoint_names)))
    np.add.at(totals, images, matches.keypoint_similarity)
    np.add.at(labelled, images, matches.keypoint_labelled.astype(np.float64))
    return totals, labelled
