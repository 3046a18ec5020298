"""Read a pickle that is larger than memory: records are handed over as they are complete, and forgotten.

Of the objects that later opcodes may refer to, a window of the latest is kept and those that a first pass found
(`pickle_references`), so that memory does not grow with the file. Nothing is executed: only opcodes that make plain
values are known, and a global is one of a few functions of ours (`pickle_plain`) or refused. Texts, containers and
records have a largest size, and no number in the file makes anything grow.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from nasbench.datasets.readers.pickle_plain import Known, ScalarType, plain_keys
from nasbench.datasets.readers.pickle_references import (
    FIXED,
    MARGIN,
    MAX_TEXT,
    WINDOW,
    Source,
    failed,
    horizon,
    long_length,
    refilled,
    unknown_opcode,
)
from nasbench.errors import UnsafeFileError

MAX_ITEMS = 1 << 17
MAX_DEPTH = 64
MAX_RECORD = 4 << 20
MAX_BESIDE = 8 << 20
"""Bytes of a record, and of all that is no record; the published files have 0.4 and 2 million."""

_HANDED = object()
"""Key of the one item of a record that was handed over; its value is what the consumer returned."""


class PickleStream:
    """Builds the object of a pickle, handing over the records in it.

    A record is a dictionary whose first key is one of `names`. When it is filled, `consume` gets it and returns a
    number, which takes the record's place in the dictionary that holds it.

    Args:
        names: keys that make a dictionary a record.
        consume: what to do with a record; it must not keep it.
        allowed: global -> function of ours, `plain_globals()`.
        keep: what `far_references` found in the same pickle.
        persistent: whether references to outside objects (tensors) are None; they are refused otherwise.
    """

    def __init__(
        self,
        names: Iterable[str],
        consume: Callable[[dict[Any, Any]], int],
        allowed: Mapping[tuple[str, str], Known],
        keep: frozenset[int] = frozenset(),
        persistent: bool = False,
    ) -> None:
        self._names, self._consume, self._allowed = frozenset(names), consume, allowed
        self._keep, self._persistent = keep, persistent
        self._in_records = self._begun = self._sets = 0
        self._memo: dict[int, Any] = {}

    def load(self, stream: Source, source: str) -> Any:
        """The object of the pickle that begins where the stream is, with numbers for records.

        Raises:
            UnsafeFileError: another global or opcode, or more of anything than there may be.
            ImportFileError: it is truncated, or no pickle; or what `consume` raises.
        """
        try:
            return self._load(stream)
        except Exception as error:
            raise failed(source, error) from error

    def _load(self, stream: Source) -> Any:
        data, at, safe, ended, before = b"", 0, 0, False, 0
        stack: list[Any] = []
        frames: list[list[Any]] = []
        memo = self._memo
        count = 0
        double = struct.Struct(">d").unpack_from
        while True:
            if at >= safe:
                before += at
                self._check_sizes(before, stack, frames)
                data, ended = refilled(stream, data, at, ended)
                at, safe = 0, len(data) - (0 if ended else MARGIN)
                continue
            code = data[at]
            at += 1
            if code == 0x47:  # BINFLOAT
                stack.append(double(data, at)[0])
                at += 8
            elif code == 0x94 or code == 0x71 or code == 0x72:  # MEMOIZE, BINPUT, LONG_BINPUT
                if code != 0x94:
                    size = 1 if code == 0x71 else 4
                    if int.from_bytes(data[at : at + size], "little") != count:
                        raise UnsafeFileError("numbers its objects with gaps; nothing of it was read")
                    at += size
                memo[count] = stack[-1]
                count += 1
                if count % WINDOW == 0:
                    memo = self._forget(count)
            elif code == 0x8C or code == 0x58:  # SHORT_BINUNICODE, BINUNICODE
                size = data[at] if code == 0x8C else long_length(data, at)
                at += 1 if code == 0x8C else 4
                stack.append(str(data[at : at + size], "utf-8", "surrogatepass"))
                at += size
            elif code == 0x4B:  # BININT1
                stack.append(data[at])
                at += 1
            elif code == 0x68 or code == 0x6A:  # BINGET, LONG_BINGET
                size = 1 if code == 0x68 else 4
                stack.append(memo[int.from_bytes(data[at : at + size], "little")])
                at += size
            elif code == 0x28:  # MARK
                frames.append(stack)
                stack = []
            elif code == 0x75 or code == 0x73:  # SETITEMS, SETITEM
                if code == 0x75:
                    items, stack = stack, frames.pop()
                else:
                    items = [stack.pop(-2), stack.pop()]
                self._set_items(stack[-1], items, before + at)
            elif code == 0x7D:  # EMPTY_DICT
                stack.append({})
                self._begun = before + at if len(frames) <= 2 else self._begun
            elif code == 0x5D:  # EMPTY_LIST
                stack.append([])
            elif code == 0x4D:  # BININT2
                stack.append(data[at] | data[at + 1] << 8)
                at += 2
            elif code == 0x4A:  # BININT
                stack.append(int.from_bytes(data[at : at + 4], "little", signed=True))
                at += 4
            elif code == 0x65 or code == 0x61:  # APPENDS, APPEND
                if code == 0x65:
                    items, stack = stack, frames.pop()
                else:
                    items = [stack.pop()]
                if type(stack[-1]) is not list:
                    raise ValueError("items for what is no list")
                stack[-1].extend(items)
                _check_length(stack[-1])
            elif 0x85 <= code <= 0x87:  # TUPLE1, TUPLE2, TUPLE3
                size = code - 0x84
                if len(stack) < size:
                    raise IndexError("a tuple of more than there is")
                stack[-size:] = [tuple(stack[-size:])]
            elif code == 0x74:  # TUPLE
                items, stack = stack, frames.pop()
                stack.append(tuple(items))
            elif code == 0x29:  # EMPTY_TUPLE
                stack.append(())
            elif code == 0x4E:  # NONE
                stack.append(None)
            elif code == 0x88 or code == 0x89:  # NEWTRUE, NEWFALSE
                stack.append(code == 0x88)
            elif code == 0x52:  # REDUCE
                arguments = stack.pop()
                stack.append(self._called(stack.pop(), arguments))
                self._begun = before + at if len(frames) <= 2 else self._begun
            elif code == 0x43 or code == 0x42:  # SHORT_BINBYTES, BINBYTES
                size = data[at] if code == 0x43 else long_length(data, at)
                at += 1 if code == 0x43 else 4
                stack.append(data[at : at + size])
                at += size
            elif code == 0x55:  # SHORT_BINSTRING
                stack.append(str(data[at + 1 : at + 1 + data[at]], "ascii"))
                at += 1 + data[at]
            elif code == 0x8A:  # LONG1
                size = data[at]
                if size > 16:
                    raise UnsafeFileError(f"holds an integer of {size} bytes, which this format never needs")
                stack.append(int.from_bytes(data[at + 1 : at + 1 + size], "little", signed=True))
                at += 1 + size
            elif code == 0x93:  # STACK_GLOBAL
                name = stack.pop()
                stack.append(self._global(stack.pop(), name))
            elif code == 0x63:  # GLOBAL
                middle = data.index(b"\n", at, at + MAX_TEXT)
                end = data.index(b"\n", middle + 1, at + MAX_TEXT)
                stack.append(self._global(data[at:middle].decode(), data[middle + 1 : end].decode()))
                at = end + 1
            elif code == 0x62:  # BUILD
                state = stack.pop()
                if type(stack[-1]) is not ScalarType:
                    raise UnsafeFileError("sets the state of an object, which this format never does")
                stack[-1].__setstate__(state)
            elif code == 0x8F:  # EMPTY_SET
                self._sets += 1
                stack.append(set())
            elif code == 0x90:  # ADDITEMS
                items, stack = stack, frames.pop()
                if type(stack[-1]) is not set:
                    raise ValueError("items for what is no set")
                stack[-1].update(plain_keys(items))
                _check_length(stack[-1])
            elif code == 0x51:  # BINPERSID
                if not self._persistent:
                    raise UnsafeFileError("holds an outside reference and was refused")
                stack[-1] = None
            elif code == 0x80 or code == 0x95:  # PROTO, FRAME
                at += FIXED[code]
            elif code == 0x2E:  # STOP
                if frames or len(stack) != 1:
                    raise ValueError("it stops in the middle")
                return stack[0]
            else:
                raise unknown_opcode(code)

    def _global(self, module: Any, name: Any) -> Known:
        if type(module) is not str or type(name) is not str or (module, name) not in self._allowed:
            raise UnsafeFileError(
                f"asks for {str(module)[:80]}.{str(name)[:80]}, which this format never needs; the file was "
                "refused and nothing of it was run"
            )
        return self._allowed[module, name]

    @staticmethod
    def _called(function: Any, arguments: Any) -> Any:
        if type(arguments) is not tuple or type(function) is not Known:
            raise ValueError("a call of what is no function")
        return function(*arguments)

    def _set_items(self, target: Any, items: list[Any], now: int) -> None:
        if type(target) is not dict or len(items) % 2:
            raise ValueError("items for what is no dictionary")
        keys, values = plain_keys(items[::2]), items[1::2]
        if dict in set(map(type, values)):
            values = [value.get(_HANDED, value) if type(value) is dict else value for value in values]
        target.update(zip(keys, values, strict=True))
        _check_length(target)
        if keys and keys[0] in self._names:
            if now - self._begun > MAX_RECORD:
                raise UnsafeFileError(f"holds a record of more than the {MAX_RECORD:,} bytes it may have")
            number = self._consume(target)
            target.clear()
            target[_HANDED] = number
            self._in_records += now - self._begun

    def _forget(self, count: int) -> dict[int, Any]:
        """The memo without what only records that are gone could refer to."""
        lost, keep = horizon(count), self._keep
        self._memo = {number: kept for number, kept in self._memo.items() if number >= lost or number in keep}
        for number, kept in self._memo.items():
            if number < lost and type(kept) in (dict, list, set, tuple):
                raise UnsafeFileError("refers to an object of a record that is long gone")
        return self._memo

    def _check_sizes(self, position: int, stack: list[Any], frames: list[list[Any]]) -> None:
        beside = position - self._in_records
        if beside > MAX_BESIDE or len(stack) > MAX_ITEMS or len(frames) > MAX_DEPTH or self._sets > MAX_DEPTH:
            raise UnsafeFileError("holds more than records; it was refused")


def _check_length(container: Any) -> None:
    if len(container) > MAX_ITEMS:
        raise UnsafeFileError(f"holds more than {MAX_ITEMS:,} items in one place")
