"""The registry of import formats: an official file of the field -> `TableData`.

A format is one function `read(path, name=None) -> TableData` in a module of its own, whose docstring
states the facts of the file. To add one, write the module and its line here; a third party registers an
entry point of the group `nasbench.formats`. `nasbench import FORMAT PATH` serves all of them. (CSV files
have questions of their own to answer, so that `nasbench import csv` is a command of its own.)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nasbench.registry import Registry
from nasbench.schema import TableData

REGISTRY = Registry(
    "import format",
    {
        "accel-nasbench": ("nasbench.datasets.importers.accel_nasbench:read", None),
        "fcnet": ("nasbench.datasets.importers.fcnet:read", None),
        "hat": ("nasbench.datasets.importers.hat:read", None),
        "hw-nas-bench": ("nasbench.datasets.importers.hw_nas_bench_pickle:read", None),
        "jahs": ("nasbench.datasets.importers.jahs:read", None),
        "lcbench": ("nasbench.datasets.importers.lcbench:read", None),
        "nas-bench-301": ("nasbench.datasets.importers.nas_bench_301:read", None),
        "nas-bench-asr": ("nasbench.datasets.importers.nas_bench_asr:read", None),
        "nas-bench-graph": ("nasbench.datasets.importers.nas_bench_graph_full:read", None),
        "nas-bench-macro": ("nasbench.datasets.importers.nas_bench_macro:read", None),
        "nas-bench-mr": ("nasbench.datasets.importers.nas_bench_mr:read", None),
        "nas-bench-nlp": ("nasbench.datasets.importers.nas_bench_nlp:read", None),
        "nasbench101": ("nasbench.datasets.importers.nasbench101:read", None),
        "nasbench201": ("nasbench.datasets.importers.nasbench201_pth:read", None),
        "naslib-zc": ("nasbench.datasets.importers.naslib_zc:read", None),
        "nats-sss": ("nasbench.datasets.importers.nats_sss:read", None),
        "nats-tss": ("nasbench.datasets.importers.nats_tss:read", None),
        "robustness": ("nasbench.datasets.importers.robustness:read", None),
        "transnas": ("nasbench.datasets.importers.transnas:read", None),
        "transnas-macro": ("nasbench.datasets.importers.transnas_macro:read", None),
    },
    group="nasbench.formats",
)


def list() -> Sequence[str]:
    """Names of all formats; imports none of them."""
    return REGISTRY.names()


def read(format: str, path: Path | str, name: str | None = None) -> TableData:
    """The table of an official file; `nasbench.datasets.install.install` puts it in place.

    Args:
        format: one of `list()`.
        path: the file, or the folder of files where the format has several.
        name: of the family; the format's own by default.

    Raises:
        UnknownNameError: no such format.
        MissingExtraError: the format's optional dependency is not installed.
        TableError: the file is damaged, foreign, or asks for more than it may (`UnsafeFileError`).
    """
    data: TableData = REGISTRY.get(format)(Path(path), name)
    return data
