from __future__ import annotations

from pathlib import Path

import pytest
import typer
from commands import posebench
from planted_runs import PlantedWorld, make_world, nobody_second, write_run
from typer.testing import CliRunner, Result

from posebench.cli.report import report

app = typer.Typer()
app.command()(report)


@pytest.fixture
def world(tmp_path: Path) -> PlantedWorld:
    found = make_world(tmp_path / "world", ("1.png", "2.png"))
    write_run(tmp_path / "runs", found, "mine", {1: nobody_second})
    return found


def run(*options: object) -> Result:
    return CliRunner().invoke(app, [str(option) for option in options])


def test_as_a_process_from_another_folder(world: PlantedWorld, tmp_path: Path) -> None:
    pictures = ("--annotations", world.annotations, "--images", world.images)
    done = posebench(
        *("report", "--html", "--records", "runs", "--out", "there", *pictures), cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "there/planted.html"
    assert "errors of mine" in done.stderr
    assert "data:image/jpeg" in (tmp_path / "there" / "planted.html").read_text()


def test_without_pictures_there_is_a_page_all_the_same(world: PlantedWorld, tmp_path: Path) -> None:
    done = run("--html", "--records", tmp_path / "runs", "--out", tmp_path / "there")
    assert done.exit_code == 0
    assert "<!doctype html>" in (tmp_path / "there" / "planted.html").read_text()
    plain = run("--records", tmp_path / "runs", "--out", tmp_path / "plain")
    assert plain.exit_code == 0 and not list((tmp_path / "plain").glob("*.html"))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--annotations", "a.json", "--images", "b"], "only with --html"),
        (["--html", "--annotations", "a.json"], "needs both"),
        (["--html", "--images", "b"], "needs both"),
        (["--html", "--check"], "not checked"),
    ],
)
def test_options_that_do_not_fit(options: list[str], told: str) -> None:
    done = run(*options)
    assert done.exit_code == 2
    assert told in done.stderr
