"""What the runtime itself measured of each run, kept until somebody asks for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from posebench.protocols import Binding, Session
from posebench.types import Artifact, Spans, Tensor, TensorSpec

_KEPT = 1024
"""Runs that are remembered: more than a picture of people needs, and no more memory than that."""


class SpanLog:
    """Remembers the spans of the last runs of its sessions."""

    def __init__(self) -> None:
        self._spans: deque[Spans] = deque(maxlen=_KEPT)

    def wrap(self, session: Session) -> Session:
        """The same session, whose runs are remembered."""
        return _LoggedSession(session, self._spans)

    def drain(self) -> tuple[Spans, ...]:
        """The spans since the last call, a value a run."""
        found = tuple(self._spans)
        self._spans.clear()
        return found


class _LoggedSession:
    def __init__(self, session: Session, spans: deque[Spans]) -> None:
        self._session = session
        self._spans = spans

    @property
    def inputs(self) -> Sequence[TensorSpec]:
        return self._session.inputs

    @property
    def outputs(self) -> Sequence[TensorSpec]:
        return self._session.outputs

    @property
    def provider(self) -> str:
        return self._session.provider

    @property
    def metadata(self) -> Mapping[str, str]:
        return self._session.metadata

    @property
    def built(self) -> Sequence[Artifact]:
        return self._session.built

    def bind(self, tensors: Mapping[str, Tensor]) -> _LoggedBinding:
        return _LoggedBinding(self._session.bind(tensors), self._spans)

    def close(self) -> None:
        self._session.close()


class _LoggedBinding:
    def __init__(self, binding: Binding, spans: deque[Spans]) -> None:
        self._binding = binding
        self._spans = spans

    def run(self) -> Spans:
        spans = self._binding.run()
        self._spans.append(spans)
        return spans

    @property
    def outputs(self) -> Mapping[str, Tensor]:
        return self._binding.outputs
