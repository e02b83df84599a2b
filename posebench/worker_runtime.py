"""The runtime a worker was asked for: opens sessions in it and says what was really used."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from posebench.protocols import OpenSession, Session
from posebench.record import Runtime


class RuntimeHandle:
    """Opens every session of one model with the same settings, and remembers the providers."""

    def __init__(self, *, name: str, precision: str, device: str, threads: int) -> None:
        self._name = name
        self._precision = precision
        self._device = device
        self._threads = threads
        self._providers: list[str] = []

    @property
    def open_session(self) -> OpenSession | None:
        """What an adapter opens artifacts with; None asks it for the framework's own path."""
        return None if self._name == "native" else self._open

    def beside(self, name: str) -> OpenSession | None:
        """What a second model is opened with: the same runtime, or ``name`` if this is native."""
        if self._name != "native":
            return self._open
        return RuntimeHandle(
            name=name, precision=self._precision, device=self._device, threads=self._threads
        ).open_session

    def _open(self, path: Path) -> Session:
        from posebench.sessions import open_session

        session = open_session(
            path,
            runtime=self._name,
            device=self._device,
            threads=self._threads,
            precision=self._precision,
        )
        self._providers.append(session.provider)
        return session

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
        )


def _version(package: str | None) -> str:
    for name in (package, f"{package}-gpu"):
        try:
            return version(name or "")
        except (PackageNotFoundError, ValueError):
            continue
    return "unknown"
