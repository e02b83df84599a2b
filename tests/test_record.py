from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from posebench.errors import SchemaError
from posebench.record import SCHEMA_VERSION, Record, parse_record
from posebench.store import read_record

FIXTURES = Path(__file__).parent / "fixtures" / "records"
SHIPPED = sorted(FIXTURES.glob("v*/*.json"))


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_there_is_a_fixture_of_every_schema() -> None:
    assert {path.parent.name for path in SHIPPED} == {f"v{n + 1}" for n in range(SCHEMA_VERSION)}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_every_schema_ever_shipped_is_still_read(path: Path) -> None:
    assert read_record(path).schema_version == SCHEMA_VERSION


def test_a_record_survives_json() -> None:
    record = read_record(FIXTURES / "v1" / "ok.json")
    again = parse_record(json.loads(record.model_dump_json()), source="here")
    assert again == record


def test_figures_and_spans_are_found_by_name() -> None:
    record = read_record(FIXTURES / "v1" / "ok.json")
    assert record.figure("keypoints", "AP") == pytest.approx(0.457, abs=5e-4)
    assert record.figure("segm", "AP") is None
    assert record.span("network") is not None
    assert read_record(FIXTURES / "v1" / "skipped.json").span("network") is None


def test_schema_1_says_how_it_was_timed() -> None:
    """One round in the worker that had predicted, without pauses and whatever came between."""
    protocol = read_record(FIXTURES / "v1" / "ok.json").latency_protocol
    assert protocol is not None
    assert (protocol.processes, protocol.regimes) == (1, ("sustained",))
    assert (protocol.warmup_s, protocol.repeats) == (0, 0)
    assert (protocol.warmup, protocol.samples) == (10, 60)


def test_the_regimes_of_a_span_are_told_apart() -> None:
    record = read_record(FIXTURES / "v2" / "ok.json")
    assert record.regimes == ("sustained", "paced")
    paced, sustained = (record.span("end-to-end", regime) for regime in ("paced", "sustained"))
    assert paced is not None and sustained is not None and paced != sustained
    assert record.span("end-to-end") == sustained, "short tables show it"
    assert {cell.regime for cell in record.cells("paced")} == {"paced"}
    assert read_record(FIXTURES / "v1" / "ok.json").span("network", "paced") is None


def test_a_newer_schema_asks_for_an_upgrade() -> None:
    document = {**load(FIXTURES / "v1" / "ok.json"), "schema_version": SCHEMA_VERSION + 1}
    with pytest.raises(SchemaError, match=r"newer than .* pip install --upgrade posebench"):
        parse_record(document, source="there.json")


@pytest.mark.parametrize("document", [[], {}, {"schema_version": "1"}, "x", None])
def test_what_is_no_record_is_refused(document: Any) -> None:
    with pytest.raises(SchemaError, match=r"there\.json: not a posebench record"):
        parse_record(document, source="there.json")


def test_a_field_that_does_not_fit_is_named() -> None:
    document = load(FIXTURES / "v1" / "ok.json")
    document["accuracy"]["keypoints"]["figures"]["AP"]["value"] = "high"
    with pytest.raises(SchemaError, match=r"accuracy\.keypoints\.figures\.AP\.value"):
        parse_record(document, source="there.json")


def test_nan_has_no_place_in_a_record() -> None:
    document = load(FIXTURES / "v1" / "ok.json")
    document["measured"]["gflops"] = float("nan")
    with pytest.raises(SchemaError, match=r"measured\.gflops"):
        parse_record(document, source="there.json")


def _undocumented(schema: dict[str, Any], text: str) -> list[str]:
    names = set()
    for definition in [schema, *schema["$defs"].values()]:
        names |= set(definition.get("properties", {}))
    return sorted(name for name in names if f"`{name}`" not in text)


def test_the_format_is_documented_key_by_key() -> None:
    page = Path(__file__).parents[1] / "docs" / "results-format.md"
    missing = _undocumented(Record.model_json_schema(), page.read_text(encoding="utf-8"))
    assert not missing, f"docs/results-format.md does not name {missing}"
