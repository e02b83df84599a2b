"""The verdict as JUnit XML, in the subset that Jenkins, GitLab and GitHub's actions share.

One suite a dataset, one case a decision. What makes the gate fail is a ``failure`` whose ``type``
is the outcome; what is unclear and does not, and what was acknowledged, is ``skipped``.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from posebench.gate.verdict import Decision, Verdict
from posebench.gate.wording import one_line, sentence


def junit_xml(verdict: Verdict) -> str:
    """The document with its declaration."""
    root = ElementTree.Element("testsuites", _counts("posebench gate", verdict.decisions))
    for dataset in sorted({d.dataset for d in verdict.decisions}):
        decisions = [d for d in verdict.decisions if d.dataset == dataset]
        skipped = str(sum(_is_skipped(d) for d in decisions))
        timestamp = verdict.created_at.isoformat(timespec="seconds")
        attributes = _counts(one_line(dataset), decisions)
        attributes |= {"skipped": skipped, "timestamp": timestamp}
        suite = ElementTree.SubElement(root, "testsuite", attributes)
        for decision in decisions:
            _add_case(suite, decision)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _counts(name: str, decisions: Sequence[Decision]) -> dict[str, str]:
    failures = sum(d.severity == "error" for d in decisions)
    return {"name": name, "tests": str(len(decisions)), "failures": str(failures), "errors": "0"}


def _is_skipped(decision: Decision) -> bool:
    return decision.severity != "error" and decision.outcome != "pass"


def _add_case(suite: ElementTree.Element, decision: Decision) -> None:
    names = {"name": one_line(decision.metric), "classname": one_line(decision.model)}
    case = ElementTree.SubElement(suite, "testcase", names)
    told = {"message": sentence(decision), "type": decision.outcome}
    if decision.severity == "error":
        ElementTree.SubElement(case, "failure", told).text = told["message"]
    elif _is_skipped(decision):
        ElementTree.SubElement(case, "skipped", told)
