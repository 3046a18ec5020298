"""The columns of a pickled pandas frame, read without pandas and without numpy's own constructors.

Stand-ins keep what each class of the pickle would have been given; the numbers are taken from their buffers. Known
are the layouts of pandas 1.0 to 1.2 (the manager has a state with the key `0.14.1`), of 1.3 (the manager is made of
its blocks, each made by a partial function) and of later versions (each made by a function), arrays of
protocols 4 and 5, and numpy before and after 2.0. Only plain columns are: numbers, truth values, and objects
that are texts, numbers or truth values.
"""

from __future__ import annotations

import gzip
import shutil
import tempfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nasbench.datasets.readers.safe_pickle import load
from nasbench.errors import ImportFileError, TableError, UnsafeFileError

MAX_UNPACKED = 4 << 30
MAX_RATIO = 200
"""How many times its size a gzip file may unpack to; tables of numbers reach a tenth of it."""

Labels: TypeAlias = tuple[str, ...]
Values: TypeAlias = NDArray[Any] | list[Any]
"""A column: an array of numbers or truth values, or a list of plain values."""


class _Kept:
    """Stands for an object of the pickle: keeps its arguments and state, and does nothing."""

    args: tuple[Any, ...]
    state: Any

    def __new__(cls, *args: Any) -> _Kept:
        made = super().__new__(cls)
        made.args, made.state = args, None
        return made

    def __call__(self, *args: Any) -> _Kept:
        return _Kept(*args)

    def __setstate__(self, state: Any) -> None:
        self.state = state


_STAND_INS = (
    *(("pandas", name) for name in ("DataFrame", "Index", "MultiIndex", "RangeIndex")),  # so named since pandas 3
    ("pandas.core.frame", "DataFrame"),
    ("pandas.core.internals.managers", "BlockManager"),
    ("pandas._libs.internals", "_unpickle_block"),
    ("pandas.core.internals.blocks", "new_block"),
    ("functools", "partial"),
    ("pandas.core.indexes.base", "_new_Index"),
    ("pandas.core.indexes.base", "Index"),
    ("pandas.core.indexes.multi", "MultiIndex"),
    ("pandas.core.indexes.range", "RangeIndex"),
    *(("pandas.core.indexes.numeric", f"{kind}Index") for kind in ("Int64", "UInt64", "Float64")),
    *((f"numpy.{core}.multiarray", "_reconstruct") for core in ("core", "_core")),
    *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
    *((f"numpy.{core}.multiarray", "scalar") for core in ("core", "_core")),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
)

_NUMBERS = frozenset({"f8", "f4", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "b1"})


def read_frame(path: Path) -> dict[Labels, Values]:
    """The columns of a gzipped pickle of a frame whose columns have several levels of labels.

    Args:
        path: the file; it is unpacked to a temporary one first.

    Returns:
        Column by its labels, one text a level.

    Raises:
        ImportFileError: no gzip, no pickle, or no such frame.
        UnsafeFileError: the pickle asks for anything else, or unpacks to more than it may.
    """
    allowed: dict[tuple[str, str], Any] = {names: type(names[1], (_Kept,), {}) for names in _STAND_INS}
    allowed["builtins", "slice"] = slice
    with tempfile.TemporaryDirectory(prefix="nasbench-") as folder:
        unpacked = Path(folder) / path.name
        _unpack(path, unpacked)
        try:
            with unpacked.open("rb") as stream:
                frame = load(stream, unpacked.stat().st_size, allowed, str(path))
        except UnsafeFileError:
            raise
        except TableError as error:
            raise ImportFileError(str(error)) from error
    try:
        return _columns(frame)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise ImportFileError(f"{path} is no frame of this format: {error!r}") from error


def _unpack(path: Path, target: Path) -> None:
    try:
        limit = min(MAX_UNPACKED, (1 << 20) + MAX_RATIO * path.stat().st_size)
        with gzip.open(path) as packed, target.open("xb") as out:
            shutil.copyfileobj(_Counted(packed.read, limit, path), out, 1 << 20)
    except (OSError, EOFError, zlib.error) as error:
        raise ImportFileError(f"{path} cannot be read as a gzip file: {error}") from error


class _Counted:
    """A stream that refuses to give more than it may."""

    def __init__(self, read: Callable[[int], bytes], limit: int, path: Path) -> None:
        self._read, self._left, self._path = read, limit, path

    def read(self, size: int = 1 << 20, /) -> bytes:
        content = self._read(size)
        self._left -= len(content)
        if self._left < 0:
            raise UnsafeFileError(f"{self._path} unpacks to more than it may")
        return content


def _columns(frame: Any) -> dict[Labels, Values]:
    manager = frame.state["_mgr" if "_mgr" in frame.state else "_data"]
    if manager.state is None:
        blocks, axes = [(block.args[0], block.args[1]) for block in manager.args[0]], manager.args[1]
    else:
        inner = manager.state[3]["0.14.1"]
        blocks, axes = [(block["values"], block["mgr_locs"]) for block in inner["blocks"]], inner["axes"]
    labels = _labels(axes[0])
    columns: dict[Labels, Values] = {}
    for values, places in blocks:
        listed = list(range(len(labels)))[places] if isinstance(places, slice) else _array(places).tolist()
        for place, column in zip(listed, _block(values, len(listed)), strict=True):
            if place < 0 or labels[place] in columns:
                raise ValueError(f"two columns {labels[place]}")
            columns[labels[place]] = column
    if len(columns) != len(labels) or len({len(column) for column in columns.values()}) > 1:
        raise ValueError("columns without values, or of unequal length")
    return columns


def _labels(index: Any) -> list[Labels]:
    """The labels of each column, from an index of several levels."""
    _, fields = index.args
    levels = [[str(label) for label in _plain(level.args[1]["data"])] for level in fields["levels"]]
    codes = [_array(code).tolist() for code in fields["codes"]]
    if any(code < 0 for level in codes for code in level):
        raise ValueError("a column without a label")
    return [tuple(level[code] for level, code in zip(levels, at, strict=True)) for at in zip(*codes, strict=True)]


def _block(values: Any, count: int) -> Sequence[Values]:
    """The columns of one block, whose values are `(columns, rows)`."""
    array = _plain(values)
    if isinstance(array, np.ndarray):
        if array.ndim != 2 or len(array) != count:
            raise ValueError(f"a block of the shape {array.shape}")
        return list(array)
    shape = values.state[1]
    if len(shape) != 2 or shape[0] != count or shape[0] * shape[1] != len(array):
        raise ValueError(f"a block of the shape {shape}")
    return [array[i * shape[1] : (i + 1) * shape[1]] for i in range(count)]


def _plain(values: Any) -> Values:
    """An array of numbers, or the list of plain values of an array of objects."""
    if values.state is None or values.state[2].args[0] != "O8":
        return _array(values)
    return [_array(value)[()] if isinstance(value, _Kept) else value for value in list(values.state[4])]


def _array(values: Any) -> NDArray[Any]:
    """The numbers of an array or of a numpy scalar."""
    kind = type(values).__name__
    if kind == "_frombuffer":
        buffer, dtype, shape, order = values.args
    elif kind == "_reconstruct":
        _, shape, dtype, fortran, buffer = values.state
        order = "F" if fortran else "C"
    elif kind == "scalar":
        (dtype, buffer), shape, order = values.args, (), "C"
    else:
        raise TypeError(f"{kind} is no array")
    return np.frombuffer(buffer, dtype=_dtype(dtype)).reshape(shape, order=order)


def _dtype(dtype: Any) -> np.dtype[Any]:
    name, mark = dtype.args[0], dtype.state[1]
    if name not in _NUMBERS or mark not in ("<", ">", "|", "="):
        raise TypeError(f"{name!r} are no plain numbers")
    return np.dtype(f"{mark}{name}")
