"""Benchmark families by name, and how each one's table is found or built on this machine."""

from __future__ import annotations

import atexit
import importlib
import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

from nasbench.datasets.addons import join
from nasbench.datasets.paths import cache_dir, data_dir
from nasbench.datasets.surrogate_names import surrogate_names
from nasbench.errors import TableError, UnknownNameError
from nasbench.schema import TableData
from nasbench.store import Table
from nasbench.table_file import write_table

log = logging.getLogger(__name__)

CONVERSION = 2
"""Raised whenever an importer of an installed package changes what it writes: a new cache file."""


class Family(NamedTuple):
    """A family whose data comes with an installed package.

    Attributes:
        builder: `module:function` that returns the `TableData`.
        datasets: names of its datasets.
        title: one line for listings.
        licence: of the data, a key of `nasbench.datasets.catalog.TERMS`.
    """

    builder: str
    datasets: tuple[str, ...]
    title: str
    licence: str


FAMILIES: dict[str, Family] = {
    "nasbench201": Family(
        "nasbench.datasets.importers.nasbench201:build",
        ("cifar10", "cifar100", "imagenet16-120"),
        "NAS-Bench-201, 15,625 cells, validation accuracy after 200 epochs",
        "MIT",
    ),
    "nas-bench-graph": Family(
        "nasbench.datasets.importers.nas_bench_graph:build",
        ("cora", "citeseer", "pubmed", "cs", "physics", "photo", "computers", "arxiv", "proteins"),
        "NAS-Bench-Graph, 26,206 graph neural networks, validation and test",
        "Apache-2.0",
    ),
    "fcnet": Family(
        "nasbench.datasets.importers.hpo_grids:build_fcnet",
        ("naval_propulsion", "parkinsons_telemonitoring", "protein_structure", "slice_localization"),
        "HPOlib FC-Net, 62,208 joint architecture + hyper-parameter choices",
        "BSD-3-Clause",
    ),
    "hpobench-mlp": Family(
        "nasbench.datasets.importers.hpo_grids:build_mlp",
        ("australian", "blood_transfusion", "car", "credit_g", "kc1", "phoneme", "segment", "vehicle"),
        "HPOBench MLP, 30,000 configurations",
        "Apache-2.0",
    ),
}


def imported_path(family: str) -> Path:
    """Where an imported or fetched family's table is kept."""
    return data_dir() / f"{family}.h5"


def imported_families() -> list[str]:
    """Families that a user imported or fetched, sorted; add-on files are not families."""
    folder = data_dir()
    return sorted(p.stem for p in folder.glob("*.h5") if "+" not in p.stem) if folder.is_dir() else []


def installed_names() -> list[str]:
    """Every benchmark `family/dataset` that `load` answers without a network, sorted by family."""
    names = [f"{family}/{dataset}" for family, known in FAMILIES.items() for dataset in known.datasets]
    for family in imported_families():
        try:
            names += [f"{family}/{dataset}" for dataset in Table(imported_path(family)).datasets]
        except TableError as error:
            log.warning("%s", error)
    return names + surrogate_names()


def open_table(family: str) -> Table:
    """The open table of a family, with the add-ons that are installed.

    Raises:
        UnknownNameError: no such family here.
        TableError: a file of it is damaged or does not fit, or its package is missing.
    """
    return join(open_base(family))


def open_base(family: str) -> Table:
    """The open table of a family without add-ons; a packaged family is converted the first time.

    Raises:
        UnknownNameError: no such family here.
        TableError: its file is damaged, or its package is missing.
    """
    if "+" not in family and imported_path(family).is_file():
        return Table(imported_path(family))
    if family not in FAMILIES:
        raise UnknownNameError(
            "benchmark family", family, [*FAMILIES, *imported_families()],
            hint="`nasbench list` shows every benchmark; `nasbench import csv` adds your own.",
        )  # fmt: skip
    path = cache_dir() / f"{family}-{CONVERSION}.h5"
    return Table(path if path.is_file() else _convert(family, path))


def _convert(family: str, path: Path) -> Path:
    module, _, name = FAMILIES[family].builder.partition(":")
    data: TableData = getattr(importlib.import_module(module), name)()
    log.info("converting %s once, to %s", family, path)
    created_by = f"nasbench conversion {CONVERSION} of installed packages"
    if _writable(path.parent):
        write_table(path, data, created_by)
        return path
    folder = Path(tempfile.mkdtemp(prefix="nasbench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    log.warning(
        "%s cannot be written, so %s is converted anew by each process; set NASBENCH_HOME to a folder that "
        "can be written",
        path.parent,
        family,
    )
    write_table(folder / path.name, data, created_by)
    return folder / path.name


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)
