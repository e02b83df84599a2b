"""The TensorRT library: importing it, and hearing what it has to say."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from functools import cache
from typing import Any

from posebench.errors import InputError, MissingExtraError

OLDEST = (10, 12)
"""The first version in which a network can be given its types and nothing else decides them."""
_KEPT_MESSAGES = 10


def import_tensorrt() -> Any:
    """The module ``tensorrt``.

    Raises:
        MissingExtraError: It, or the libraries behind it, cannot be loaded.
        InputError: It is too old.
    """
    try:
        import tensorrt
    except ImportError as error:
        raise MissingExtraError(
            f"TensorRT cannot be loaded ({error}). It comes from NVIDIA, beside the extra: "
            "pip install tensorrt-cu12 --extra-index-url https://pypi.nvidia.com for driver r535 "
            "or newer, tensorrt-cu13 for r580 or newer.",
            extra="tensorrt",
        ) from error
    numbers = re.match(r"(\d+)\.(\d+)", tensorrt.__version__)
    if numbers is None or (int(numbers[1]), int(numbers[2])) < OLDEST:
        raise InputError(
            f"TensorRT {tensorrt.__version__} is too old.",
            remedy="Install tensorrt-cu12 in version {}.{} or newer.".format(*OLDEST),
        )
    return tensorrt


def made(make: Callable[[], Any], doing: str, logger: Any) -> Any:
    """What a factory of TensorRT makes.

    Args:
        make: The factory.
        doing: What it is for, for the message.
        logger: Of :func:`collecting_logger`.

    Raises:
        InputError: It makes nothing, which it says by None or by pybind11's TypeError.
    """
    cause: TypeError | None = None
    product = None
    try:
        product = make()
    except TypeError as error:
        cause = error
    if product is None:
        raise InputError(
            f"TensorRT cannot {doing}: {logger.problems() or cause or 'it does not say why'}.",
            remedy="Check with nvidia-smi that memory is free and that the NVIDIA driver is new "
            "enough for this TensorRT: cu12 packages need r535, cu13 packages r580.",
        ) from cause
    return product


@cache
def collecting_logger(trt: Any) -> Any:
    """A ``tensorrt.ILogger`` that keeps the last warnings and errors; one for the process.

    Its ``problems()`` gives and forgets them, as one string that may be empty. TensorRT may hold
    on to a logger for longer than to what it was given for, so this one is never freed.

    Args:
        trt: The module, in which TensorRT's own plugins are registered on the way: some ONNX
            operators are plugins.
    """

    class CollectingLogger(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self._messages: deque[tuple[bool, str]] = deque(maxlen=_KEPT_MESSAGES)

        def log(self, severity: Any, msg: str) -> None:
            grave = severity in (trt.ILogger.Severity.ERROR, trt.ILogger.Severity.INTERNAL_ERROR)
            if grave or severity == trt.ILogger.Severity.WARNING:
                self._messages.append((grave, msg.strip()))

        def problems(self) -> str:
            errors = [message for grave, message in self._messages if grave]
            warnings = [message for _, message in self._messages]
            self._messages.clear()
            return "; ".join(errors or warnings)

    logger = CollectingLogger()
    trt.init_libnvinfer_plugins(logger, "")
    return logger
