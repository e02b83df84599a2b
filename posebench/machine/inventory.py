"""What this machine and this installation can run, and what to install for the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from posebench.machine.gpu_settings import GpuSettings
from posebench.machine.probing import Finding, Status

_FP32_FP16 = ("fp32", "fp16")
# Lowest compute capability and driver: NVIDIA's prerequisites of TensorRT 10.13 to 11.
_TENSORRT_CAPABILITY = (7, 5)
_TENSORRT_DRIVERS = {"tensorrt-cu12": 535, "tensorrt-cu13": 580}
# What configs/t4-requirements.txt pins; a test ties them.
_TENSORRT, _CUDA_BINDINGS = "10.16.1.11", "12.9.10"
_ONNXRUNTIME_DRIVER = 580
"""Of CUDA 13, with which PyPI's onnxruntime-gpu is built."""
_INDEX = "--extra-index-url https://pypi.nvidia.com"


@dataclass(frozen=True)
class Probe:
    """Something that may work here or not.

    Attributes:
        name: What the probing program calls it.
        runtime: As the table calls it.
        device: ``cpu``, ``cuda``, or ``""`` where it is no matter of a device.
        precisions: That are tried.
        install: Command that installs what it needs; ``""`` if that would not run here.
        too_old: What it would need that is newer here, or ``""``.
    """

    name: str
    runtime: str
    device: str
    precisions: tuple[str, ...]
    install: str
    too_old: str = ""


@dataclass(frozen=True)
class Capability:
    """One row: a runtime on a device at a precision; the last two may be ``""``.

    Attributes:
        runtime: Or framework.
        device: ``cpu`` or ``cuda``.
        precision: ``fp32`` or ``fp16``.
        status: ``ready``, ``missing`` or ``unusable``.
        detail: Of what it is, or why it is not ready.
        remedy: What to do about it, or ``""``.
    """

    runtime: str
    device: str
    precision: str
    status: Status
    detail: str
    remedy: str


@dataclass(frozen=True)
class GpuInventory:
    """The GPUs as far as NVML tells.

    Attributes:
        settings: One each; empty if there is none, or if nobody knows.
        absent: Whether it is known that there is none.
    """

    settings: tuple[GpuSettings, ...]
    absent: bool = False


def probes(driver: str | None) -> list[Probe]:
    """Everything that is looked into.

    Args:
        driver: Version of NVIDIA's driver, on which the wheels depend that it can load, or None.
    """
    newest = driver is not None and _major(driver) >= _TENSORRT_DRIVERS["tensorrt-cu13"]
    variant = "tensorrt-cu13" if newest else "tensorrt-cu12"
    gpu_runtime = "pip uninstall onnxruntime && pip install onnxruntime-gpu"
    provider = f"{gpu_runtime} && pip install tensorrt-cu13=={_TENSORRT} {_INDEX}"
    torch = "pip install torch"
    runtimes = [
        ("onnxruntime", "onnxruntime", "cpu", _extra("onnxruntime"), 0),
        ("onnxruntime", "onnxruntime", "cuda", gpu_runtime, _ONNXRUNTIME_DRIVER),
        (
            *("onnxruntime-tensorrt", "onnxruntime, TensorRT provider", "cuda"),
            *(provider, _ONNXRUNTIME_DRIVER),
        ),
        ("openvino", "openvino", "cpu", _extra("openvino"), 0),
        ("torch", "torch", "cpu", torch, 0),
        ("torch-compiled", "torch, compiled", "cpu", torch, 0),
        ("torch", "torch", "cuda", torch, 0),
        ("torch-compiled", "torch, compiled", "cuda", torch, 0),
        ("tensorrt", "tensorrt", "cuda", _tensorrt(variant), _TENSORRT_DRIVERS[variant]),
    ]
    return [
        *(_runtime_probe(*runtime, driver) for runtime in runtimes),
        *(Probe(name, name, "", ("",), _extra(extra)) for name, extra in FRAMEWORKS.items()),
    ]


def _runtime_probe(
    name: str, runtime: str, device: str, install: str, needed: int, driver: str | None
) -> Probe:
    """With no command if what it installs needs a newer driver than there is."""
    old = _too_old(driver, needed)
    return Probe(name, runtime, device, _FP32_FP16, "" if old else install, old)


def _tensorrt(variant: str) -> str:
    if variant == "tensorrt-cu13":
        return f"pip install {variant}=={_TENSORRT} cuda-bindings {_INDEX}"
    plain = f"pip install {variant}=={_TENSORRT} cuda-bindings=={_CUDA_BINDINGS} {_INDEX}"
    return f"{plain} (in a clone: pip install -r configs/t4-requirements.txt)"


def _too_old(driver: str | None, needed: int) -> str:
    if driver is None or _major(driver) >= needed:
        return ""
    return f"needs driver {needed} or newer, this is {driver}"


FRAMEWORKS = {"ultralytics": "ultralytics", "mmpose": "mmpose", "rfdetr": "rfdetr",
              "timm": "rdpose", "transformers": "rfdetr-pose"}  # fmt: skip
"""Packages that define networks, and the extra that brings each."""


def take_stock(
    wanted: Sequence[Probe],
    gpus: GpuInventory,
    packages: Mapping[str, str],
    find_out: Callable[[Probe], list[Finding]],
    *,
    at_once: int,
) -> list[Capability]:
    """A row for each probe and precision, in order.

    Those on a GPU take turns, as they would share its memory.

    Args:
        wanted: The probes.
        gpus: What needs one that is not there is not tried.
        packages: Installed distributions and their versions.
        find_out: Runs a probe; may be called from several threads.
        at_once: How many run on the processors at a time.
    """

    def rows(probe: Probe) -> list[Capability]:
        obstacle = _obstacle(probe, gpus, packages)
        if obstacle:
            found = [Finding(p, "unusable", obstacle) for p in probe.precisions]
        else:
            found = find_out(probe)
        return [_row(probe, finding) for finding in found]

    with ThreadPoolExecutor(at_once) as processors, ThreadPoolExecutor(1) as gpu:
        pools = [gpu if probe.device == "cuda" else processors for probe in wanted]
        parts = [pool.submit(rows, probe) for pool, probe in zip(pools, wanted, strict=True)]
        return [row for part in parts for row in part.result()]


def _row(probe: Probe, found: Finding) -> Capability:
    detail, remedy = found.detail, found.remedy
    if found.status == "missing":
        remedy = found.remedy or probe.install
    if found.status != "ready" and probe.too_old and not detail.endswith(probe.too_old):
        detail, remedy = f"{found.detail}; {probe.too_old}", ""
    return Capability(probe.runtime, probe.device, found.precision, found.status, detail, remedy)


def _obstacle(probe: Probe, gpus: GpuInventory, packages: Mapping[str, str]) -> str:
    """Why there is no need to try, or ``""``."""
    if probe.device != "cuda":
        return ""
    if gpus.absent:
        return "no NVIDIA GPU or driver"
    if probe.name in ("tensorrt", "onnxruntime-tensorrt") and gpus.settings:
        return _tensorrt_obstacle(gpus.settings[0], packages)
    return ""


def _tensorrt_obstacle(gpu: GpuSettings, packages: Mapping[str, str]) -> str:
    capability = gpu.compute_capability
    if capability is not None and capability < _TENSORRT_CAPABILITY:
        major, minor = capability
        return f"{gpu.name} has compute capability {major}.{minor}, TensorRT needs 7.5 (Turing)"
    for package, needed in _TENSORRT_DRIVERS.items():
        if package in packages and (old := _too_old(gpu.driver, needed)):
            return f"{package} {old}"
    return ""


def _major(version: str) -> int:
    return int(version.partition(".")[0])


def _extra(name: str) -> str:
    return f"pip install 'posebench[{name}]'"
