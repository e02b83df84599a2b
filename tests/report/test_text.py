from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from posebench.report.text import Footnotes, escape, link_or_text, table


def test_special_characters_lose_their_meaning() -> None:
    assert escape("a|b `c` <b>d</b> *e* [f](g) x_y & \\") == (
        r"a\|b \`c\` &lt;b&gt;d&lt;/b&gt; \*e\* \[f\](g) x\_y &amp; \\"
    )
    assert escape("two\nlines\t here") == "two lines here"


@given(st.text())
def test_no_text_breaks_a_table(text: str) -> None:
    line = table(("a", "b"), [(escape(text), "end")]).split("\n")
    assert len(line) == 3
    cells = line[2].replace("\\\\", "").replace("\\|", "")
    assert cells.count("|") == 3
    assert "<" not in cells


def test_links() -> None:
    assert link_or_text("https://example.org/a_b") == "<https://example.org/a_b>"
    assert link_or_text("paper, table 3 | page 2") == r"paper, table 3 \| page 2"
    assert link_or_text("https://a b") == "https://a b"


def test_footnotes_share_numbers() -> None:
    notes = Footnotes()
    assert [notes.mark(n) for n in ("x", "y", "x")] == ["[^1]", "[^2]", "[^1]"]
    assert notes.text() == "[^1]: x\n[^2]: y"
