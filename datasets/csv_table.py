"""Anybody's delimited text file as a table: `nasbench import csv`.

*Wide* files have one record an architecture; several training runs stand in the columns
`METRIC.0`, `METRIC.1`, ... *Long* files have a column `repeat` (a number for each training run), a
column `epoch` (epochs trained so far, from 1), or both. The largest epoch of the file is the
full training, whose values are the final ones; the others are the fidelities of learning curves.
A record that the file lacks, or an empty cell, is NaN: nothing is imputed.

The search space is the grid of the choices that occur. A space column whose cells are all numbers is
ordered (8 before 16; `8` and `8.0` are one choice); any other is categorical, its choices sorted as text.
Where some combination has no record the table is partial. Rows are in the lexicographic order of the
genotypes, so the same records in another order give the same table.

Costs are cumulative: in a file with epochs, the cost of a training is the one at the largest epoch.
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

from nasbench.datasets.build import squeeze_repeats
from nasbench.datasets.delimited import Cells, DelimitedFile
from nasbench.datasets.install import check_name
from nasbench.datasets.metric_spec import SIMULATED_TIME, MetricSpec, parse_metric
from nasbench.errors import GenotypeError, ImportFileError, UnknownNameError
from nasbench.noise import noise_floor
from nasbench.space import Parameter, Value
from nasbench.spaces.grid import GridSpace
from nasbench.store import Column, Dataset, Protocol, TableData

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EPOCH, REPEAT = "epoch", "repeat"
MISSING = frozenset({"", "nan", "na", "n/a", "null", "none"})
UNSAID = "unknown: as given by the importer"
MAX_CELLS = 2**31
SPARSE_CELLS = 2**24
"""A grid of more cells than this must be at least one percent full."""

_WHOLE = re.compile(r"[+-]?[0-9]{1,300}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def read_csv(
    path: Path | str,
    name: str,
    space_columns: Sequence[str],
    metrics: Sequence[str | MetricSpec],
    objective: str | None = None,
    *,
    id_column: str | None = None,
    epochs: int | None = None,
    title: str | None = None,
    licence: str = UNSAID,
    citation: str = UNSAID,
) -> TableData:
    """The table of a delimited text file; its only dataset is `default`.

    Args:
        path: comma-, semicolon- or tab-separated text in UTF-8 with a header, plain or gzip.
        name: of the table, so that `load(name)` finds it.
        space_columns: columns that make an architecture, in the order of the genotype.
        metrics: `name[=column]:direction:split[:unit]` each; other columns are ignored.
        objective: primary metric; by default the first valid one, else the first train one, else
            the first test one, else the first cost. A test metric only where nothing else is learned.
        id_column: column of official ids, one an architecture; by default its text.
        epochs: length of the training in a file without a column `epoch`, where it is known.
        title, licence, citation: provenance.

    Raises:
        ImportFileError: the contents make no table; names line and column.
        UnknownNameError: no such column, direction, split or objective; names the nearest.
    """
    check_name(name)
    specs = _specs(metrics)
    space_columns = _space_columns(space_columns, specs)
    file = DelimitedFile(Path(path), [*space_columns, *(s.column for s in specs)])
    placed = {spec: _columns_of(spec, file) for spec in specs}
    keys = [key for key in (EPOCH, REPEAT) if key in file.header]
    wanted = [*space_columns, *keys, *([id_column] if id_column else [])]
    cells = file.read([*wanted, *(column for columns in placed.values() for column in columns)])

    source = _Source(file.path, cells)
    parameters, codes = _architectures(source, space_columns)
    records = _records(source, codes, epochs)
    space = GridSpace(parameters)
    grids = {spec: _grid(source, records, spec, columns) for spec, columns in placed.items()}
    complete = len(records.genotypes) == prod(len(p) for p in parameters)
    return TableData(
        name=name,
        title=title or f"{name}: {len(records.genotypes):,} architectures from {file.path.name}",
        licence=licence,
        citation=citation,
        sources=({"name": file.path.name, "sha256": cells.sha256, "licence": licence, "citation": citation},),
        space_kind=space.kind,
        space_definition=space.definition(),
        space_sha256=space.sha256,
        complete=complete,
        genotypes=records.genotypes,
        source_ids=_source_ids(source, records, parameters, id_column),
        canonical=np.arange(len(records.genotypes)),
        datasets={"default": _dataset(grids, records, _primary(specs, objective))},
    )


# -- what the caller asked for --------------------------------------------------------------------


def _specs(metrics: Sequence[str | MetricSpec]) -> list[MetricSpec]:
    specs = [m if isinstance(m, MetricSpec) else parse_metric(m) for m in metrics]
    if not specs:
        raise ImportFileError("a table needs at least one metric, e.g. val_accuracy:maximize:valid:%")
    names = [spec.name for spec in specs]
    for name in names:
        if names.count(name) > 1:
            raise ImportFileError(f"the metric {name!r} is given twice; give each another name")
    return specs


def _space_columns(columns: Sequence[str], specs: Sequence[MetricSpec]) -> list[str]:
    names = [columns] if isinstance(columns, str) else list(columns)
    if not names:
        raise ImportFileError("say which columns make an architecture (the space columns)")
    for name in names:
        if name in (EPOCH, REPEAT):
            raise ImportFileError(
                f"{name!r} tells the records of one architecture apart, so it is no space column; rename the "
                "column in the file if it is a choice"
            )
        if names.count(name) > 1:
            raise ImportFileError(f"the space column {name!r} is given twice")
        if any(spec.column == name for spec in specs):
            raise ImportFileError(f"the column {name!r} is given both as a space column and as a metric")
    return names


def _columns_of(spec: MetricSpec, file: DelimitedFile) -> tuple[str, ...]:
    """Columns of a metric: its own, or one a training run (`METRIC.0`, `METRIC.1`, ...)."""
    pattern = re.compile(re.escape(spec.column) + r"\.([0-9]+)")
    numbers = sorted(int(m[1]) for m in map(pattern.fullmatch, file.header) if m)
    if spec.column in (EPOCH, REPEAT):
        raise ImportFileError(f"{spec.column!r} tells records apart, so it is no metric")
    if spec.column in file.header or not numbers:
        return (spec.column,)
    if REPEAT in file.header:
        raise ImportFileError(
            f"{file.path} has both a column {REPEAT!r} and columns {spec.column}.0, ...; use one of the two"
        )
    columns = tuple(f"{spec.column}.{number}" for number in range(len(numbers)))
    if numbers != list(range(len(numbers))) or not set(columns) <= set(file.header):
        raise ImportFileError(
            f"{file.path}: the training runs of {spec.column} must be numbered 0, 1, 2, ...; there are "
            + ", ".join(f"{spec.column}.{number}" for number in numbers)
        )
    return columns


def _primary(specs: Sequence[MetricSpec], objective: str | None) -> str:
    first = {split: next((s.name for s in specs if s.split == split), None) for split in _BY_PREFERENCE}
    default = next(name for name in first.values() if name is not None)
    if objective is None:
        return default
    chosen = next((s for s in specs if s.name == objective), None)
    if chosen is None:
        raise UnknownNameError("objective", objective, [s.name for s in specs])
    if "test" in chosen.split and (first["valid"] or first["train"]):
        raise ImportFileError(
            f"{objective} is a {chosen.split} metric: the primary objective of a table may be one only where "
            "nothing else is learned; choose a valid metric (a task may still search on test knowingly)"
        )
    return objective


_BY_PREFERENCE = ("valid", "train", "valid+test", "test", "cost")


# -- from cells to arrays -------------------------------------------------------------------------


class _Source(NamedTuple):
    """The file and its cells, for messages that name the place."""

    path: Path
    cells: Cells

    def at(self, record: int, column: str) -> str:
        return f"{self.path}, line {self.cells.lines[record]}, column {column!r}"


class _Records(NamedTuple):
    """Where each of the N records goes: `(N,)` row, training run and epoch number."""

    genotypes: Ints
    row: Ints
    repeat: Ints
    epoch: Ints
    epochs: tuple[int, ...]
    runs: tuple[int, ...]
    recipe_epochs: int | None


def _architectures(source: _Source, columns: Sequence[str]) -> tuple[list[Parameter], Ints]:
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


def _meaning(source: _Source, column: str, texts: tuple[str, ...]) -> dict[str, Value]:
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
            f"{source.at(texts.index(others[0]), column)}: {others[0]!r} among numbers; an architecture needs "
            "every choice, and each number must be finite"
        )
    return {text: text for text in distinct}


def _as_numbers(texts: list[str]) -> list[Value]:
    """Exact integers where all are whole, else floats."""
    if all(map(_WHOLE.fullmatch, texts)):
        return [int(text) for text in texts]
    values = [float(text) for text in texts]
    return [int(v) for v in values] if all(v.is_integer() for v in values) else [v + 0.0 for v in values]


def _records(source: _Source, codes: Ints, epochs: int | None) -> _Records:
    order = np.lexsort(codes.T[::-1])
    ranked = codes[order]
    fresh = np.concatenate([[True], (ranked[1:] != ranked[:-1]).any(axis=1)])
    row = np.empty(len(codes), dtype=np.int64)
    row[order] = np.cumsum(fresh) - 1
    lengths, epoch = _numbering(source, EPOCH, least=1)
    runs, repeat = _numbering(source, REPEAT, least=0)
    if lengths and epochs is not None:
        raise ImportFileError(
            f"{source.path} has a column {EPOCH!r}, which says the epochs; leave out epochs"
        )
    if epochs is not None and (isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 1):
        raise ImportFileError(f"epochs must be a positive integer, got {epochs!r}")
    records = _Records(
        ranked[fresh], row, repeat, epoch, lengths, runs, lengths[-1] if lengths else epochs
    )  # fmt: skip
    _check_size(source, records)
    _check_unique(source, records)
    return records


def _numbering(source: _Source, column: str, least: int) -> tuple[tuple[int, ...], Ints]:
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


def _check_size(source: _Source, records: _Records) -> None:
    shape = (len(records.genotypes), max(1, len(records.runs)), max(1, len(records.epochs)))
    cells, given = prod(shape), len(records.row)
    if cells > MAX_CELLS or (cells > SPARSE_CELLS and cells > 100 * given):
        raise ImportFileError(
            f"{source.path}: {shape[0]:,} architectures x {shape[1]:,} training runs x {shape[2]:,} epochs are "
            f"{cells:,} cells for {given:,} records; number the runs of each architecture 0, 1, 2, ... and "
            "keep the same epochs for all"
        )


def _check_unique(source: _Source, records: _Records) -> None:
    slot = _slots(records)
    order = np.argsort(slot, kind="stable")
    twice = np.flatnonzero(slot[order][1:] == slot[order][:-1])
    if twice.size:
        pair = min((int(order[i + 1]), int(order[i])) for i in twice)
        first, second = (source.cells.lines[i] for i in reversed(pair))
        keys = [key for key in (EPOCH, REPEAT) if key in source.cells.columns]
        what = " and ".join(["architecture", *keys])
        hint = (
            "" if REPEAT in keys else f"; a column {REPEAT!r} tells training runs of one architecture apart"
        )
        raise ImportFileError(
            f"{source.path}, line {second}: the same {what} as line {first}; keep one of them{hint}"
        )


def _slots(records: _Records) -> Ints:
    run = records.row * max(1, len(records.runs)) + records.repeat
    return run * max(1, len(records.epochs)) + records.epoch


def _grid(source: _Source, records: _Records, spec: MetricSpec, columns: tuple[str, ...]) -> Floats:
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


def _values(source: _Source, column: str) -> Floats:
    cells = source.cells.columns[column]
    try:
        values = np.array(list(map(float, cells)))
        plain = bool(np.isfinite(values).all()) and not any("_" in cell for cell in cells)
    except ValueError:
        plain = False
    if plain:
        return values
    return np.array([_value(source, i, column, cell) for i, cell in enumerate(cells)])


def _value(source: _Source, record: int, column: str, cell: str) -> float:
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


def _check_clock(source: _Source, records: _Records, grid: Floats) -> None:
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
            f"{source.path}, line {source.cells.lines[record]}: {SIMULATED_TIME} counts from the start of the "
            f"training, but falls to {grid[row, run, epoch]:g} at epoch {records.epochs[epoch]}; give the sum "
            "over the epochs so far"
        )


# -- the table ------------------------------------------------------------------------------------


def _source_ids(
    source: _Source, records: _Records, parameters: Sequence[Parameter], id_column: str | None
) -> NDArray[np.bytes_]:
    if id_column is None:
        texts = [[f"{p.name}={choice}" for choice in p.choices] for p in parameters]
        rows = records.genotypes.tolist()
        return np.array([",".join(t[i] for t, i in zip(texts, row, strict=True)).encode() for row in rows])
    ids: dict[int, str] = {}
    owner: dict[str, int] = {}
    for record, (row, text) in enumerate(
        zip(records.row.tolist(), source.cells.columns[id_column], strict=True)
    ):
        if not text or ids.setdefault(row, text) != text or owner.setdefault(text, row) != row:
            raise ImportFileError(
                f"{source.at(record, id_column)}: {text!r} is not the one id of its architecture; each "
                "architecture needs one, of its own"
            )
    return np.array([ids[row].encode() for row in range(len(records.genotypes))])


def _dataset(grids: dict[MetricSpec, Floats], records: _Records, objective: str) -> Dataset:
    final, curve, cost = {}, {}, {}
    labels = "" if records.runs == tuple(range(len(records.runs))) else ", ".join(map(str, records.runs))
    about = f"training runs labelled {labels}" if labels else ""
    for spec, grid in grids.items():
        last = np.ascontiguousarray(grid[:, :, -1])
        says = (spec.direction, spec.unit, spec.split, "linear", about)
        if spec.split == "cost":
            cost[spec.name] = Column(squeeze_repeats(last), *says)
        else:
            final[spec.name] = Column(last, *says)
        seen = np.flatnonzero(~np.isnan(grid).all(axis=(0, 1)))
        varies = spec.split != "cost" or (np.fmax.reduce(grid, axis=2) > np.fmin.reduce(grid, axis=2)).any()
        if len(seen) > 1 and varies:
            shown = tuple(records.epochs[i] for i in seen)
            curve[spec.name] = Column(np.ascontiguousarray(grid[:, :, seen]), *says, epochs=shown)
    length = records.recipe_epochs
    timed = {"train_seconds": f"{length} epochs"} if SIMULATED_TIME in cost and length else {}
    recipe = Protocol(str(length or "full"), length, timed, final=final, curve=curve, cost=cost)
    best = {**final, **cost}[objective]
    floor = None
    if best.values.ndim == 2:
        floor = noise_floor(best.values, sign=1 if best.direction == "maximize" else -1)
    return Dataset(objective, {recipe.name: recipe}, floor)
