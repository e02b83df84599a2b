from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from posebench.gallery.document import ERRORS, ErrorName, Outcome
from posebench.gallery.selection import Choice, choose


def outcome(image_id: int, oks: float | None, **errors: int) -> Outcome:
    named: dict[ErrorName, int] = {name: errors[name] for name in ERRORS if name in errors}
    return Outcome(image_id, people=0 if oks is None else 1, mean_oks=oks, errors=named)


def worst_first(outcomes: list[Outcome]) -> list[Outcome]:
    return sorted(outcomes, key=lambda o: (o.mean_oks is None, o.mean_oks or 0.0, o.image_id))


models = st.lists(
    st.lists(st.none() | st.floats(0, 1), min_size=6, max_size=6), min_size=1, max_size=5
).map(
    lambda tables: [
        worst_first([outcome(i, oks, swap=i % 3) for i, oks in enumerate(table)])
        for table in tables
    ]
)


@given(models)
def test_no_choice_twice_and_every_model_has_its_worst(outcomes: list[list[Outcome]]) -> None:
    chosen = choose(outcomes)
    assert len(set(chosen)) == len(chosen)
    for index, of_model in enumerate(outcomes):
        known = [o for o in of_model if o.mean_oks is not None]
        if known:
            assert Choice(known[0].image_id, (index,)) in chosen


@given(models)
def test_pairs_come_by_falling_difference(outcomes: list[list[Outcome]]) -> None:
    means = [{o.image_id: o.mean_oks for o in of_model} for of_model in outcomes]
    for pair in combinations(range(min(len(outcomes), 4)), 2):
        ids = [c.image_id for c in choose(outcomes) if c.models == pair]
        a, b = (means[index] for index in pair)
        apart = [abs((a[i] or 0.0) - (b[i] or 0.0)) for i in ids]
        assert apart == sorted(apart, reverse=True)
        both = {i for i in a if a[i] is not None and b[i] is not None and a[i] != b[i]}
        assert set(ids) <= both and len(ids) == min(len(both), 4)


def test_an_error_is_shown_where_it_is_most_frequent_although_the_picture_went_well() -> None:
    bad = [outcome(i, 0.001 * i, miss=3) for i in range(40)]
    good = outcome(99, 0.99, swap=2), outcome(98, 0.98, swap=1)
    chosen = choose([worst_first([*bad, *good])])
    ids = [choice.image_id for choice in chosen]
    assert ids.index(99) < ids.index(98)


def test_whoever_is_cut_short_has_seen_something_of_everybody() -> None:
    outcomes = [[outcome(10 * m + i, 0.1 * i) for i in range(10)] for m in range(3)]
    first = choose(outcomes)[:3]
    assert {choice.models for choice in first} == {(0,), (1,), (2,)}
