"""Accel-NASBench: `anb_dataset/anb_dataset_jsons.tar.gz` of the official repository.

Facts of the format: a gzipped tar of `result_N.json`, each {architecture: 28 choices block0-6_{e, k, l, se};
metrics: val_top1 and val_top5 (ImageNet, %, under the authors' shortened training recipe), train_time (s);
model_info: macs and params (10^6); platform_perf: latency_{zcu102, vck190} {latency_mean, latency_std} and
throughput_{a100, 3090, tpuv2, tpuv3, zcu102, vck190} {throughput_mean, throughput_std}}. A null is a number
that the authors do not have: NaN here (88 throughput and 4 latency means; every std of the two FPGAs, which are
therefore no columns). The table is partial: 5,125 of 10^11 networks. Licence Apache-2.0.

5,138 files, 13 of them on an architecture that another file has: equal parameters and MACs, but another
accuracy and training time. They are second training runs, so both are kept as repeats, in the order of the file
numbers; the noise floor comes from these pairs. No learning curves; the length of the training is not in the files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench.datasets.importers.build import counts, ids
from nasbench.datasets.importers.official import (
    file_source,
    number,
    record,
    repeats,
    space_facts,
    sparse_noise_floor,
    spread,
)
from nasbench.datasets.readers.safe_files import parse_json, tar_members
from nasbench.errors import ImportFileError
from nasbench.schema import Column, Dataset, Protocol, TableData
from nasbench.spaces.accel_nasbench import accel_nasbench_space

MAX_MEMBER = 64 << 10
MAX_MEMBERS = 20_000
LATENCY = ("zcu102", "vck190")
THROUGHPUT = ("a100", "3090", "tpuv2", "tpuv3", "zcu102", "vck190")
PERFORMANCE = (*(f"latency_{d}" for d in LATENCY), *(f"throughput_{d}" for d in THROUGHPUT))


class _Result(NamedTuple):
    number: int
    genotype: tuple[int, ...]
    values: Mapping[str, float]


def read(path: Path, name: str | None = None) -> TableData:
    """Accel-NASBench's anb_dataset_jsons.tar.gz: ImageNet accuracy, training time, six accelerators.

    Raises:
        ImportFileError: it is not the official archive, or not whole.
        UnsafeFileError: it holds links or members that are too many, too large, or point outside.
    """
    results = sorted(_results(path))
    if not results:
        raise ImportFileError(f"{path} holds no result_N.json")
    genotypes, order = np.unique([r.genotype for r in results], axis=0, return_inverse=True)
    rows, (_, runs) = order.reshape(-1), repeats([r.genotype for r in results])
    values = {key: spread([r.values[key] for r in results], rows, runs) for key in results[0].values}
    space = accel_nasbench_space()
    first = {r.genotype: f"result_{r.number}" for r in reversed(results)}
    final = {
        f"val_{what}": Column(
            values[f"val_{what}"], "maximize", "%", "valid", description=f"official val_{what}, shortened training"
        )
        for what in ("top1", "top5")
    }  # fmt: skip
    recipe = Protocol("full", None, {"train_seconds": "one training"}, final=final, cost=_costs(values))
    floor = sparse_noise_floor(final["val_top1"].values)
    return TableData(
        name=name or "accel-nasbench",
        title=f"Accel-NASBench: {len(genotypes):,} MobileNet-like networks on ImageNet, and on six accelerators",
        licence="Apache-2.0",
        citation=(
            "A. Ahmad, L. Du, Z. Xie, W. Zhang. Accel-NASBench: Sustainable Benchmarking for Accelerator-Aware "
            "NAS. DAC 2024. https://arxiv.org/abs/2404.08005"
        ),
        sources=(file_source(path, "https://github.com/afzalxo/Accel-NASBench", "Apache-2.0"),),
        complete=False,
        genotypes=genotypes,
        source_ids=ids([first[tuple(row)] for row in genotypes.tolist()]),
        canonical=np.arange(len(genotypes)),
        datasets={"imagenet": Dataset("val_top1", {"full": recipe}, floor)},
        **space_facts(space),
    )


def _results(path: Path) -> list[_Result]:
    results, seen = [], set()
    for member, content in tar_members(path, ".json", MAX_MEMBER, MAX_MEMBERS):
        where = f"{path}: {member}"
        found = re.fullmatch(r"(?:.*/)?result_([0-9]{1,9})\.json", member)
        if found is None or int(found[1]) in seen:
            raise ImportFileError(f"{where} is no result_N.json, or is there twice")
        seen.add(int(found[1]))
        fields = record(parse_json(content, where), ("architecture", "metrics", "model_info", "platform_perf"), where)
        results.append(_Result(int(found[1]), _genotype(fields["architecture"], where), _values(fields, where)))
    return results


def _genotype(architecture: Any, where: str) -> tuple[int, ...]:
    parameters = accel_nasbench_space().parameters
    fields = record(architecture, [p.name for p in parameters], where)
    genotype = []
    for parameter in parameters:
        value = fields[parameter.name]
        if type(value) is not (bool if parameter.name.endswith("_se") else int) or value not in parameter.choices:
            raise ImportFileError(f"{where}: {parameter.name} must be one of {parameter.choices}")
        genotype.append(parameter.choices.index(value))
    return tuple(genotype)


def _values(fields: Mapping[str, Any], where: str) -> dict[str, float]:
    """The numbers of a result by their official name, with `_mean` and `_std` for the accelerators."""
    values = {}
    for group, keys in (("metrics", ("val_top1", "val_top5", "train_time")), ("model_info", ("macs", "params"))):
        numbers = record(fields[group], keys, where)
        for key in keys:
            high = 100.0 if key.startswith("val_") else 1e9
            values[key] = number(numbers[key], f"{where}, {key}", 0, high)
    performance = record(fields["platform_perf"], PERFORMANCE, where)
    for key in PERFORMANCE:
        kind = key.partition("_")[0]
        numbers = record(performance[key], (f"{kind}_mean", f"{kind}_std"), f"{where}, {key}")
        for part in ("mean", "std"):
            values[f"{key}_{part}"] = number(numbers[f"{kind}_{part}"], f"{where}, {key}", 0, 1e9, null=True)
    return values


def _costs(values: Mapping[str, NDArray[np.float64]]) -> dict[str, Column]:
    """Columns `(A, R)` of times and devices, `(A,)` of what is the same for each run."""
    cost = {
        "train_seconds": Column(values["train_time"], "minimize", "s", "cost", description="official train_time"),
        "params": Column(_single(values["params"], "params"), "minimize", "count", "cost"),
        "macs": Column(
            _single(values["macs"], "macs"), "minimize", "count", "cost",
            description="multiply-accumulates, published in 10^6",
        ),
    }  # fmt: skip
    for device in LATENCY:
        cost[f"{device}_latency_ms"] = Column(values[f"latency_{device}_mean"], "minimize", "ms", "cost")
    for device in THROUGHPUT:
        mean, std = (values[f"throughput_{device}_{part}"] for part in ("mean", "std"))
        cost[f"{device}_throughput"] = Column(mean, "maximize", "images/s", "cost", description="published mean")
        if not np.isnan(std).all():
            cost[f"{device}_throughput_std"] = Column(
                std, "minimize", "images/s", "cost", description="published standard deviation of the measurement"
            )
    return cost


def _single(values: NDArray[np.float64], what: str) -> NDArray[np.float64]:
    """`(A,)` counts from 10^6, if all runs of each architecture agree."""
    if (values != values[:, :1])[~np.isnan(values)].any():
        raise ImportFileError(f"two files on one architecture disagree about {what}: they are no training runs of it")
    return counts(values[:, 0])
