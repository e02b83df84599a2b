"""How far networks in reduced precision are from themselves in FP32."""

from __future__ import annotations

from collections.abc import Sequence

from posebench.record import Parity
from posebench.report.table import Row
from posebench.report.text import EMPTY, escape, table

_TITLES = (
    "model",
    "people",
    "lost / gained",
    "mean (px)",
    "worst (px)",
    "worst keypoint",
    "change of OKS",
    "change of AP",
)


def parity_section(lines: Sequence[Row]) -> list[str]:
    """A heading, a table and what it means; nothing where every network runs in FP32."""
    pairs = [(row.label, row.record.parity) for row in lines if row.record.parity is not None]
    if not pairs:
        return []
    references = sorted({parity.reference for _, parity in pairs})
    told = (
        "Distances of keypoints from where the same network puts them in FP32 "
        f"({escape('; '.join(references))}), over the annotated people that both find."
    )
    body = [[escape(label), *_line(parity)] for label, parity in pairs]
    return ["### Distance from FP32", table(_TITLES, body), told]


def _line(parity: Parity) -> list[str]:
    return [
        str(parity.people),
        f"{parity.lost} / {parity.gained}",
        _text(parity.mean_px, ".3f"),
        _text(parity.worst_px, ".2f"),
        _worst_keypoint(parity),
        _text(parity.oks_change, "+.5f"),
        _text(parity.ap_change.value, "+.4f"),
    ]


def _worst_keypoint(parity: Parity) -> str:
    """The name of the keypoint whose mean distance is largest, and that distance."""
    means = {name: k.mean_px for name, k in parity.per_keypoint.items() if k.mean_px is not None}
    if not means:
        return EMPTY
    name = max(means, key=lambda name: means[name])
    return f"{escape(name)} {means[name]:.3f}"


def _text(value: float | None, form: str) -> str:
    return EMPTY if value is None else format(value, form)
