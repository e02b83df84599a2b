"""Sigmas from several annotators: known ones come back, and who is who."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sigmas.annotators import (
    NAMES,
    PAIRS,
    SIGMAS,
    Flock,
    annotator,
    document,
    draw,
    flock,
    mean_is_plausible,
    median_is_plausible,
    scattered,
)

from posebench.errors import InputError
from posebench.metrics.bootstrap import draw_weights
from posebench.sigmas.estimate import LEAST, Estimate, estimate
from posebench.sigmas.gross import gross_notes
from posebench.sigmas.repeats import Repeats, repeats
from posebench.sigmas.same_pictures import Annotator


def values(found: Repeats, robust: bool = False) -> list[float | None]:
    sigmas = estimate(found.distances, PAIRS, "median" if robust else "mean").sigmas
    return [sigma.value for sigma in sigmas]


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_known_sigmas_come_back(count: int, missing: float, tmp_path: Path) -> None:
    birds = flock(np.random.default_rng(count), 400)
    found = repeats(draw(birds, 7 + count, count, tmp_path, missing=missing))
    for sigma, known in zip(estimate(found.distances, PAIRS, "mean").sigmas, SIGMAS, strict=True):
        assert sigma.value is not None and sigma.interval is not None
        assert mean_is_plausible((sigma.value / known) ** 2, sigma.count)
        assert sigma.interval.low < sigma.value < sigma.interval.high


def test_the_median_gives_the_same_of_gaussians(tmp_path: Path) -> None:
    found = repeats(draw(flock(np.random.default_rng(1), 600), 2, 2, tmp_path))
    for sigma, known in zip(estimate(found.distances, PAIRS, "median").sigmas, SIGMAS, strict=True):
        assert sigma.value is not None
        assert median_is_plausible((sigma.value / known) ** 2 * np.log(2), sigma.count)


@pytest.mark.parametrize("seed", range(4))
def test_equals_the_pooled_variance_about_each_persons_mean(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    birds = flock(rng, 60)
    drawn: list[Annotator] = []
    placements: list[list[list[list[float]]]] = [[[] for _ in NAMES] for _ in range(60)]
    areas: list[list[float]] = [[] for _ in range(60)]
    for f in range(4):
        labelled = np.where(rng.random((60, 4)) < 0.3, 0.0, 2.0)
        content = document(birds, scattered(birds, rng), labelled)
        kept = sorted(rng.permutation(60)[:45].tolist())  # whom this annotator drew
        content["annotations"] = [content["annotations"][n] for n in kept]
        for n, entry in zip(kept, content["annotations"], strict=True):
            entry["area"] *= rng.uniform(0.9, 1.1)
            areas[n].append(entry["area"])
            for k in np.flatnonzero(labelled[n]):
                placements[n][k].append(entry["keypoints"][3 * k : 3 * k + 2])
        drawn.append(annotator(content, tmp_path / f"{f}.json"))
    found = estimate(repeats(drawn).distances, (), "mean").sigmas
    for k, sigma in enumerate(found):
        squares = freedom = 0.0
        for n in range(60):
            placed = np.array(placements[n][k])
            if len(placed) > 1:
                squares += ((placed - placed.mean(axis=0)) ** 2).sum() / np.mean(areas[n])
                freedom += len(placed) - 1
        assert sigma.count == freedom
        assert sigma.value == pytest.approx(np.sqrt(squares / freedom))


def test_left_and_right_have_one_sigma(tmp_path: Path) -> None:
    found = repeats(draw(flock(np.random.default_rng(3), 80), 4, 2, tmp_path, missing=0.2))
    apart = estimate(found.distances, (), "mean").sigmas
    nose, left, right, tail = estimate(found.distances, PAIRS, "mean").sigmas
    assert (nose, tail) == (apart[0], apart[3])
    assert left == right and left.count == apart[1].count + apart[2].count
    whole = sum((s.value or 0) ** 2 * s.count for s in apart[1:3])
    assert left.value == pytest.approx(np.sqrt(whole / left.count))


def test_the_order_of_the_files_and_the_size_of_the_pictures_do_not_matter(tmp_path: Path) -> None:
    birds = flock(np.random.default_rng(5), 60)
    drawn = draw(birds, 6, 3, tmp_path, missing=0.2)
    plain = values(repeats(drawn))
    assert values(repeats(drawn[::-1])) == pytest.approx(plain)
    larger = Flock(birds.image_index, birds.boxes * 3, birds.points * 3, birds.areas * 9)
    contents = [
        document(larger, one.content.keypoints[..., :2] * 3, one.content.keypoints[..., 2])
        for one in drawn
    ]
    folder = tmp_path / "larger"
    folder.mkdir()
    enlarged = [annotator(c, folder / f"{i}.json") for i, c in enumerate(contents)]
    assert values(repeats(enlarged)) == pytest.approx(plain)


def gross(tmp_path: Path, share: float) -> tuple[Repeats, list[Annotator]]:
    """The second of two annotators takes the left wing for the right one in some birds."""
    rng = np.random.default_rng(8)
    birds = flock(rng, 400)
    contents = [document(birds, scattered(birds, rng), first_id=1000 * f) for f in (1, 2)]
    for entry in contents[1]["annotations"][: int(400 * share)]:
        points = entry["keypoints"]
        points[3:6], points[6:9] = points[6:9], points[3:6]
    drawn = [annotator(c, tmp_path / f"{f}.json") for c, f in zip(contents, "ab", strict=True)]
    return repeats(drawn), drawn


def test_the_median_does_not_feel_gross_errors(tmp_path: Path) -> None:
    found, drawn = gross(tmp_path, 0.1)
    mean, median = (estimate(found.distances, PAIRS, e) for e in ("mean", "median"))
    inflated, robust = mean.sigmas[1].value, median.sigmas[1].value
    assert inflated is not None and robust is not None
    assert inflated**2 > 2 * SIGMAS[1] ** 2
    # A tenth of gross ones moves the median to at most the quantile .5 / .9 of the others.
    assert (robust / SIGMAS[1]) ** 2 < -np.log(1 - 0.5 / 0.9) / np.log(2) * 1.2
    (note,) = gross_notes(mean, median, found, drawn, NAMES)
    assert "mean square of left_wing, right_wing; " in note
    worst = int(np.nanargmax(found.distances.squared[:, 1:3].max(axis=1)))
    place = f"in {worst // 4}.jpg (annotation {1000 + worst} of a.json, {2000 + worst} of b.json)"
    assert place in note


def test_no_gross_errors_no_notes(tmp_path: Path) -> None:
    found, drawn = gross(tmp_path, 0.0)
    mean, median = (estimate(found.distances, PAIRS, e) for e in ("mean", "median"))
    assert gross_notes(mean, median, found, drawn, NAMES) == []


def test_too_few_and_equal_placements_have_no_sigma(tmp_path: Path) -> None:
    birds = flock(np.random.default_rng(2), LEAST)
    contents = [document(birds, scattered(birds, np.random.default_rng(s))) for s in (0, 1)]
    contents[0]["annotations"][0]["keypoints"][:3] = [0, 0, 0]
    for one, other in zip(*(c["annotations"] for c in contents), strict=True):
        one["keypoints"][9:] = other["keypoints"][9:]
    drawn = [annotator(c, tmp_path / f"{i}.json") for i, c in enumerate(contents)]
    found = estimate(repeats(drawn).distances, (), "mean").sigmas
    assert found[0].reason == f"{LEAST - 1} deviations, {LEAST} are needed"
    assert found[1].value is not None and found[1].count == LEAST
    assert found[3].reason == "most placements do not differ at all"
    assert [found[k].interval for k in (0, 3)] == [None, None]


def test_the_interval_draws_whole_pictures(tmp_path: Path) -> None:
    drawn = draw(flock(np.random.default_rng(2), 60), 3, 2, tmp_path, missing=0.1)
    distances = repeats(drawn).distances
    values = []
    for weights in draw_weights(distances.images).astype(int):
        copies = np.repeat(distances.squared[:, 0], weights[distances.image_index])
        values.append(np.sqrt(np.nanmean(copies) / 2))
    interval = estimate(distances, (), "mean").sigmas[0].interval
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx(
        np.quantile(values, [0.025, 0.975], method="weibull")
    )


def test_one_picture_has_no_interval(tmp_path: Path) -> None:
    drawn = draw(flock(np.random.default_rng(2), 40, each=40), 3, 2, tmp_path)
    found: Estimate = estimate(repeats(drawn).distances, PAIRS, "mean")
    assert found.sigmas[0].value is not None and found.sigmas[0].interval is None


def test_infinitely_far_is_a_reason(tmp_path: Path) -> None:
    birds = flock(np.random.default_rng(2), 40)
    contents = [document(birds, scattered(birds, np.random.default_rng(s))) for s in (0, 1)]
    contents[0]["annotations"][0]["keypoints"][0] = 1e200
    drawn = [annotator(c, tmp_path / f"{i}.json") for i, c in enumerate(contents)]
    found = repeats(drawn)
    nose = estimate(found.distances, (), "mean").sigmas[0]
    assert nose.value is None and "too far apart" in str(nose.reason)
    assert estimate(found.distances, (), "median").sigmas[0].value is not None


def test_copied_keypoints_are_told(tmp_path: Path) -> None:
    birds = flock(np.random.default_rng(2), 40)
    rng = np.random.default_rng(3)
    contents = [document(birds, scattered(birds, rng)) for _ in range(2)]
    assert not repeats([annotator(c, tmp_path / f"{i}.json") for i, c in enumerate(contents)]).notes
    for one, other in zip(*(c["annotations"][:12] for c in contents), strict=True):
        one["keypoints"] = other["keypoints"]
    copied = repeats([annotator(c, tmp_path / f"{i}.json") for i, c in enumerate(contents)])
    assert "30% of the repeated keypoints lie at exactly the same place" in copied.notes[0]


def test_people_are_told_apart_by_their_boxes(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    birds = flock(rng, 48, each=6)
    close = np.column_stack([(np.arange(48) % 6) * 12.0, np.zeros(48), *np.full((2, 48), 80.0)])
    crowded = Flock(birds.image_index, close, birds.points, birds.areas)
    contents, orders = [], []
    for _ in range(3):  # neighbours have an IoU of .74, and each annotator misses some
        content = document(crowded, birds.points)
        for entry in content["annotations"]:
            entry["bbox"] = (np.array(entry["bbox"]) + rng.uniform(-1, 1, 4)).tolist()
        order = rng.permutation(48)[:40]
        content["annotations"] = [content["annotations"][i] for i in order]
        contents.append(content)
        orders.append(order)
    found = repeats([annotator(c, tmp_path / f"{i}.json") for i, c in enumerate(contents)])
    by_two = np.flatnonzero(np.bincount(np.concatenate(orders)) > 1)
    who = [
        {int(orders[f][row]) for f, row in enumerate(rows) if row >= 0} for rows in found.members
    ]
    assert {n for people in who if len(people) == 1 for n in people} == set(by_two.tolist())
    # Whom one annotator alone drew may only meet others whom one other alone drew.
    assert all(not people & set(by_two.tolist()) for people in who if len(people) > 1)


def test_classes_are_kept_apart(tmp_path: Path) -> None:
    birds = flock(np.random.default_rng(4), 40)
    contents = []
    for shift in (0, 1):
        content = document(birds, birds.points + shift)
        content["categories"].append({"id": 2, "name": "bat", "keypoints": list(NAMES)})
        for n, entry in enumerate(content["annotations"]):
            entry["category_id"] = 1 + (n + shift) % 2 if n < 5 else 1
        contents.append(content)
    found = repeats([annotator(c, tmp_path / f"{i}.json") for i, c in enumerate(contents)])
    assert found.members[:, 0].tolist() == list(range(5, 40))


def test_crowds_and_people_of_one_file_are_nobody(tmp_path: Path) -> None:
    birds = flock(np.random.default_rng(4), 40)
    rng = np.random.default_rng(5)
    contents = [document(birds, scattered(birds, rng)) for _ in range(2)]
    contents[0]["annotations"][3]["iscrowd"] = 1
    del contents[1]["annotations"][7]
    contents[0]["annotations"][9]["area"] = contents[1]["annotations"][8]["area"] = 0
    found = repeats([annotator(c, tmp_path / f"{i}.json") for i, c in enumerate(contents)])
    assert sorted(found.members[:, 0].tolist()) == [n for n in range(40) if n not in (3, 7, 9)]
    assert found.notes == (
        "2 annotated people have no counterpart in another file and were left out.",
        "1 people without an area were left out.",
    )


def test_pictures_are_known_by_their_names(tmp_path: Path) -> None:
    birds = flock(np.random.default_rng(4), 40)
    rng = np.random.default_rng(5)
    contents = [document(birds, scattered(birds, rng)) for _ in range(2)]
    drawn = [annotator(c, tmp_path / f"{i}.json") for i, c in enumerate(contents)]
    renumbered = copy.deepcopy(contents[1])
    for entry, key in [(e, "id") for e in renumbered["images"]] + [
        (e, "image_id") for e in renumbered["annotations"]
    ]:
        entry[key] = 100 - entry[key]
    other = annotator(renumbered, tmp_path / "renumbered.json")
    assert values(repeats([drawn[0], other])) == values(repeats(drawn))
    for entry in renumbered["images"]:
        del entry["file_name"]
    unnamed = annotator(renumbered, tmp_path / "unnamed.json")
    with pytest.raises(InputError, match="no picture in common, by image id"):
        repeats([drawn[0], unnamed])


def test_pictures_of_one_file_are_left_out(tmp_path: Path) -> None:
    birds = flock(np.random.default_rng(4), 40)
    rng = np.random.default_rng(5)
    contents = [document(birds, scattered(birds, rng)) for _ in range(2)]
    del contents[1]["images"][0]
    contents[1]["annotations"] = contents[1]["annotations"][4:]
    found = repeats([annotator(c, tmp_path / f"{i}.json") for i, c in enumerate(contents)])
    assert found.pictures == 9 and len(found.members) == 36
    assert found.notes == ("1 pictures are in one file only and were left out.",)


def other_pictures(content: dict[str, Any]) -> None:
    for entry in content["images"]:
        entry["file_name"] = "other-" + entry["file_name"]


def other_order(content: dict[str, Any]) -> None:
    content["categories"][0]["keypoints"] = ["nose", "right_wing", "left_wing", "tail"]


def more_keypoints(content: dict[str, Any]) -> None:
    content["categories"][0]["keypoints"] = [*NAMES, "claw"]
    for entry in content["annotations"]:
        entry["keypoints"] += [0, 0, 0]


def other_category(content: dict[str, Any]) -> None:
    content["categories"][0]["name"] = "fish"


def elsewhere(content: dict[str, Any]) -> None:
    for entry in content["annotations"]:
        entry["bbox"][1] += 5000


def flat(content: dict[str, Any]) -> None:
    for entry in content["annotations"]:
        entry["area"] = 0


def unlabelled(content: dict[str, Any]) -> None:
    for entry in content["annotations"]:
        entry["keypoints"] = [0] * 12


def nobody(content: dict[str, Any]) -> None:
    content["annotations"] = []


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (other_pictures, r"no picture in common, by file_name\. Give files of the same pictures"),
        (other_order, "keypoint 2 is 'left_wing' in .*a.json, but 'right_wing' in .*b.json"),
        (more_keypoints, r"4 keypoints in .*a.json, but 5 in .*b.json\. Give files of one skel"),
        (other_category, "categories: bird in .*a.json, but fish in .*b.json"),
        (elsewhere, "nobody in .*a.json is in another file too: .*IoU of 0.5"),
        (unlabelled, "of 8 people in .*a.json and the others, none has a keypoint that two"),
        (nobody, "b.json: nobody is annotated"),
        (lambda content: None, "a.json and .*b.json have the same content"),
    ],
)
def test_files_that_do_not_fit_are_refused(
    spoil: Callable[[dict[str, Any]], None], message: str, tmp_path: Path
) -> None:
    birds = flock(np.random.default_rng(0), 8)
    content = document(birds, birds.points)
    other = copy.deepcopy(content)
    spoil(other)
    files = [annotator(content, tmp_path / "a.json"), annotator(other, tmp_path / "b.json")]
    with pytest.raises(InputError, match=message):
        repeats(files)


def test_people_without_any_area_are_refused(tmp_path: Path) -> None:
    birds = flock(np.random.default_rng(0), 8)
    contents = [document(birds, birds.points + shift) for shift in (0, 1)]
    for content in contents:
        flat(content)
    with pytest.raises(InputError, match=r"none has a keypoint .* and an area"):
        repeats([annotator(c, tmp_path / f"{i}.json") for i, c in enumerate(contents)])
