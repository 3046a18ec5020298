"""The wire format of protocol buffers: numbered fields, without a schema.

Facts of the format: a message is a sequence of fields, each a varint key (`number << 3 | wire type`) and a
value: 0 a varint (base 128, the lowest seven bits first, bit 7 set where more follow), 1 eight bytes, 2 a
length (varint) and so many bytes, 5 four bytes. Types 3 and 4 (groups) are out of use and refused.
"""

from __future__ import annotations

from collections.abc import Iterator

from nasbench.errors import ImportFileError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

_MAX_VARINT = 10
_WIDTH = {FIXED64: 8, FIXED32: 4}


def fields(message: bytes, where: str) -> Iterator[tuple[int, int, int | bytes]]:
    """Number, wire type and value of each field: an int for a varint, else its bytes.

    Args:
        message: the whole of it.
        where: what it is, for errors.

    Raises:
        ImportFileError: it is cut off, or no message.
    """
    at = 0
    while at < len(message):
        key, at = _varint(message, at, where)
        kind = key & 7
        if kind == VARINT:
            value, at = _varint(message, at, where)
            yield key >> 3, kind, value
            continue
        if kind == BYTES:
            width, at = _varint(message, at, where)
        elif kind in _WIDTH:
            width = _WIDTH[kind]
        else:
            raise ImportFileError(f"{where}: it is no protocol-buffer message (wire type {kind})")
        if width > len(message) - at:
            raise ImportFileError(f"{where}: the protocol-buffer message is cut off")
        yield key >> 3, kind, message[at : at + width]
        at += width


def _varint(message: bytes, at: int, where: str) -> tuple[int, int]:
    value = 0
    for place, byte in enumerate(message[at : at + _MAX_VARINT]):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    raise ImportFileError(f"{where}: the protocol-buffer message is cut off, or has a number without an end")
