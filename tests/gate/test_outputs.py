"""What the verdict looks like to people, GitHub, JUnit readers and charts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from gate_changes import AP, LATENCY, decision, verdict
from hypothesis import given
from hypothesis import strategies as st

from posebench.gate.charts import bencher, benchmark_action
from posebench.gate.github import workflow_commands
from posebench.gate.junit import junit_xml
from posebench.gate.summary import summary
from posebench.gate.table import TITLES, rows
from posebench.gate.verdict import Decision, Verdict
from posebench.gate.wording import amount, false_alarm_text, headline, number, one_line, sentence

HOSTILE = "a|b`c*\n::error::x\r%0A,:<script>##[add-path]/x\x1b[31m\u202e"
NOTHING = {"loss": None, "low": None, "high": None, "level": None}
UNLIKE = decision("incomparable", "warn", metric=LATENCY, reason="another machine", **NOTHING)
GONE = decision(
    "missing", "fail", model="gone", metric="*", rule=None, reason="a crash", margin=None, **NOTHING
)
MIXED = verdict(
    decision("fail"),
    GONE,
    UNLIKE,
    decision("acknowledged", tolerated=0.02, reason="half as large", model="small"),
    decision("pass", model="equal", loss=-0.001, low=-0.002, high=0.0),
    warnings=("Something else.",),
)
SUITES = {"name", "tests", "failures", "errors", "time"}
SUITE = SUITES | {"skipped", "timestamp", "hostname", "id", "package"}
# Elements of Jenkins' junit-10.xsd that readers agree on: required, allowed attributes; children.
SCHEMA: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": (set(), SUITES, {"testsuite"}),
    "testsuite": ({"name", "tests", "failures", "errors"}, SUITE, {"testcase"}),
    "testcase": ({"name"}, {"name", "classname", "time", "group"}, {"failure", "skipped"}),
    "failure": (set(), {"type", "message"}, set()),
    "skipped": (set(), {"type", "message"}, set()),
}


def hostile(outcome: str = "fail", policy: str | None = None) -> Decision:
    known = {"model": HOSTILE, "dataset": HOSTILE, "metric": HOSTILE, "reason": HOSTILE}
    return decision(outcome, policy, **known)  # type: ignore[arg-type]


def test_a_loss_is_told_with_interval_margin_and_what_would_accept_it() -> None:
    assert sentence(decision("fail", high=0.01401)) == (
        "model on val, keypoints/AP: worse by 1.00 [0.60, 1.40] points, more than the 0.50 points "
        "accepted. To accept it for a time, acknowledge a loss of 0.0141."
    )


def test_an_inconclusive_one_says_how_many_pictures_would_do() -> None:
    told = sentence(decision("inconclusive", "warn", low=-0.001, detectable=0.012, needed=576))
    assert told.endswith("100 pictures show no less than 1.20 points, about 576 pictures would do.")
    timed = decision(
        "inconclusive", "warn", unit="relative", metric=LATENCY, n=6, detectable=0.1, needed=24
    )
    assert "worse by 1.0 [0.6, 1.4] %;" in sentence(timed)
    assert "6 processes show no less than 10.0 %, about 24 processes would do." in sentence(timed)


def test_an_acknowledged_loss_is_told_with_its_reason_and_size() -> None:
    assert sentence(MIXED.decisions[-2]).endswith("acknowledged: half as large")
    beyond = sentence(decision("fail", tolerated=0.002, margin=0.001))
    assert "more than the 0.10 points accepted and the 0.20 points acknowledged." in beyond


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [
        (0.005, "fraction", "0.50 points"),
        (-0.00001, "fraction", "0.00 points"),
        (-0.031, "relative", "-3.1 %"),
    ],
)
def test_amounts(value: float, unit: str, told: str) -> None:
    assert amount(value, unit) == told
    assert told.startswith(number(value, unit))


def test_the_table_has_a_row_for_each_decision() -> None:
    found = rows(MIXED)
    assert {len(row) for row in found} == {len(TITLES)}
    assert [row[0] for row in found[1:]] == [d.outcome for d in MIXED.decisions]
    assert found[1][4:] == ["50.00", "49.00", "1.00 [0.60, 1.40]", "0.50 points"]


def test_the_rate_of_false_alarms_and_the_exit_code_are_told() -> None:
    assert false_alarm_text(MIXED).startswith("Figures tested: 3.")
    assert false_alarm_text(verdict(decision(), decision())).endswith("at most 5.0 %.")
    assert headline(MIXED).endswith("(exit code 1)")
    assert "passed" in headline(verdict(decision("pass")))
    unclear = decision("inconclusive", "warn"), decision("missing", "pass", level=None)
    told = "posebench gate not failed: 1 figure undecided, 1 not compared (exit code 0)"
    assert headline(verdict(decision("pass"), *unclear)) == told
    assert false_alarm_text(verdict(GONE)) == "No figure was tested."


def test_a_gain_is_called_one() -> None:
    better = sentence(decision("pass", loss=-0.0368, low=-0.05, high=-0.02))
    assert better.endswith("better by 3.68 [2.00, 5.00] points.")
    assert sentence(decision("pass", loss=0.0, low=0.0, high=0.0)).endswith(": unchanged.")
    unclear = sentence(decision("inconclusive", "warn", loss=-0.01, low=-0.03, high=0.01))
    assert "better by 1.00 [-1.00, 3.00] points; the loss may be more than" in unclear


@given(st.text(max_size=50))
def test_text_of_users_stays_on_one_line_and_does_nothing(text: str) -> None:
    line = one_line(text + HOSTILE)
    assert line.isprintable() and "##[" not in line and len(line.splitlines()) == 1


@pytest.mark.parametrize("outcome", ["fail", "inconclusive", "missing", "acknowledged", "pass"])
def test_no_text_of_users_leaves_its_line_in_any_output(outcome: str) -> None:
    judged = verdict(hostile(outcome, None if outcome in ("fail", "pass") else "warn"))
    commands = workflow_commands(judged)
    assert all(re.match(r"::(error|warning) title=[^:,\n]*::", line) for line in commands)
    assert all(line.isprintable() for line in commands)
    page = summary(judged)
    assert "<script>" not in page and "\x1b" not in page and "\n::" not in page
    assert "a|b" not in page
    assert ElementTree.fromstring(junit_xml(judged)).get("name") == "posebench gate"
    for document in (bencher(judged), benchmark_action(judged, bigger_is_better=True)):
        assert "\\n" not in json.dumps(document) and "\\r" not in json.dumps(document)


def test_errors_and_warnings_become_commands() -> None:
    told = workflow_commands(MIXED)
    assert [line.split(" ")[0] for line in told] == ["::error"] * 2 + ["::warning"] * 2
    assert told[0].startswith("::error title=posebench gate%3A keypoints/AP::model on val")
    assert told[-1] == "::warning title=posebench gate::Something else."
    assert not any("half as large" in line for line in told)


def test_percent_signs_are_escaped() -> None:
    (line,) = workflow_commands(verdict(decision("fail", unit="relative", metric="a,b:c")))
    assert "title=posebench gate%3A a%2Cb%3Ac::" in line
    assert "[0.6, 1.4] %25, more than" in line


@pytest.mark.parametrize(("count", "shown"), [(10, 10), (11, 10), (40, 10)])
def test_no_more_commands_than_github_shows(count: int, shown: int) -> None:
    several = [decision("fail", model=f"m{i:02}") for i in range(count)]
    warned = [decision("inconclusive", "warn", model=f"w{i:02}") for i in range(count)]
    told = workflow_commands(verdict(*several, *warned))
    for kind in ("error", "warning"):
        lines = [line for line in told if line.startswith(f"::{kind} ")]
        assert len(lines) == shown
        if count > shown:
            assert f"{count - shown + 1} more are in the summary" in lines[-1]


def test_the_summary_has_everything_if_there_is_room() -> None:
    page = summary(MIXED)
    assert page.startswith("## posebench gate failed")
    for text in ("a crash", "another machine", "half as large", "Something else.", "equal"):
        assert text in page
    assert "left out" not in page


@pytest.mark.parametrize("make", [lambda i: f"m{i}", lambda i: "é|" * 200 + str(i)])
def test_the_summary_is_cut_to_size_and_says_so(make: Callable[[int], str]) -> None:
    kinds = ("fail", "pass", "pass")
    several = [decision(kinds[i % 3], model=make(i)) for i in range(300)]  # type: ignore[arg-type]
    page = summary(verdict(*several), limit=20_000)
    assert len(page.encode()) <= 20_000
    found = re.search(r"^(\d+) lines did not fit", page, re.MULTILINE)
    assert found is not None
    told = len(re.findall(r"^- ", page, re.MULTILINE))
    shown = len(re.findall(r"^\| (?:fail|pass) ", page, re.MULTILINE))
    assert int(found[1]) == 100 + 300 - told - shown
    assert told > 0


def test_the_usual_limit_is_that_of_a_job_summary() -> None:
    several = [decision("fail", model="m" * 500 + str(i)) for i in range(3000)]
    assert 900_000 < len(summary(verdict(*several)).encode()) <= 1_048_576


def elements(judged: Verdict) -> list[ElementTree.Element]:
    root = ElementTree.fromstring(junit_xml(judged))
    assert root.tag == "testsuites"
    return list(root.iter())


def test_junit_has_the_common_shape() -> None:
    for element in elements(verdict(*MIXED.decisions, decision("pass", dataset="test"))):
        required, allowed, children = SCHEMA[element.tag]
        assert required <= set(element.keys()) <= allowed
        assert {child.tag for child in element} <= children


def test_junit_counts_what_it_holds() -> None:
    found = elements(verdict(*MIXED.decisions, decision("pass", dataset="test")))
    assert [found[0].get(name) for name in ("tests", "failures", "errors")] == ["6", "2", "0"]
    suites = [e for e in found if e.tag == "testsuite"]
    assert [suite.get("name") for suite in suites] == ["test", "val"]
    for suite in suites:
        assert suite.get("tests") == str(len(suite.findall("testcase")))
        assert suite.get("failures") == str(len(suite.findall(".//failure")))
        assert suite.get("skipped") == str(len(suite.findall(".//skipped")))
    types = [e.get("type") for e in found if e.tag in ("failure", "skipped")]
    assert types == ["fail", "missing", "incomparable", "acknowledged"]


def test_charts_are_of_one_direction() -> None:
    slower = decision("pass", metric=LATENCY, unit="relative", higher_is_better=False, candidate=9)
    judged = verdict(decision("fail"), slower, UNLIKE.model_copy(update={"candidate": None}))
    (bigger,) = benchmark_action(judged, bigger_is_better=True)
    (smaller,) = benchmark_action(judged, bigger_is_better=False)
    assert set(bigger) == {"name", "unit", "value", "extra"}
    assert (bigger["name"], bigger["unit"], bigger["value"]) == (
        f"val: model: {AP}",
        "fraction",
        0.49,
    )
    assert (smaller["unit"], smaller["value"]) == ("ms", 9)


def test_bencher_has_a_benchmark_a_model_and_a_measure_a_figure() -> None:
    judged = verdict(decision("fail"), decision("pass", metric="bbox/AP", candidate=0.6))
    assert bencher(judged) == {"val: model": {AP: {"value": 0.49}, "bbox/AP": {"value": 0.6}}}


def test_long_names_stay_different_within_bencher_s_limits() -> None:
    names = ["keypoints/oks[" + "x" * 80 + end for end in "ab"]
    judged = verdict(*(decision("pass", metric=name, model="m" * 2000) for name in names))
    ((benchmark, measures),) = bencher(judged).items()
    assert len(benchmark) <= 1024
    assert len(measures) == 2 and all(len(name) <= 64 for name in measures)


def test_the_verdict_survives_json() -> None:
    assert Verdict.model_validate_json(MIXED.model_dump_json()) == MIXED
