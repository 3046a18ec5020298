"""Learning curves of 200 epochs of 200 NAS-Bench-201 cells on CIFAR-10, from `_clean_all_merged.csv`.

Facts of the format: a comma-separated file of 200 lines (official cells 0 to 199) with `arch_i` (official number),
`arch_str` (official string), eight zero-cost proxies, and `train_accs` and `val_accs`, each the text of a JSON list
of 200 accuracies in %, after epochs 1 to 200. The published numbers are means over the three official trainings
(seeds 777, 888, 999) of `cifar10-valid`, half of the training data: `train_accs` on what was trained on, `val_accs` on
the validation half (`x-valid`). The last of `val_accs` is the mean of the three `val_accuracy` of the base in
every cell, which proves order, dataset and split.

A mean of trainings is no training: the columns are metrics of their own with one repeat, `mean_val_accuracy` and
`mean_train_accuracy`, so that nobody reads one as seed 777 of `val_accuracy`, and no run that reads `val_accuracy` has
another key because curves are here. The proxies are not imported: their settings are not published.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nasbench.datasets.addons import Additions, addition
from nasbench.datasets.importers.official import number
from nasbench.datasets.readers.delimited import DelimitedFile
from nasbench.datasets.readers.safe_files import parse_json
from nasbench.errors import GenotypeError, ImportFileError
from nasbench.schema import Column, Protocol
from nasbench.spaces.nasbench201 import NASBench201Space
from nasbench.store import Table

EPOCHS = 200
CURVES = {"val_accs": ("mean_val_accuracy", "valid"), "train_accs": ("mean_train_accuracy", "train")}
MAX_BYTES = 16 << 20


def build(files: Mapping[str, Path], base: Table) -> Additions:
    """Mean validation and training curves of protocol 200 on CIFAR-10, NaN for cells that are not listed.

    Args:
        files: `curves`, the CSV file.
        base: the table `nasbench201`.

    Raises:
        ImportFileError: a number that does not belong to its string, a list that is no curve of 200 accuracies, or
            an end that is not the base's validation accuracy.
    """
    path = files["curves"]
    cells = DelimitedFile(path, ("arch_i", "arch_str", *CURVES), MAX_BYTES).read(("arch_i", "arch_str", *CURVES))
    rows = _rows(path, cells.columns["arch_i"], cells.columns["arch_str"])
    known = base.datasets["cifar10"].protocols["200"].final["val_accuracy"].values[rows].mean(axis=1)
    final, curve = {}, {}
    for key, (metric, split) in CURVES.items():
        places = [f"{path}, line {line}, {key}" for line in cells.lines]
        values = np.array([_curve(*one) for one in zip(cells.columns[key], places, strict=True)])
        if split == "valid" and not np.allclose(values[:, -1], known, rtol=0, atol=1e-9):
            raise ImportFileError(f"{path}: {key} does not end at the mean validation accuracy of nasbench201")
        about = f"mean of three trainings on half of CIFAR-10 ({key} of 200 cells)"
        ends, grid = np.full((len(base), 1), np.nan), np.full((len(base), 1, EPOCHS), np.nan, dtype=np.float32)
        ends[rows, 0], grid[rows, 0] = values[:, -1], values
        final[metric] = Column(ends, "maximize", "%", split, description=about)
        curve[metric] = Column(grid, "maximize", "%", split, description=about, epochs=tuple(range(1, EPOCHS + 1)))
    return {"cifar10": addition(base, "cifar10", Protocol("200", epochs=EPOCHS, final=final, curve=curve))}


def _rows(path: Path, numbers: Sequence[str], strings: Sequence[str]) -> NDArray[np.int64]:
    """Table rows `(n,)` of the cells, whose official numbers and strings must agree."""
    space = NASBench201Space()
    official = {str(i): tuple(cell) for i, cell in enumerate(space.official_order().tolist())}
    try:
        genotypes = [space.parse(text) for text in strings]
    except GenotypeError as error:
        raise ImportFileError(f"{path}: {error}") from error
    if [official.get(text) for text in numbers] != genotypes:
        raise ImportFileError(f"{path}: an official number does not belong to its string")
    rows = space.indices(genotypes)
    if len(np.unique(rows)) != len(rows):
        raise ImportFileError(f"{path} lists a cell twice")
    return rows


def _curve(text: str, where: str) -> list[float]:
    values = parse_json(text.encode(), where)
    if not isinstance(values, list) or len(values) != EPOCHS:
        raise ImportFileError(f"{where}: expected a list of {EPOCHS} accuracies")
    return [number(value, where, 0, 100) for value in values]
