"""Where to fetch from: the published address, or a mirror that stands in for its host."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from posebench.errors import InputError

MIRROR_VARIABLE = "POSEBENCH_MIRROR"


def mirrored(url: str) -> str:
    """An address with scheme and host replaced by ``POSEBENCH_MIRROR``, if that is set.

    Raises:
        InputError: The variable holds something else than an http or https address.
    """
    mirror = os.environ.get(MIRROR_VARIABLE)
    if not mirror:
        return url
    if urlsplit(mirror).scheme not in ("http", "https"):
        raise InputError(f"{MIRROR_VARIABLE}: {mirror!r} is not an http or https address.")
    return mirror.rstrip("/") + urlsplit(url).path
