"""``posebench gate``: fails when a candidate is worse than its baseline by more than a margin."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from posebench.gate.verdict import Verdict


def gate(
    baseline: Annotated[Path, typer.Option(help="Folder of Records, or one Record's file.")],
    candidate: Annotated[Path, typer.Option(help="The same, of what is to be judged.")],
    rules: Annotated[Path, typer.Option(help="TOML file with margins: docs/gate.md.")],
    summary: Annotated[Path | None, typer.Option(help="Write Markdown there.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML there.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write the whole verdict there.")] = None,
    benchmark_json: Annotated[
        Path | None,
        typer.Option(
            help="NAME.json: write NAME-bigger.json and NAME-smaller.json for "
            "github-action-benchmark."
        ),
    ] = None,
    bencher: Annotated[
        Path | None, typer.Option(help="Write figures in Bencher's format there.")
    ] = None,
    github: Annotated[
        bool,
        typer.Option("--github", help="In a GitHub workflow: annotations and the job's summary."),
    ] = False,
    latency_ab: Annotated[
        list[Path] | None,
        typer.Option(help="Document of `posebench latency --ab`; may be given more than once."),
    ] = None,
    replicates: Annotated[
        int | None, typer.Option(min=200, help="How often pictures are drawn for an interval.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
) -> None:
    """Judge a candidate by the rules of a file; exit codes are those of docs/gate.md."""
    from datetime import datetime, timezone

    from posebench.gate.run import run_gate

    files = {"summary": summary, "junit": junit, "json": json, "bencher": bencher}
    _check_outputs({**files, "benchmark-json": benchmark_json})
    drawn = {} if replicates is None else {"replicates": replicates}
    verdict = run_gate(
        baseline,
        candidate,
        rules,
        now=datetime.now(timezone.utc),
        seed=seed,
        latency_ab=latency_ab or (),
        progress=lambda line: typer.echo(line, err=True),
        **drawn,
    )
    typer.echo(_text(verdict))
    texts = _texts(verdict, files)
    if benchmark_json is not None:
        texts |= _charts(verdict, benchmark_json)
    _write(texts)
    if github:
        _tell_github(verdict)
    raise typer.Exit(verdict.exit_code)


def _check_outputs(files: Mapping[str, Path | None]) -> None:
    """Refuse files that cannot be written, before any work.

    Raises:
        InputError: Naming the option.
    """
    from posebench.errors import InputError

    asked = {name: path for name, path in files.items() if path is not None}
    for name, path in asked.items():
        folder = next(one for one in path.absolute().parents if one.exists())
        if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            what = "is a folder" if path.is_dir() else f"{folder} is no folder to write to"
            raise InputError(f"--{name} {path}: {what}.", remedy="Name a file that can be written.")
        if list(asked.values()).count(path) > 1:
            raise InputError(f"--{name} {path}: another option writes there, too.")


def _text(verdict: Verdict) -> str:
    """The table, then what a reader has to know, the result last."""
    from posebench.cli.tables import plain_table
    from posebench.gate.table import LEFT, rows
    from posebench.gate.wording import false_alarm_text, headline, one_line, sentence

    told = [f"{d.severity}: {sentence(d)}" for d in verdict.decisions if d.outcome != "pass"]
    told += [f"warning: {one_line(warning)}" for warning in verdict.warnings]
    table = plain_table(rows(verdict), left=LEFT)
    blocks = (table, "\n".join(told), false_alarm_text(verdict), headline(verdict))
    return "\n\n".join(block for block in blocks if block)


def _texts(verdict: Verdict, asked: Mapping[str, Path | None]) -> dict[Path, str]:
    """Contents of the files that were asked for."""
    from posebench.gate.charts import bencher
    from posebench.gate.junit import junit_xml
    from posebench.gate.summary import summary

    makers: dict[str, Callable[[Verdict], str]] = {
        "summary": summary,
        "junit": junit_xml,
        "json": lambda v: _json_text(v.model_dump(mode="json")),
        "bencher": lambda v: _json_text(bencher(v)),
    }
    return {path: makers[name](verdict) for name, path in asked.items() if path is not None}


def _charts(verdict: Verdict, path: Path) -> dict[Path, str]:
    """One file for each direction, beside each other."""
    from posebench.gate.charts import benchmark_action

    return {
        path.with_name(f"{path.stem}-{name}{path.suffix}"): _json_text(
            benchmark_action(verdict, bigger_is_better=bigger)
        )
        for name, bigger in (("bigger", True), ("smaller", False))
    }


def _json_text(document: Any) -> str:
    import json

    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def _write(texts: Mapping[Path, str]) -> None:
    from posebench.cache import atomic_path
    from posebench.errors import InputError

    for path, text in texts.items():
        try:
            with atomic_path(path) as temporary:
                temporary.write_text(text, encoding="utf-8")
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror}).") from error


def _tell_github(verdict: Verdict) -> None:
    """Annotations on standard output, and the summary below what the step has written of it."""
    from posebench.gate.github import workflow_commands
    from posebench.gate.summary import LIMIT, summary

    if os.environ.get("GITHUB_ACTIONS") != "true":
        typer.echo("--github: this is no GitHub workflow, nothing was written.", err=True)
        return
    for line in workflow_commands(verdict):
        typer.echo(line)
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path:
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(summary(verdict, LIMIT - stream.tell()))
