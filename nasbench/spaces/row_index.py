"""Exact look-up of rows of an integer matrix by their values, for any number and size of columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import GenotypeError
from nasbench.space import Genotypes

_LIMIT = 2**62


class RowIndex:
    """Which row of a table equals a genotype.

    Columns are coded together while their product stays below 62 bits; what exceeds it continues in
    further groups, each combined with the ranks of the prefix found so far. Everything is sorting
    and bisection on 64-bit integers: exact, without hashing.

    Args:
        rows: `(A, G)` distinct genotypes, in range.
        cardinalities: number of choices of each of the G columns.

    Raises:
        GenotypeError: two rows are equal.
    """

    def __init__(self, rows: Genotypes, cardinalities: Sequence[int]) -> None:
        self._groups = list(_groups(cardinalities))
        self._steps: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
        prefix = np.zeros(len(rows), dtype=np.int64)
        for columns, strides in self._groups:
            codes, ranks = np.unique(_coded(rows, columns, strides), return_inverse=True)
            pairs, prefix = np.unique(prefix * len(codes) + ranks, return_inverse=True)
            self._steps.append((codes, pairs))
        self._order = np.argsort(prefix, kind="stable")
        repeated = np.flatnonzero(np.diff(prefix[self._order]) == 0)
        if repeated.size:
            first, second = self._order[repeated[0]], self._order[repeated[0] + 1]
            raise GenotypeError(
                f"rows {first} and {second} are one genotype, {tuple(rows[first].tolist())}; list each once"
            )

    def find(self, batch: Genotypes) -> NDArray[np.int64]:
        """Row of each genotype of the `(n, G)` batch, `(n,)`; -1 where no row equals it."""
        prefix, found = np.zeros(len(batch), dtype=np.int64), np.ones(len(batch), dtype=bool)
        for (columns, strides), (codes, pairs) in zip(self._groups, self._steps, strict=True):
            ranks, known = _bisect(codes, _coded(batch, columns, strides))
            prefix, paired = _bisect(pairs, prefix * len(codes) + ranks)
            found &= known & paired
        return np.where(found, self._order[prefix], -1)


def _groups(cardinalities: Sequence[int]) -> Iterator[tuple[list[int], NDArray[np.int64]]]:
    """Runs of columns whose product stays below the limit, with their place values."""
    columns: list[int] = []
    for column, choices in enumerate(cardinalities):
        if columns and prod(cardinalities[c] for c in columns) * choices >= _LIMIT:
            yield columns, _strides(columns, cardinalities)
            columns = []
        columns.append(column)
    yield columns, _strides(columns, cardinalities)


def _strides(columns: Sequence[int], cardinalities: Sequence[int]) -> NDArray[np.int64]:
    return np.array([prod(cardinalities[c] for c in columns[k + 1 :]) for k in range(len(columns))], dtype=np.int64)


def _coded(batch: Genotypes, columns: Sequence[int], strides: NDArray[np.int64]) -> NDArray[np.int64]:
    codes = np.zeros(len(batch), dtype=np.int64)
    for column, stride in zip(columns, strides, strict=True):
        codes += batch[:, column].astype(np.int64) * stride
    return codes


def _bisect(values: NDArray[np.int64], wanted: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Position of each wanted value in the sorted values, and whether it is there at all."""
    positions = np.minimum(np.searchsorted(values, wanted), len(values) - 1)
    return positions, values[positions] == wanted
