"""Datasets that are known by name, and where their files lie."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from posebench.cache import CACHE_VARIABLE, cache_dir
from posebench.datasets.download import download as download_file
from posebench.datasets.unzip import unpack
from posebench.errors import InputError
from posebench.mirror import mirrored

_DOWNLOADS = "downloads"


@dataclass(frozen=True)
class Archive:
    """A zip file and the one part of it that is used.

    Attributes:
        path: On the server, below its base address.
        sha256: Hex digest of the zip file.
        size_bytes: Length of the zip file.
        member: The file or folder in it that is unpacked.
        max_unpacked_bytes: The member is refused if it is larger.
    """

    path: str
    sha256: str
    size_bytes: int
    member: str
    max_unpacked_bytes: int


@dataclass(frozen=True)
class KnownDataset:
    """A published dataset of pictures and a COCO annotation file.

    Attributes:
        base_url: Where it is published; ``POSEBENCH_MIRROR`` replaces it.
        annotations: The archive whose member is the annotation file.
        images: The archive whose member is the folder of pictures.
    """

    base_url: str
    annotations: Archive
    images: Archive


# The publisher gives no checksums. These SHA-256 are the ones that torchvision's prototype
# datasets (pytorch/vision, torchvision/prototype/datasets/_builtin/coco.py) check; the MD5 of the
# same files, 442b8da7639aecaf257c1dceb8ba8c80 and f4bbac642086de4f52a3fdda2de5fa2c, are in
# MLCommons' COCO download script and in intel/neural-compressor (maskrcnn/download_dataset.sh).
KNOWN: dict[str, KnownDataset] = {
    "coco-val2017": KnownDataset(
        base_url="http://images.cocodataset.org",
        annotations=Archive(
            path="annotations/annotations_trainval2017.zip",
            sha256="113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268",
            size_bytes=252_907_541,
            member="annotations/person_keypoints_val2017.json",
            max_unpacked_bytes=100_000_000,
        ),
        images=Archive(
            path="zips/val2017.zip",
            sha256="4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05",
            size_bytes=815_585_330,
            member="val2017",
            max_unpacked_bytes=2_000_000_000,
        ),
    ),
}


def fetch(name: str, *, download: bool = False) -> tuple[Path, Path]:
    """Annotation file and picture folder of a known dataset, in the cache.

    Args:
        name: A key of ``KNOWN``.
        download: Get what is missing. Without it, nothing touches the network.

    Raises:
        InputError: Something is missing and may not be downloaded, or the download failed.
    """
    dataset = KNOWN[name]
    folder = cache_dir("datasets", name)
    archives = (dataset.annotations, dataset.images)
    missing = [archive for archive in archives if not (folder / archive.member).exists()]
    if missing and not download:
        size = sum(archive.size_bytes for archive in missing) / 1e6
        raise InputError(
            f"{name} is not in the cache ({folder}).",
            remedy=f"Add --download to get {size:.0f} MB; {CACHE_VARIABLE} moves the cache.",
        )
    for archive in missing:
        _get(archive, mirrored(dataset.base_url), folder)
    shutil.rmtree(folder / _DOWNLOADS, ignore_errors=True)
    return folder / dataset.annotations.member, folder / dataset.images.member


def _get(archive: Archive, base_url: str, folder: Path) -> None:
    """Download, check, unpack, and throw the zip file away."""
    target = folder / _DOWNLOADS / Path(archive.path).name
    url = f"{base_url}/{archive.path}"
    download_file(url, target, sha256=archive.sha256, size_bytes=archive.size_bytes)
    place = folder / archive.member
    try:
        unpack(target, archive.member, place, max_bytes=archive.max_unpacked_bytes)
    except OSError as error:
        raise InputError(
            f"{place}: cannot be written ({error.strerror}).",
            remedy=f"Make room, or move the cache with {CACHE_VARIABLE}.",
        ) from error
    target.unlink()
