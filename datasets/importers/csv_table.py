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
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nasbench.datasets.importers.build import squeeze_repeats
from nasbench.datasets.importers.csv_records import (
    EPOCH,
    REPEAT,
    Records,
    Source,
    architectures,
    metric_grid,
    place_records,
)
from nasbench.datasets.importers.metric_spec import SIMULATED_TIME, MetricSpec, parse_metric
from nasbench.datasets.install import check_name
from nasbench.datasets.readers.delimited import DelimitedFile
from nasbench.errors import ImportFileError, UnknownNameError
from nasbench.noise import noise_floor
from nasbench.parameter import Parameter
from nasbench.schema import Column, Dataset, Protocol, TableData
from nasbench.spaces.grid import GridSpace

__all__ = ["parse_metric", "read_csv"]

UNSAID = "unknown: as given by the importer"
_BY_PREFERENCE = ("valid", "train", "valid+test", "test", "cost")


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
        title: of the table, for listings.
        licence: of the numbers.
        citation: of the work that they come from.

    Raises:
        TableError: an unusable name.
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

    source = Source(file.path, cells)
    parameters, codes = architectures(source, space_columns)
    records = place_records(source, codes, epochs)
    space = GridSpace(parameters)
    grids = {spec: metric_grid(source, records, spec, columns) for spec, columns in placed.items()}
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
    given = [metrics] if isinstance(metrics, str) else metrics
    specs = [m if isinstance(m, MetricSpec) else parse_metric(m) for m in given]
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


# -- the table ------------------------------------------------------------------------------------


def _source_ids(
    source: Source, records: Records, parameters: Sequence[Parameter], id_column: str | None
) -> NDArray[np.bytes_]:
    if id_column is None:
        texts = [[f"{p.name}={choice}" for choice in p.choices] for p in parameters]
        rows = records.genotypes.tolist()
        return np.array([",".join(t[i] for t, i in zip(texts, row, strict=True)).encode() for row in rows])
    ids: dict[int, str] = {}
    owner: dict[str, int] = {}
    for record, (row, text) in enumerate(zip(records.row.tolist(), source.cells.columns[id_column], strict=True)):
        if not text or ids.setdefault(row, text) != text or owner.setdefault(text, row) != row:
            raise ImportFileError(
                f"{source.at(record, id_column)}: {text!r} is not the one id of its architecture; each "
                "architecture needs one, of its own"
            )
    return np.array([ids[row].encode() for row in range(len(records.genotypes))])


def _dataset(grids: dict[MetricSpec, NDArray[np.float64]], records: Records, objective: str) -> Dataset:
    final, curve, cost = {}, {}, {}
    for spec, grid in grids.items():
        last = np.ascontiguousarray(grid[:, :, -1])
        if spec.split == "cost":
            cost[spec.name] = _column(spec, squeeze_repeats(last), records)
        else:
            final[spec.name] = _column(spec, last, records)
        seen = np.flatnonzero(~np.isnan(grid).all(axis=(0, 1)))
        if len(seen) > 1 and (spec.split != "cost" or _varies(grid)):
            shown = tuple(records.epochs[i] for i in seen)
            curve[spec.name] = _column(spec, np.ascontiguousarray(grid[:, :, seen]), records, shown)
    length = records.recipe_epochs
    timed = {SIMULATED_TIME: f"{length} epochs"} if SIMULATED_TIME in cost and length else {}
    recipe = Protocol(str(length or "full"), length, timed, final=final, curve=curve, cost=cost)
    best = {**final, **cost}[objective]
    known = best.values.ndim == 2
    floor = noise_floor(best.values, 1 if best.direction == "maximize" else -1) if known else None
    return Dataset(objective, {recipe.name: recipe}, floor)


def _column(spec: MetricSpec, values: NDArray[np.float64], records: Records, epochs: tuple[int, ...] = ()) -> Column:
    labelled = values.ndim > 1 and records.runs != tuple(range(len(records.runs)))
    about = f"training runs labelled {', '.join(map(str, records.runs))}" if labelled else ""
    return Column(values, spec.direction, spec.unit, spec.split, "linear", about, epochs)


def _varies(grid: NDArray[np.float64]) -> bool:
    """Whether some training's values `(A, R, E)` change along its epochs (a fixed cost has no curve)."""
    return bool((np.fmax.reduce(grid, axis=2) > np.fmin.reduce(grid, axis=2)).any())
