"""Checkpoints: found, fetched once, and recognised by their digests."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from posebench.cache import atomic_path, cache_dir, file_sha256
from posebench.config import RuntimeName
from posebench.errors import WeightsError, WeightsUnavailableError
from posebench.mirror import mirrored
from posebench.types import ModelCard, Weights


@dataclass(frozen=True)
class ResolvedWeights:
    """A checkpoint on this disk.

    Attributes:
        path: File or folder.
        sha256: Digest of its bytes.
        published: The published checkpoint that it is, or None for one of the user's own.
    """

    path: Path
    sha256: str
    published: Weights | None


def resolve_weights(card: ModelCard, override: Path | None) -> ResolvedWeights | None:
    """The weights to load: the user's, or the card's recommended ones, fetched if need be.

    Returns:
        None if the card publishes no weights and the user gave none.

    Raises:
        WeightsError: They cannot be fetched, or have the wrong checksum.
    """
    if override is not None:
        sha256 = file_sha256(override)
        return ResolvedWeights(override, sha256, _recognise(card, override, sha256))
    if not card.weights:
        return None
    weights = card.weights[0]
    path = weights_path(card, weights)
    if not path.exists():
        if weights.packaged:
            raise WeightsError(f"{path}: is missing.", remedy="Install posebench anew.")
        _fetch(weights, path)
    return ResolvedWeights(path, _verified_sha256(weights, path), weights)


def require_weights(card: ModelCard, override: Path | None) -> ResolvedWeights:
    """``resolve_weights``, for those who cannot go on without.

    Raises:
        WeightsUnavailableError: None are published and none were given, or they cannot be fetched.
        WeightsError: They have the wrong checksum.
    """
    weights = resolve_weights(card, override)
    if weights is None:
        raise WeightsUnavailableError(
            f"no weights are published for {card.name}.",
            remedy=f"{card.note} Pass your own: {card.name}=path/to/weights.".lstrip(),
        )
    return weights


def weights_path(card: ModelCard, weights: Weights) -> Path:
    """Where a card's checkpoint lies: in its package, or in the cache once it has been fetched."""
    if weights.packaged:
        return weights.packaged
    name = Path(urlsplit(weights.url).path).name
    return cache_dir("weights", card.name, weights.generation or "published", name)


def natural_runtime(path: Path | None) -> RuntimeName:
    """The runtime that the format of the weights asks for when the user asked for none."""
    if path is None:
        return "onnxruntime"
    if path.suffix == ".xml" or (path.is_dir() and any(path.glob("*.xml"))):
        return "openvino"
    return "native" if path.suffix == ".torchscript" else "onnxruntime"


def _recognise(card: ModelCard, path: Path, sha256: str) -> Weights | None:
    known = (w for w in card.weights if w.digest)
    return next((w for w in known if w.digest and _matches(w.digest, path, sha256)), None)


def _matches(digest: str, path: Path, sha256: str) -> bool:
    algorithm, _, value = digest.partition(":")
    if algorithm == "sha256":
        return sha256 == value
    if algorithm == "md5" and path.is_file():
        return _md5(path) == value
    return algorithm == "sha256-prefix" and sha256.startswith(value)


def _md5(path: Path) -> str:
    """All that some publishers give; it tells files apart, it does not prove where one is from."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _verified_sha256(weights: Weights, path: Path) -> str:
    """Digest of a cached checkpoint, checked against the published or the first seen one."""
    sha256 = file_sha256(path)
    first_seen = path.with_name(f"{path.name}.sha256")
    if weights.digest is not None:
        expected = weights.digest
    elif first_seen.exists():
        expected = f"sha256:{first_seen.read_text().strip()}"
    else:
        with atomic_path(first_seen) as temporary:
            temporary.write_text(f"{sha256}\n")
        return sha256
    if not _matches(expected, path, sha256):
        raise WeightsError(
            f"{path}: its sha256 is {sha256}, expected {expected}.",
            remedy="Install posebench anew."
            if weights.packaged
            else "Delete the file so that it is fetched again.",
        )
    return sha256


def _fetch(weights: Weights, path: Path) -> None:
    import pooch
    import requests

    url = mirrored(weights.url)
    with atomic_path(path) as temporary:
        try:
            pooch.HTTPDownloader(progressbar=False, timeout=30)(url, str(temporary), None)
        except (requests.RequestException, OSError) as error:
            raise WeightsUnavailableError(
                f"cannot fetch {url}: {error}.",
                remedy=f"Fetch it by other means and put it at {path}, or pass NAME=path/to/file.",
            ) from error
