"""What a user of a T4 runs agrees with itself and with the package, as far as no GPU is needed."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from commands import posebench
from packaging.requirements import Requirement
from packaging.version import Version
from stickworld import make_stickworld

from posebench.config import LatencyConfig, RunConfig
from posebench.latency.location import fewest_values
from posebench.latency.stability import fewest_samples
from posebench.sessions.tensorrt_library import OLDEST

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "configs" / "t4.toml"
REQUIREMENTS = ROOT / "configs" / "t4-requirements.txt"
PAGE = ROOT / "docs" / "t4.md"
DOCKERFILE = ROOT / "docker" / "Dockerfile.t4"
NOTEBOOK = ROOT / "notebooks" / "t4.ipynb"
SIGNATURES = ROOT / "tests" / "fixtures" / "tensorrt_api.json"
INSTALLERS = (PAGE, DOCKERFILE, NOTEBOOK)


def pins() -> dict[str, str]:
    """What is pinned for the T4 itself, by package."""
    lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    wanted = [Requirement(line) for line in lines if re.match(r"[a-z]", line)]
    found = {}
    for requirement in wanted:
        (specifier,) = requirement.specifier
        assert specifier.operator == "==", requirement
        found[requirement.name] = specifier.version
    return found


def project() -> dict[str, dict[str, list[str]]]:
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return document["project"]  # type: ignore[no-any-return]


def instructions() -> list[tuple[str, str]]:
    """Of the Dockerfile: name and arguments."""
    text = DOCKERFILE.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines)]


def arguments(name: str) -> list[str]:
    return [rest for found, rest in instructions() if found == name]


def test_the_configuration_is_understood_without_a_gpu(tmp_path: Path) -> None:
    world = make_stickworld(tmp_path / "world")
    done = posebench(
        *("run", "--config", CONFIG, "--models", "rfdetr-pose-m,yolov8m-pose"),
        *(*world.options, "--dry-run"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "device   cuda:0, fp16" in done.stderr
    assert "model    rfdetr-pose-m on tensorrt" in done.stderr
    assert "model    yolov8m-pose on tensorrt" in done.stderr


def test_the_configuration_measures_enough() -> None:
    latency = RunConfig.model_validate(tomllib.loads(CONFIG.read_text(encoding="utf-8"))).latency
    assert set(latency.regimes) == {"paced", "sustained"}
    assert latency.pause_ms == LatencyConfig().pause_ms
    assert latency.processes >= fewest_values(0.95)
    assert latency.processes * latency.samples >= max(1000, fewest_samples(0.99))


def test_the_page_shows_the_configuration_as_it_is() -> None:
    (shown,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    body = re.sub(r"\A(#.*\n)+", "", CONFIG.read_text(encoding="utf-8"))
    assert shown == body


def test_what_is_pinned_fits_the_package() -> None:
    found = pins()
    assert set(found) == {"tensorrt-cu12", "cuda-bindings"}
    assert found["cuda-bindings"].startswith("12."), "13 needs a newer driver than cu12"
    extra = [Requirement(text) for text in project()["optional-dependencies"]["tensorrt"]]
    (bindings,) = [wanted for wanted in extra if wanted.name == "cuda-bindings"]
    assert bindings.specifier.contains(found["cuda-bindings"])
    pinned = Version(found["tensorrt-cu12"])
    assert pinned.release >= OLDEST
    # Between versions whose names and signatures were looked up.
    known = sorted(map(Version, json.loads(SIGNATURES.read_text(encoding="utf-8"))["versions"]))
    assert known[0] <= pinned <= known[-1]


def test_the_constraints_are_those_of_the_repository() -> None:
    lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    (constraints,) = [line.split()[1] for line in lines if line.startswith("-c ")]
    file = (REQUIREMENTS.parent / constraints).resolve()
    assert file == ROOT / "constraints.txt"
    constrained = {
        Requirement(line).name
        for line in file.read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    }
    assert not constrained & set(pins()), "pinned twice"


@pytest.mark.parametrize("path", INSTALLERS, ids=lambda path: path.name)
def test_everybody_installs_from_the_one_list(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "configs/t4-requirements.txt" in text
    installed = set(re.findall(r"\[(tensorrt,[a-z0-9,-]+)\]", text))
    assert installed == {"tensorrt,nvidia,rfdetr-pose,ultralytics,report"}
    assert set(installed.pop().split(",")) <= set(project()["optional-dependencies"])
    assert "pip install posebench" not in text, "another project has that name"
    for name in pins():
        assert not re.search(rf"{name} *[=<>~]", text), f"{name} is pinned in a second place"


def test_the_page_names_the_version_that_is_pinned() -> None:
    named = re.findall(r"`tensorrt-cu12` (\d[\d.]*\d)", PAGE.read_text(encoding="utf-8"))
    assert named == [pins()["tensorrt-cu12"]]


def test_the_commands_of_the_page_have_the_options_that_they_use() -> None:
    text = PAGE.read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    used = re.findall(r"(?:^|&& )posebench (\w+)([^&\n]*)", blocks, re.MULTILINE)
    assert {command for command, _ in used} == {"doctor", "run", "publish", "report", "latency"}
    for command, rest in used:
        told = posebench(command, "--help").stdout
        for option in re.findall(r"--[a-z-]+", rest):
            assert option in told, f"posebench {command} {option}"


def test_the_image_starts_from_a_fixed_version_that_fits() -> None:
    (base,) = arguments("FROM")
    python = re.fullmatch(r"python:(\d+\.\d+\.\d+)-slim-\w+", base)
    assert python is not None, base
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    supported = Requirement(f"python{document['project']['requires-python']}").specifier
    assert supported.contains(python[1])
    # On an older one, the constraints leave onnxruntime open.
    assert Version(python[1]) >= Version("3.11")


def test_everything_that_is_built_from_is_copied() -> None:
    copied = {name for rest in arguments("COPY") for name in rest.split()[:-1]}
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    needed = {"pyproject.toml", "constraints.txt", "configs", "posebench", "adapters"}
    needed |= {setup["project"]["readme"], *setup["project"]["license-files"]}
    assert copied == needed


def test_the_container_runs_posebench_as_nobody_special_on_the_gpu() -> None:
    names = [name for name, _ in instructions()]
    (user,) = arguments("USER")
    assert any(f"--create-home {user}" in rest for rest in arguments("RUN"))
    assert names.index("USER") > max(place for place, name in enumerate(names) if name == "RUN")
    assert [json.loads(rest) for rest in arguments("ENTRYPOINT")] == [["posebench"]]
    environment = " ".join(arguments("ENV"))
    assert re.search(r"NVIDIA_DRIVER_CAPABILITIES=\S*\butility\b", environment), "NVML"
    assert re.search(r"NVIDIA_DRIVER_CAPABILITIES=\S*\bcompute\b", environment), "CUDA"
    (cache,) = re.findall(r"POSEBENCH_CACHE=(\S+)", environment)
    assert f"posebench-cache:{cache}" in PAGE.read_text(encoding="utf-8")
