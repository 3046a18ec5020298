"""Which objects of a large pickle are referred to from far behind: a first pass over its opcodes.

An unpickler keeps every object until the end, for a later opcode may refer to any of them. `pickle_stream` keeps a
window of the latest, and of the older ones those that this pass finds. Opcodes are looked at, none is run; Python's
own `pickletools` documents each, and the comments name them.
"""

from __future__ import annotations

from typing import Protocol

from nasbench.errors import ImportFileError, TableError, UnsafeFileError

CHUNK = 1 << 20
MAX_TEXT = 1 << 12
"""Bytes of a text."""

MARGIN = 2 * MAX_TEXT
"""A chunk is refilled when fewer bytes than this are left: no opcode has more."""

WINDOW = 1 << 16
"""At least so many of the latest memoised objects are kept."""

MAX_KEPT = 1 << 18
"""Older objects that may be kept besides; the published files need some hundreds, names of keys."""

# PROTO, BININT, BININT1, BININT2, BINFLOAT, FRAME
FIXED = {0x80: 1, 0x4A: 4, 0x4B: 1, 0x4D: 2, 0x47: 8, 0x95: 8}
# NONE, NEWTRUE, NEWFALSE, MARK, EMPTY_TUPLE, EMPTY_LIST, EMPTY_DICT, EMPTY_SET, TUPLE, TUPLE1 to TUPLE3, APPEND,
# APPENDS, SETITEM, SETITEMS, ADDITEMS, STACK_GLOBAL, REDUCE, BUILD, BINPERSID
FIXED |= dict.fromkeys(b"N\x88\x89()]}\x8ft\x85\x86\x87aesu\x90\x93RbQ", 0)
# SHORT_BINUNICODE, SHORT_BINBYTES, SHORT_BINSTRING, LONG1 have a byte of length; BINUNICODE, BINBYTES have four
_SHORT = frozenset(b"\x8cCU\x8a")
_LONG = frozenset(b"XB")


class Source(Protocol):
    """Anything that is read in order."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes more; none at the end."""
        ...


def horizon(count: int) -> int:
    """Objects before it are forgotten, unless kept, when `count` have been memoised."""
    return (count // WINDOW - 1) * WINDOW


def refilled(stream: Source, data: bytes, at: int, ended: bool) -> tuple[bytes, bool]:
    """What is left of the data and a chunk more, and whether that is all."""
    if ended:
        raise EOFError("it ends in the middle")
    more = stream.read(CHUNK)
    return data[at:] + more, not more


def long_length(data: bytes, at: int) -> int:
    """The four bytes of length at a position, if a text may be that long."""
    length = int.from_bytes(data[at : at + 4], "little")
    if length > MAX_TEXT:
        raise UnsafeFileError(f"holds a text of {length:,} bytes, more than the {MAX_TEXT:,} it may have")
    return length


def unknown_opcode(code: int) -> UnsafeFileError:
    """The error for an opcode that results never need."""
    return UnsafeFileError(f"uses the pickle opcode 0x{code:02X}, which this format never needs")


def failed(source: str, error: Exception) -> TableError:
    """The error of a source that could not be read, whatever happened."""
    if isinstance(error, TableError):
        return error if str(error).startswith(source) else type(error)(f"{source} {error}")
    return ImportFileError(f"{source} cannot be read as a pickle of plain values: {error!r}")


def far_references(stream: Source, source: str, max_bytes: int) -> frozenset[int]:
    """Numbers of the memoised objects that are referred to when the window has lost them.

    Args:
        stream: the pickle, from its start.
        source: what it is, for errors.
        max_bytes: how long it may be.

    Raises:
        UnsafeFileError: an opcode that results never need, or more of anything than there may be.
        ImportFileError: it is truncated, or no pickle.
    """
    try:
        return frozenset(_far_references(stream, max_bytes))
    except Exception as error:
        raise failed(source, error) from error


def _far_references(stream: Source, max_bytes: int) -> set[int]:
    far: set[int] = set()
    data, at, safe, ended, before = b"", 0, 0, False, 0
    count = lost = 0
    fixed = FIXED
    while True:
        if at >= safe:
            before += at
            if before > max_bytes:
                raise UnsafeFileError(f"has more than the {max_bytes:,} bytes that it may have")
            data, ended = refilled(stream, data, at, ended)
            at, safe = 0, len(data) - (0 if ended else MARGIN)
            continue
        code = data[at]
        at += 1
        if code in fixed:
            at += fixed[code]
        elif code in _SHORT:
            at += 1 + data[at]
        elif code == 0x94 or code == 0x71 or code == 0x72:  # MEMOIZE, BINPUT, LONG_BINPUT
            at += 0 if code == 0x94 else 1 if code == 0x71 else 4
            count += 1
            if count % WINDOW == 0:
                lost = horizon(count)
        elif code == 0x68 or code == 0x6A:  # BINGET, LONG_BINGET
            size = 1 if code == 0x68 else 4
            number = int.from_bytes(data[at : at + size], "little")
            at += size
            if number < lost:
                far.add(number)
                if len(far) > MAX_KEPT:
                    raise UnsafeFileError(f"refers to more than {MAX_KEPT:,} objects from far behind")
        elif code in _LONG:
            at += 4 + long_length(data, at)
        elif code == 0x63:  # GLOBAL
            at = data.index(b"\n", data.index(b"\n", at, at + MAX_TEXT) + 1, at + MAX_TEXT) + 1
        elif code == 0x2E:  # STOP
            return far
        else:
            raise unknown_opcode(code)
