"""How this program starts itself again in other processes."""

from __future__ import annotations

import sys
from pathlib import Path

# Not ``-m``: it puts the working folder first among the places that modules are looked for in, and
# a user's random.py there would take the place of Python's.
_START = (
    "import sys; sys.path[:] = [p for p in sys.path if p]; "
    "import runpy; runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
)


def module_command(module: str, interpreter: Path | None = None) -> list[str]:
    """The command that runs a module as a program, wherever it is started.

    Args:
        module: Its dotted name.
        interpreter: The python to run it in; this one if None.
    """
    return [str(interpreter or sys.executable), "-c", _START.format(module=module)]
