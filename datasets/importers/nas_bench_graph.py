"""NAS-Bench-Graph (final results, mean of three seeds) from the PyPI package `nas-bench-graph`.

Facts of the format: `light/<dataset>.bench`, a pickle whose only globals are numpy's scalar and
dtype, `{official key: {"valid_perf": fraction, "perf": test fraction, "latency": s, "para": million
parameters}}`. 26,206 architectures on eight datasets; proteins lists 2,021 of them (it uses five
operations only). Every number is a published mean, so there is a single repeat and no training time.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nasbench.datasets.importers.build import counts, ids, package_source
from nasbench.datasets.paths import package_folder
from nasbench.datasets.readers.safe_pickle import numpy_scalar_globals, read_pickle
from nasbench.errors import TableError
from nasbench.schema import Column, Dataset, Protocol, TableData
from nasbench.spaces.nas_bench_graph import NASBenchGraphSpace

DATASETS = ("cora", "citeseer", "pubmed", "cs", "physics", "photo", "computers", "arxiv", "proteins")


def build(folder: Path | None = None) -> TableData:
    """The table `nas-bench-graph`, nine datasets.

    Raises:
        TableError: the package is missing or its files are not what they should be.
    """
    folder = folder or package_folder("nas_bench_graph", "nas-bench-graph") / "light"
    space = NASBenchGraphSpace()
    genotypes = space.all()
    keys = [space.official_key(tuple(row)) for row in genotypes.tolist()]
    files = [folder / f"{name}.bench" for name in DATASETS]
    return TableData(
        name="nas-bench-graph",
        title="NAS-Bench-Graph: 26,206 graph neural networks x 9 node-classification datasets",
        licence="Apache-2.0",
        citation=(
            "Y. Qin, Z. Zhang, X. Wang, Z. Zhang, W. Zhu. NAS-Bench-Graph: Benchmarking Graph Neural "
            "Architecture Search. NeurIPS Datasets and Benchmarks 2022. https://arxiv.org/abs/2206.09166"
        ),
        sources=tuple(package_source("nas-bench-graph", "Apache-2.0", files)),
        space_kind=space.kind,
        space_definition=space.definition(),
        space_sha256=space.sha256,
        complete=True,
        genotypes=genotypes,
        source_ids=ids([str(key) for key in keys]),
        canonical=np.arange(space.size),
        datasets={name: _dataset(file, keys) for name, file in zip(DATASETS, files, strict=True)},
    )


def _dataset(path: Path, keys: list[int]) -> Dataset:
    records = read_pickle(path, numpy_scalar_globals())
    row_of = {key: row for row, key in enumerate(keys)}
    if not isinstance(records, dict) or not records.keys() <= row_of.keys():
        raise TableError(f"{path} lists architectures that NAS-Bench-Graph does not have")
    rows = np.array(sorted(row_of[key] for key in records), dtype=np.int64)
    column = {name: np.full(len(keys), np.nan) for name in ("valid_perf", "perf", "latency", "para")}
    for name, values in column.items():
        values[rows] = [float(records[keys[row]][name]) for row in rows.tolist()]
    what = "ROC-AUC" if path.stem == "proteins" else "accuracy"
    final = {
        "val_accuracy": Column(
            column["valid_perf"][:, None], "maximize", "fraction", "valid",
            description=f"validation {what} (official valid_perf), mean of 3 seeds",
        ),
        "test_accuracy": Column(
            column["perf"][:, None], "maximize", "fraction", "test",
            description=f"test {what} (official perf), mean of 3 seeds",
        ),
    }  # fmt: skip
    cost = {
        "latency_ms": Column(column["latency"] * 1e3, "minimize", "ms", "cost", description="published in seconds"),
        "params": Column(counts(column["para"]), "minimize", "count", "cost", description="published in millions"),
    }
    recipe = Protocol("full", None, {}, final=final, cost=cost)
    covered = None if len(rows) == len(keys) else rows
    return Dataset("val_accuracy", {"full": recipe}, None, covered)
