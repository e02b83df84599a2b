from __future__ import annotations

from pathlib import Path

import pytest

from posebench.errors import InputError, UnknownModelError
from posebench.registry import adapters, catalogue, resolve_reference, select


def names(*specifications: str) -> list[str]:
    return [request.label for request in select(specifications)]


def test_a_third_partys_package_is_found_by_its_entry_point() -> None:
    assert adapters()["stick"].value == "posebench_stick"
    assert resolve_reference("stick-figure").adapter == "stick"


def test_names_keep_their_order_and_come_once() -> None:
    assert names("yolov8s-pose", "yolov8n-pose", "yolov8s-pose") == ["yolov8s-pose", "yolov8n-pose"]


def test_an_alias_means_its_card() -> None:
    assert names("matchstick") == ["stick-figure"]


def test_a_glob_takes_what_matches_and_is_not_by_name() -> None:
    requests = select(["stick-c*"])
    assert [r.label for r in requests] == ["stick-crash"]
    assert not requests[0].by_name


def test_a_name_beside_a_glob_is_still_by_name() -> None:
    by_name = {r.label: r.by_name for r in select(["stick-*", "stick-crash"])}
    assert by_name["stick-crash"]
    assert not by_name["stick-figure"]


def test_all_is_every_card() -> None:
    assert set(names("all")) == set(catalogue())


def test_a_weights_override_becomes_part_of_the_label(tmp_path: Path) -> None:
    weights = tmp_path / "mine.txt"
    weights.write_text("0.5")
    (request,) = select([f"stick-figure={weights}"])
    assert request.label == "stick-figure=mine.txt"
    assert request.weights == weights


def test_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    paths = [tmp_path / part / "best.txt" for part in ("a", "b", "c/a")]
    for path in paths:
        path.parent.mkdir(parents=True)
        path.write_text("0.5")
    assert names(*(f"stick-figure={path}" for path in paths)) == [
        "stick-figure=best.txt (a) #1",
        "stick-figure=best.txt (b)",
        "stick-figure=best.txt (a) #3",
    ]


@pytest.mark.parametrize(
    ("specification", "error", "message"),
    [
        ("yolov8-n-pose", UnknownModelError, "Did you mean yolov8n-pose"),
        ("zzzzqqqq", UnknownModelError, "posebench list"),
        ("nothing*", UnknownModelError, "no model matches 'nothing*'"),
        ("yolov8n-pose=/not/there.pt", InputError, "weights '/not/there.pt' do not exist"),
        ("yolov8*=x.pt", InputError, "needs one model, not a glob"),
        ("", InputError, "empty model name"),
    ],
)
def test_a_wrong_request_says_what_and_how_to_mend_it(
    specification: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message.replace("*", r"\*")):
        select([specification])


def test_no_request_at_all_is_an_error() -> None:
    with pytest.raises(InputError, match="--models"):
        select([])


def test_every_card_is_complete() -> None:
    for name, entry in catalogue().items():
        card = entry.card
        assert name == name.lower()
        assert card.licence
        assert card.training_data or not card.weights
        assert all(side > 0 for side in card.input_size)
        for claim in card.claims:
            assert claim.source and claim.protocol, f"{name}: {claim}"
