"""The ``posebench`` command: one file a subcommand, each thin: parse, call the library, exit."""

from __future__ import annotations

import gc
import io
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

import typer

from posebench.cli.options import INTERRUPTED
from posebench.errors import PosebenchError

INTERNAL_ERROR = 70

_COMMANDS = {
    "list": "list_.list_models",
    "doctor": "doctor.doctor",
    "check": "check.check",
    "run": "run.run",
    "latency": "latency.latency",
    "dataset": "dataset.dataset",
    "evaluate": "evaluate.evaluate",
    "compare": "compare.compare",
    "diagnose": "diagnose.diagnose",
    "gate": "gate.gate",
    "sigmas": "sigmas.sigmas",
    "visualize": "visualize.visualize",
    "publish": "publish.publish",
    "report": "report.report",
}


def command_line(arguments: Sequence[str]) -> typer.Typer:
    """The command that the arguments name, or all if they name none: each takes typer its time."""
    app = typer.Typer(
        name="posebench",
        help="Which human-pose model, on which hardware, at which accuracy and latency?",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_no_options)  # Without it a single command would lose its name.
    for name in set(arguments[:1]) & set(_COMMANDS) or _COMMANDS:
        module, function = _COMMANDS[name].split(".")
        command = getattr(import_module(f"posebench.cli.{module}"), function)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind it: an import that it breaks off ends with an ImportError."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


def _no_options() -> None:
    pass


def main() -> None:
    """Run the command line. Exit codes are those of ``docs/cli.md``."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # an encoding without a dash loses no result
    try:
        command_line(sys.argv[1:])()
    except PosebenchError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(error.exit_code)
    except OSError as error:  # a full disk, a folder taken away: the system's, not ours
        sys.stderr.write(f"error: {error}\n")
        sys.exit(PosebenchError.exit_code)
    except Exception as error:  # the outermost boundary
        if _was_interrupted(error):
            sys.exit(INTERRUPTED)
        traceback.print_exc()
        sys.stderr.write("internal error: this is a defect of posebench; please report it.\n")
        sys.exit(INTERNAL_ERROR)
    finally:
        gc.freeze()  # At its exit the interpreter would search all that was imported for cycles.
