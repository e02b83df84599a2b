"""Height and width of a picture from its first bytes, without decoding it."""

from __future__ import annotations

import struct
from collections.abc import Iterator

Size = tuple[int, int]
"""(height, width) in pixels, as stored: an EXIF orientation is not applied."""

_PNG = b"\x89PNG\r\n\x1a\n"
# Start-of-frame markers; C4, C8 and CC are tables and extensions.
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN = 0xDA
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xDA)})


def parse_size(data: bytes) -> Size | None:
    """Size of a JPEG, PNG, BMP or WebP picture.

    Args:
        data: The file, or its beginning. A JPEG's size may lie behind long metadata.

    Returns:
        None when it is none of these formats or the size is not within ``data``.
    """
    try:
        if data.startswith(b"\xff\xd8"):
            return _jpeg_size(data)
        if data.startswith(_PNG) and data[12:16] == b"IHDR":
            width, height = struct.unpack_from(">II", data, 16)
            return height, width
        if data.startswith(b"BM"):
            return _bmp_size(data)
        if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            return _webp_size(data)
    except (struct.error, IndexError):
        return None
    return None


def is_complete(data: bytes) -> bool:
    """Whether a whole file of a format known to ``parse_size`` reaches to its own end.

    A decoder fills the missing part of a truncated picture with grey and says nothing. Bytes
    behind the end are allowed: cameras put them there.
    """
    try:
        if data.startswith(b"\xff\xd8"):
            scan = next((at for marker, at in _segments(data) if marker == _START_OF_SCAN), None)
            # Searched behind the metadata, where a thumbnail has an end of its own.
            return scan is not None and data.rfind(b"\xff\xd9", scan) >= 0
        if data.startswith(_PNG):
            return data.rfind(b"IEND\xaeB`\x82") >= 0
        if data.startswith(b"BM"):
            return len(data) >= _bmp_length(data)
        length = int.from_bytes(data[4:8], "little")
    except (struct.error, IndexError):
        return False
    return len(data) >= length + 8


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Marker and offset of its length field, of each JPEG segment up to the first scan."""
    at = 2
    while True:
        while data[at] != 0xFF:
            at += 1
        while data[at] == 0xFF:
            at += 1
        marker = data[at]
        at += 1
        yield marker, at
        if marker == _START_OF_SCAN:
            return
        if marker not in _WITHOUT_LENGTH:
            at += struct.unpack_from(">H", data, at)[0]


def _jpeg_size(data: bytes) -> Size | None:
    for marker, at in _segments(data):
        if marker in _START_OF_FRAME:
            height, width = struct.unpack_from(">HH", data, at + 3)
            return height, width
    return None


def _bmp_size(data: bytes) -> Size:
    (header,) = struct.unpack_from("<I", data, 14)
    if header == 12:  # OS/2
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    return abs(height), width  # A negative height means rows from the top.


def _bmp_length(data: bytes) -> int:
    """Bytes that an uncompressed BMP needs; the length it states is often wrong."""
    (start, header) = struct.unpack_from("<II", data, 10)
    height, width = _bmp_size(data)
    bits, compression = struct.unpack_from("<HI", data, 28) if header > 12 else (24, 0)
    if compression:
        return int(start)
    row = (width * bits + 31) // 32 * 4
    return int(start + row * height)


def _webp_size(data: bytes) -> Size | None:
    kind = data[12:16]
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return height & 0x3FFF, width & 0x3FFF
    if kind == b"VP8L" and data[20] == 0x2F:
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1
    if kind == b"VP8X" and len(data) >= 30:
        width = int.from_bytes(data[24:27], "little") + 1
        return int.from_bytes(data[27:30], "little") + 1, width
    return None
