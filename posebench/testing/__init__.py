"""Fakes for tests, and the conformance suite that every adapter must pass.

``posebench check MODEL`` runs :func:`check_model` on a loaded model; an adapter's own tests can do
the same.
"""

from posebench.testing.conformance import CheckResult, check_model, odd_pictures
from posebench.testing.fakes import FakePoseModel, FakeSession

__all__ = ["CheckResult", "FakePoseModel", "FakeSession", "check_model", "odd_pictures"]
