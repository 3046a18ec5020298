"""From the cells of a text table to arrays: choices, places of the records, values.

Every complaint names the line and the column of the file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from math import isfinite, prod
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench.datasets.importers.metric_spec import SIMULATED_TIME, MetricSpec
from nasbench.datasets.readers.delimited import Cells
from nasbench.errors import GenotypeError, ImportFileError
from nasbench.parameter import Parameter, Value

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EPOCH, REPEAT = "epoch", "repeat"
MISSING = frozenset({"", "nan", "na", "n/a", "null", "none"})
MAX_CELLS = 2**31
SPARSE_CELLS = 2**24
"""A grid of more cells than this must be at least one percent full."""

_WHOLE = re.compile(r"[+-]?[0-9]{1,300}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


class Source(NamedTuple):
    """The file and its cells, for messages that name the place."""

    path: Path
    cells: Cells

    def at(self, record: int, column: str) -> str:
        """The place of a cell, for a message."""
        return f"{self.path}, line {self.cells.lines[record]}, column {column!r}"


class Records(NamedTuple):
    """Where each of the N records goes: `(N,)` row, training run and epoch number."""

    genotypes: Ints
    row: Ints
    repeat: Ints
    epoch: Ints
    epochs: tuple[int, ...]
    runs: tuple[int, ...]
    recipe_epochs: int | None


def architectures(source: Source, columns: Sequence[str]) -> tuple[list[Parameter], Ints]:
    """The parameters and the `(N, G)` choice numbers of the records."""
    parameters, codes = [], []
    for column in columns:
        texts = source.cells.columns[column]
        meaning = _meaning(source, column, texts)
        ordered = not isinstance(next(iter(meaning.values())), str)
        values = sorted(set(meaning.values()), key=Fraction if ordered else str)
        try:
            parameters.append(Parameter(column, tuple(values), ordered))
        except GenotypeError as error:
            record = next((i for i, t in enumerate(texts) if "," in t), 0)
            raise ImportFileError(f"{source.at(record, column)}: {error}") from error
        number = {value: i for i, value in enumerate(values)}
        code = {text: number[value] for text, value in meaning.items()}
        codes.append(np.fromiter(map(code.__getitem__, texts), dtype=np.int64, count=len(texts)))
    return parameters, np.stack(codes, axis=1)


def _meaning(source: Source, column: str, texts: tuple[str, ...]) -> dict[str, Value]:
    """Each different text of a space column and the choice that it means."""
    distinct = list(dict.fromkeys(texts))
    if "" in distinct:
        raise ImportFileError(f"{source.at(texts.index(''), column)}: an architecture needs every choice")
    numbers = [text for text in distinct if _NUMBER.fullmatch(text) and isfinite(float(text))]
    if numbers == distinct:
        return dict(zip(distinct, _as_numbers(distinct), strict=True))
    others = [text for text in distinct if not _NUMBER.fullmatch(text)]
    if numbers and all(t.lower() in MISSING or t.lower().strip("+-") in ("inf", "infinity") for t in others):
        raise ImportFileError(
            f"{source.at(texts.index(others[0]), column)}: {others[0]!r} among numbers; an architecture "
            "needs every choice, and each number must be finite"
        )
    return {text: text for text in distinct}


def _as_numbers(texts: list[str]) -> list[Value]:
    """Exact integers where all are whole, else floats."""
    if all(map(_WHOLE.fullmatch, texts)):
        return [int(text) for text in texts]
    values = [float(text) for text in texts]
    return [int(v) for v in values] if all(v.is_integer() for v in values) else [v + 0.0 for v in values]


def place_records(source: Source, codes: Ints, epochs: int | None) -> Records:
    """Architecture, training run and epoch of each record; no two records have the same place.

    Args:
        source: the file.
        codes: `(N, G)` choice numbers.
        epochs: length of the training where no column says it.

    Raises:
        ImportFileError: a key that is no whole number, two records of one place, or too many places.
    """
    order = np.lexsort(codes.T[::-1])
    ranked = codes[order]
    fresh = np.concatenate([[True], (ranked[1:] != ranked[:-1]).any(axis=1)])
    row = np.empty(len(codes), dtype=np.int64)
    row[order] = np.cumsum(fresh) - 1
    lengths, epoch = _numbering(source, EPOCH, least=1)
    runs, repeat = _numbering(source, REPEAT, least=0)
    if lengths and epochs is not None:
        raise ImportFileError(f"{source.path} has a column {EPOCH!r}, which says the epochs; leave out epochs")
    if epochs is not None and (isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 1):
        raise ImportFileError(f"epochs must be a positive integer, got {epochs!r}")
    records = Records(
        ranked[fresh], row, repeat, epoch, lengths, runs, lengths[-1] if lengths else epochs
    )  # fmt: skip
    _check_size(source, records)
    _check_unique(source, records)
    return records


def _numbering(source: Source, column: str, least: int) -> tuple[tuple[int, ...], Ints]:
    """The different whole numbers of a key column, rising, and each record's place among them."""
    texts = source.cells.columns.get(column)
    if texts is None:
        return (), np.zeros(len(source.cells.lines), dtype=np.int64)
    meaning = {}
    for text in dict.fromkeys(texts):
        value = float(text) if _NUMBER.fullmatch(text) else -1.0
        if not value.is_integer() or not least <= value < 2**31:
            raise ImportFileError(
                f"{source.at(texts.index(text), column)}: {text!r} is no whole number from {least}"
                + (" (an epoch says how many were trained)" if column == EPOCH else "")
            )
        meaning[text] = int(value)
    values = tuple(sorted(set(meaning.values())))
    place = {value: i for i, value in enumerate(values)}
    numbers = {text: place[value] for text, value in meaning.items()}
    return values, np.fromiter(map(numbers.__getitem__, texts), dtype=np.int64, count=len(texts))


def _check_size(source: Source, records: Records) -> None:
    shape = (len(records.genotypes), max(1, len(records.runs)), max(1, len(records.epochs)))
    cells, given = prod(shape), len(records.row)
    if cells > MAX_CELLS or (cells > SPARSE_CELLS and cells > 100 * given):
        raise ImportFileError(
            f"{source.path}: {shape[0]:,} architectures x {shape[1]:,} training runs x {shape[2]:,} epochs "
            f"are {cells:,} cells for {given:,} records; number the runs of each architecture 0, 1, 2, ... and "
            "keep the same epochs for all"
        )


def _check_unique(source: Source, records: Records) -> None:
    slot = _slots(records)
    order = np.argsort(slot, kind="stable")
    twice = np.flatnonzero(slot[order][1:] == slot[order][:-1])
    if twice.size:
        pair = min((int(order[i + 1]), int(order[i])) for i in twice)
        first, second = (source.cells.lines[i] for i in reversed(pair))
        keys = [key for key in (EPOCH, REPEAT) if key in source.cells.columns]
        what = " and ".join(["architecture", *keys])
        hint = "" if REPEAT in keys else f"; a column {REPEAT!r} tells training runs of one architecture apart"
        raise ImportFileError(f"{source.path}, line {second}: the same {what} as line {first}; keep one of them{hint}")


def _slots(records: Records) -> Ints:
    run = records.row * max(1, len(records.runs)) + records.repeat
    return run * max(1, len(records.epochs)) + records.epoch


def metric_grid(source: Source, records: Records, spec: MetricSpec, columns: tuple[str, ...]) -> Floats:
    """All values of a metric, `(A, R, E)`."""
    shape = (len(records.genotypes), max(1, len(records.runs)), max(1, len(records.epochs)))
    slot, parts = _slots(records), []
    for column in columns:
        flat = np.full(prod(shape), np.nan)
        flat[slot] = _values(source, column)
        parts.append(flat.reshape(shape))
    grid = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
    if np.isnan(grid[:, :, -1]).all():
        where = f" at the largest epoch, {records.epochs[-1]}" if records.epochs else ""
        raise ImportFileError(f"{source.path}: the column {columns[0]!r} holds no number{where}")
    if records.epochs and np.nanmax(np.abs(grid)) > np.finfo(np.float32).max:
        raise ImportFileError(f"{source.path}: the column {columns[0]!r} is too large for a learning curve")
    if spec.name == SIMULATED_TIME:
        _check_clock(source, records, grid)
    return grid


def _values(source: Source, column: str) -> Floats:
    cells = source.cells.columns[column]
    try:
        values = np.array(list(map(float, cells)))
        text = "".join(cells)
        plain = bool(np.isfinite(values).all()) and text.isascii() and "_" not in text
    except ValueError:
        plain = False
    if plain:
        return values
    return np.array([_value(source, i, column, cell) for i, cell in enumerate(cells)])


def _value(source: Source, record: int, column: str, cell: str) -> float:
    if cell.lower() in MISSING:
        return float("nan")
    if _NUMBER.fullmatch(cell):
        value = float(cell)
        if isfinite(value):
            return value
    if re.fullmatch(r"[+-]?[0-9]+,[0-9]+", cell):
        raise ImportFileError(f"{source.at(record, column)}: {cell!r} has a decimal comma; write a point")
    raise ImportFileError(
        f"{source.at(record, column)}: {cell!r} is no finite number; leave the cell empty where there is none"
    )


def _check_clock(source: Source, records: Records, grid: Floats) -> None:
    """Training seconds count from the start of the training, so they never fall along its epochs."""
    if np.nanmin(grid) < 0:
        raise ImportFileError(f"{source.path}: {SIMULATED_TIME} is negative in some record")
    latest = np.fmax.accumulate(grid, axis=2)
    falls = np.argwhere(grid < latest)
    if falls.size:
        row, run, epoch = falls[0].tolist()
        there = (records.row == row) & (records.epoch == epoch)
        record = int(np.flatnonzero(there & (records.repeat == (run if records.runs else 0)))[0])
        raise ImportFileError(
            f"{source.path}, line {source.cells.lines[record]}: {SIMULATED_TIME} counts from the start of "
            f"the training, but falls to {grid[row, run, epoch]:g} at epoch {records.epochs[epoch]}; give the "
            "sum over the epochs so far"
        )
