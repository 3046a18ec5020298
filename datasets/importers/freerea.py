"""Mean test accuracy of the NAS-Bench-201 cells after 200 epochs, from FreeREA's `cached_metrics`.

Facts of the format: `cached_metrics/nats/<dataset>/accuracies.csv` has the columns `index,accuracy`, and
`params.csv` has `index,params`; index is the official number of the cell, 0 to 15,624, in rising order. The
accuracy is the mean over the official training runs on all of the training data (`cifar10`: `ori-test`;
`cifar100`, `ImageNet16-120`: `x-test`), in %: the best are 94.37, 73.51 and 47.31. Parameters are in millions
for the two CIFARs and counts for ImageNet16-120; that each cell has those of the base table proves the order.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nasbench.datasets.addons import Additions, addition
from nasbench.datasets.importers.build import counts
from nasbench.datasets.readers.delimited import DelimitedFile
from nasbench.errors import ImportFileError
from nasbench.schema import Column, Protocol
from nasbench.spaces.nasbench201 import NASBench201Space
from nasbench.store import Table

DATASETS = ("cifar10", "cifar100", "imagenet16-120")
COUNTED = "imagenet16-120"
"""The dataset whose parameters are published as counts; those of the others are in millions."""


def build(files: Mapping[str, Path], base: Table) -> Additions:
    """`test_accuracy` of protocol 200, in the base's order of rows.

    Args:
        files: `<dataset>/accuracies` and `<dataset>/params` of each dataset.
        base: the table `nasbench201`.

    Raises:
        ImportFileError: cells in another order, other parameters than the base's, no accuracy.
    """
    space = NASBench201Space()
    rows = space.indices(space.official_order())
    return {name: addition(base, name, _protocol(name, files, base, rows)) for name in DATASETS}


def _protocol(name: str, files: Mapping[str, Path], base: Table, rows: NDArray[np.int64]) -> Protocol:
    accuracy = _column(files[f"{name}/accuracies"], "accuracy", rows)
    if not ((accuracy >= 0) & (accuracy <= 100)).all():
        raise ImportFileError(f"{files[f'{name}/accuracies']}: an accuracy is not in 0 to 100 %")
    params = _column(files[f"{name}/params"], "params", rows)
    known = base.datasets[name].protocols["200"].cost["params"].values
    other = (params if name == COUNTED else counts(params)) != known
    if other.any():
        raise ImportFileError(
            f"{files[f'{name}/params']}: {int(other.sum()):,} cells have other parameter counts than nasbench201, so "
            "its rows are not the official ones"
        )
    column = Column(
        accuracy[:, None], "maximize", "%", "test",
        description="official test split, the published mean over training runs on the full training data",
    )  # fmt: skip
    return Protocol("200", epochs=200, final={"test_accuracy": column})


def _column(path: Path, name: str, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Values `(A,)` in the order of table rows; `rows[i]` is the row of official cell i."""
    cells = DelimitedFile(path, ("index", name)).read(("index", name)).columns
    if cells["index"] != tuple(map(str, range(len(rows)))):
        raise ImportFileError(f"{path}: the indices are not 0 to {len(rows) - 1:,} in order")
    values = np.empty(len(rows))
    try:
        values[rows] = np.array(cells[name], dtype=np.float64)
    except ValueError as error:
        raise ImportFileError(f"{path}: {error}") from error
    return values
