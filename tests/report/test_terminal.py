from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from records import make_dataset, make_failure, make_record, make_runtime
from rich.console import Console

from posebench.record import Record
from posebench.report.terminal import markdown_table, rich_table


def printed(records: list[Record], width: int) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(rich_table(records))
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


@pytest.mark.parametrize("width", [80, 140])
def test_rich_table(records: list[Record], golden: Callable[[str, str], None], width: int) -> None:
    golden(f"terminal-{width}.txt", printed(records, width))


def test_markdown_table(records: list[Record], golden: Callable[[str, str], None]) -> None:
    golden("terminal.md", markdown_table(records))


def test_nothing_is_cut_off_at_80_columns() -> None:
    records = [make_record("a-model-with-a-very-long-name=weights/of/mine.onnx"), make_failure()]
    text = printed(records, 80)
    assert all(len(line) <= 80 for line in text.splitlines())
    first = "".join(line.split(" ")[0] for line in text.splitlines()[3:9])
    assert "a-model-with-a-very-long-name=weights/of/mine.onnx" in first
    for word in ("error", "(v8.2.0)", "49.7", "69.89", "ok"):
        assert word in text


def test_mixed_runtimes_are_said_to_be_mixed() -> None:
    records = [
        make_record("a"),
        make_record("b", runtime=make_runtime(name="openvino", version="2025.1")),
    ]
    text = markdown_table(records)
    assert "not comparable: they differ in runtime.name, runtime.version." in text
    assert "b: openvino 2025.1" in text
    assert "not comparable" not in markdown_table(records[:1])


def test_unreadable_pictures_are_named() -> None:
    names = tuple(f"{i}.jpg" for i in range(7))
    text = markdown_table([make_record(dataset=make_dataset(undecodable=names))])
    assert "7 pictures unreadable, scored as empty: 0.jpg, 1.jpg, 2.jpg, 3.jpg, 4.jpg and 2" in text


def test_names_cannot_break_the_markdown_table() -> None:
    text = markdown_table([make_record("a|b`<script>")])
    assert r"| a\|b\`&lt;script&gt; |" in text


def test_no_records() -> None:
    assert "on a scale of 100" in markdown_table([])
    assert "model" in printed([], 80)


def test_import_is_light() -> None:
    code = (
        "import sys, posebench.report.terminal;"
        "assert not {'pandas', 'matplotlib', 'rich'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_untrained_row_says_why_it_has_no_accuracy() -> None:
    trained = make_record("rfdetr-pose-m")
    model = trained.model.model_copy(update={"untrained": "the keypoint head is random"})
    untrained = trained.model_copy(update={"model": model, "accuracy": {}})
    page = markdown_table([untrained])
    assert "rfdetr-pose-m: the keypoint head is random" in page
    assert "| rfdetr-pose-m | — | — | — |" in page and "| ok |" in page
