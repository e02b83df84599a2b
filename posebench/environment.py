"""What this machine and this installation are, as far as a result depends on it."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from posebench.config import identity
from posebench.record import Environment

PACKAGES = (
    "numpy",
    "opencv-python",
    "opencv-python-headless",
    "onnx",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
    "mmcv",
    "mmcv-lite",
    "mmdet",
    "mmengine",
    "mmpose",
    "rfdetr",
    "torch",
    "torchvision",
    "ultralytics",
)
"""Distributions whose versions can move a figure."""


@cache
def describe() -> Environment:
    """The environment of this process. The fingerprint covers the machine, not the packages."""
    gpu, driver = _gpu()
    machine = {
        "cpu": _cpu_name(),
        "cpu_cores": psutil.cpu_count(logical=True) or 1,
        "memory_mb": psutil.virtual_memory().total // 2**20,
        "gpu": gpu,
        "gpu_driver": driver,
        "os": f"{platform.system()} {platform.release()}",
    }
    return Environment(
        fingerprint=identity(machine),
        **machine,
        python=platform.python_version(),
        packages=installed_packages(),
        git_revision=_git_revision(),
    )


def installed_packages() -> dict[str, str]:
    """Versions of those of ``PACKAGES`` that are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _cpu_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _gpu() -> tuple[str | None, str | None]:
    line = _output("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")
    if not line:
        return None, None
    name, _, driver = line.splitlines()[0].partition(",")
    return name.strip(), driver.strip()


def _git_revision() -> str | None:
    """Revision of the working tree that posebench was started in, marked if it was changed."""
    revision = _output("git", "rev-parse", "HEAD")
    if not revision:
        return None
    return revision + ("-dirty" if _output("git", "status", "--porcelain") else "")


def _output(*command: str) -> str | None:
    try:
        finished = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return finished.stdout.strip() if finished.returncode == 0 else None
