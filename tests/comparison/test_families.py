from __future__ import annotations

from typing import Any

import pytest

from posebench.comparison.document import Change
from posebench.comparison.families import adjusted, family, too_few


def change(metric: str, p: float | None, **fields: Any) -> Change:
    return Change(metric=metric, p=p, **({"test": "swap"} | fields))


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        ("keypoints/AP", "main"),
        ("pckh/PCKh@0.5", "main"),
        ("keypoints/AR75", "keypoints"),
        ("bbox/AP", "bbox"),
        ("pckh/wrist", "pckh"),
        ("keypoints/AP[crowding 0]", "groups"),
        ("keypoints/oks[nose]", "oks"),
        ("latency/end-to-end/paced", "latency"),
    ],
)
def test_families(metric: str, name: str) -> None:
    assert family(metric) == name


def test_holm_goes_over_candidates_and_not_over_families() -> None:
    first = [
        change("keypoints/AP", 0.01),
        change("keypoints/AP50", 0.01),
        change("keypoints/AP75", 0.03),
        change("latency/network/paced", None, reason="not timed"),
    ]
    second = [change("keypoints/AP", 0.04), change("keypoints/AP50", 0.5)]
    one, other = adjusted([first, second])
    # By hand: of (.01, .04) and of (.01, .03, .5) the i-th smallest times what is left.
    assert [c.p_holm for c in one] == pytest.approx([0.02, 0.03, 0.06, None])
    assert [c.p_holm for c in other] == pytest.approx([0.04, 0.5])
    assert [c.metric for c in one] == [c.metric for c in first]
    assert one[3] == first[3]


def test_equal_changes_of_two_candidates_are_two() -> None:
    same = change("keypoints/AP", 0.03)
    (one,), (other,) = adjusted([[same], [same.model_copy()]])
    assert (one.p_holm, other.p_holm) == (0.06, 0.06)


def test_what_no_p_value_could_show() -> None:
    points = [change(f"keypoints/oks[{n}]", 0.5) for n in range(17)]
    assert too_few(points, 339) == []
    assert too_few(points, 338) == ["338 permutations are too few to show any of 17 changes (oks)."]
    spans = [f"latency/{span}/sustained" for span in ("end-to-end", "network")]
    four = [change(span, 0.1, test="mann-whitney", n=4) for span in spans]  # 2 / 70 each
    assert too_few(four, 1000) == ["4 processes are too few to show any of 2 changes (latency)."]
    assert too_few(four[:1], 1000) == []
    six = [change(span, 0.1, test="signed-rank", n=6) for span in spans]  # 2 / 64 each
    assert too_few(six, 1000) == ["6 processes are too few to show any of 2 changes (latency)."]
    assert too_few(six[:1], 1000) == []
    unequal = [change(span, 0.0011, test="mann-whitney", n=4) for span in spans]  # 4 against 12
    assert too_few(unequal, 1000) == []
