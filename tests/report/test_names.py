"""Names that users gave."""

from __future__ import annotations

import pytest

from posebench.report.names import short_name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("left_wrist", "left_wrist"),
        ("left\nwrist\t", "left wrist"),
        ("\n::error::all is lost", "error::all is lost"),
        ("\x1b[31mred", "[31mred"),
    ],
)
def test_a_name_is_one_harmless_line(text: str, shown: str) -> None:
    assert short_name(text) == shown


def test_a_long_name_is_cut_in_the_middle() -> None:
    text = "a" * 200 + "b" * 200
    assert (len(short_name(text)), len(short_name(text, 100))) == (30, 100)
    assert short_name(text)[0] == "a" and short_name(text)[-1] == "b"
