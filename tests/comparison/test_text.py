from __future__ import annotations

import io
import re
from datetime import datetime, timezone
from typing import Any

import pytest
from records import make_artifact, make_environment, make_runtime
from rich.console import Console

from posebench.comparison.document import Change, Comparison, Pair, Side
from posebench.comparison.text import markdown_comparison, rich_comparison
from posebench.comparison.words import figure_name, verdicts

TOLD: dict[str, Any] = {"p": 0.01, "p_holm": 0.02, "n": 102, "counted": 153, "test": "swap"}
BETTER = Change(
    metric="keypoints/AP", baseline=0.42, candidate=0.457, change=0.037, low=0.0035, high=0.0652,
    detectable=0.0619, **TOLD,
)  # fmt: skip
SLOWER = Change(
    metric="latency/end-to-end/sustained", unit="relative", higher_is_better=False,
    baseline=54.02, candidate=105.92, change=0.941, low=0.84, high=1.093, level=0.959,
    detectable=0.137, **TOLD,
)  # fmt: skip
UNLIKE = SLOWER.model_copy(
    update={"change": None, "low": None, "high": None, "p": None, "p_holm": None}
    | {"detectable": None, "reason": "not measured alike: threads 1 → 4", "incomparable": True}
)
HIDDEN = BETTER.model_copy(update={"metric": "keypoints/AR75"})
NOSE = BETTER.model_copy(update={"metric": "keypoints/oks[left_eye]", "p_holm": 0.3})


def side(label: str) -> Side:
    return Side(
        label=label,
        record=f"results/{label}/record.json",
        accuracy_id="a" * 64,
        artifacts=(make_artifact(label, "a" * 64),),
        runtime=make_runtime(),
        environment=make_environment(),
    )


def document(*changes: Change, notes: tuple[str, ...] = ()) -> Comparison:
    pair = Pair(candidate=side("new|model"), changes=changes, notes=notes)
    return Comparison(
        created_at=datetime(2026, 3, 1, tzinfo=timezone.utc),
        posebench_version="0.1.0",
        dataset="coco-val2017",
        dataset_identity="5e1f" * 16,
        images=5000,
        baseline=side("old"),
        pairs=(pair, pair),
        replicates=2000,
        permutations=1000,
        seed=0,
    )


def verdict(*changes: Change) -> list[str]:
    return verdicts(Pair(candidate=side("new"), changes=changes), "A", "B")


def _table_row(change: Change) -> str:
    (row,) = re.findall(r"^\| AP .*", markdown_comparison(document(change))[:2000], re.M)[:1]
    return str(row)


def test_nothing_to_compare_is_short() -> None:
    blank = {"baseline": None, "candidate": None, "change": None, "reason": "one picture"}
    many = [BETTER.model_copy(update=blank | {"metric": f"keypoints/oks[{n}]"}) for n in range(30)]
    text = markdown_comparison(document(*many))
    assert "|" not in text.replace(r"new\|model", "")
    assert "; 24 more: one picture." in text


def test_what_only_the_document_has_is_told() -> None:
    assert "Only in the JSON document: AR75. Holm counts them too." in markdown_comparison(
        document(BETTER, HIDDEN)
    )
    assert "Only in the JSON" not in markdown_comparison(document(BETTER))


def test_what_is_shown_in_words() -> None:
    worse = BETTER.model_copy(update={"change": -0.037, "low": -0.0652, "high": -0.0035})
    faster = SLOWER.model_copy(update={"change": -0.4, "low": -0.5, "high": -0.3})
    assert verdict(BETTER, SLOWER) == [
        "B is better than A: AP +3.70 (+0.35 to +6.52), adjusted p = 0.020.",
        "B takes 94.1% more time than A (end-to-end, sustained): +84.0% to +109.3%, "
        "adjusted p = 0.020.",
    ]
    assert verdict(worse, faster) == [
        "B is worse than A: AP -3.70 (-6.52 to -0.35), adjusted p = 0.020.",
        "B takes 40.0% less time than A (end-to-end, sustained): -50.0% to -30.0%, "
        "adjusted p = 0.020.",
    ]


def test_what_is_not_shown_in_words() -> None:
    unsure = {"low": -0.01, "p_holm": 0.3}
    assert verdict(BETTER.model_copy(update=unsure), SLOWER.model_copy(update=unsure)) == [
        "B is not shown to differ from A in AP: +3.70 (-1.00 to +6.52), adjusted p = 0.300; so "
        "many pictures would have shown a change of 6.19.",
        "B is not shown to be slower or faster than A (end-to-end, sustained): -1.0% to +109.3%, "
        "adjusted p = 0.300; so many processes would have shown a change of 13.7%.",
    ]
    (beside,) = verdict(BETTER.model_copy(update={"p_holm": 0.06}))
    assert beside.endswith("the interval leaves out 0, but the test does not bear it out.")
    fragile = BETTER.model_copy(update={"low": 0.0})
    (carried,) = verdict(fragile)
    assert carried.startswith("B is not shown to differ from A in AP")
    assert carried.endswith("the test bears it out, but the interval does not leave out 0.")
    assert "*" not in _table_row(fragile)
    assert "*" in _table_row(BETTER)
    (same,) = verdict(BETTER.model_copy(update={"low": 0.0, "high": 0.0, "p_holm": 1.0}))
    assert same == "B has the same AP as A, whichever pictures are drawn."


def test_what_is_not_compared_in_words() -> None:
    paced = UNLIKE.model_copy(update={"metric": "latency/end-to-end/paced"})
    lost = BETTER.model_copy(update={"change": None, "reason": "fewer than two pictures"})
    assert verdict(lost, UNLIKE, paced) == [
        "AP is not compared: fewer than two pictures.",
        "Latency is not compared (end-to-end, sustained): not measured alike: threads 1 → 4.",
    ]
    assert "sustained" in verdict(paced, SLOWER)[0]
    assert verdict(NOSE) == []


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        ("keypoints/AP", "AP"),
        ("bbox/AP50", "box AP50"),
        ("keypoints/AP[crowding 1-2]", "AP, crowding 1-2"),
        ("keypoints/oks[left_eye]", "OKS, left eye"),
        ("pckh/PCKh@0.5", "PCKh@0.5"),
        ("latency/end-to-end/paced", "end-to-end, paced (ms)"),
    ],
)
def test_names(metric: str, name: str) -> None:
    assert figure_name(metric) == name


def test_markdown() -> None:
    text = markdown_comparison(document(BETTER, HIDDEN, NOSE, UNLIKE, notes=("Runtime: a → b.",)))
    assert r"- B: new\|model, onnxruntime 1.20.1" in text
    assert r"- C: new\|model" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {10}
    assert [row.split("|")[1].strip() for row in rows[:5]] == [
        *("figure", "---", "AP", "OKS, left eye", "end-to-end, sustained (ms)"),
    ]
    assert rows[2] == (
        r"| AP | 42.00 | 45.70 | +3.70 | +0.35 to +6.52 | 0.010 | 0.020 \* | 6.19 | 153 |"
    )
    assert rows[4] == r"| end-to-end, sustained (ms) | 54.02 | 105.92 | — | — | — | — | — | — |"
    assert "- Runtime: a → b.\n" in text
    assert "- end-to-end, sustained: not measured alike: threads 1 → 4.\n" in text
    assert "2000 times" in text


def test_terminal_shows_the_same() -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=120)
    for part in rich_comparison(document(BETTER, HIDDEN, NOSE, SLOWER, notes=("Runtime: a → b.",))):
        console.print(part)
    text = stream.getvalue()
    assert text.count("B is better than A: AP +3.70") == 1
    assert "C is better than A" in text
    assert re.search(
        r"^AP +42\.00 +45\.70 +\+3\.70 +\+0\.35 to \+6\.52 +0\.010 +0\.020 \* ", text, re.M
    )
    assert not re.search("^AR75 ", text, re.M)
    assert text.count("Only in the JSON document: AR75.") == 2
    assert "Runtime: a → b." in text
    assert text.endswith("seed 0.\n")
