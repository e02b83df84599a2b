"""Which checkpoints may run code while they are loaded: only those a user named by digest.

A pickled checkpoint can execute anything. Adapters load pickles with a restricted unpickler; what
that refuses is loaded only if ``--trust-checkpoint sha256:…`` names exactly those bytes.
"""

from __future__ import annotations

import os
from pathlib import Path

from posebench.cache import file_sha256

TRUST_VARIABLE = "POSEBENCH_TRUST_CHECKPOINTS"
"""Environment variable by which a worker is told: comma-separated ``sha256:hex``."""


def is_trusted(path: Path) -> bool:
    """Whether the user named the bytes of this file (or folder) as trusted."""
    trusted = {part.strip().lower() for part in os.environ.get(TRUST_VARIABLE, "").split(",")}
    trusted.discard("")
    return bool(trusted) and f"sha256:{file_sha256(path)}" in trusted
