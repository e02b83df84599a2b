"""``posebench visualize`` as a user runs it, on real pictures and real predictions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import typer
from commands import posebench
from support import read_rgb
from typer.testing import CliRunner, Result

from posebench.cli.visualize import visualize
from posebench.datasets.skeletons import CROWDPOSE14
from posebench.errors import InputError
from posebench.visualize.album import Wish, plan_album
from posebench.visualize.files import MANIFEST
from posebench.visualize.pages import draw_page
from posebench.visualize.style import enlargement

pytestmark = pytest.mark.data

app = typer.Typer()
app.command()(visualize)


def run(predictions: Path, images: Path, out: Path, *options: str) -> Result:
    given = ("--predictions", str(predictions), "--images", str(images), "--out", str(out))
    return CliRunner().invoke(app, [*given, *options], catch_exceptions=False)


def drawings(out: Path) -> list[str]:
    return sorted(path.name for path in out.iterdir() if path.name != MANIFEST)


@pytest.fixture
def predictions(coco_mini: Path) -> Path:
    return coco_mini / "yolov8n-pose.predictions.json"


@pytest.fixture
def images(coco_mini: Path) -> Path:
    return coco_mini / "images"


def some(predictions: Path, folder: Path, **changed: Any) -> tuple[Path, list[dict[str, Any]]]:
    """The confident people of the first three pictures, with some fields changed."""
    rows = [row for row in json.loads(predictions.read_text()) if row["score"] > 0.5]
    ids = sorted({row["image_id"] for row in rows})[:3]
    chosen = [row | changed for row in rows if row["image_id"] in ids]
    path = folder / "some.json"
    path.write_text(json.dumps(chosen))
    return path, chosen


def test_as_a_process(predictions: Path, images: Path, tmp_path: Path) -> None:
    options = ("--predictions", predictions, "--images", images, "--out", tmp_path / "out")
    finished = posebench("visualize", *options, "--limit", "2", cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout == ""
    assert "2 drawings in" in finished.stderr
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["out"]


def test_people_are_drawn_where_they_were_found(
    predictions: Path, images: Path, tmp_path: Path
) -> None:
    path, rows = some(predictions, tmp_path)
    assert run(path, images, tmp_path / "out").exit_code == 0
    names = {f"{row['image_id']:012d}.jpg" for row in rows}
    assert set(drawings(tmp_path / "out")) == names
    for name in names:
        before, drawn = read_rgb(images / name), read_rgb(tmp_path / "out" / name)
        height, width = before.shape[:2]
        times = enlargement(width, height)
        assert drawn.shape[1] == times * width and drawn.shape[0] > times * height
        small = cv2.resize(drawn[: times * height], (width, height), interpolation=cv2.INTER_AREA)
        change = np.abs(small.astype(int) - before).max(axis=-1)
        own = [row for row in rows if f"{row['image_id']:012d}.jpg" == name]
        points = np.concatenate([np.array(row["keypoints"]).reshape(-1, 3) for row in own])
        points = points[points[:, 2] > 0.5]
        x = np.clip(points[:, 0].astype(int), 0, width - 1)
        y = np.clip(points[:, 1].astype(int), 0, height - 1)
        assert np.median(change[y, x]) > 40 > 10 > np.median(change)


def test_a_second_run_leaves_no_drawing_of_the_first(
    predictions: Path, images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert run(predictions, images, out, "--limit", "3").exit_code == 0
    first = drawings(out)
    assert run(predictions, images, out, "--limit", "1").exit_code == 0
    assert drawings(out) == first[:1]


def test_a_folder_of_pictures_is_not_drawn_into(
    predictions: Path, images: Path, tmp_path: Path
) -> None:
    own = tmp_path / "images"
    shutil.copytree(images, own)
    before = {path: path.read_bytes() for path in own.iterdir()}
    with pytest.raises(InputError, match="not empty, and not made by"):
        run(predictions, own, own)
    assert {path: path.read_bytes() for path in own.iterdir()} == before


def test_worst_first_with_a_table(
    predictions: Path, images: Path, coco_mini: Path, tmp_path: Path
) -> None:
    options = ("--annotations", str(coco_mini / "person_keypoints.json"), "--worst", "--limit", "4")
    result = run(predictions, images, tmp_path / "out", *options)
    assert result.exit_code == 0
    title, *rows = [line.split() for line in result.stdout.splitlines()]
    assert title[0] == "drawing" and title[-4:] == ["mean", "OKS", "missed", "extra"]
    assert [row[0] for row in rows] == drawings(tmp_path / "out")
    assert [row[0][:5] for row in rows] == ["0001_", "0002_", "0003_", "0004_"]
    means = [float(row[-3]) for row in rows]
    assert means == sorted(means)
    assert all((images / row[0][5:]).exists() for row in rows)


def test_worst_draws_the_annotations_too(predictions: Path, images: Path, coco_mini: Path) -> None:
    annotations = coco_mini / "person_keypoints.json"
    worst = plan_album(Wish(predictions, images, annotations, worst=True, limit=1))
    plain = plan_album(Wish(predictions, images, annotations))
    page = worst.pages[0]
    image = read_rgb(page.picture)
    (same,) = [other for other in plain.pages if other.picture == page.picture]
    assert len(page.annotated) and not len(same.annotated)
    drawn, without = draw_page(image, worst, page), draw_page(image, plain, same)
    red = (drawn[..., 0] > 230) & (drawn[..., 1:] < 70).all(axis=-1)
    assert red.sum() > 4 * ((without[..., 0] > 230) & (without[..., 1:] < 70).all(axis=-1)).sum()


def test_worst_needs_annotations(predictions: Path, images: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Give --annotations"):
        run(predictions, images, tmp_path / "out", "--worst")
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_drawn_is_named_and_the_rest_is_drawn(
    predictions: Path, images: Path, tmp_path: Path
) -> None:
    path, rows = some(predictions, tmp_path)
    names = sorted({f"{row['image_id']:012d}.jpg" for row in rows})
    own = tmp_path / "images"
    own.mkdir()
    (own / names[0]).write_bytes((images / names[0]).read_bytes()[:900])
    shutil.copy(images / names[1], own)
    options = ("--predictions", path, "--images", own, "--out", tmp_path / "out")
    finished = posebench("visualize", *options)
    assert finished.returncode == 2
    assert f"pictures that are not there: 1 ({names[2]})" in finished.stderr
    assert f"{names[0]}: truncated" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert drawings(tmp_path / "out") == [names[1]]


def test_the_worst_that_cannot_be_read_is_neither_listed_nor_in_the_list_of_drawings(
    predictions: Path, images: Path, coco_mini: Path, tmp_path: Path
) -> None:
    annotations, own, out = coco_mini / "person_keypoints.json", tmp_path / "images", tmp_path / "o"
    shutil.copytree(images, own)
    album = plan_album(Wish(predictions, own, annotations, worst=True, limit=3))
    first, *others = album.pages
    first.picture.write_bytes(first.picture.read_bytes()[:900])
    options = ("--annotations", annotations, "--worst", "--limit", "3")
    finished = posebench(
        *("visualize", "--predictions", predictions, "--images", own, "--out", out, *options)
    )
    assert finished.returncode == 2 and f"{first.picture.name}: not a readable" in finished.stderr
    _, *rows = finished.stdout.splitlines()
    names = [page.name for page in others]
    assert [row.split()[0] for row in rows] == drawings(out) == names
    assert json.loads((out / MANIFEST).read_text())["drawings"] == names

    (out / first.name).write_text("mine")  # no drawing, so the next run leaves it
    assert run(predictions, images, out, "--limit", "1").exit_code == 0
    assert (out / first.name).read_text() == "mine"


def test_nobody_above_the_threshold(predictions: Path, images: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"highest is 0\.9\d+\. Give a lower --score-threshold"):
        run(predictions, images, tmp_path / "out", "--score-threshold", "0.999")
    (tmp_path / "none.json").write_text("[]")
    with pytest.raises(InputError, match="no predictions in it"):
        run(tmp_path / "none.json", images, tmp_path / "out")
    result = run(predictions, images, tmp_path / "out", "--score-threshold", "nan")
    assert result.exit_code == 2 and "not a finite number" in result.stderr
    assert not (tmp_path / "out").exists()


def test_keypoints_that_nobody_knows_are_points(
    predictions: Path, images: Path, tmp_path: Path
) -> None:
    path, _ = some(predictions, tmp_path, keypoints=[100.0, 100.0, 0.9] * 5)
    result = run(path, images, tmp_path / "out")
    assert result.exit_code == 0
    assert "note: no limbs are known of 5 keypoints" in result.stderr
    assert len(drawings(tmp_path / "out")) == 3


def test_the_whole_body(data: Path, tmp_path: Path) -> None:
    samples = data / "openmmlab-samples" / "coco"
    path = data / "evaluator-cases" / "xtcocotools" / "example_wholebody_preds.json"
    options = ("--annotations", str(samples / "test_coco_wholebody.json"), "--worst")
    result = run(path, samples, tmp_path / "out", *options)
    assert result.exit_code == 0
    assert len(drawings(tmp_path / "out")) == 4
    assert "predictions of pictures without annotations are not drawn" in result.stderr


def test_crowdpose_by_the_annotations_themselves(data: Path, tmp_path: Path) -> None:
    samples = data / "openmmlab-samples" / "crowdpose"
    annotations = samples / "test_crowdpose.json"
    people = json.loads(annotations.read_text())["annotations"]
    found = [
        {
            "image_id": person["image_id"],
            "category_id": person["category_id"],
            "keypoints": person["keypoints"],
            "score": 1.0,
        }
        for person in people
    ]
    path = tmp_path / "results.json"
    path.write_text(json.dumps(found))
    album = plan_album(Wish(path, samples, annotations, worst=True))
    assert album.body.edges == CROWDPOSE14.edges
    verdicts = [page.verdict for page in album.pages if page.verdict is not None]
    assert [verdict.mean_oks for verdict in verdicts] == [1.0] * len(verdicts)
    assert run(path, samples, tmp_path / "out").exit_code == 0


def test_other_annotations_are_refused(
    predictions: Path, images: Path, data: Path, tmp_path: Path
) -> None:
    other = data / "openmmlab-samples" / "crowdpose" / "test_crowdpose.json"
    with pytest.raises(InputError, match=r"17 keypoints a person.*has 14"):
        run(predictions, images, tmp_path / "out", "--annotations", str(other), "--worst")
