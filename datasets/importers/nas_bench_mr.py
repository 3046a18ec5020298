"""NAS-Bench-MR: `data/<task>/trainval.pkl` of the repository of NCP (Network Coding Propagation).

Facts of the format: a pickle of plain builtins, a list of records {input_channel: two widths;
inverted_residual_setting: one [branches, units of each branch, widths of each branch] a module, in order of
stages, whose number of branches is the stage's number; last_channel; embedding: the same as 27 integers;
flops: in 10^9; params: in 10^6; and the task's metrics in %}. The published classification tasks
(`cls-10c`, `cls-50-100`) have top1 and top5, segmentation (`seg`) has mIoU, mAcc and aAcc; 2,507
architectures each, of 2^80: the table is partial. One number an architecture and metric (noise unknown);
should an architecture be listed again, it is a second training of it. FLOPs depend on the task's input, so that each
dataset has its own. No training times, no curves. A dataset is named by the file's folder, as published; the folder
`nas-bench-201` holds cells of another space and is passed over. Licence BSD-2-Clause.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

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
from nasbench.datasets.readers.safe_pickle import read_pickle
from nasbench.errors import ImportFileError
from nasbench.schema import Column, Dataset, Protocol, TableData
from nasbench.spaces.nas_bench_mr import nas_bench_mr_space

FILE = "trainval.pkl"
METRICS = ("top1", "top5", "mIoU", "mAcc", "aAcc", "mAP", "AP")
"""Accuracies in %, the primary one of a task first; a task has some of them."""

ELSEWHERE = "nas-bench-201"
COSTS = ("flops", "params")
SHARED = (*COSTS, "input_channel", "inverted_residual_setting", "last_channel", "embedding")
MAX_BYTES = 32 << 20

_Records = list[tuple[tuple[int, ...], Mapping[str, float]]]


def read(path: Path, name: str | None = None) -> TableData:
    """NAS-Bench-MR's trainval.pkl of one task, or the folder `data` with a folder for each task.

    Raises:
        ImportFileError: a file is not what it should be.
        UnsafeFileError: a file asks for any global, or is larger than it may be.
    """
    files = _files(path)
    tasks = {task: _records(file) for task, file in files.items()}
    genotypes = np.array(sorted({genotype for records in tasks.values() for genotype, _ in records}), dtype=np.int64)
    rows = {tuple(genotype): row for row, genotype in enumerate(genotypes.tolist())}
    space = nas_bench_mr_space()
    return TableData(
        name=name or "nas-bench-mr",
        title=f"NAS-Bench-MR: {len(rows):,} multi-resolution networks x {len(tasks)} vision tasks",
        licence="BSD-2-Clause",
        citation=(
            "M. Ding, Y. Huo, H. Lu, L. Yang, Z. Wang, Z. Lu, J. Wang, P. Luo. Learning Versatile Neural "
            "Architectures by Propagating Network Codes. ICLR 2022. https://arxiv.org/abs/2103.13253"
        ),
        sources=tuple(
            {**file_source(file, "https://github.com/dingmyu/NCP", "BSD-2-Clause"), "name": f"{task}/{file.name}"}
            for task, file in files.items()
        ),
        complete=False,
        genotypes=genotypes,
        source_ids=ids([",".join(map(str, _vector(row))) for row in genotypes.tolist()]),
        canonical=np.arange(len(genotypes)),
        datasets={task: _dataset(records, rows, f"{path}, {task}") for task, records in tasks.items()},
        **space_facts(space),
    )


def _files(path: Path) -> dict[str, Path]:
    """The file of each task: the path itself, or those of the folders in it."""
    found = sorted(path.glob(f"*/{FILE}")) if path.is_dir() else [path]
    if not found:
        raise ImportFileError(f"{path} has no folder with a {FILE}; give one such file, or the folder of tasks")
    files = {file.resolve().parent.name.lower(): file for file in found}
    if path.is_dir() and len(files) > 1:
        files.pop(ELSEWHERE, None)
    for task, file in files.items():
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,31}", task):
            raise ImportFileError(f"{file}: {task!r} names no task; keep the official folders, e.g. cls-10c/{FILE}")
    return files


def _records(path: Path) -> _Records:
    """The records of a task by genotype; metrics, flops and params are checked numbers."""
    found = read_pickle(path, max_bytes=MAX_BYTES)
    if not isinstance(found, list) or not found:
        raise ImportFileError(f"{path} holds no list of architectures")
    first = found[0] if isinstance(found[0], dict) else {}
    metrics = [name for name in METRICS if name in first] or list(METRICS[:2])
    records: _Records = []
    for place, entry in enumerate(found):
        where = f"{path}, record {place}"
        fields = record(entry, (*metrics, *SHARED), where)
        genotype = _genotype(fields, where)
        values = {metric: number(fields[metric], f"{where}, {metric}", 0, 100) for metric in metrics}
        values |= {cost: number(fields[cost], f"{where}, {cost}", 0, 1e6) for cost in COSTS}
        records.append((genotype, values))
    return records


def _genotype(fields: Mapping[str, Any], where: str) -> tuple[int, ...]:
    """The genotype of the 27 integers, if they say the same as the structure beside them."""
    try:
        stages: dict[int, list[Any]] = {}
        for branches, units, widths in fields["inverted_residual_setting"]:
            stages.setdefault(_whole([branches])[0], []).append((_whole(units), _whole(widths)))
        vector = [*_whole(fields["input_channel"])]
        for modules in stages.values():
            vector += [len(modules), *modules[0][0], *modules[0][1]]
        vector += _whole([fields["last_channel"]])
        embedding = _whole(fields["embedding"])
        same = all(module == modules[0] for modules in stages.values() for module in modules)
    except (TypeError, ValueError, IndexError):
        same, vector, embedding = False, [], []
    if not same or vector != embedding:
        raise ImportFileError(f"{where}: the embedding does not say the same as the structure")
    parameters = nas_bench_mr_space().parameters
    if len(vector) != len(parameters):
        raise ImportFileError(f"{where}: expected an embedding of {len(parameters)} integers")
    for parameter, value in zip(parameters, vector, strict=True):
        if value not in parameter.choices:
            raise ImportFileError(f"{where}: {parameter.name} is {value}, but may be one of {parameter.choices}")
    return tuple(p.choices.index(value) for p, value in zip(parameters, vector, strict=True))


def _whole(values: Any) -> list[int]:
    """The list, if it is a short one of plain integers; else a ValueError."""
    if type(values) is not list or len(values) > 32 or not all(type(value) is int for value in values):
        raise ValueError
    return values


def _vector(genotype: list[int]) -> list[Any]:
    return [p.choices[g] for p, g in zip(nas_bench_mr_space().parameters, genotype, strict=True)]


def _dataset(records: _Records, rows: dict[tuple[int, ...], int], where: str) -> Dataset:
    """The columns of a task; its covered rows where other tasks list more."""
    place, runs = repeats([genotype for genotype, _ in records])
    covered = np.array([rows[genotype] for genotype in dict.fromkeys(genotype for genotype, _ in records)])
    columns = {}
    for key in records[0][1]:
        values = np.full((len(rows), int(runs.max()) + 1), np.nan)
        values[covered] = spread([fields[key] for _, fields in records], place, runs)
        columns[key] = values
    for key in COSTS:
        if (columns[key] != columns[key][:, :1])[~np.isnan(columns[key])].any():
            raise ImportFileError(f"{where}: two records of one architecture have other {key}: no trainings of it")
    cost = {
        "flops": Column(
            counts(columns.pop("flops")[:, 0] * 1e3), "minimize", "count", "cost", description="published in 10^9"
        ),
        "params": Column(
            counts(columns.pop("params")[:, 0]), "minimize", "count", "cost", description="published in 10^6"
        ),
    }  # fmt: skip
    final = {
        f"val_{metric}": Column(values, "maximize", "%", "valid", description=f"official {metric}")
        for metric, values in columns.items()
    }
    recipe = Protocol("full", None, {}, final=final, cost=cost)
    objective = next(iter(final))
    floor = sparse_noise_floor(final[objective].values)
    return Dataset(objective, {"full": recipe}, floor, None if len(covered) == len(rows) else np.sort(covered))
