"""NAS-Bench-Macro: the official JSON file of its repository, `data/nas-bench-macro_cifar10.json`.

Facts of the format: one object; a key is eight digits, one a layer (0 identity, 1 MB3_K3, 2 MB6_K5);
a value is {test_acc: three training runs in %, mean_acc, std, params, flops}; all 6,561 networks are
there. The repository publishes *no validation data*: the only learned metric is test accuracy, so that a
task on this table must say `allow_test`. There are no training times and no curves. Licence Apache-2.0.
"""

from __future__ import annotations

import math
from pathlib import Path
from statistics import fmean

import numpy as np

from nasbench.datasets.importers.build import ids
from nasbench.datasets.importers.official import file_source, number, record, space_facts
from nasbench.datasets.readers.safe_files import parse_json, read_bytes
from nasbench.errors import ImportFileError
from nasbench.noise import noise_floor
from nasbench.schema import Column, Dataset, Protocol, TableData
from nasbench.spaces.nas_bench_macro import NASBenchMacroSpace

KEYS = ("test_acc", "mean_acc", "std", "params", "flops")
RUNS = 3
MAX_BYTES = 16 << 20


def read(path: Path, name: str | None = None) -> TableData:
    """NAS-Bench-Macro's official JSON file (test accuracy only).

    Raises:
        ImportFileError: it is not the official file, or not whole.
        UnsafeFileError: it is larger than it may be.
    """
    space = NASBenchMacroSpace()
    genotypes = space.all()
    keys = ["".join(map(str, row)) for row in genotypes.tolist()]
    records = parse_json(read_bytes(path, MAX_BYTES), str(path))
    if not isinstance(records, dict) or set(records) != set(keys):
        raise ImportFileError(f"{path} does not list the {len(keys):,} networks of NAS-Bench-Macro, each once")
    accuracy = np.empty((len(keys), RUNS))
    params, flops = np.empty(len(keys)), np.empty(len(keys))
    for row, key in enumerate(keys):
        where = f"{path}, {key}"
        values = record(records[key], KEYS, where)
        accuracy[row] = _runs(values["test_acc"], number(values["mean_acc"], where, 0, 100), where)
        params[row] = number(values["params"], where, 1)
        flops[row] = number(values["flops"], where, 1)
    final = {
        "test_accuracy": Column(
            accuracy, "maximize", "%", "test",
            description="test accuracy of three training runs (official test_acc); no validation data is published",
        )
    }  # fmt: skip
    cost = {
        "params": Column(params, "minimize", "count", "cost"),
        "flops": Column(flops, "minimize", "count", "cost"),
    }
    recipe = Protocol("full", None, {}, final=final, cost=cost)
    return TableData(
        name=name or "nas-bench-macro",
        title="NAS-Bench-Macro: 6,561 networks on CIFAR-10, test accuracy only",
        licence="Apache-2.0",
        citation=(
            "X. Su, T. Huang, Y. Li, S. You, F. Wang, C. Qian, C. Zhang, C. Xu. Prioritized Architecture Sampling "
            "with Monto-Carlo Tree Search. CVPR 2021. https://arxiv.org/abs/2103.11922"
        ),
        sources=(file_source(path, "https://github.com/xiusu/NAS-Bench-Macro", "Apache-2.0"),),
        complete=True,
        genotypes=genotypes,
        source_ids=ids(keys),
        canonical=space.indices(space.canonical(genotypes)),
        datasets={"cifar10": Dataset("test_accuracy", {"full": recipe}, noise_floor(accuracy))},
        **space_facts(space),
    )


def _runs(values: object, mean: float, where: str) -> list[float]:
    """The three training runs, if the published mean is theirs."""
    if not isinstance(values, list) or len(values) != RUNS:
        raise ImportFileError(f"{where}: expected a list of {RUNS} test accuracies")
    runs = [number(value, where, 0, 100) for value in values]
    if not math.isclose(fmean(runs), mean, abs_tol=1e-4):
        raise ImportFileError(f"{where}: the published mean {mean} is not that of its runs {runs}")
    return runs
