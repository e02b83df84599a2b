"""The ``posebench`` command: one file a subcommand, each thin: parse, call the library, exit."""

from __future__ import annotations

import sys
import traceback

import typer

from posebench.cli import check, evaluate, list_, publish, report, run
from posebench.errors import PosebenchError

INTERNAL_ERROR = 70

app = typer.Typer(
    name="posebench",
    help="Which human-pose model, on which hardware, at which accuracy and latency?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("list")(list_.list_models)
app.command("check")(check.check)
app.command("run")(run.run)
app.command("evaluate")(evaluate.evaluate)
app.command("publish")(publish.publish)
app.command("report")(report.report)


def main() -> None:
    """Run the command line. Exit codes are those of ``docs/cli.md``."""
    try:
        app()
    except PosebenchError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(error.exit_code)
    except OSError as error:  # a full disk, a folder taken away: the system's, not ours
        sys.stderr.write(f"error: {error}\n")
        sys.exit(PosebenchError.exit_code)
    except Exception:  # the outermost boundary
        traceback.print_exc()
        sys.stderr.write("internal error: this is a defect of posebench; please report it.\n")
        sys.exit(INTERNAL_ERROR)
