"""GitHub's workflow commands: errors and warnings beside the job.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from collections.abc import Sequence

from posebench.gate.verdict import Verdict
from posebench.gate.wording import one_line, sentence

MOST = 10
"""GitHub shows no more of either kind for a step."""


def workflow_commands(verdict: Verdict) -> list[str]:
    """One workflow command a line: errors, then warnings, each kind as many as are shown."""
    told = {
        severity: [
            (f"posebench gate: {one_line(d.metric)}", sentence(d))
            for d in verdict.decisions
            if d.severity == severity
        ]
        for severity in ("error", "warning")
    }
    told["warning"] += [("posebench gate", one_line(warning)) for warning in verdict.warnings]
    return [line for kind, several in told.items() for line in _commands(kind, several)]


def _commands(kind: str, told: Sequence[tuple[str, str]]) -> list[str]:
    shown = list(told)
    if len(shown) > MOST:
        rest = len(shown) - (MOST - 1)
        shown[MOST - 1 :] = [("posebench gate", f"{rest} more are in the summary of the job.")]
    return [f"::{kind} title={_property(title)}::{_data(text)}" for title, text in shown]


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
