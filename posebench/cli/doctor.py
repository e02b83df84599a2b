"""``posebench doctor``: what this machine can run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from posebench.cli.options import OutputFormat
from posebench.cli.tables import markdown_table, plain_table

if TYPE_CHECKING:
    from posebench.machine.advice import Advice
    from posebench.machine.gpu import GpuState
    from posebench.machine.gpu_settings import GpuSettings
    from posebench.machine.host import Host
    from posebench.machine.inventory import Capability, Probe
    from posebench.machine.probing import Finding

_LIMIT_S = 120.0
"""Compiling a network takes torch half a minute on a slow machine."""
_ENGINE_LIMIT_S = 300.0
"""Of each precision: loading TensorRT and building an engine takes minutes on a busy machine."""
_UNKNOWN = "unknown"
_TITLES = ("runtime", "device", "precision", "status", "detail")
_MORE_PACKAGES = (
    "cuda-bindings",
    "nvidia-ml-py",
    "tensorrt",
    "tensorrt-cu12",
    "tensorrt-cu13",
    "timm",
    "transformers",
)


@dataclass(frozen=True)
class _Report:
    """All that is said."""

    host: Host
    gpus: Sequence[tuple[GpuSettings, GpuState | None]]
    gpu_problem: str
    packages: Mapping[str, str]
    capabilities: Sequence[Capability]
    advice: Sequence[Advice]


def doctor(
    output: Annotated[OutputFormat, typer.Option("--format")] = OutputFormat.table,
) -> None:
    """Say what this machine can run, and what to install for the rest."""
    report = _examine()
    if output is OutputFormat.json:
        typer.echo(_json(report))
    else:
        typer.echo(_text(report, markdown=output is OutputFormat.md))


def _examine() -> _Report:
    from posebench.environment import describe
    from posebench.machine.advice import advise
    from posebench.machine.host import read_host
    from posebench.machine.inventory import GpuInventory, probes, take_stock

    environment = describe()
    host = read_host(environment.cpu)  # before anything is started that keeps it busy
    gpus, problem, absent = _gpus()
    known = GpuInventory(tuple(settings for settings, _ in gpus), absent)
    packages = _packages(environment.python, environment.packages)
    wanted = probes((gpus[0][0].driver if gpus else None) or environment.gpu_driver)
    at_once = min(4, host.processors.usable)
    rows = take_stock(wanted, known, packages, _find_out, at_once=at_once)
    return _Report(host, gpus, problem, packages, rows, advise(host, gpus))


def _gpus() -> tuple[list[tuple[GpuSettings, GpuState | None]], str, bool]:
    """The GPUs, why there are none, and whether that is certain."""
    from posebench.errors import MissingExtraError
    from posebench.machine.gpu import NoGpuError
    from posebench.machine.gpus import read_gpus

    try:
        return read_gpus(), "", False
    except NoGpuError as error:
        return [], f"none: {error}", True
    except (MissingExtraError, OSError) as error:
        return [], f"not known: {error}", False


def _packages(python: str, recorded: Mapping[str, str]) -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": python, **recorded}
    for name in _MORE_PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _find_out(probe: Probe) -> list[Finding]:
    from posebench.children import module_command
    from posebench.machine.probing import ask

    typer.echo(f"trying {f'{probe.runtime} {probe.device}'.rstrip()} ...", err=True)
    command = [*module_command("posebench.doctor_probes"), probe.name, probe.device]
    if "tensorrt" not in probe.name:
        return ask([*command, *probe.precisions], probe.precisions, _LIMIT_S)
    return [
        finding
        for precision in probe.precisions
        for finding in ask([*command, precision], [precision], _ENGINE_LIMIT_S)
    ]


def _json(report: _Report) -> str:
    import json
    from dataclasses import asdict

    document = {
        "machine": asdict(report.host),
        "gpus": [
            {**asdict(settings), "now": asdict(state) if state else None}
            for settings, state in report.gpus
        ],
        "gpu_problem": report.gpu_problem,
        "packages": dict(report.packages),
        "capabilities": [asdict(row) for row in report.capabilities],
        "advice": [asdict(advice) for advice in report.advice],
    }
    return json.dumps(document, indent=2)


def _text(report: _Report, *, markdown: bool) -> str:
    draw = markdown_table if markdown else plain_table
    machine = [*_machine_rows(report.host), *_gpu_rows(report)]
    rows = [_capability_row(row) for row in report.capabilities]
    blocks = [
        draw([("machine", ""), *machine], left=2),
        draw([("package", "version"), *report.packages.items()], left=2),
        draw([_TITLES, *rows], left=len(_TITLES)),
        "\n".join(_install_lines(report.capabilities)),
        "\n".join(_advice_lines(report.advice)),
    ]
    return "\n\n".join(block for block in blocks if block)


def _capability_row(row: Capability) -> tuple[str, ...]:
    return (row.runtime, row.device, row.precision, row.status, row.detail)


def _machine_rows(host: Host) -> list[tuple[str, str]]:
    processors = host.processors
    return [
        ("processor", host.cpu),
        ("cores", f"{processors.usable} usable of {processors.present}"),
        ("memory", f"{host.memory_mb} MiB, {host.swap_used_mb} MiB swapped out"),
        ("governor", ", ".join(processors.governors) or _UNKNOWN),
        ("turbo", _yes_no(host.turbo)),
        ("other programs", _processors(host.others)),
        ("kept by the host of a virtual machine", _processors(host.stolen)),
        ("on battery", _yes_no(host.on_battery)),
    ]


def _processors(value: float | None) -> str:
    return _UNKNOWN if value is None else f"{value:.2f} processors"


def _yes_no(value: bool | None) -> str:
    return _UNKNOWN if value is None else "yes" if value else "no"


def _gpu_rows(report: _Report) -> list[tuple[str, str]]:
    if not report.gpus:
        return [("GPU", report.gpu_problem)]
    return [row for settings, state in report.gpus for row in _one_gpu(settings, state)]


def _one_gpu(settings: GpuSettings, state: GpuState | None) -> list[tuple[str, str]]:
    name = f"GPU {settings.index}"
    limit = settings.power_limit_w
    rows = [
        (name, _what(settings)),
        (f"{name} driver", settings.driver or _UNKNOWN),
        (f"{name} power limit", _UNKNOWN if limit is None else f"{limit:g} W"),
        (f"{name} persistence mode", _yes_no(settings.persistence)),
        (f"{name} highest clocks", _clocks(settings.sm_max_mhz, settings.memory_max_mhz)),
    ]
    if state is None:
        return rows
    return [
        *rows,
        (f"{name} clocks now", _clocks(state.sm_mhz, state.memory_mhz)),
        (f"{name} temperature", f"{state.temperature_c} °C"),
        (f"{name} throttled by", ", ".join(state.throttling) or "nothing"),
        (f"{name} other programs", str(state.others)),
    ]


def _what(settings: GpuSettings) -> str:
    """Name, memory and what its multiprocessors can do, as far as they are told."""
    parts = [settings.name or _UNKNOWN]
    if settings.memory_mb is not None:
        parts.append(f"{settings.memory_mb} MiB")
    if settings.compute_capability is not None:
        major, minor = settings.compute_capability
        lacking = "" if major >= 8 else ": no BF16, no TF32"
        parts.append(f"compute capability {major}.{minor}{lacking}")
    return ", ".join(parts)


def _clocks(sm: int | None, memory: int | None) -> str:
    return f"SM {sm or _UNKNOWN} MHz, memory {memory or _UNKNOWN} MHz"


def _install_lines(rows: Sequence[Capability]) -> list[str]:
    """Each remedy once, with the rows that it is for."""
    lacking: dict[str, dict[str, None]] = {}
    for row in rows:
        if row.remedy:
            lacking.setdefault(row.remedy, {})[f"{row.runtime} {row.device}".rstrip()] = None
    return ["For the rest:" if lacking else "", *(
        f"- {', '.join(names)}: {remedy}" for remedy, names in lacking.items()
    )]  # fmt: skip


def _advice_lines(advice: Sequence[Advice]) -> list[str]:
    lines = [f"- {item.text}\n  {item.command}" for item in advice]
    return ["Timing here would be steadier:", *lines] if lines else []
