"""The official `.pth` file of TransNAS-Bench-101, `transnas-bench_v10141024.pth`: both of its search spaces.

What the importers `transnas` (micro) and `transnas_macro` share; the layout is that of the official API. The file is
one dictionary {data, metrics_dict, info_names, task_list}; `data[space][architecture string][task]` is {total_epochs,
model_info: {inference_time, encoder_params, model_params, model_FLOPs, encoder_FLOPs}, metrics: {name: one value an
epoch}}. Names of metrics are `<split>_<metric>`, split train, valid (or val) and test, and `time_elapsed`.
One training run each: noise is unknown. A run that has fewer epochs than the others of its task failed: its curve
ends, its final values are NaN.

The official code takes the inference time in seconds (mean of 800 forward passes of one 3 x 720 x 1080 image on a
GPU), counts parameters and multiply-adds, and reads `time_elapsed` off a clock since the start of the training, as
`HH:MM:SS`. The file's own units are not published: times may be numbers of seconds, and of each epoch; counts
may be in millions. `_elapsed` and `_counted` tell which from the whole column.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench.datasets.importers.build import ids
from nasbench.datasets.importers.official import file_source, number, record, space_facts
from nasbench.datasets.readers.pickle_plain import plain_globals
from nasbench.datasets.readers.torch_file import read_torch
from nasbench.errors import GenotypeError, ImportFileError
from nasbench.schema import Column, Dataset, Protocol, TableData
from nasbench.space import SearchSpace

Floats = NDArray[np.float64]

PRIMARY = {
    "class_scene": "top1", "class_object": "top1", "room_layout": "neg_loss", "jigsaw": "top1",
    "segmentsemantic": "acc", "normal": "ssim", "autoencoder": "ssim",
}  # fmt: skip
"""The metric that each task is judged by."""

MISSING = -1e8
LARGEST = float(np.finfo(np.float32).max)
MAX_EPOCHS = 1000
INFO = ("inference_time", "encoder_params", "model_params", "model_FLOPs", "encoder_FLOPs")
TIME = "time_elapsed"
SPLITS = {"train": ("train", "train"), "valid": ("val", "valid"), "val": ("val", "valid"), "test": ("test", "test")}
"""Official prefix -> ours, and the role of the split."""


class _Kind(NamedTuple):
    direction: str
    unit: str
    low: float
    high: float


KINDS = {
    "top1": _Kind("maximize", "%", 0, 100),
    "top5": _Kind("maximize", "%", 0, 100),
    "acc": _Kind("maximize", "%", 0, 100),
    "mIoU": _Kind("maximize", "%", 0, 100),
    "ssim": _Kind("maximize", "index", -1, 1),
    "neg_loss": _Kind("maximize", "negative loss", -math.inf, math.inf),
    "loss": _Kind("minimize", "loss", -math.inf, math.inf),
    "l1_loss": _Kind("minimize", "L1 loss", 0, math.inf),
    "g_loss": _Kind("minimize", "loss", -math.inf, math.inf),
    "d_loss": _Kind("minimize", "loss", -math.inf, math.inf),
}
"""Every metric of the official training code."""

_METRIC = re.compile(r"(train|valid|val|test)_(\w+)")
_CLOCK = re.compile(r"([0-9]{1,4}):([0-5][0-9]):([0-5][0-9])")


@dataclass
class _Runs:
    """The runs of one task: `metrics` is name -> one series a run, `info` one row of `INFO` a run."""

    rows: list[int] = field(default_factory=list)
    metrics: dict[str, list[array[float]]] = field(default_factory=dict)
    info: list[list[float]] = field(default_factory=list)


def table(path: Path, part: str, space: SearchSpace, name: str, title: str) -> TableData:
    """One search space of the official file; a file that lists only some architectures is a partial table.

    Args:
        path: the file.
        part: `micro` or `macro`.
        space: its search space, whose text form is the official string.
        name: of the family.
        title: of the table, without the number of architectures and tasks.

    Raises:
        ImportFileError: it is not the official file, or a record is not what it should be.
        UnsafeFileError: it asks for another global or a tensor, or is larger than it may be.
    """
    found = read_torch(path, plain_globals())
    spaces = found.get("data") if isinstance(found, dict) else None
    archs = spaces.get(part) if isinstance(spaces, dict) else None
    if not isinstance(archs, dict) or not archs:
        raise ImportFileError(f"{path} holds no architectures of the {part} search space")
    genotypes = _genotypes(space, archs, str(path))
    order = np.argsort(space.indices(genotypes))
    listed = [*archs]
    names = [listed[place] for place in order.tolist()]
    tasks = _tasks([archs[arch] for arch in names], names, str(path))
    genotypes = genotypes[order]
    return TableData(
        name=name,
        title=f"{title}: {len(names):,} architectures x {len(tasks)} vision tasks",
        licence="MIT",
        citation=(
            "Y. Duan, X. Chen, H. Xu, Z. Chen, X. Liang, T. Zhang, Z. Li. TransNAS-Bench-101: Improving "
            "Transferability and Generalizability of Cross-Task Neural Architecture Search. CVPR 2021. "
            "https://arxiv.org/abs/2105.11871"
        ),
        sources=(file_source(path, "https://github.com/yawen-d/TransNASBench", "MIT"),),
        complete=len(names) == space.size,
        genotypes=genotypes,
        source_ids=ids(names),
        canonical=_representatives(space, genotypes),
        datasets={task: _dataset(task, runs, len(names), f"{path}, {task}") for task, runs in tasks.items()},
        **space_facts(space),
    )


def _genotypes(space: SearchSpace, archs: Mapping[Any, Any], where: str) -> NDArray[np.int64]:
    try:
        genotypes = np.array([space.parse(arch) for arch in archs], dtype=np.int64)
        if [space.format(tuple(row)) for row in genotypes.tolist()] == [*archs]:
            return genotypes
    except GenotypeError as error:
        raise ImportFileError(f"{where}: {error}") from error
    raise ImportFileError(f"{where}: an architecture is not named by its official string")


def _representatives(space: SearchSpace, genotypes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first listed row of each architecture's class, `(A,)`."""
    classes = space.indices(space.canonical(genotypes))
    _, first, which = np.unique(classes, return_index=True, return_inverse=True)
    return np.asarray(first[which], dtype=np.int64)


def _tasks(records: Sequence[Any], names: Sequence[str], where: str) -> dict[str, _Runs]:
    """The checked runs of each task that any architecture was trained on, in the official order of tasks."""
    tasks: dict[str, _Runs] = {}
    for row, (arch, found) in enumerate(zip(names, records, strict=True)):
        if not isinstance(found, dict) or not found or not found.keys() <= PRIMARY.keys():
            raise ImportFileError(f"{where}, {arch}: expected a dictionary of the tasks {', '.join(PRIMARY)}")
        for task, run in found.items():
            _add(tasks.setdefault(task, _Runs()), row, run, f"{where}, {arch}, {task}")
    return {task: tasks[task] for task in PRIMARY if task in tasks}


def _add(runs: _Runs, row: int, run: Any, where: str) -> None:
    fields = record(run, ("total_epochs", "model_info", "metrics"), where)
    epochs = number(fields["total_epochs"], f"{where}, total_epochs", 1, MAX_EPOCHS)
    metrics, info = fields["metrics"], record(fields["model_info"], INFO, f"{where}, model_info")
    if not isinstance(metrics, dict) or not all(isinstance(name, str) for name in metrics):
        raise ImportFileError(f"{where}: its metrics are no dictionary of lists")
    if not metrics or (runs.rows and metrics.keys() != runs.metrics.keys()):
        raise ImportFileError(f"{where}: its metrics are not those of the task's other architectures")
    for name, values in metrics.items():
        series = _clock(values) if name == TIME else _numbers(values)
        if series is None or len(series) != epochs:
            raise ImportFileError(f"{where}: {name[:40]} is no list of {epochs:g} numbers, one an epoch")
        runs.metrics.setdefault(name, []).append(series)
    # the official script writes "" where it did not measure
    runs.info.append([math.nan if info[key] in ("", None) else number(info[key], f"{where}, {key}", 0) for key in INFO])
    runs.rows.append(row)


def _numbers(values: Any) -> array[float] | None:
    """A list of numbers, else None."""
    if type(values) is not list or len(values) > MAX_EPOCHS:
        return None
    try:
        return array("d", values)
    except (TypeError, OverflowError):
        return None


def _clock(values: Any) -> array[float] | None:
    """A list of seconds, given as numbers or as `HH:MM:SS`, else None."""
    if type(values) is list and all(isinstance(value, str) for value in values):
        found = [_CLOCK.fullmatch(value) for value in values[: MAX_EPOCHS + 1]]
        return array("d", [3600 * int(m[1]) + 60 * int(m[2]) + int(m[3]) for m in found if m])
    seconds = _numbers(values)
    return seconds if seconds is not None and all(0 <= second < 1e12 for second in seconds) else None


def _dataset(task: str, runs: _Runs, size: int, where: str) -> Dataset:
    epochs = max(len(series) for column in runs.metrics.values() for series in column)
    shown = tuple(range(1, epochs + 1))
    final, curve = {}, {}
    for official, series in runs.metrics.items():
        if official == TIME:
            continue
        name, role, kind = _metric(official, where)
        values = _stacked(series, runs.rows, size, epochs)
        if (values < kind.low).any() or (values > kind.high).any():
            raise ImportFileError(f"{where}: {official} is not from {kind.low} to {kind.high}")
        about = f"official {official}, one run"
        last = np.ascontiguousarray(values[:, :, -1])
        final[name] = Column(last, kind.direction, kind.unit, role, description=about)
        curve[name] = Column(values, kind.direction, kind.unit, role, description=about, epochs=shown)
    objective = f"val_{PRIMARY[task]}"
    if objective not in final:
        raise ImportFileError(f"{where} lacks valid_{PRIMARY[task]}, the metric that the task is judged by")
    cost = _costs(runs, size)
    if TIME in runs.metrics:
        taken = _elapsed(_stacked(runs.metrics[TIME], runs.rows, size, epochs), where)
        about = "official time_elapsed, with the passes over the validation and test data"
        curve["train_seconds"] = Column(taken, "minimize", "s", "cost", description=about, epochs=shown)
        cost["train_seconds"] = Column(taken[:, :, -1].copy(), "minimize", "s", "cost", description=about)
    recipe = Protocol(str(epochs), epochs, {"train_seconds": f"{epochs} epochs"}, final, curve, cost)
    covered = None if len(runs.rows) == size else np.array(runs.rows, dtype=np.int64)
    return Dataset(objective, {recipe.name: recipe}, None, covered)


def _metric(official: str, where: str) -> tuple[str, str, _Kind]:
    """Our name of an official metric, the role of its split, and what it measures."""
    found = _METRIC.fullmatch(official)
    if found is None or found[2] not in KINDS:
        raise ImportFileError(f"{where}: {official[:40]!r} is no metric of TransNAS-Bench-101")
    prefix, role = SPLITS[found[1]]
    return f"{prefix}_{found[2]}", role, KINDS[found[2]]


def _stacked(series: Sequence[array[float]], rows: Sequence[int], size: int, epochs: int) -> Floats:
    """`(A, 1, E)` of one series a run; NaN after its end, and where it holds no number of single precision."""
    values = np.full((size, 1, epochs), np.nan)
    for row, one in zip(rows, series, strict=True):
        values[row, 0, : len(one)] = one
    values[~(np.abs(values) <= LARGEST) | (values == MISSING)] = np.nan
    return values


def _elapsed(times: Floats, where: str) -> Floats:
    """Seconds since the start of the training at each epoch, `(A, 1, E)`; those it took, after a run's end.

    A clock that runs never falls; times of each epoch fall somewhere in nearly every run, or are all alike.

    Raises:
        ImportFileError: times that fall in some runs and not in most.
    """
    trained = ~np.isnan(times[:, 0, 0])
    falling = (np.diff(times[trained, 0]) < 0).any(axis=1).mean()
    alike = np.nanmedian(np.fmax.reduce(times, axis=2)) <= 1.5 * np.nanmedian(times[:, :, 0])
    if 0 < falling <= 0.5:
        raise ImportFileError(f"{where}: {TIME} is no time since the start of the training, nor of each epoch")
    taken = np.cumsum(times, axis=2) if falling or alike else times
    return np.asarray(np.fmax.accumulate(taken, axis=2))


def _costs(runs: _Runs, size: int) -> dict[str, Column]:
    values = np.full((len(INFO), size), np.nan)
    values[:, runs.rows] = np.array(runs.info).T
    published = dict(zip(INFO, values, strict=True))
    about = "mean of 800 passes of one image of 720 x 1080 pixels on a GPU; published in seconds"
    cost = {"latency_ms": Column(published["inference_time"] * 1e3, "minimize", "ms", "cost", description=about)}
    for name, official in (
        ("params", "model_params"), ("flops", "model_FLOPs"),
        ("encoder_params", "encoder_params"), ("encoder_flops", "encoder_FLOPs"),
    ):  # fmt: skip
        # the stem alone has 19,296 weights, and 5.6 million multiply-adds on a tile of the jigsaw
        about, least = (", multiply-adds", 1e6) if official.endswith("FLOPs") else ("", 1e4)
        counted = _counted(published[official], least)
        cost[name] = Column(counted, "minimize", "count", "cost", description=f"official {official}{about}")
    return {name: column for name, column in cost.items() if not np.isnan(column.values).all()}


def _counted(values: Floats, least: float) -> Floats:
    """Counts, from counts or millions: `least` is fewer than any network has, and as many millions are more."""
    return values if np.nanmax(values, initial=0) >= least else values * 1e6
