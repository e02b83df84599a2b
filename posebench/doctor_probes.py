"""The program that finds out whether one runtime or framework works here, for ``posebench doctor``.

It does what a run does: opens a network of some convolutions in the runtime, and looks whether
what it computes is right. Findings go as JSON lines to what was standard output; whatever a
framework prints goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import numpy as np

from posebench.config import Precision, SessionOptions
from posebench.errors import MissingExtraError, PosebenchError
from posebench.machine.inventory import FRAMEWORKS
from posebench.machine.probing import Finding

_INPUT = (1, 3, 8, 8)
_WEIGHTS = (4, 3, 3, 3)
# Both are ones, so each value is the sum of 27 ones; what follows is a function of its own, so
# that a compiler has something to do.
_EXPECTED = 2 * 27.0 + 1
_DETAIL_LENGTH = 300
_BESIDE = {"onnx": "pip install onnx"}
"""Commands that install what runtimes need beside their own packages, by module."""


def examine(name: str, device: str, precision: str) -> Finding:
    """Find out whether something works; whatever goes wrong becomes a finding.

    Args:
        name: Of a :class:`posebench.machine.inventory.Probe`.
        device: ``cpu``, ``cuda``, or ``""`` for a framework.
        precision: ``fp32``, ``fp16``, or ``""`` for a framework.
    """
    try:
        return Finding(precision, "ready", _attempt(name)(device, precision))
    except MissingExtraError as error:
        if error.__cause__ is None or isinstance(error.__cause__, ModuleNotFoundError):
            return Finding(precision, "missing", _line(error.args[0]), _remedy(error.__cause__))
        return Finding(precision, "unusable", f"cannot be imported: {_line(error.__cause__)}")
    except ModuleNotFoundError as error:
        return Finding(precision, "missing", _line(error), _remedy(error))
    except PosebenchError as error:
        return Finding(precision, "unusable", _line(error.args[0]), error.remedy)
    except Exception as error:  # frameworks raise anything
        return Finding(precision, "unusable", _line(f"{type(error).__name__}: {error}"))


def _remedy(error: BaseException | None) -> str:
    """Of a module that is no part of what is tried; ``""`` if the probe's own command brings it."""
    name = error.name if isinstance(error, ModuleNotFoundError) else None
    return _BESIDE.get((name or "").partition(".")[0], "")


def _line(text: object) -> str:
    return " ".join(str(text).split())[:_DETAIL_LENGTH]


def _attempt(name: str) -> Callable[[str, Any], str]:
    if name in FRAMEWORKS:
        return lambda device, precision: _import_framework(name)
    attempts: dict[str, Callable[[str, Any], str]] = {
        "onnxruntime": lambda d, p: _compute("onnxruntime", d, p),
        "onnxruntime-tensorrt": lambda d, p: _compute("onnxruntime", d, p, provider="tensorrt"),
        "openvino": lambda d, p: _compute("openvino", d, p) + _openvino_capabilities(),
        "torch": lambda d, p: _compute("torch", d, p),
        "torch-compiled": lambda d, p: _compute("torch", d, p, compiled=True),
        "tensorrt": lambda d, p: _compute("tensorrt", d, p),
    }
    return attempts[name]


def _import_framework(name: str) -> str:
    """Import it as the adapters do: offline, and beside a torchvision of another build of torch."""
    from rfdetr_pose.torchvision_import import repair_torchvision

    os.environ.update(YOLO_OFFLINE="true", YOLO_AUTOINSTALL="false", YOLO_VERBOSE="false")
    repair_torchvision()
    import_module(name)
    return version(name)


def _compute(runtime: str, device: str, precision: Precision, **options: Any) -> str:
    from posebench.sessions import open_session

    with tempfile.TemporaryDirectory() as folder:
        write = _write_torch if runtime == "torch" else _write_onnx
        session = open_session(
            write(Path(folder)),
            runtime=runtime,
            device=device,
            threads=1,
            precision=precision,
            options=SessionOptions(**options),
        )
        binding = session.bind({session.inputs[0].name: np.ones(_INPUT, np.float32)})
        binding.run()
        values = binding.outputs[session.outputs[0].name]
        provider = session.provider
        session.close()
    if not (values == _EXPECTED).all():
        raise ArithmeticError(f"computed {values.flat[0]} where {_EXPECTED:g} is right")
    return provider


def _openvino_capabilities() -> str:
    import openvino

    names = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return f"; the CPU offers {', '.join(sorted(names))}"


def _write_onnx(folder: Path) -> Path:
    import onnx
    from onnx import TensorProto, helper

    same = np.eye(_WEIGHTS[0])[..., None, None]
    constants = {
        "weights": np.ones(_WEIGHTS),
        "same": same,
        "two": np.full(1, 2.0),
        "one": np.ones(1),
    }
    # Several convolutions, so that an engine has values between them whose type can be read.
    nodes = [
        helper.make_node("Conv", ["images", "weights"], ["sums"], name="conv"),
        helper.make_node("Relu", ["sums"], ["positive"], name="relu"),
        helper.make_node("Conv", ["positive", "same"], ["again"], name="conv_again"),
        helper.make_node("Relu", ["again"], ["still"], name="relu_again"),
        helper.make_node("Conv", ["still", "same"], ["last"], name="conv_last"),
        helper.make_node("Mul", ["last", "two"], ["doubled"], name="mul"),
        helper.make_node("Add", ["doubled", "one"], ["values"], name="add"),
    ]
    graph = helper.make_graph(
        nodes,
        "probe",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, _INPUT)],
        [helper.make_tensor_value_info("values", TensorProto.FLOAT, (1, 4, 6, 6))],
        [onnx.numpy_helper.from_array(v.astype(np.float32), k) for k, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / "probe.onnx")
    return folder / "probe.onnx"


def _write_torch(folder: Path) -> Path:
    import torch

    from posebench.cache import file_sha256
    from posebench.checkpoints import TRUST_VARIABLE

    class Network(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.weights = torch.nn.Parameter(torch.ones(_WEIGHTS))

        def forward(self, images: Any) -> Any:
            return torch.nn.functional.conv2d(images, self.weights) * 2 + 1

    path = folder / "probe.pt2"
    torch.export.save(torch.export.export(Network().eval(), (torch.ones(_INPUT),)), path)
    os.environ[TRUST_VARIABLE] = f"sha256:{file_sha256(path)}"  # it was just made here
    return path


def report(arguments: list[str], findings: IO[str]) -> None:
    """Write the finding of each precision as soon as it is known.

    Args:
        arguments: Name, device, and each precision.
        findings: Gets the lines.
    """
    name, device, *precisions = arguments
    for precision in precisions:
        findings.write(json.dumps(asdict(examine(name, device, precision))) + "\n")
        findings.flush()


def main() -> None:
    """Entry point."""
    findings = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    report(sys.argv[1:], findings)


if __name__ == "__main__":
    main()
