"""Safetensors files that say inside what network their weights are of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

Config = TypeVar("Config", bound=BaseModel)


@dataclass(frozen=True)
class CheckpointFormat(Generic[Config]):
    """How one kind of network is kept.

    Attributes:
        key: Of the file's metadata, under which the configuration stands as JSON.
        config: What the configuration is read into.
        kind: What such a file is called in errors, with its article.
        error: Raised for a file that cannot be used.
    """

    key: str
    config: type[Config]
    kind: str
    error: type[Exception]

    def save(self, network: nn.Module, config: Config, path: Path) -> None:
        """Write weights and configuration; the file appears whole or not at all.

        Raises:
            OSError: It cannot be written.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.partial")
        state = {
            name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()
        }
        # Not save_file: it makes a file that only its owner may read.
        try:
            temporary.write_bytes(save(state, {self.key: config.model_dump_json()}))
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise OSError(error.errno, f"{path}: cannot be written: {error.strerror}") from error
        temporary.replace(path)

    def read_config(self, path: Path) -> Config:
        """What the network of a file is made of, without its weights.

        Raises:
            error: No such file, it is damaged, or it is of another kind.
        """
        with self._opened(path) as stream:
            description = (stream.metadata() or {}).get(self.key)
        if description is None:
            raise self.error(f"{path}: not {self.kind}: no configuration in it.")
        try:
            return self.config.model_validate_json(description)
        except ValidationError as error:
            raise self.error(f"{path}: its configuration is not valid: {error}") from error

    def fill(self, network: nn.Module, path: Path) -> None:
        """Replace a network's weights, which was made from the file's configuration.

        Raises:
            error: As :meth:`read_config`, or weights and configuration disagree.
        """
        with self._opened(path) as stream:
            state = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
        try:
            network.load_state_dict(state)
        except RuntimeError as error:
            problem = f"{path}: its weights are not those it describes: {error}"
            raise self.error(problem) from error

    @contextmanager
    def _opened(self, path: Path) -> Iterator[Any]:
        try:
            with safe_open(path, framework="pt") as stream:
                yield stream
        except (OSError, SafetensorError) as error:
            raise self.error(f"{path}: not a readable safetensors file: {error}.") from error
