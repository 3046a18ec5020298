"""Write a benchmark as a CSV or Parquet file that other programs, and our CSV importer, read.

*Wide* (default): one record an architecture; the columns are `architecture` (its text), `source_id`
(the official id), one for each choice, and one for each metric, or one a training run
(`val_accuracy.0`, ...) where there are several. *Long*: one record a training run and, where the
table has learning curves, an epoch, with the columns `repeat` and `epoch`. Numbers are written so
that they read back bit for bit; a missing one is an empty cell (null in Parquet).
"""

from __future__ import annotations

import csv
import io
import json
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.datasets.importers.csv_records import EPOCH, REPEAT
from nasbench.errors import MissingExtraError, TableError, UnknownNameError
from nasbench.schema import Protocol
from nasbench.spaces import from_definition
from nasbench.store import Table
from nasbench.table_file import write_whole

Values = NDArray[Any]
ARCHITECTURE, SOURCE_ID = "architecture", "source_id"


class Exportable(typing.Protocol):
    """One dataset of an open table: what `nasbench.load` returns."""

    @property
    def table(self) -> Table: ...  # noqa: D102

    @property
    def dataset(self) -> str: ...  # noqa: D102


def export_csv(bench: Exportable, path: Path | str, *, protocol: str | None = None, long: bool = False) -> Path:
    """Write a benchmark as CSV in UTF-8; returns the file, which appears whole or not at all.

    Args:
        bench: the benchmark.
        path: file to write; its folder is made.
        protocol: training recipe; the dataset's first by default.
        long: one record a training run and epoch, with all learning curves.

    Raises:
        UnknownNameError: no such protocol.
        TableError: the file cannot be written.
    """
    columns = export_columns(bench, protocol=protocol, long=long)

    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*map(_texts, columns.values()), strict=True))
    return _write(Path(path), stream.getvalue().encode())


def export_parquet(bench: Exportable, path: Path | str, *, protocol: str | None = None, long: bool = False) -> Path:
    """Write a benchmark as Parquet; returns the file, which appears whole or not at all.

    The file's metadata key `nasbench` holds the provenance as JSON.

    Args:
        bench: the benchmark.
        path: file to write; its folder is made.
        protocol: training recipe; the dataset's first by default.
        long: one record a training run and epoch, with all learning curves.

    Raises:
        MissingExtraError: pyarrow is not installed.
        UnknownNameError: no such protocol.
        TableError: the file cannot be written.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise MissingExtraError("Parquet export", "parquet") from None
    attrs = bench.table.attrs
    about: dict[str, Any] = {
        key: attrs[key] for key in ("title", "licence", "citation", "content_sha256")
    }  # fmt: skip
    about |= {"benchmark": f"{attrs['name']}/{bench.dataset}", "sources": bench.table.sources}
    columns = export_columns(bench, protocol=protocol, long=long)
    arrays = {name: pyarrow.array(values, from_pandas=True) for name, values in columns.items()}
    frame = pyarrow.table(arrays).replace_schema_metadata({"nasbench": json.dumps(about, sort_keys=True)})
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(frame, sink)
    return _write(Path(path), sink.getvalue().to_pybytes())


def export_columns(bench: Exportable, *, protocol: str | None = None, long: bool = False) -> dict[str, Values]:
    """The columns of an export by name, each `(N,)`: text, integers, or floats with NaN.

    Raises:
        UnknownNameError: no such protocol.
        TableError: a choice has the name of a metric, or of a key column.
    """
    table, data = bench.table, bench.table.datasets[bench.dataset]
    name = next(iter(data.protocols)) if protocol is None else protocol
    if name not in data.protocols:
        raise UnknownNameError(f"protocol of {table.attrs['name']}/{bench.dataset}", name, data.protocols)
    recipe = data.protocols[name]
    rows = np.arange(len(table)) if data.rows is None else np.asarray(data.rows)
    metrics = {metric: c.values[rows] for metric, c in data.columns(name).items()}
    names, choices = _architectures(table, rows)
    if not long:
        return _joined(names, choices, _wide(metrics))
    curves = {metric: table.curve(bench.dataset, name, metric)[rows] for metric in recipe.curve}
    shown, record_row = _long(metrics, curves, recipe)
    return _joined(_taken(names, record_row), _taken(choices, record_row), shown)


def _taken(columns: Mapping[str, Values], rows: Values) -> dict[str, Values]:
    return {name: values[rows] for name, values in columns.items()}


def _architectures(table: Table, rows: Values) -> tuple[dict[str, Values], dict[str, Values]]:
    """Text and official id of the architectures of some rows; their choices."""
    space = from_definition(table.space_kind, table.space_definition)
    genotypes = table.genotypes[rows]
    names: dict[str, Values] = {
        ARCHITECTURE: np.array([space.format(tuple(row)) for row in genotypes.tolist()], dtype=object),
        SOURCE_ID: np.array([text.decode() for text in table.source_ids[rows].tolist()], dtype=object),
    }
    columns: dict[str, Values] = {}
    for position, parameter in enumerate(space.parameters):
        choices = np.array(parameter.choices)
        if choices.dtype.kind not in "if":
            choices = np.array([str(choice) for choice in parameter.choices], dtype=object)
        columns[parameter.name] = choices[genotypes[:, position]]
    return names, columns


def _joined(
    names: Mapping[str, Values], choices: Mapping[str, Values], shown: Mapping[str, Values]
) -> dict[str, Values]:
    """All columns; text and id are left out where the table has a column of that name itself."""
    twice = sorted(choices.keys() & shown.keys())
    if twice:
        raise TableError(f"the export would have two columns {twice[0]!r}; rename the choice in the table")
    own = {**choices, **shown}
    return {**{name: values for name, values in names.items() if name not in own}, **own}


def _wide(metrics: Mapping[str, Values]) -> dict[str, Values]:
    """`(A,)` columns; a metric with several training runs gives `METRIC.0`, `METRIC.1`, ..."""
    columns: dict[str, Values] = {}
    for name, values in metrics.items():
        if values.ndim == 1 or values.shape[1] == 1:
            columns[name] = values.reshape(len(values))
        else:
            columns |= {f"{name}.{run}": values[:, run] for run in range(values.shape[1])}
    return columns


def _long(
    metrics: Mapping[str, Values], curves: Mapping[str, Values], recipe: Protocol
) -> tuple[dict[str, Values], Values]:
    """Columns `(N,)` with the key columns, and the architecture `(N,)` of each record.

    A fixed cost stands in every training run. Records without any number are left out, but the
    first run of an architecture stays.
    """
    lengths = {epoch for metric in curves for epoch in recipe.curve[metric].epochs}
    if lengths and recipe.epochs is not None:
        lengths.add(recipe.epochs)
    epochs = np.array(sorted(lengths) or [0])
    count = len(next(iter(metrics.values())))
    runs = max([1, *(v.shape[1] for v in [*metrics.values(), *curves.values()] if v.ndim > 1)])
    kept = np.zeros((count, runs, len(epochs)), dtype=bool)
    kept[:, 0, -1] = True
    grids = {}
    for name, values in metrics.items():
        grid = np.full(kept.shape, np.nan)
        if name in curves:
            places = np.searchsorted(epochs, recipe.curve[name].epochs)
            grid[:, : curves[name].shape[1], places] = curves[name]
        if values.ndim == 1:
            grid[:, :, -1] = values[:, None]
        else:
            grid[:, : values.shape[1], -1] = values
            kept |= ~np.isnan(grid)
        grids[name] = grid
    row, run, epoch = np.nonzero(kept)
    keys: dict[str, Values] = {REPEAT: run} if runs > 1 else {}
    if lengths:
        keys[EPOCH] = epochs[epoch]
    return {**keys, **{name: grid[kept] for name, grid in grids.items()}}, row


def _texts(values: Values) -> list[str]:
    """Cells: the shortest text that reads back exactly; empty for NaN."""
    if values.dtype.kind == "f":
        return ["" if value != value else repr(value) for value in values.tolist()]
    return [str(value) for value in values.tolist()]


def _write(path: Path, content: bytes) -> Path:
    try:
        write_whole(path, content)
    except OSError as error:
        raise TableError(f"cannot write {path}: {error}") from error
    return path
