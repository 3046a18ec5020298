"""The TFRecord file format: a sequence of records, each with two checksums.

Facts of the format: a record is its length (u64, little-endian), the masked CRC32C of these eight bytes
(u32), the payload, and the masked CRC32C of the payload (u32). With c the CRC32C (Castagnoli), the mask
is `((c >> 15) | (c << 17)) + 0xa282ead8` modulo 2^32. There is no header, footer or index: a file that
ends between two records is whole, as far as the format can tell.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import BinaryIO, cast

from nasbench.errors import ImportFileError, UnsafeFileError

MAX_RECORD = 64 << 10
"""Bytes that a payload may have unless the caller says otherwise."""

_BLOCK = 1 << 20
_MASK_DELTA = 0xA282EAD8
_HEADER, _FOOTER = 12, 4
_LENGTH, _CHECKSUM = struct.Struct("<Q"), struct.Struct("<I")


@cache
def _crc32c() -> Callable[[bytes], int]:
    from google_crc32c import value  # only this format needs it

    return cast("Callable[[bytes], int]", value)


def masked_crc32c(content: bytes) -> int:
    """The checksum that TFRecord stores for some bytes."""
    crc = _crc32c()(content)
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF


def tfrecords(path: Path, max_record: int = MAX_RECORD) -> Iterator[bytes]:
    """The payloads of a file, in order, each checked; never more than a block is in memory.

    Raises:
        ImportFileError: the file cannot be read, is cut off, or a checksum does not hold; names the
            record, counted from 1.
        UnsafeFileError: a payload larger than `max_record` bytes.
    """
    try:
        with path.open("rb") as stream:
            yield from _payloads(stream, str(path), max_record)
    except (OSError, ValueError) as error:
        raise ImportFileError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _payloads(stream: BinaryIO, source: str, max_record: int) -> Iterator[bytes]:
    # lengths repeat from record to record: each header that held is kept, with the length it says
    headers: dict[bytes, int] = {}
    block, at, number = b"", 0, 0
    while True:
        if len(block) - at < _HEADER + max_record + _FOOTER:
            block, at = block[at:] + stream.read(_BLOCK + max_record), 0
        if at == len(block):
            return
        number += 1
        header = block[at : at + _HEADER]
        length = headers.get(header)
        if length is None:
            length = headers[header] = _length(header, f"{source}, record {number}", max_record)
        begin = at + _HEADER
        at = begin + length + _FOOTER
        if at > len(block):
            raise ImportFileError(f"{source}, record {number}: the file is cut off inside of it")
        payload = block[begin : begin + length]
        if _CHECKSUM.unpack_from(block, at - _FOOTER)[0] != masked_crc32c(payload):
            raise ImportFileError(f"{source}, record {number}: its checksum does not hold; the file is damaged")
        yield payload


def _length(header: bytes, where: str, max_record: int) -> int:
    if len(header) < _HEADER:
        raise ImportFileError(f"{where}: the file is cut off inside of its length")
    if _CHECKSUM.unpack_from(header, _LENGTH.size)[0] != masked_crc32c(header[: _LENGTH.size]):
        raise ImportFileError(
            f"{where}: the checksum of its length does not hold; this is no TFRecord file, or damaged"
        )
    length = int(_LENGTH.unpack_from(header)[0])
    if length > max_record:
        raise UnsafeFileError(f"{where}: it has {length:,} bytes, more than the {max_record:,} a record may have")
    return length
