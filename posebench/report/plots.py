"""The pictures of a report as matplotlib figures. No pyplot, no state outside this module."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from posebench.errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, GRID, ACCENT = "#1f2328", "#6e7781", "#e4e7eb", "#0072b2"
MARGIN = 0.12
"""Inches between the text and the edge of a figure."""
_LABEL_CHARACTERS = 30


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write ``stem.png`` and ``stem.svg``, the same bytes for the same figure."""
    png, svg = (stem.with_name(f"{stem.name}.{suffix}") for suffix in ("png", "svg"))
    with style():
        figure.savefig(png, dpi=160, metadata={"Software": None})
        figure.savefig(svg, metadata={"Date": None, "Creator": None})
    return [png, svg]


@contextmanager
def style() -> Iterator[None]:
    """The defaults of matplotlib and ours, whatever the user's own style file says.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise MissingExtraError("The report needs matplotlib.", extra="report") from error
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        # Text stays text, and element ids do not change from run to run.
        matplotlib.rc("svg", fonttype="none", hashsalt="posebench")
        matplotlib.rc("font", family="DejaVu Sans", size=9)
        matplotlib.rc("text", color=INK)
        matplotlib.rc("axes", edgecolor=MUTED, labelcolor=INK)
        matplotlib.rc("xtick", color=INK)
        matplotlib.rc("ytick", color=INK)
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty white figure of a size in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def bare(axes: Axes) -> Axes:
    """Axes with a light grid behind the data, and no frame above and to the right."""
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for edge in ("top", "right"):
        axes.spines[edge].set_visible(False)
    return axes


def add_texts(figure: Figure, *, title: str, caption: Sequence[str]) -> None:
    """Title above and caption below, flush left with the figure's edge."""
    width, height = figure.get_size_inches()
    left, top, bottom = MARGIN / width, 1 - MARGIN / height, MARGIN / height
    figure.text(left, top, plain(title), va="top", fontsize=11, fontweight="bold")
    text = plain("\n".join(caption_lines(caption, width)))
    figure.text(left, bottom, text, va="bottom", fontsize=7.5, color=MUTED, linespacing=1.4)


def caption_lines(caption: Sequence[str], width: float) -> list[str]:
    """Paragraphs wrapped to a figure ``width`` inches wide, each line 0.15 inches high."""
    # A character of a caption is 0.062 inches wide on average.
    columns = max(int((width - 2 * MARGIN) / 0.062), 20)
    return [line for paragraph in caption for line in textwrap.wrap(paragraph, columns)]


def plain(text: str) -> str:
    """Text in which matplotlib finds no formula."""
    return text.replace("$", r"\$")


def shorten(name: str, characters: int = _LABEL_CHARACTERS) -> str:
    """A name cut in the middle and made plain."""
    return plain(cut(name, characters))


def cut(name: str, characters: int = _LABEL_CHARACTERS) -> str:
    """A name cut in the middle, where names of one family are most alike."""
    if len(name) <= characters:
        return name
    tail = characters // 2 - 1
    return f"{name[: characters - tail - 1]}…{name[-tail:]}"
