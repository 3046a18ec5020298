"""Write a benchmark as a CSV or Parquet file that other programs read and `nasbench import csv` reads back.

*Wide* (default): one record an architecture; the columns are `architecture` (its text), `source_id`
(the official id), one for each choice, and one for each metric, or one a training run
(`val_accuracy.0`, ...) where there are several. *Long*: one record a training run and, where the
table has learning curves, an epoch, with the columns `epoch` and `repeat`. Numbers are written so
that they read back bit for bit; a missing one is an empty cell (null in Parquet).
"""

from __future__ import annotations

import csv
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.datasets.csv_records import EPOCH, REPEAT
from nasbench.errors import MissingExtraError, TableError, UnknownNameError
from nasbench.space import SearchSpace
from nasbench.spaces import from_definition
from nasbench.store import Column, Protocol, Table

Values = NDArray[Any]
ARCHITECTURE, SOURCE_ID = "architecture", "source_id"


def export_csv(
    table: Table, dataset: str, path: Path | str, *, protocol: str | None = None, long: bool = False
) -> Path:
    """Write a dataset as CSV in UTF-8; returns the file, which appears whole or not at all.

    Args:
        table: an open table (`benchmark.table`).
        dataset: of the table (`benchmark.dataset`).
        path: file to write; its folder is made.
        protocol: training recipe; the dataset's first by default.
        long: one record a training run and epoch, with all learning curves.

    Raises:
        UnknownNameError: no such dataset or protocol.
        TableError: the file cannot be written.
    """
    columns = export_columns(table, dataset, protocol=protocol, long=long)

    def write(target: Path) -> None:
        cells = [_texts(values) for values in columns.values()]
        with target.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(zip(*cells, strict=True))

    return _whole(Path(path), write)


def export_parquet(
    table: Table, dataset: str, path: Path | str, *, protocol: str | None = None, long: bool = False
) -> Path:
    """Write a dataset as Parquet; arguments and errors of `export_csv`.

    The file's metadata key `nasbench` holds the provenance (JSON).

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise MissingExtraError("Parquet export", "parquet") from None
    columns = export_columns(table, dataset, protocol=protocol, long=long)
    arrays = {name: pyarrow.array(values, from_pandas=True) for name, values in columns.items()}
    about = {"benchmark": f"{table.attrs['name']}/{dataset}", "sources": table.sources}
    about |= {key: table.attrs[key] for key in ("title", "licence", "citation", "content_sha256")}
    frame = pyarrow.table(arrays).replace_schema_metadata({"nasbench": json.dumps(about, sort_keys=True)})
    return _whole(Path(path), lambda target: parquet.write_table(frame, target))


def export_columns(
    table: Table, dataset: str, *, protocol: str | None = None, long: bool = False
) -> dict[str, Values]:
    """The columns of an export by name, each `(N,)`: text, integers or floats with NaN.

    Raises:
        UnknownNameError: no such dataset or protocol.
    """
    if dataset not in table.datasets:
        raise UnknownNameError(f"dataset of {table.attrs['name']}", dataset, table.datasets)
    data = table.datasets[dataset]
    name = next(iter(data.protocols)) if protocol is None else protocol
    if name not in data.protocols:
        raise UnknownNameError(f"protocol of {table.attrs['name']}/{dataset}", name, data.protocols)
    recipe = data.protocols[name]
    rows = np.arange(len(table)) if data.rows is None else np.asarray(data.rows)
    space = from_definition(table.space_kind, table.space_definition)
    metrics = {metric: column.values[rows] for metric, column in {**recipe.final, **recipe.cost}.items()}
    curves = {
        metric: (column.epochs, table.curve(dataset, name, metric)[rows])
        for metric, column in recipe.curve.items()
    }
    shown = dict(_long(metrics, curves, recipe) if long else _wide(metrics))
    described = _described(space, table, rows, taken=[*shown, EPOCH, REPEAT])
    if not long:
        return {**described, **shown}
    records = len(next(iter(shown.values()))) // max(1, len(rows))
    columns = {**{k: np.repeat(v, records) for k, v in described.items()}, **shown}
    return _with_numbers(columns)
