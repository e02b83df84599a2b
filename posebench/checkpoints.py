"""Which files may run code while they are read: only those a user named by digest.

A pickled checkpoint can execute anything, and a configuration written in Python is a program.
Adapters load pickles with a restricted unpickler; what that refuses is loaded only if
``--trust-checkpoint sha256:…`` names exactly those bytes, and a configuration that did not come
with its framework is run only if ``--trust-config sha256:…`` does.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from posebench.cache import file_sha256

TRUST_VARIABLE = "POSEBENCH_TRUST_CHECKPOINTS"
"""Environment variable by which a worker is told: comma-separated ``sha256:hex``."""
TRUST_CONFIGS_VARIABLE = "POSEBENCH_TRUST_CONFIGS"
"""Likewise for configurations."""


@contextmanager
def trusted_configs(digests: Iterable[str]) -> Iterator[None]:
    """In this process, trust configurations by their digests.

    Args:
        digests: ``sha256:hex`` each.
    """
    before = os.environ.get(TRUST_CONFIGS_VARIABLE)
    os.environ[TRUST_CONFIGS_VARIABLE] = ",".join(digests)
    try:
        yield
    finally:
        if before is None:
            del os.environ[TRUST_CONFIGS_VARIABLE]
        else:
            os.environ[TRUST_CONFIGS_VARIABLE] = before


def is_trusted(path: Path, variable: str = TRUST_VARIABLE) -> bool:
    """Whether the user named the bytes of this file (or folder) as trusted.

    Args:
        path: File or folder.
        variable: Environment variable that holds the digests.
    """
    trusted = {part.strip().lower() for part in os.environ.get(variable, "").split(",")}
    trusted.discard("")
    return bool(trusted) and f"sha256:{file_sha256(path)}" in trusted
