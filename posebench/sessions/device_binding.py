"""Inputs tied to a network on a device that measures its own runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from posebench.types import Spans, Tensor


class Execution(Protocol):
    """Where and how a network runs."""

    def run(self, tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Spans]:
        """Run it once.

        Args:
            tensors: Inputs by name.

        Returns:
            New arrays by the names of the outputs, and where the time went.
        """
        ...

    def close(self) -> None:
        """Free what is held."""
        ...


class DeviceBinding:
    """Inputs of one session. Every run gives new output arrays, so old ones stay valid."""

    def __init__(self, execution: Execution, tensors: Mapping[str, Tensor]) -> None:
        self._execution = execution
        self._tensors = dict(tensors)
        self._outputs: dict[str, Tensor] = {}

    def run(self) -> Spans:
        """Run the network once; the spans are those of the device's clock, where it has one."""
        self._outputs, spans = self._execution.run(self._tensors)
        return spans

    @property
    def outputs(self) -> Mapping[str, Tensor]:
        """The outputs of the last run."""
        return self._outputs
