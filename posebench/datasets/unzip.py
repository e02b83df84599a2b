"""Unpack a part of a zip archive that was not made here: whole or not at all, and within bounds."""

from __future__ import annotations

import shutil
import stat
import tempfile
from pathlib import Path, PurePosixPath
from zipfile import BadZipFile, ZipFile, ZipInfo

from posebench.errors import InputError


def unpack(archive: Path, member: str, target: Path, *, max_bytes: int) -> None:
    """Unpack one member, a file or a folder, to ``target``.

    ``target`` appears only when everything is unpacked.

    Args:
        archive: The zip file.
        member: Path in the archive, e.g. ``val2017``.
        target: Where it is to lie.
        max_bytes: Refuse more than this when unpacked.

    Raises:
        InputError: Not a zip file, no such member, a path that leads out of the archive, a link,
            or too large.
        OSError: The disk is full or not writable.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with (
            ZipFile(archive) as opened,
            tempfile.TemporaryDirectory(dir=target.parent, prefix=".unpacking-") as temporary,
        ):
            for info in _members(opened, member, archive, max_bytes):
                opened.extract(info, temporary)
            _publish(Path(temporary) / member, target)
    except (BadZipFile, EOFError) as error:
        raise InputError(f"{archive}: not a readable zip archive ({error}).") from error


def _members(opened: ZipFile, member: str, archive: Path, max_bytes: int) -> list[ZipInfo]:
    wanted = PurePosixPath(member)
    infos = [i for i in opened.infolist() if PurePosixPath(i.filename).is_relative_to(wanted)]
    if not infos:
        raise InputError(f"{archive}: there is no {member} in it.")
    for info in infos:
        _check_member(info, archive)
    # zipfile reads no more of a member than this size, so a false one does no harm.
    if sum(info.file_size for info in infos) > max_bytes:
        raise InputError(f"{archive}: {member} is larger than {max_bytes} bytes.")
    return infos


def _check_member(info: ZipInfo, archive: Path) -> None:
    path = PurePosixPath(info.filename)
    if path.is_absolute() or ".." in path.parts or "\\" in info.filename:
        raise InputError(f"{archive}: {info.filename!r} leads out of the archive.")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise InputError(f"{archive}: {info.filename!r} is neither a file nor a folder.")


def _publish(unpacked: Path, target: Path) -> None:
    """Move into place. Another process may have been faster, with the same content."""
    if target.exists():
        return
    shutil.move(unpacked, target)
