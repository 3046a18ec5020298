"""The listed architectures of a partial table as a search space of their own."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasbench.errors import GenotypeError, NotInTableError
from nasbench.space import Genotype, Genotypes, SearchSpace
from nasbench.spaces.row_index import RowIndex


class TableSpace(SearchSpace):
    """The architectures of a space that have a row in a table; nothing else is valid.

    The index of a genotype is its row number, sampling is uniform over rows, and the neighbours of a
    genotype are the listed ones at the smallest Hamming distance; where the base has `local_moves`, its
    neighbours in the base that are listed, if any is. Parameters, text and canonical form are those of
    the base space; graph views and other extras are reached through `base`.

    Args:
        base: the space that the table is a part of; may be far too large to list.
        rows: `(A, G)` distinct architectures of it, in any order.

    Attributes:
        base: the space that the table is a part of.

    Raises:
        GenotypeError: no rows, an architecture that is not one of the base, or one listed twice.
    """

    kind = "table"

    def __init__(self, base: SearchSpace, rows: ArrayLike) -> None:
        batch = base.check(rows)
        if not len(batch):
            raise GenotypeError("a table space needs at least one row")
        super().__init__(base.parameters)
        self.base = base
        # a column at a time is what distances read; the narrowest type makes them quick
        self._columns = np.array(batch.T, dtype=np.min_scalar_type(max(self.cardinalities) - 1), order="C")
        self._columns.flags.writeable = False
        self._row_index = RowIndex(batch, self.cardinalities)

    def definition(self) -> dict[str, Any]:
        """The base space, and the rows as base64 of little-endian integers, a column after another."""
        columns = self._columns.astype(self._columns.dtype.newbyteorder("<"), copy=False)
        return {
            "base": {"kind": self.base.kind, "definition": self.base.definition()},
            "rows": {
                "count": self.size,
                "dtype": columns.dtype.str,
                "columns": base64.b64encode(columns.tobytes()).decode("ascii"),
            },
        }

    @classmethod
    def from_definition(cls, definition: Mapping[str, Any]) -> TableSpace:
        """The inverse of `definition`."""
        from nasbench.spaces import from_definition

        base, rows = definition["base"], definition["rows"]
        columns = np.frombuffer(base64.b64decode(rows["columns"]), dtype=np.dtype(rows["dtype"]))
        return cls(from_definition(base["kind"], base["definition"]), columns.reshape(-1, rows["count"]).T)

    @property
    def size(self) -> int:
        """Number of rows."""
        return int(self._columns.shape[1])

    # -- validity -------------------------------------------------------------------------------

    def check(self, genotypes: ArrayLike) -> Genotypes:
        """The batch as an integer array `(n, G)`, if each row is listed.

        Raises:
            GenotypeError: not an architecture of the base space.
            NotInTableError: a valid architecture without a row.
        """
        batch = self.base.check(genotypes)
        self._rows_of(batch)
        return batch

    def _rows_of(self, batch: Genotypes) -> NDArray[np.int64]:
        rows = self._row_index.find(batch)
        missing = np.flatnonzero(rows < 0)
        if missing.size:
            genotype = tuple(batch[missing[0]].tolist())
            raise NotInTableError(
                f"{genotype} has no row in this table of {self.size} architectures ({missing.size} of the "
                f"{len(batch)} asked lack one); ask for a listed one, or use a surrogate off the table"
            )
        return rows

    def _valid(self, batch: Genotypes) -> NDArray[np.bool_]:
        return self._row_index.find(batch) >= 0

    # -- index <-> genotype: the row number -----------------------------------------------------------

    @cached_property
    def _row_of(self) -> dict[int, int]:
        """Code -> row for the scalar path; Python integers, since codes may exceed 64 bits."""
        rows = self.genotypes(np.arange(self.size))
        codes = self._codes(rows).tolist() if self._narrow else map(self._code, rows.tolist())
        return dict(zip(codes, range(self.size), strict=True))

    @property
    def _narrow(self) -> bool:
        return prod(self.cardinalities) < 2**63

    def index(self, genotype: Genotype) -> int:
        """Row number of one genotype.

        Raises:
            GenotypeError: not an architecture of the base space.
            NotInTableError: a valid architecture without a row.
        """
        row = self._row_of.get(self._code(genotype))
        return int(self.indices([genotype])[0]) if row is None else row

    def indices(self, genotypes: ArrayLike) -> NDArray[np.int64]:
        """Row numbers `(n,)` of the `(n, G)` genotypes; raises as `check` does."""
        return self._rows_of(self.base.check(genotypes))

    def _need_indexable(self) -> None:
        """Row numbers always fit, whatever the size of the base."""

    def _decode(self, codes: NDArray[np.int64]) -> Genotypes:
        return self._columns[:, codes].T.astype(np.int64, order="C")

    # -- randomness and structure --------------------------------------------------------------------

    def sample(self, rng: np.random.Generator, n: int = 1) -> Genotypes:
        """`n` draws with replacement, uniform over the rows, `(n, G)`."""
        return self.genotypes(rng.integers(0, self.size, size=n))

    def neighbours(self, genotype: Genotype) -> list[Genotype]:
        """The nearest other listed architectures, in row order.

        The genotype itself need not be listed.
        """
        return [tuple(row) for row in self.genotypes(self._around(genotype)).tolist()]

    def mutate(self, genotype: Genotype, rng: np.random.Generator) -> Genotype:
        """One of the neighbours, uniformly; one uniform number is consumed."""
        around = self._around(genotype)
        if not len(around):
            raise GenotypeError("a table of one architecture has nothing to mutate to")
        return self._row(int(around[int(rng.random() * len(around))]))

    def crossover(self, first: Genotype, second: Genotype, rng: np.random.Generator) -> Genotype:
        """The listed architecture nearest to the base's mixture of the parents, ties by `rng`."""
        if self.base.local_moves:
            child = self.base.crossover(first, second, rng)
        else:
            child = super().crossover(first, second, rng)
        if self._code(child) in self._row_of:
            return child
        around = self._around(child)
        return self._row(int(around[int(rng.random() * len(around))]))

    def _row(self, row: int) -> Genotype:
        return tuple(self._columns[:, row].tolist())

    def _around(self, genotype: Genotype) -> NDArray[np.int64]:
        """Rows, ascending, of the base's neighbours or at the smallest Hamming distance above zero."""
        self._code(genotype)  # raises on what is no genotype
        if self.base.local_moves:
            near = self._row_index.find(self._as_batch(self.base.neighbours(genotype)))
            if (near >= 0).any():
                return np.sort(near[near >= 0])
        # a look-up costs about as much as 64 comparisons of the scan below
        if self._narrow and 64 * sum(self.cardinalities) <= self.size * self.length:
            near = self._one_change_away(genotype)
            if len(near):
                return near
        distances = np.zeros(self.size, dtype=np.min_scalar_type(self.length + 1))
        for column, gene in zip(self._columns, genotype, strict=True):
            distances += column != gene
        distances[distances == 0] = self.length + 1
        smallest = distances.min()
        return np.flatnonzero(distances == smallest) if smallest <= self.length else np.empty(0, dtype=np.int64)

    @cached_property
    def _one_change(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """For every (position, value): its part of the code, and the position."""
        parts = [np.arange(c) * s for c, s in zip(self.cardinalities, self._strides, strict=True)]
        return np.concatenate(parts), np.repeat(np.arange(self.length), self.cardinalities)

    def _one_change_away(self, genotype: Genotype) -> NDArray[np.int64]:
        """Rows that differ from the genotype in exactly one position, by look-up of every change."""
        parts, positions = self._one_change
        own = np.array(genotype, dtype=np.int64) * np.array(self._strides)
        code, row_of = int(own.sum()), self._row_of
        rows = {row_of.get(other, -1) for other in (parts - own[positions] + code).tolist() if other != code}
        return np.array(sorted(rows - {-1}), dtype=np.int64)

    # -- text and equivalence: the base's ------------------------------------------------------------

    def canonical(self, genotypes: ArrayLike) -> Genotypes:
        """The base's representative of each listed architecture, `(n, G)`; it may itself be unlisted."""
        return self.base.canonical(self.check(genotypes))

    def format(self, genotype: Genotype) -> str:
        """The base's text of a listed or unlisted architecture."""
        return self.base.format(genotype)

    def parse(self, text: str) -> Genotype:
        """The base's genotype of a text; it may be unlisted (`check` says)."""
        return self.base.parse(text)
