"""The README shows what is in results/, and what it points to is there."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from posebench import __version__
from posebench.comparison.leaderboard import ranks_of
from posebench.report.files import check
from posebench.report.groups import group
from posebench.report.terminal import markdown_table
from posebench.store import locate_records

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
TABLE = re.compile(r"(<!-- table: begin.*?-->\n)(.*?)(<!-- table: end -->)", re.DOTALL)


def test_the_table_is_that_of_the_published_results() -> None:
    """``POSEBENCH_UPDATE_GOLDEN=1`` writes it anew."""
    text = README.read_text(encoding="utf-8")
    located = locate_records([ROOT / "results" / "coco-val2017-mini"])
    (best_first,) = group(record for _, record in located)
    table = markdown_table(best_first.records, ranks_of(located))
    if os.environ.get("POSEBENCH_UPDATE_GOLDEN") == "1":
        README.write_text(TABLE.sub(rf"\g<1>{table}\n\g<3>", text), encoding="utf-8")
        return
    found = TABLE.search(text)
    assert found is not None
    assert found[2].strip() == table.strip()


def test_the_reports_are_those_of_the_published_results() -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("pandas")
    located = locate_records([ROOT / "results"])
    records = [record for _, record in located]
    assert check(records, ROOT / "reports", ranks_of(located)) == []


def test_every_link_of_a_page_leads_somewhere() -> None:
    for page in [README, *ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_changelog_begins_with_this_version() -> None:
    first = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert first is not None and first[1] == __version__
