"""The runtime a worker was asked for: opens sessions in it and says what was really used."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from posebench.config import SessionOptions
from posebench.protocols import OpenSession, Session
from posebench.record import Runtime
from posebench.sessions.logged import SpanLog
from posebench.types import Artifact, Spans


class RuntimeHandle:
    """Opens every session of one model with the same settings, and remembers what they are.

    Args:
        name: Of the runtime, or ``native``.
        precision: In which the networks are to compute.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        threads: Of the runtime.
        options: How the runtime is set up; None: as its defaults are.
    """

    def __init__(
        self,
        *,
        name: str,
        precision: str,
        device: str,
        threads: int,
        options: SessionOptions | None = None,
    ) -> None:
        self._name = name
        self._precision = precision
        self._device = device
        self._threads = threads
        self._options = options
        self._built: list[Artifact] = []
        self._providers: list[str] = []
        self._log = SpanLog()

    @property
    def open_session(self) -> OpenSession | None:
        """What an adapter opens artifacts with; None asks it for the framework's own path."""
        return None if self._name == "native" else self._opener()

    def beside(self, name: str) -> OpenSession | None:
        """What a second model is opened with: the same runtime, or ``name`` if this is native."""
        if self._name != "native":
            return self._opener()
        return RuntimeHandle(
            name=name, precision=self._precision, device=self._device, threads=self._threads
        ).open_session

    def _opener(self) -> OpenSession:
        return _Opener(self._open, "pt2" if self._name == "torch" else "onnx")

    def _open(self, path: Path) -> Session:
        from posebench.sessions import open_session

        session = open_session(
            path,
            runtime=self._name,
            device=self._device,
            threads=self._threads,
            precision=self._precision,
            options=self._options,
        )
        self._providers.append(session.provider)
        self._built.extend(session.built)
        return self._log.wrap(session)

    def drain(self) -> Sequence[Spans]:
        """What the runtime measured of each run of a network since the last call."""
        return self._log.drain()

    @property
    def built(self) -> Sequence[Artifact]:
        """What was made of the artifacts to run them, each file once."""
        return tuple(dict.fromkeys(self._built))

    def describe(self, framework: str | None) -> Runtime:
        """The runtime as a Record states it: ``native`` if no session was opened in it.

        Args:
            framework: Distribution that runs a ``native`` model.
        """
        name = self._name if self._providers else "native"
        package = self._name if self._providers else framework
        return Runtime(
            name=name,
            version=_version(package),
            provider=", ".join(dict.fromkeys(self._providers)) or (framework or "unknown"),
            precision=self._precision,
            device=self._device,
            threads=self._threads,
            options=self._options.model_dump(exclude_defaults=True) if self._options else {},
        )


@dataclass(frozen=True)
class _Opener:
    """Opens sessions.

    Attributes:
        open: Does it.
        artifact_format: What an adapter should export a checkpoint to: ``onnx`` or ``pt2``.
    """

    open: OpenSession
    artifact_format: str

    def __call__(self, path: Path) -> Session:
        return self.open(path)


def _version(package: str | None) -> str:
    if package == "tensorrt":  # its distribution is named by the CUDA that it is for
        return str(getattr(sys.modules.get(package), "__version__", "unknown"))
    for name in (package, f"{package}-gpu"):
        try:
            return version(name or "")
        except (PackageNotFoundError, ValueError):
            continue
    return "unknown"
