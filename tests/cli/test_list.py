from __future__ import annotations

import json

from commands import posebench


def list_models(*arguments: str) -> str:
    finished = posebench("list", *arguments)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_every_registered_family_is_listed() -> None:
    listed = list_models()
    assert "yolov8n-pose" in listed and "stick-figure" in listed
    assert "AGPL-3.0" in listed


def test_a_glob_narrows_the_list() -> None:
    names = [line.split()[0] for line in list_models("yolov8*").splitlines()[1:]]
    assert names and all(name.startswith("yolov8") for name in names)


def test_json_holds_the_whole_card() -> None:
    (card,) = json.loads(list_models("yolov8n-pose", "--format", "json"))
    assert {claim["value"] for claim in card["claims"] if claim["metric"] == "AP"} == {0.497, 0.504}
    assert card["weights"][0]["url"].startswith("https://")


def test_markdown_is_a_table() -> None:
    lines = list_models("stick-*", "--format", "md").splitlines()
    assert lines[1].startswith("| ---")
    assert all(line.count("|") == lines[0].count("|") for line in lines)
