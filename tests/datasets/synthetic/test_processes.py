"""Processes that are killed, interrupted, doubled and that cannot start: real ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from synthetic_files import EASY, pictures_and_labels

from posebench.datasets.synthetic.dataset import render_into_cache
from posebench.datasets.synthetic.folder import PictureFolder
from posebench.datasets.synthetic.pool import render_all
from posebench.datasets.synthetic.render import render
from posebench.datasets.synthetic.splits import SPLITS
from posebench.errors import PosebenchError

Partly = Callable[[Path, int], PictureFolder]
ENDLESS = 5000
"""More pictures than any test waits for."""
RENDER = """
from posebench.datasets.synthetic import dataset, names
dataset.render_into_cache(names.Recipe("easy", {size}, 0), workers=1)
"""


def start(size: int = EASY.size) -> subprocess.Popen[str]:
    """Render into the cache, in a process whose main module cannot be imported."""
    program = RENDER.format(size=size)
    return subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)


def wait_for(process: subprocess.Popen[str], picture: Path) -> psutil.Process:
    """The one child that renders, once it has made a picture."""
    while process.poll() is None and not picture.exists():
        time.sleep(0.01)
    (child,) = psutil.Process(process.pid).children()
    return child


def ends(process: psutil.Process) -> bool:
    """Whether it ends by itself; in a minute it could make many pictures."""
    for _ in range(600):
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_stopped_and_taken_up(
    made: Path, partly: Partly, cache_root: Path, stop: signal.Signals
) -> None:
    partly(cache_root, 6)
    process = start(ENDLESS)
    child = wait_for(process, cache_root / "images" / "000007.jpg")
    process.send_signal(stop)
    assert process.wait() == -stop
    assert ends(child)
    if stop is signal.SIGINT:
        assert process.stderr is not None and "pool_worker" not in process.stderr.read()
    assert not list(cache_root.glob("person_keypoints*"))
    kept = (cache_root / "images" / "000006.jpg").stat().st_mtime_ns

    annotations, images = render_into_cache(EASY)
    assert pictures_and_labels(made).items() <= pictures_and_labels(cache_root).items()
    assert annotations.read_bytes() == (made / "person_keypoints.json").read_bytes()
    assert (images / "000006.jpg").stat().st_mtime_ns == kept


def test_two_at_once_make_what_one_makes(made: Path, partly: Partly, cache_root: Path) -> None:
    partly(cache_root, 9)
    processes = [start(), start()]
    for process in processes:
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    assert pictures_and_labels(cache_root) == pictures_and_labels(made)
    content = (cache_root / "person_keypoints-12.json").read_bytes()
    assert content == (made / "person_keypoints.json").read_bytes()


def test_one_waits_for_the_other(partly: Partly, cache_root: Path) -> None:
    folder = partly(cache_root, 12)
    with folder.claimed():
        process = start()
        assert process.stderr is not None
        assert f"waiting for another posebench that renders into {cache_root}" in (
            process.stderr.readline()
        )
        assert not (cache_root / "person_keypoints-12.json").exists()
    process.communicate()
    assert process.returncode == 0
    assert (cache_root / "person_keypoints-12.json").exists()


def test_a_killed_worker_is_an_error_and_what_is_done_is_kept(
    made: Path, partly: Partly, cache_root: Path
) -> None:
    folder = partly(cache_root, 8)
    process = start(ENDLESS)
    wait_for(process, cache_root / "images" / "000009.jpg").kill()
    _, errors = process.communicate()
    assert process.returncode == 1
    assert "rendered picture" in errors and "was killed by signal 9" in errors
    assert "What is done is kept: run it again, or with fewer --workers" in errors
    assert len(folder.missing(12)) < 4
    render_into_cache(EASY)
    assert pictures_and_labels(made).items() <= pictures_and_labels(cache_root).items()


def test_a_worker_that_cannot_start_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with (
        pytest.raises(
            PosebenchError, match=r"picture 4 ended with exit code 1; why is said above\."
        ),
        closing(render_all("easy", 0, [3], workers=2)) as pictures,
    ):
        next(pictures)


def test_every_index_is_rendered_once_whatever_the_number_of_processes() -> None:
    with closing(render_all("easy", 0, [2, 0, 1], workers=2)) as pictures:
        found = dict(pictures)
    assert sorted(found) == [0, 1, 2]
    assert found[1] == render(SPLITS["easy"], 0, 1)
    assert not psutil.Process(os.getpid()).children()
