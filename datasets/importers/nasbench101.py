"""NAS-Bench-101: `nasbench_full.tfrecord` or `nasbench_only108.tfrecord` of the official release.

Facts of the format: a TFRecord file whose payloads are UTF-8 JSON `[module_hash, epochs, adjacency,
operations, metrics]`, one a training run: the adjacency matrix row by row in '0' and '1', the operations
joined with commas (`input` first, `output` last), the metrics a `ModelMetrics` message in base64 (the
encoder may break its lines). 423,624 cells were trained three times for each of 4, 12, 36 and 108 epochs
(the smaller file has 108 only); runs of one cell and budget are its training repeats, in the order of the
file. Each was evaluated before training, halfway and at its end. Accuracies are fractions: train on 10,000
training images, validation and test on 10,000 held-out ones each. Licence Apache-2.0.

A budget is a protocol of its own, since the learning rate decays over just its length. The module hash of
every cell is computed again from its graph and must agree.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench.datasets.importers.nasbench101_metrics import decode
from nasbench.datasets.importers.official import file_source, space_facts
from nasbench.datasets.readers.tfrecord import tfrecords
from nasbench.errors import GenotypeError, ImportFileError
from nasbench.noise import noise_floor
from nasbench.schema import Column, Dataset, Protocol, TableData
from nasbench.spaces.nasbench101 import SIZE, NASBench101Space
from nasbench.spaces.nasbench101_cells import MAX_VERTICES, labels_of, official_hash, prune, subgraph

BUDGETS = (108, 36, 12, 4)
REPEATS = 3
METRICS = {"val_accuracy": (3, "valid"), "test_accuracy": (4, "test"), "train_accuracy": (2, "train")}
"""Column -> position in `EvaluationData`, and the official split."""

_EPOCH, _SECONDS = 0, 1
_CHUNK = 4096
_MAX_SECONDS = 1e7


class _Record(NamedTuple):
    number: int
    row: int
    epochs: int
    message: bytes


class _Cells:
    """The cells met so far, in order: module hash -> row, and how each was written."""

    def __init__(self, space: NASBench101Space) -> None:
        self.space = space
        self.rows: dict[str, int] = {}
        self.genotypes = np.empty((0, space.length), dtype=np.uint8)
        self._written: list[tuple[str, str]] = []
        self._texts: dict[str, str] = {}

    def row(self, module_hash: str, adjacency: str, operations: str, where: str) -> int:
        """Row of a cell, a new one where it was not met before; its hash must be that of its graph."""
        row = self.rows.get(module_hash)
        if row is not None and self._written[row] == (adjacency, operations):
            return row
        genotype = self._verified(module_hash, adjacency, operations, where)
        if row is None:
            row = self.rows[module_hash] = len(self.rows)
            # 423,624 cells share a few thousand texts
            texts = self._texts
            self._written.append((texts.setdefault(adjacency, adjacency), texts.setdefault(operations, operations)))
            self.genotypes = _room(self.genotypes, row, 0)
            self.genotypes[row] = genotype
        elif tuple(self.genotypes[row].tolist()) != genotype:
            raise ImportFileError(f"{where}: another cell has the module hash {module_hash}")
        return row

    def _verified(self, module_hash: str, adjacency: str, operations: str, where: str) -> tuple[int, ...]:
        """The genotype of a graph, if the hash is its own."""
        vertices = operations.count(",") + 1
        if not 2 <= vertices <= MAX_VERTICES or len(adjacency) != vertices**2 or adjacency.strip("01"):
            raise ImportFileError(
                f"{where}: its matrix has not {vertices} x {vertices} digits 0 or 1, as its operations ask for"
            )
        rows = [adjacency[begin : begin + vertices] for begin in range(0, len(adjacency), vertices)]
        successors = [int(row[::-1], 2) for row in rows]
        if any(targets & (2 << vertex) - 1 for vertex, targets in enumerate(successors)):
            raise ImportFileError(f"{where}: its adjacency matrix is not upper triangular")
        try:
            labels = labels_of(operations.split(","))
            genotype = self.space.from_cell(successors, [label + 1 for label in labels[1:-1]])
        except GenotypeError as error:
            raise ImportFileError(f"{where}: {error}") from None
        kept = prune(successors)
        computed = official_hash(subgraph(successors, kept), [labels[vertex] for vertex in kept])
        if computed != module_hash:
            raise ImportFileError(f"{where}: its graph has the module hash {computed}, not {str(module_hash)[:40]!r}")
        return genotype


class _Runs:
    """The numbers of all runs of one budget.

    Attributes:
        numbers: `(capacity, 3, 2, 4)` by row, repeat, point (halfway, end) and position in
            `EvaluationData` less one; NaN where there is no run.
        count: `(capacity,)` runs of each row so far.
    """

    def __init__(self) -> None:
        self.numbers = np.empty((0, REPEATS, 2, 4))
        self.count = np.empty(0, dtype=np.uint8)

    def repeat(self, row: int, where: str) -> int:
        """Which repeat the next run of a row is."""
        if row >= len(self.count):
            self.count, self.numbers = _room(self.count, row, 0), _room(self.numbers, row, np.nan)
        run = int(self.count[row])
        if run == REPEATS:
            raise ImportFileError(f"{where}: the cell has more than {REPEATS} runs of this budget")
        self.count[row] = run + 1
        return run


def _room(values: NDArray[Any], row: int, fill: float) -> NDArray[Any]:
    """The array, longer where it does not reach to a row; never longer than all cells of the space."""
    if row < len(values):
        return values
    longer = np.full((min(max(1024, 2 * row), SIZE), *values.shape[1:]), fill, dtype=values.dtype)
    longer[: len(values)] = values
    return longer


def read(path: Path, name: str | None = None) -> TableData:
    """NAS-Bench-101's TFRecord file, whole or a part of it.

    Raises:
        ImportFileError: it is damaged, or no such file; names the record.
        UnsafeFileError: a record is larger than it may be.
    """
    space = NASBench101Space()
    cells = _Cells(space)
    runs: dict[int, _Runs] = {}
    parameters = np.empty(0)
    records = _records(path, cells)
    while chunk := list(islice(records, _CHUNK)):
        parameters = _room(parameters, len(cells.rows) - 1, np.nan)
        _store(chunk, runs, parameters, path)
    if not cells.rows:
        raise ImportFileError(f"{path} holds no records")
    genotypes = cells.genotypes[: len(cells.rows)]
    rank = np.argsort(space.indices(genotypes))
    budgets = [epochs for epochs in BUDGETS if epochs in runs]
    counts = Column(parameters[rank], "minimize", "count", "cost", description="official trainable_parameters")
    protocols = {str(epochs): _protocol(epochs, runs.pop(epochs), rank, counts) for epochs in budgets}
    default = protocols[str(budgets[0])]
    return TableData(
        name=name or "nasbench101",
        title=f"NAS-Bench-101: {len(rank):,} cells on CIFAR-10, trained for {', '.join(protocols)} epochs",
        licence="Apache-2.0",
        citation=(
            "C. Ying, A. Klein, E. Christiansen, E. Real, K. Murphy, F. Hutter. NAS-Bench-101: Towards Reproducible "
            "Neural Architecture Search. ICML 2019. https://arxiv.org/abs/1902.09635"
        ),
        sources=(file_source(path, "https://github.com/google-research/nasbench", "Apache-2.0"),),
        complete=len(rank) == SIZE,
        genotypes=genotypes[rank],
        source_ids=np.array([*cells.rows], dtype=bytes)[rank],
        canonical=np.arange(len(rank)),
        datasets={
            "cifar10": Dataset("val_accuracy", protocols, noise_floor(default.final["val_accuracy"].values, sign=1))
        },
        **space_facts(space),
    )


def _records(path: Path, cells: _Cells) -> Iterator[_Record]:
    for number, payload in enumerate(tfrecords(path), start=1):
        try:
            module_hash, epochs, adjacency, operations, metrics = json.loads(payload.decode())
            if epochs not in BUDGETS or type(epochs) is not int:
                raise ValueError(f"its epochs are none of {', '.join(map(str, BUDGETS))}")
            message = binascii.a2b_base64(metrics.replace("\n", ""), strict_mode=True)
            row = cells.row(module_hash, adjacency, operations, f"{path}, record {number}")
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise ImportFileError(
                f"{path}, record {number}: it is no [module_hash, epochs, adjacency, operations, metrics]: {error}"
            ) from None
        yield _Record(number, row, epochs, message)


def _store(chunk: list[_Record], runs: dict[int, _Runs], parameters: NDArray[np.float64], path: Path) -> None:
    """Check the numbers of some records and put them in their places."""

    def at(position: int) -> str:
        return f"{path}, record {chunk[position].number}"

    def where(bad: Any) -> str:
        return at(int(np.argmax(bad)))

    numbers, counts = decode([record.message for record in chunk], at)
    rows = np.array([record.row for record in chunk])
    epochs = np.array([record.epochs for record in chunk])
    numbers = numbers[:, 1:]  # of an untrained network there is nothing to keep
    off = np.abs(numbers[:, :, _EPOCH] - epochs[:, None] * np.array([0.5, 1.0]))
    if (bad := (off > 0.5).any(axis=1)).any():
        raise ImportFileError(f"{where(bad)}: it was not evaluated halfway and at the end of its epochs")
    seconds, accuracies = numbers[:, :, _SECONDS], numbers[:, :, 2:]
    if (bad := ~((seconds >= 0) & (seconds <= _MAX_SECONDS)).all(axis=1)).any():
        raise ImportFileError(f"{where(bad)}: a training time is no number of seconds")
    if (bad := ~((accuracies >= 0) & (accuracies <= 1)).all(axis=(1, 2))).any():
        raise ImportFileError(f"{where(bad)}: an accuracy is no fraction from 0 to 1")
    known = parameters[rows]
    parameters[rows] = counts
    if (bad := ~((known == counts) | np.isnan(known)) | (parameters[rows] != counts) | (counts < 1)).any():
        raise ImportFileError(
            f"{where(bad)}: its count of parameters is not positive, or not that of the same cell before"
        )
    for budget in np.unique(epochs).tolist():
        kept = runs.setdefault(budget, _Runs())
        mine = np.flatnonzero(epochs == budget)
        repeats = [kept.repeat(chunk[position].row, at(position)) for position in mine.tolist()]
        kept.numbers[rows[mine], repeats] = numbers[mine, :, _SECONDS:]


def _protocol(epochs: int, runs: _Runs, rank: NDArray[np.int64], parameters: Column) -> Protocol:
    """The columns of one budget, rows in rank order."""
    repeats = max(1, int(runs.count.max()))
    numbers = np.full((len(rank), repeats, 2, 4), np.nan)
    numbers[: len(runs.count)] = runs.numbers[: len(rank), :repeats]
    numbers = numbers[rank]
    shown = (epochs // 2, epochs)

    def pair(place: int, direction: str, unit: str, split: str, about: str) -> tuple[Column, Column]:
        values = numbers[:, :, :, place - 1]
        last = np.ascontiguousarray(values[:, :, -1])
        return (
            Column(last, direction, unit, split, description=about),
            Column(values.astype(np.float32), direction, unit, split, description=about, epochs=shown),
        )

    final, curve = {}, {}
    for name, (place, split) in METRICS.items():
        about = f"official {'validation' if split == 'valid' else split} accuracy"
        final[name], curve[name] = pair(place, "maximize", "fraction", split, about)
    about = "official training_time, without evaluation"
    seconds, curve["train_seconds"] = pair(_SECONDS, "minimize", "s", "cost", about)
    cost = {"train_seconds": seconds, "params": parameters}
    return Protocol(str(epochs), epochs, {"train_seconds": f"{epochs} epochs"}, final, curve, cost)
