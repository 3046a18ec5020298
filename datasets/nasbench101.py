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

from nasbench.datasets.nasbench101_metrics import decode
from nasbench.datasets.official import file_source, space_facts
from nasbench.datasets.tfrecord import tfrecords
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
_MAX_PARAMETERS = 1 << 31


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
        self._written: list[tuple[str, int]] = []
        self._operations: dict[str, str] = {}

    def row(self, module_hash: str, adjacency: str, operations: str, where: str) -> int:
        """Row of a cell, a new one where it was not met before; its hash must be that of its graph."""
        row = self.rows.get(module_hash)
        # one string an operation list, so that comparing 400,000 of them takes no memory
        operations = self._operations.setdefault(operations, operations)
        written = (operations, int(adjacency, 2))
        if row is not None and self._written[row] == written:
            return row
        genotype = self._verified(module_hash, adjacency, operations, where)
        if row is None:
            row = self.rows[module_hash] = len(self.rows)
            self._written.append(written)
            self.genotypes = _room(self.genotypes, row, 0)
            self.genotypes[row] = genotype
        elif tuple(self.genotypes[row].tolist()) != genotype:
            raise ImportFileError(f"{where}: another cell has the module hash {module_hash}")
        return row
