"""What a pickle of results may ask for: a few functions of ours, which make plain values and nothing else.

They stand for the globals that results are pickled with: ordered dictionaries (made plain), sets, and numpy's
scalars (made Python's numbers). Neither numpy's own constructors nor `codecs.encode` are ever called, and no
opcode can alter the functions.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from nasbench.errors import UnsafeFileError

_FORMATS = {"f8": "<d", "f4": "<f", "i8": "<q", "i4": "<i"}


class Known:
    """A function that a pickle may call, but not change."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        """What the function makes of the arguments."""
        return self._function(*arguments)

    def __setstate__(self, state: object) -> NoReturn:
        raise UnsafeFileError("a pickle asks to change a function; nothing of it was run")


class ScalarType:
    """A numpy dtype of the pickle: its code, and a byte order that must be the one we read."""

    __slots__ = ("code",)

    def __init__(self, code: str) -> None:
        self.code = code

    def __setstate__(self, state: Any) -> None:
        if type(state) is not tuple or len(state) < 2 or state[1] not in ("<", "|"):
            raise ValueError(f"the byte order of {self.code} is not little-endian")


def plain_globals() -> dict[tuple[str, str], Known]:
    """(module, name) -> function for each global that results are pickled with."""
    return {
        ("collections", "OrderedDict"): Known(_ordered),
        ("builtins", "set"): Known(_set),
        ("__builtin__", "set"): Known(_set),
        ("_codecs", "encode"): Known(_latin1),
        ("numpy", "dtype"): Known(_dtype),
        ("numpy.core.multiarray", "scalar"): Known(_scalar),
        ("numpy._core.multiarray", "scalar"): Known(_scalar),
    }


def plain_keys(keys: Iterable[Any]) -> list[Any]:
    """The keys, if each is a text, a number or a pair of them: the hash of a nested tuple can take for ever.

    Raises:
        ValueError: one of them is something else.
    """
    listed = list(keys)
    for kind in set(map(type, listed)):
        if kind is tuple:
            pairs = (key for key in listed if type(key) is tuple)
            simple = all(len(key) == 2 and {type(part) for part in key} <= {str, int} for key in pairs)
        else:
            simple = kind is str or kind is int
        if not simple:
            raise ValueError("a key that is no text, number or pair of them")
    return listed


def _ordered() -> dict[Any, Any]:
    return {}


def _set(items: Any = ()) -> set[Any]:
    if type(items) not in (list, tuple):
        raise ValueError("a set of something that is no list")
    return set(plain_keys(items))


def _latin1(text: Any, encoding: Any) -> bytes:
    """Bytes as protocol 2 pickles them; `codecs.encode` itself would also unpack archives."""
    if type(text) is not str or encoding != "latin1":
        raise UnsafeFileError("a pickle asks for an encoding other than latin1, which none ever needs")
    return text.encode("latin-1")


def _dtype(code: Any, align: Any = False, copy: Any = True) -> ScalarType:
    if type(code) is not str or code not in _FORMATS:
        raise ValueError("a numpy scalar is no number")
    return ScalarType(code)


def _scalar(dtype: Any, content: Any) -> float | int:
    if type(dtype) is not ScalarType or type(content) is not bytes:
        raise ValueError("a numpy scalar without its type or its bytes")
    number: float | int = struct.unpack(_FORMATS[dtype.code], content)[0]
    return number
