"""Templates to a page that loads nothing, and runs no script but its own."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from importlib import resources
from typing import TYPE_CHECKING, Any

from posebench.errors import MissingExtraError

if TYPE_CHECKING:
    from jinja2 import Environment

_SCRIPTS = ("table.js", "tip.js", "keypoints.js", "gallery.js")


def render_page(**content: Any) -> str:
    """Fill ``page.html``; every value is escaped.

    Raises:
        MissingExtraError: Jinja2 is not installed.
    """
    environment = _environment()
    # What is between the tags is what the browser hashes, to the last byte.
    script = "\n" + "\n".join(_text(name) for name in _SCRIPTS)
    return environment.get_template("page.html").render(
        **content,
        style=_safe("\n" + _text("page.css")),
        script=_safe(script),
        policy=_policy(script),
    )


def _environment() -> Environment:
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise MissingExtraError("The HTML report needs Jinja2.", extra="report") from error
    environment = Environment(
        loader=PackageLoader("posebench.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["px"] = lambda number: f"{number:.2f}".rstrip("0").rstrip(".")
    return environment


def _safe(text: str) -> str:
    """Text of our own that is not escaped: a style sheet or a script."""
    from markupsafe import Markup

    return Markup(text)  # nothing of a user is in it


def _text(name: str) -> str:
    return (resources.files("posebench.report") / "templates" / name).read_text(encoding="utf-8")


def _policy(script: str) -> str:
    """The Content-Security-Policy: pictures are in the page, and only this script runs."""
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
