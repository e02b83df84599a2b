"""Importing mmpose 1.x, whose compiled companions are rarely to be had.

mmpose needs mmcv. Its compiled build exists for few versions of torch; mmcv-lite is the same
package without the compiled operators, but mmpose imports their Python side wherever any model is
imported. None of the models here calls one, so the operators are stood in for by functions that
fail when they are called, for the moment of the import only: mmengine looks for the compiled
module to tell whether the full mmcv is installed.
"""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from rfdetr_pose.torchvision_import import repair_torchvision

from posebench.errors import MissingExtraError

EXTRA = "mmpose"
_COMPILED = "mmcv._ext"
_MAJOR = "1."
_LOGGERS = ("mmengine", "torch.onnx", "onnxscript")


def import_mmpose() -> Any:
    """The package, with all of its models registered and its default scope set.

    Raises:
        MissingExtraError: It or one of its companions is not installed, or is too old or too new.
    """
    check_installed()
    repair_torchvision()
    try:
        with quiet():
            _import_operators()
            mmpose = import_module("mmpose")
            import_module("mmpose.utils").register_all_modules(init_default_scope=True)
    except (ImportError, AssertionError) as error:  # mmcv of another version: an assertion
        raise MissingExtraError(f"mmpose cannot be imported: {error}.", extra=EXTRA) from error
    return mmpose


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without the notices of mmengine and of torch's exporter, and the warnings of their age."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def check_installed() -> None:
    """Look for mmpose without importing it.

    Raises:
        MissingExtraError: It is not installed, or is too old or too new.
    """
    try:
        found = version("mmpose")
    except PackageNotFoundError as error:
        raise MissingExtraError("mmpose is not installed.", extra=EXTRA) from error
    if not found.startswith(_MAJOR):
        raise MissingExtraError(f"mmpose {found} is installed, 1.x is needed.", extra=EXTRA)


def _import_operators() -> None:
    """Import ``mmcv.ops`` with stand-ins if mmcv has no compiled module."""
    if "mmcv.ops" in sys.modules:
        return
    try:
        import_module(_COMPILED)
    except ImportError:
        pass
    else:
        return
    stand_in = types.ModuleType(_COMPILED)
    stand_in.__getattr__ = _operator  # type: ignore[method-assign]
    sys.modules[_COMPILED] = stand_in
    try:
        mmcv = import_module("mmcv")
        import_module("mmcv.ops")
    finally:
        del sys.modules[_COMPILED]
    if hasattr(mmcv, "_ext"):
        del mmcv._ext


def _operator(name: str) -> Callable[..., Any]:
    if name.startswith("__"):
        raise AttributeError(name)

    def missing(*arguments: Any, **options: Any) -> Any:
        raise RuntimeError(f"the operator {name} needs the compiled mmcv, mmcv-lite is installed")

    return missing
