"""Sessions: ``nox -s bench [-- ARGS]`` is the main job, ``nox -s tests`` the whole test suite."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path

import nox

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "virtualenv"
nox.options.sessions = ["lint", "types", "tests", "tests_mmpose", "gate"]

PROJECT = nox.project.load_toml("pyproject.toml")
CONSTRAINTS = ("-c", "constraints.txt")
EVERYTHING = (
    ".[onnxruntime,openvino,report,ultralytics,rfdetr,"
    "rfdetr-pose-train,rdpose-train,mpii,nvidia,cross-check]"
)
PARALLEL = ("-n", "auto", "--maxprocesses=4", "--dist", "loadfile")
QUIET = {"OMP_NUM_THREADS": "1", "YOLO_AUTOINSTALL": "false", "HF_HUB_OFFLINE": "1"}


def _groups(*names: str) -> list[str]:
    return list(nox.project.dependency_groups(PROJECT, *names))


@nox.session
def bench(session: nox.Session) -> None:
    """Run the benchmark: posebench run ARGS."""
    session.install(*CONSTRAINTS, EVERYTHING)
    session.run("posebench", "run", *session.posargs, env=QUIET)


@nox.session
def train_demo(session: nox.Session) -> None:
    """Train rfdetr-pose-demo, the embedded model: render people, train, export, record."""
    session.install(*CONSTRAINTS, "-e", EVERYTHING)
    session.run("python", "benchmarks/train_demo.py", *session.posargs, env=QUIET)


@nox.session
def train_hrnet_demo(session: nox.Session) -> None:
    """Train hrnet-demo, the embedded top-down model: render people, train, export, record."""
    session.install(*CONSTRAINTS, "-e", ".[mmpose,onnxruntime]")
    session.run("python", "benchmarks/train_hrnet_demo.py", *session.posargs, env=QUIET)


@nox.session
def train_rdpose_demo(session: nox.Session) -> None:
    """Train small networks with and without feature decoupling, and compare them."""
    session.install(*CONSTRAINTS, "-e", ".[onnxruntime,rdpose-train]")
    session.run("python", "benchmarks/train_rdpose_demo.py", *session.posargs, env=QUIET)
    session.run("python", "benchmarks/compare_rdpose_demo.py", *session.posargs, env=QUIET)


@nox.session
def tests(session: nox.Session) -> None:
    """Run every test but mmpose's, with every framework and every oracle installed."""
    session.install(*CONSTRAINTS, "-e", EVERYTHING, *_groups("test", "oracles"))
    session.install("--no-deps", "tests/plugin")
    env = {**QUIET, "POSEBENCH_REQUIRE_FRAMEWORKS": "1"}
    session.run("pytest", "tests", *PARALLEL, "-m", "not mmpose", *session.posargs, env=env)


@nox.session
def gate(session: nox.Session) -> None:
    """Measure the embedded models anew, and fail if they are worse than their committed results."""
    session.install(*CONSTRAINTS, ".[onnxruntime]")
    runs = Path(session.create_tmp()).resolve() / "runs"
    shutil.rmtree(runs, ignore_errors=True)
    models = ("--models", "rfdetr-pose-demo,hrnet-demo", "--dataset", "synthetic")
    # No latency: that of another machine cannot be compared.
    session.run("posebench", "run", *models, "--no-latency", "--out", str(runs), env=QUIET)
    rules = ("--rules", "configs/gate.toml")
    both = ("--baseline", "results/synthetic", "--candidate", str(runs))
    session.run("posebench", "gate", *both, *rules, *session.posargs, env=QUIET)


@nox.session
def tests_mmpose(session: nox.Session) -> None:
    """Run the tests that need mmpose, as a framework or as an oracle."""
    session.install(*CONSTRAINTS, "-e", ".[mmpose,rdpose,ultralytics]", *_groups("test", "oracles"))
    env = {**QUIET, "POSEBENCH_REQUIRE_FRAMEWORKS": "1"}
    # mmengine imports yapf, which at its first import writes a cache into the home folder; two
    # workers that do so at once read each other's half of it.
    session.run("python", "-c", "import yapf.yapflib.yapf_api")
    elsewhere = "--ignore=tests/pose_model"  # needs the packages of another session to be read
    session.run("pytest", "tests", elsewhere, *PARALLEL, "-m", "mmpose", *session.posargs, env=env)


@nox.session(python=["3.10", "3.11", "3.12", "3.13"])
@nox.parametrize("numpy", ["1.26", "2"])
def tests_core(session: nox.Session, numpy: str) -> None:
    """Run the tests of the core, without frameworks, on one Python and one numpy."""
    if session.python == "3.13" and numpy == "1.26":
        session.skip("numpy 1.26 has no build for Python 3.13")
    session.install("-e", ".[onnxruntime,report]", *_groups("test"), f"numpy=={numpy}.*")
    session.install("pycocotools")
    session.install("--no-deps", "tests/plugin")
    session.run("pytest", "tests", *PARALLEL, "-m", "not mmpose", *session.posargs, env=QUIET)


@nox.session
def tests_wheel(session: nox.Session) -> None:
    """Build the wheel and test it from a folder that holds no source of posebench."""
    session.install("build")
    folder = Path(session.create_tmp()).resolve()
    shutil.rmtree(folder / "dist", ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(folder / "dist"), silent=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    _check_contents(session, wheel)
    session.install(*CONSTRAINTS, f"{wheel}[onnxruntime,report]", *_groups("test"))
    session.install("--no-deps", "tests/plugin")
    elsewhere = _copy_without_source(folder / "elsewhere")
    data = os.environ.get("POSEBENCH_TEST_DATA", str(Path("..", "shared", "data").resolve()))
    session.chdir(elsewhere)
    env = {**QUIET, "POSEBENCH_TEST_DATA": data}
    session.run("pytest", "tests", "--ignore=tests/test_architecture.py", *session.posargs, env=env)


def _check_contents(session: nox.Session, wheel: Path) -> None:
    """Nothing called ``adapters`` or ``tests`` may ever be installed."""
    with zipfile.ZipFile(wheel) as archive:
        top = {name.split("/")[0] for name in archive.namelist()}
    expected = {"posebench", "posebench_adapters", "rdpose", "rfdetr_pose"}
    if {name for name in top if not name.endswith(".dist-info")} != expected:
        session.error(f"{wheel.name} holds {sorted(top)}, expected {sorted(expected)}")


def _copy_without_source(folder: Path) -> Path:
    """The tests and what they read, but no package that could be imported by accident."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    folders = "tests benchmarks docs results reports configs docker notebooks .github"
    for name in folders.split():
        shutil.copytree(name, folder / name)
    for pattern in ("*.md", "pyproject.toml", "constraints.txt", "LICENSE"):
        for file in Path().glob(pattern):
            shutil.copy(file, folder)
    return folder


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, spelling and formatting."""
    session.install(*CONSTRAINTS, *_groups("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("codespell")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types, strictly, tests included."""
    session.install(*CONSTRAINTS, "-e", ".[report]", *_groups("types"))
    session.run("mypy", "posebench", "adapters", "tests", "benchmarks", "noxfile.py")


@nox.session
def perf(session: nox.Session) -> None:
    """Measure the harness itself: ratios taken in one run, see benchmarks/."""
    session.install(*CONSTRAINTS, EVERYTHING, ".[mmpose]", *_groups("test", "oracles", "perf"))
    session.run("pytest", "benchmarks", "-s", *session.posargs, env={**QUIET, **os.environ})
