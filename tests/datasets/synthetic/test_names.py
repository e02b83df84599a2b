from __future__ import annotations

import pytest

from posebench.datasets.synthetic.names import (
    Recipe,
    is_synthetic,
    make_recipe,
    parse_name,
)
from posebench.errors import InputError


@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("synthetic", Recipe("default", 200, 0)),
        ("synthetic:500", Recipe("default", 500, 0)),
        ("synthetic-easy", Recipe("easy", 200, 0)),
        ("synthetic-easy:10", Recipe("easy", 10, 0)),
        ("synthetic-crowded:5000:9001", Recipe("crowded", 5000, 9001)),
        ("synthetic:200:1", Recipe("default", 200, 1)),
    ],
)
def test_a_name_stands_for_a_recipe_and_the_recipe_for_the_name(name: str, recipe: Recipe) -> None:
    assert is_synthetic(name)
    assert parse_name(name) == recipe
    assert recipe.name == name


@pytest.mark.parametrize(
    ("name", "shortest"),
    [
        ("synthetic-default", "synthetic"),
        ("synthetic-easy:200", "synthetic-easy"),
        ("synthetic-easy:200:0", "synthetic-easy"),
        ("synthetic-easy:0300:007", "synthetic-easy:300:7"),
    ],
)
def test_the_shortest_name_is_the_one_in_tables(name: str, shortest: str) -> None:
    assert parse_name(name).name == shortest


@pytest.mark.parametrize(
    "name", ["coco-val2017", "synthetic-shots", "./synthetic", "", "Synthetic"]
)
def test_other_names_are_left_to_others(name: str) -> None:
    assert not is_synthetic(name)


PICTURES = "whole number from 10 to 5000"


@pytest.mark.parametrize(
    ("name", "field", "value", "remedy"),
    [
        ("synthetic:0", "number of pictures", "0", PICTURES),
        ("synthetic:9", "number of pictures", "9", PICTURES),
        ("synthetic:10000000", "number of pictures", "10000000", PICTURES),
        ("synthetic:", "number of pictures", "''", PICTURES),
        ("synthetic:many", "number of pictures", "'many'", PICTURES),
        ("synthetic:-20", "number of pictures", "'-20'", PICTURES),
        ("synthetic:1e2", "number of pictures", "'1e2'", PICTURES),
        ("synthetic:1_00", "number of pictures", "'1_00'", PICTURES),
        ("synthetic:٢٠٠", "number of pictures", "'٢٠٠'", PICTURES),
        ("synthetic::3", "number of pictures", "''", PICTURES),
        ("synthetic:20:", "seed", "''", "whole number from 0"),
        ("synthetic:20:-1", "seed", "'-1'", "whole number from 0"),
        ("synthetic:20:x", "seed", "'x'", "whole number from 0"),
        ("synthetic:20:9223372036854775808", "seed", "9223372036854775808", "from 0 to 9223"),
    ],
)
def test_a_wrong_number_is_named(name: str, field: str, value: str, remedy: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_name(name)
    assert f"{name}: the {field} is {value}." in str(caught.value)
    assert remedy in caught.value.remedy


def test_no_number_is_too_long_to_be_refused() -> None:
    with pytest.raises(InputError, match="the seed is"):
        parse_name(f"synthetic:20:{'9' * 5000}")


def test_a_number_too_many() -> None:
    with pytest.raises(InputError, match=r"synthetic:20:1:2: more than two numbers.*\[:N\[:SEED"):
        parse_name("synthetic:20:1:2")


def test_an_unknown_split_names_the_nearest() -> None:
    with pytest.raises(InputError, match=r"--split crowd: .* 'crowd'\. Did you mean crowded[?]"):
        make_recipe("crowd", 20, 0, source="--split crowd")
