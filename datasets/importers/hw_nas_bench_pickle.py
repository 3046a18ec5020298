"""HW-NAS-Bench in its official file, `HW-NAS-Bench-v1_0.pickle`: NAS-Bench-201 cells on six devices.

Facts of the format: a pickle {nasbench201: {dataset: {metric: 15,625 numbers, config: 15,625 objects}}, fbnet: ...}
for the datasets cifar10, cifar100 and ImageNet16-120; ten metrics (`hw_nas_bench` lists them, with units and
devices) in the official order of the cells, which `config[i]["arch_str"]` repeats: it is checked. -1 on the edge TPU is
a cell that could not be compiled: NaN here. There are no accuracies. The numbers are Python's or numpy's; numpy's are
read from their bytes by stand-ins, so that none of numpy's constructors is called. `fbnet` is a matter of
`fbnet_costs`: its 9^22 networks are no table. Licence MIT. https://github.com/GATECH-EIC/HW-NAS-Bench
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.datasets.importers.build import ids
from nasbench.datasets.importers.hw_nas_bench import DEVICES, METRICS, NOT_COMPILED, UNITS
from nasbench.datasets.importers.official import file_source, space_facts
from nasbench.datasets.readers.safe_pickle import read_pickle
from nasbench.errors import ImportFileError
from nasbench.schema import Column, Dataset, Protocol, TableData
from nasbench.spaces.nasbench201 import NASBench201Space

DATASETS = {"cifar10": "cifar10", "cifar100": "cifar100", "ImageNet16-120": "imagenet16-120"}
MAX_BYTES = 64 << 20
NUMBERS = {"f8": "<f8", "f4": "<f4", "i8": "<i8", "i4": "<i4"}


def read(path: Path, name: str | None = None) -> TableData:
    """HW-NAS-Bench-v1_0.pickle: latency and energy of the NAS-Bench-201 cells on six devices.

    Raises:
        ImportFileError: it is not the official file, or not whole.
        UnsafeFileError: it asks for something that this format never needs, or is too large.
    """
    space = NASBench201Space()
    measured = part(path, "nasbench201")
    if not measured or not set(measured) <= set(DATASETS):
        raise ImportFileError(f"{path}: expected the datasets {', '.join(DATASETS)}")
    official = space.official_order()
    rows = space.indices(official)
    strings = [space.format(tuple(cell)) for cell in official.tolist()]
    genotypes = space.all()
    numbers = np.empty(space.size, dtype=np.int64)
    numbers[rows] = np.arange(space.size)
    return TableData(
        name=name or "hw-nas-bench",
        title=f"HW-NAS-Bench: 15,625 NAS-Bench-201 cells on {len(DEVICES)} devices, no accuracies",
        licence="MIT",
        citation=(
            "C. Li, Z. Yu, Y. Fu, Y. Zhang, Y. Zhao, H. You, Q. Yu, Y. Wang, Y. Lin. HW-NAS-Bench: Hardware-Aware "
            "Neural Architecture Search Benchmark. ICLR 2021. https://arxiv.org/abs/2103.10584"
        ),
        sources=(file_source(path, "https://github.com/GATECH-EIC/HW-NAS-Bench", "MIT"),),
        complete=True,
        genotypes=genotypes,
        source_ids=ids([str(i) for i in numbers.tolist()]),
        canonical=space.indices(space.canonical(genotypes)),
        datasets={
            DATASETS[key]: _dataset(measured[key], rows, strings, f"{path}, {key}")
            for key in DATASETS
            if key in measured
        },
        **space_facts(space),
    )


def part(path: Path, key: str) -> Mapping[str, Any]:
    """The part of the official pickle for one search space, `nasbench201` or `fbnet`.

    Raises:
        ImportFileError: it is not the official file.
        UnsafeFileError: it asks for something that this format never needs, or is too large.
    """
    allowed = {
        (module, name): made
        for module in ("numpy.core.multiarray", "numpy._core.multiarray")
        for name, made in (("scalar", _scalar), ("_reconstruct", _Array))
    }
    content = read_pickle(path, {**allowed, ("numpy", "dtype"): _Dtype, ("numpy", "ndarray"): _Array}, MAX_BYTES)
    found = content.get(key) if isinstance(content, dict) else None
    if not isinstance(found, dict):
        raise ImportFileError(f"{path} is not HW-NAS-Bench's pickle: it has no {key!r}")
    return found


class _Dtype:
    """Stands for numpy's dtype: keeps its code."""

    def __init__(self, code: Any, *_: Any) -> None:
        if code not in NUMBERS:
            raise ValueError(f"numbers of the numpy type {code!s:.20} are not in this format")
        self.code = NUMBERS[code]

    def __setstate__(self, state: Any) -> None:
        if state[1] not in ("<", "|"):
            raise ValueError("numbers of another byte order are not in this format")


def _scalar(dtype: Any, content: bytes) -> float:
    return float(np.frombuffer(content, dtype=dtype.code, count=1)[0])


class _Array:
    """Stands for a numpy array of one dimension: its numbers, once its state is there."""

    def __init__(self, *_: Any) -> None:
        self.values: list[float] = []

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, _, content = state
        values = np.frombuffer(content, dtype=dtype.code)
        if shape != values.shape:
            raise ValueError("an array of this format has one dimension")
        self.values = values.astype(np.float64).tolist()


def _dataset(columns: Any, rows: NDArray[np.int64], strings: list[str], where: str) -> Dataset:
    """The metrics of a dataset in table order; `rows[i]` is the row of official cell i."""
    if not isinstance(columns, dict) or set(columns) != {*METRICS, "config"}:
        raise ImportFileError(f"{where}: expected config and the metrics {', '.join(METRICS)}")
    configs = columns["config"]
    if not isinstance(configs, list) or len(configs) != len(strings):
        raise ImportFileError(f"{where}: config is no list of the {len(strings):,} cells")
    for number, (config, string) in enumerate(zip(configs, strings, strict=True)):
        if not isinstance(config, dict) or config.get("arch_str") != string:
            raise ImportFileError(f"{where}: config {number} is not the official cell {string}")
    device = dict(_column(metric, columns[metric], rows, f"{where}, {metric}") for metric in METRICS)
    return Dataset("edgegpu_latency_ms", {"measured": Protocol("measured")}, device=device)


def _column(metric: str, published: Any, rows: NDArray[np.int64], where: str) -> tuple[str, Column]:
    given = published.values if isinstance(published, _Array) else published
    if not isinstance(given, list) or len(given) != len(rows) or {*map(type, given)} - {float, int}:
        raise ImportFileError(f"{where}: expected {len(rows):,} numbers")
    values = np.empty(len(rows))
    values[rows] = given
    device, _, kind = metric.partition("_")
    failed = values == NOT_COMPILED if device == "edgetpu" else np.zeros(len(rows), dtype=bool)
    if not (failed | ((values > 0) & (values < np.inf))).all():
        raise ImportFileError(f"{where}: a value is not positive")
    unit = UNITS.get(kind, "")
    column = Column(
        np.where(failed, np.nan, values), "minimize" if unit else "maximize", unit, "cost",
        description=f"{DEVICES[device]}; one image at a time",
    )  # fmt: skip
    return (f"{metric}_{unit.lower()}" if unit else metric), column
