"""gate.toml: what is read, and what is refused by file and field."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posebench.errors import InputError
from posebench.gate.patterns import matches, near_misses
from posebench.gate.rules import Policies, Rules, read_rules

ROOT = Path(__file__).resolve().parents[2]
RULE = '[[rule]]\nmetric = "keypoints/AP"\nmargin = 0.005\n'


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "gate.toml"
    path.write_text(text)
    return path


def test_a_rule_needs_a_figure_and_a_margin_and_has_policies(tmp_path: Path) -> None:
    rules = read_rules(written(tmp_path, RULE))
    assert rules.rule[0].models == ("*",)
    assert rules.defaults == Policies(
        inconclusive="warn", incomparable="fail", no_baseline="fail", missing="fail"
    )


def test_a_rule_has_its_own_policies_where_it_says_so(tmp_path: Path) -> None:
    text = '[defaults]\nmissing = "warn"\n' + RULE + 'inconclusive = "fail"\n'
    rules = read_rules(written(tmp_path, text))
    policies = rules.rule[0].policies(rules.defaults)
    assert (policies.of("inconclusive"), policies.of("missing")) == ("fail", "warn")
    assert (policies.of("incomparable"), policies.of("no-baseline")) == ("fail", "fail")


def test_an_acknowledgement_has_a_date(tmp_path: Path) -> None:
    text = (
        RULE + '[[acknowledged]]\nmetric = "keypoints/AP"\nmodel = "m"\nreason = "smaller"\n'
        "expires = 2026-12-31\nloss = 0.02\n"
    )
    assert read_rules(written(tmp_path, text)).acknowledged[0].expires == date(2026, 12, 31)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", r"gate\.toml: there is no rule: write \[\[rule\]\]"),
        ("rule = []", r"gate\.toml: there is no rule"),
        ("[rule]\nmargin = 0.1\n", r"gate\.toml: \[rule\]: write \[\[rule\]\]"),
        (RULE.replace("rule", "rules"), r"gate\.toml: unknown rules: write \[\[rule\]\]"),
        ("[[rule]]\nmargin = 0.1\n", r"gate\.toml: rule 1: metric is missing"),
        (RULE + RULE.replace("0.005", "-0.005"), r"rule 2: margin must be 0 or more, not -0\.005"),
        (RULE.replace("0.005", "nan"), r"rule 1: margin must be a finite number"),
        (RULE.replace("0.005", "inf"), r"rule 1: margin must be a finite number"),
        (RULE.replace("0.005", "true"), r"rule 1: margin must be a number.*, not True"),
        (RULE.replace("0.005", '"0.005"'), r"rule 1: margin must be a number, without quotes"),
        (RULE.replace("0.005", "1"), r"rule 1: margin = 1 is all .* 0\.005 is half a point"),
        (RULE.replace("margin", "margn"), r"unknown field margn, did you mean margin\?"),
        (RULE + 'direction = "down"\n', r"rule 1: unknown field direction, there are metric, "),
        (RULE + 'no-baseline = "warn"\n', r"field no-baseline, did you mean no_baseline\?"),
        (RULE + 'inconclusive = "ignore"\n', r"inconclusive must be 'fail', 'warn' or 'pass', not"),
        (RULE + "models = []\n", r"rule 1: models is empty"),
        (RULE + 'models = ["a", " "]\n', r"rule 1: models 2 is blank"),
        (RULE + '[[acknowledged]]\nmetric = "a"\n', r"acknowledged 1: expires is missing"),
        (RULE + '[[acknowledged]]\nexpires = "2026-01-01"\n', r"expires must be a date without"),
        (RULE + '[[acknowledged]]\nreason = " "\n', r"acknowledged 1: reason is blank"),
        (
            RULE + "[defaults]\ninconclusiv = 1\n",
            r"defaults: unknown field inconclusiv, did you mean inconclusive",
        ),
        ("[[rule", r"gate\.toml: not TOML"),
    ],
)
def test_file_and_field_of_a_mistake_are_named(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read_rules(written(tmp_path, text))


def test_a_latency_may_double_and_its_name_says_so(tmp_path: Path) -> None:
    text = RULE.replace("keypoints/AP", "latency/*").replace("0.005", "1")
    assert read_rules(written(tmp_path, text)).rule[0].margin == 1


@pytest.mark.parametrize("text", ["[[rule]]", RULE + "[[acknowledged]]", RULE + "models = []"])
def test_mistakes_are_told_in_own_words(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError) as caught:
        read_rules(written(tmp_path, text))
    assert not re.search(r"\bitem|Field required|Input should|Tuple|validation", str(caught.value))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.toml: cannot be read \(No such file"):
        read_rules(tmp_path / "none.toml")


def test_the_rules_in_this_repository_are_valid() -> None:
    assert read_rules(ROOT / "configs" / "gate.toml").rule


def test_the_rules_in_the_documentation_are_valid(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "gate.md").read_text(encoding="utf-8")
    examples = [t for t in re.findall(r"```toml\n(.*?)```", page, re.DOTALL) if "[[rule]]" in t]
    assert examples
    for text in examples:
        assert isinstance(read_rules(written(tmp_path, text)), Rules)


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("keypoints/AP", "keypoints/AP", True),
        ("keypoints/AP", "keypoints/AP50", False),
        ("keypoints/AP??", "keypoints/AP50", True),
        ("keypoints/oks[*]", "keypoints/oks[nose]", True),
        ("keypoints/oks[*]", "keypoints/oksn", False),
        ("keypoints/oks[nose]", "keypoints/oks[nose]", True),
        ("latency/*", "latency/network+postprocess/paced", True),
        ("*", "m=weights\n.pt", True),
    ],
)
def test_wildcards(pattern: str, name: str, fits: bool) -> None:
    assert matches(pattern, name) is fits


@given(st.text(alphabet="abc[].+^$()|\\/", max_size=8))
def test_everything_but_wildcards_stands_for_itself(name: str) -> None:
    assert matches(name, name)
    assert not matches(name, name + "x")
    assert matches(f"*{name}?", f"anything{name}x")


def test_near_misses_are_told_or_a_few_of_all() -> None:
    names = [f"keypoints/{n}" for n in ("AP", "AP50", "AP75", "AR", "AR50", "AR75", "APm")]
    assert near_misses("keypoint/AP", names).startswith("Did you mean keypoints/AP or")
    told = near_misses("zzz", names)
    assert "keypoints/AP," in told and told.endswith("and others.")
