"""JAHS-Bench-201: `metric_data/TASK/{train,valid,test}_set.pkl.gz` of the official archive metric_data.tar.

Facts of the format (from the official code, which pins pandas 1.3; no file of it was at hand): each file is a pickled
pandas frame, one row an epoch of one training; its columns have two levels. `features`: Op1 to Op6, N, W, Resolution,
TrivialAugment, Activation, Optimizer, LearningRate, WeightDecay, and `epoch` from 1 (200 in all). `labels`:
{train, valid, test}-acc in %, *-loss, `runtime` (s, cumulative), FLOPS, latency, size_MB (NASLib's
count_parameters_in_MB: parameters in 10^6), and durations. Tasks are cifar10, colorectal_histology and
fashion_mnist. The three files divide the *trainings* for fitting surrogates, as the official table reader they are
read together; `raw.pkl.gz`, the same and what was filtered out, is not read. Which file a row comes from is its source
id: `train_set/17` is the 18th training of that file. Licence MIT.

Op k is the operation on the k-th of the edges 0->1, 0->2, 0->3, 1->2, 1->3, 2->3: 0 skip, 1 zero, 2 3x3
convolution, 3 1x1 convolution, 4 3x3 average pooling (another order of both than NAS-Bench-201's strings).

Learning rate and weight decay are continuous: this is a *table-only* space, the listed trainings on the grid of the
values that occur. N, W and Resolution (the official fidelities beside epochs) are choices like the others. Trainings
of one configuration, should there be several, are repeats. A training that stopped early has NaN finals.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench.datasets.importers.build import counts, ids
from nasbench.datasets.importers.official import file_source, space_facts, sparse_noise_floor
from nasbench.datasets.readers.frame_pickle import Labels, Values, read_frame
from nasbench.errors import ImportFileError, UnsafeFileError
from nasbench.parameter import Parameter, Value
from nasbench.schema import Column, Dataset, Protocol, TableData
from nasbench.spaces.grid import GridSpace

SETS = ("train_set", "valid_set", "test_set")
CHOICES: dict[str, tuple[Value, ...]] = {
    **{f"Op{i}": (0, 1, 2, 3, 4) for i in range(1, 7)},
    "N": (1, 3, 5),
    "W": (4, 8, 16),
    "Resolution": (0.25, 0.5, 1.0),
    "Activation": ("ReLU", "Hardswish", "Mish"),
    "TrivialAugment": (False, True),
    "Optimizer": ("SGD",),
}
"""The discrete features, in the order of the genotype; learning rate and weight decay follow."""

CONTINUOUS = ("LearningRate", "WeightDecay")
ORDERED = frozenset({"N", "W", "Resolution", *CONTINUOUS})


class _Label(NamedTuple):
    """A label: our name, direction, unit, split, largest value, whether every file has it."""

    name: str
    direction: str
    unit: str
    split: str
    high: float
    needed: bool


ALONG = {
    **{
        f"{official}-acc": _Label(f"{ours}_accuracy", "maximize", "%", official, 100.0, True)
        for official, ours in (("valid", "val"), ("test", "test"), ("train", "train"))
    },
    **{
        f"{official}-loss": _Label(f"{ours}_loss", "minimize", "nats", official, np.inf, False)
        for official, ours in (("valid", "val"), ("test", "test"), ("train", "train"))
    },
    "runtime": _Label("train_seconds", "minimize", "s", "cost", np.inf, True),
}
"""Labels with a learning curve."""

ONCE = {
    "size_MB": _Label("params", "minimize", "count", "cost", np.inf, False),
    "FLOPS": _Label("flops", "minimize", "as published", "cost", np.inf, False),
    "latency": _Label("latency", "minimize", "as published", "cost", np.inf, False),
}
"""Labels of which the last epoch's is kept."""

ROUNDING = 1 + 1e-6
"""How far above its largest value a mean over batches may come to lie."""

MAX_EPOCHS = 1000
MAX_TASKS = 8
MAX_REPEATS = 8
MAX_FILL = 50
"""How many times as many numbers as rows a curve may have: trainings are mostly whole."""

_NUMBERS = frozenset({int, float, bool, np.float64, np.float32, np.int64, np.int32, np.bool_})
_log = logging.getLogger(__name__)


class _Task(NamedTuple):
    """One task: configurations `(A, 14)`, their source ids; by official label finals `(A, R)`, curves `(A, R, E)`."""

    configurations: NDArray[np.float64]
    sources: list[str]
    last: Mapping[str, NDArray[np.float64]]
    along: Mapping[str, NDArray[np.float32]]


def read(path: Path, name: str | None = None) -> TableData:
    """JAHS-Bench-201's folder metric_data, or a task's folder or file in it: a table-only space.

    Raises:
        ImportFileError: a file is not what it should be, or there is none.
        UnsafeFileError: a file asks for anything but plain columns, or for too much memory.
    """
    files = _files(path)
    tasks = {task: _task(of_one) for task, of_one in files.items()}
    listed = np.unique(np.concatenate([task.configurations for task in tasks.values()]), axis=0)
    space, genotypes = _described(listed)
    placed = {task: _find(listed, one.configurations) for task, one in tasks.items()}
    sources = [""] * len(listed)
    for task in reversed(tasks):
        for row, source in zip(placed[task].tolist(), tasks[task].sources, strict=True):
            sources[row] = source if len(tasks) == 1 else f"{task}/{source}"
    return TableData(
        name=name or "jahs",
        title=f"JAHS-Bench-201: {len(listed):,} networks and recipes x {len(files)} image tasks (table-only space)",
        licence="MIT",
        citation=(
            "A. Bansal, D. Stoll, M. Janowski, A. Zela, F. Hutter. JAHS-Bench-201: A Foundation For Research On Joint "
            "Architecture And Hyperparameter Search. NeurIPS Datasets and Benchmarks 2022"
        ),
        sources=tuple(
            {**file_source(file, "https://github.com/automl/jahs_bench_201", "MIT"), "name": f"{task}/{file.name}"}
            for task, of_one in files.items()
            for file in of_one.values()
        ),
        complete=False,
        genotypes=genotypes,
        source_ids=ids(sources),
        canonical=np.arange(len(listed)),
        # each task's numbers are let go as its columns are made
        datasets={task: _dataset(tasks.pop(task), placed[task], len(listed)) for task in sorted(tasks)},
        **space_facts(space),
    )


def _files(path: Path) -> dict[str, dict[str, Path]]:
    """The files of each task by set."""
    inside = sorted(path.glob("*_set.pkl.gz")) or sorted(path.glob("*/*_set.pkl.gz"))
    found = inside if path.is_dir() else [path]
    tasks: dict[str, dict[str, Path]] = {}
    for file in found:
        task, which = file.resolve().parent.name, file.name.removesuffix(".pkl.gz")
        if which not in SETS or not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,40}", task):
            raise ImportFileError(f"{file}: keep the official names, TASK/{{train,valid,test}}_set.pkl.gz")
        tasks.setdefault(task, {})[which] = file
    if not tasks:
        raise ImportFileError(f"{path} has no TASK/{{train,valid,test}}_set.pkl.gz; give the folder metric_data")
    if len(tasks) > MAX_TASKS:
        raise UnsafeFileError(f"{path} has more than the {MAX_TASKS} tasks that it may have")
    return {task: {which: of_one[which] for which in SETS if which in of_one} for task, of_one in tasks.items()}


# -- one task ---------------------------------------------------------------------------------------


class _Rows(NamedTuple):
    """The rows of one file: features `(n, 14)`, epochs `(n,)`, labels `(n,)` by official name."""

    features: NDArray[np.float64]
    epochs: NDArray[np.int64]
    labels: dict[str, NDArray[np.float64]]


def _task(files: Mapping[str, Path]) -> _Task:
    """A task's trainings: rows of equal features are one configuration, those of equal epochs too are repeats."""
    parts = {which: _rows(file) for which, file in files.items()}
    kept = set.intersection(*({*part.labels} for part in parts.values()))
    features = np.concatenate([part.features for part in parts.values()])
    epochs = np.concatenate([part.epochs for part in parts.values()])
    origin = np.repeat(np.arange(len(parts)), [len(part.epochs) for part in parts.values()])
    order = np.lexsort((epochs, *features.T[::-1]))
    new = np.ones(len(order), dtype=bool)
    new[1:] = (features[order[1:]] != features[order[:-1]]).any(axis=1)
    rows = np.cumsum(new) - 1
    again = ~new
    again[1:] &= epochs[order[1:]] == epochs[order[:-1]]
    repeat = _run_lengths(again)
    shape = (int(rows[-1]) + 1, int(repeat.max()) + 1, int(epochs.max()))
    where = ", ".join(str(file) for file in files.values())
    if shape[1] > MAX_REPEATS or np.prod(shape, dtype=float) > MAX_FILL * len(order) + 1e6:
        raise UnsafeFileError(f"{where}: {len(order):,} rows would fill a table of {shape} numbers")
    trained = epochs[order]
    at_end = trained == shape[2]
    last, along = {}, {}
    for label in (label for label in (*ALONG, *ONCE) if label in kept):
        values = np.concatenate([part.labels.pop(label) for part in parts.values()])[order]
        last[label] = np.full(shape[:2], np.nan)
        last[label][rows[at_end], repeat[at_end]] = values[at_end]
        if label in ALONG:
            along[label] = np.full(shape, np.nan, dtype=np.float32)
            along[label][rows, repeat, trained - 1] = values
    _log.info("%s: %s rows of %s configurations", where, f"{len(order):,}", f"{shape[0]:,}")
    return _Task(features[order[new]], _sources(order, rows, origin, list(parts)), last, along)


def _run_lengths(again: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many rows before this one, without a gap, are marked: 0 1 2 for False True True."""
    place = np.arange(len(again))
    return place - np.maximum.accumulate(np.where(again, 0, place))


def _sources(
    order: NDArray[np.int64], rows: NDArray[np.int64], origin: NDArray[np.int64], names: Sequence[str]
) -> list[str]:
    """`SET/N`: the file that first has each configuration, and its number there."""
    first = np.full(int(rows[-1]) + 1, len(order))
    np.minimum.at(first, rows, order)
    number = np.empty(len(first), dtype=np.int64)
    seen = [0] * len(names)
    for row in np.argsort(first).tolist():
        which = int(origin[first[row]])
        number[row] = seen[which]
        seen[which] += 1
    return [f"{names[w]}/{n}" for w, n in zip(origin[first].tolist(), number.tolist(), strict=True)]


def _rows(path: Path) -> _Rows:
    frame = read_frame(path)
    epochs = _numbers(frame, ("features", "epoch"), path, 1, MAX_EPOCHS)
    if not len(epochs):
        raise ImportFileError(f"{path} has no rows")
    if (epochs % 1).any():
        raise ImportFileError(f"{path}: an epoch is no whole number")
    features = [_positions(frame, key, choices, path) for key, choices in CHOICES.items()]
    features += [_numbers(frame, ("features", key), path, 0, 1e6) for key in CONTINUOUS]
    labels = {
        key: _numbers(frame, ("labels", key), path, 0, label.high, nan=True)
        for key, label in {**ALONG, **ONCE}.items()
        if label.needed or ("labels", key) in frame
    }
    return _Rows(np.stack(features, axis=1), epochs.astype(np.int64), labels)


def _column(frame: Mapping[Labels, Values], labels: Labels, path: Path) -> Values:
    if labels not in frame:
        raise ImportFileError(f"{path} has no column {'/'.join(labels)}")
    return frame[labels]


def _numbers(
    frame: Mapping[Labels, Values], labels: Labels, path: Path, low: float, high: float, nan: bool = False
) -> NDArray[np.float64]:
    """A column of numbers from `low` to `high`; what single precision cannot hold is NaN where that is allowed."""
    column = _column(frame, labels, path)
    if isinstance(column, list) and not {*map(type, column)} <= _NUMBERS:
        raise ImportFileError(f"{path}, {'/'.join(labels)}: expected numbers")
    try:
        numbers = np.array(column, dtype=np.float64) + 0.0  # configurations are found by their bytes: no -0.0
    except OverflowError:
        raise ImportFileError(f"{path}, {'/'.join(labels)}: a number is too large") from None
    if nan:
        numbers[~(np.abs(numbers) <= np.finfo(np.float32).max)] = np.nan
    if not (((numbers >= low) & (numbers <= high * ROUNDING)) | (np.isnan(numbers) & nan)).all():
        raise ImportFileError(f"{path}, {'/'.join(labels)}: expected numbers from {low} to {high}")
    return numbers


def _positions(frame: Mapping[Labels, Values], key: str, choices: tuple[Value, ...], path: Path) -> NDArray[np.float64]:
    """Which of its choices a discrete feature is, row by row."""
    column = _column(frame, ("features", key), path)
    values = column if isinstance(column, list) else column.tolist()
    lookup: dict[Any, int] = {choice: i for i, choice in enumerate(choices)}
    if not {*map(type, values)} <= {str, *_NUMBERS} or not {*values} <= lookup.keys():
        raise ImportFileError(f"{path}, features/{key}: expected one of {', '.join(map(str, choices))}")
    return np.array([lookup[value] for value in values], dtype=np.float64)


# -- the table --------------------------------------------------------------------------------------


def _described(listed: NDArray[np.float64]) -> tuple[GridSpace, NDArray[np.int64]]:
    """The space, and the genotype of each configuration `(A, 14)`."""
    parameters = [Parameter(key, choices, key in ORDERED) for key, choices in CHOICES.items()]
    genotypes = listed.astype(np.int64)
    for at, key in enumerate(CONTINUOUS, start=len(CHOICES)):
        values, genotypes[:, at] = np.unique(listed[:, at], return_inverse=True)
        parameters.append(Parameter(key, tuple(values.tolist()), True))
    return GridSpace(parameters), genotypes


def _find(listed: NDArray[np.float64], some: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rows of some of the listed configurations."""
    rows = {configuration.tobytes(): row for row, configuration in enumerate(np.ascontiguousarray(listed))}
    return np.array([rows[configuration.tobytes()] for configuration in np.ascontiguousarray(some)])


def _dataset(task: _Task, rows: NDArray[np.int64], count: int) -> Dataset:
    epochs = next(iter(task.along.values())).shape[2]
    final: dict[str, Column] = {}
    curve: dict[str, Column] = {}
    cost: dict[str, Column] = {}
    for official, values in task.last.items():
        label = {**ALONG, **ONCE}[official]
        facts = (label.direction, label.unit, label.split)
        about = f"official {official}"
        last = np.full((count, values.shape[1]), np.nan)
        last[rows] = values
        if official == "size_MB":
            last, about = counts(last), "official size_MB, which is parameters in 10^6"
        (cost if label.split == "cost" else final)[label.name] = Column(last, *facts, description=about)
        if official in ALONG:
            along = np.full((count, *task.along[official].shape[1:]), np.nan, dtype=np.float32)
            along[rows] = task.along[official]
            curve[label.name] = Column(along, *facts, description=about, epochs=tuple(range(1, epochs + 1)))
    recipe = Protocol(str(epochs), epochs, {"train_seconds": f"{epochs} epochs"}, final, curve, cost)
    floor = sparse_noise_floor(final["val_accuracy"].values)
    covered = np.sort(rows)
    return Dataset("val_accuracy", {recipe.name: recipe}, floor, None if len(rows) == count else covered)
