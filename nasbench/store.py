"""The HDF5 table of one benchmark family, read without copying.

A file is opened by its index (`nasbench.table_index`) and mapped: a column is a read-only array over the page cache.
Nothing in a table is ever executed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import TableError
from nasbench.schema import PER_PROTOCOL, SHARED, Array, Column, Dataset, Protocol
from nasbench.table_digest import content_sha256, genotype_hash, one_genotype_hash
from nasbench.table_index import Index, damaged, kept_index, verified_index

_DAMAGE = (OSError, KeyError, IndexError, ValueError, RuntimeError, TypeError, AttributeError)


class Table:
    """An open table: read-only views of the mapped file.

    Attributes:
        path: the file.
        genotypes: `(A, G)`; source_ids: `(A,)` bytes; canonical: `(A,)`.
        datasets: name -> `Dataset`, whose columns' values are views (curves are read on demand,
            through `curve`).
        attrs: name, title, licence, citation, created_by, space_sha256, content_sha256.
        sources: provenance records.
        addons: tables whose columns were joined to these; added: (dataset, protocol, metric) of each, with
            an empty protocol for the columns of all of them.
    """

    addons: tuple[Table, ...] = ()
    added: frozenset[tuple[str, str, str]] = frozenset()

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        try:
            kept = kept_index(self.path)
            if kept is None or not self._try(kept):
                self._lay_out(verified_index(self.path))
        except TableError:
            raise
        except _DAMAGE as error:
            raise damaged(self.path, str(error)) from error

    def _try(self, kept: Index) -> bool:
        """Whether the kept index is of use; one that was spoilt is made anew."""
        try:
            self._lay_out(kept)
        except (TableError, *_DAMAGE):
            return False
        return True

    def _lay_out(self, index: Index) -> None:
        view = _View(self.path)
        self.attrs: dict[str, str] = index["attrs"]
        self.sources: list[dict[str, str]] = index["sources"]
        self.space_kind: str = index["space"]["kind"]
        self.space_definition: dict[str, Any] = index["space"]["definition"]
        self.complete: bool = index["space"]["complete"]
        arch = index["arch"]
        self.genotypes = view(arch["genotype"])
        self.source_ids = view(arch["source_id"])
        self.canonical = view(arch["canonical"])
        self._key = None if self.complete else view(arch["key"])
        self._order = None if self.complete else view(arch["order"])
        self.datasets = {name: _dataset(facts, view) for name, facts in index["datasets"].items()}

    def __len__(self) -> int:
        return len(self.genotypes)

    def verify(self) -> None:
        """Hash the whole file against its own checksum.

        Raises:
            TableError: the contents changed.
        """
        import h5py

        with h5py.File(self.path, "r", locking=False) as file:
            if content_sha256(file) != file.attrs["content_sha256"]:
                raise damaged(self.path, "its contents do not match its own checksum")

    def find(self, genotypes: Array) -> NDArray[np.int64]:
        """Rows `(n,)` of an incomplete table's genotypes `(n, G)`; -1 where it lists none."""
        if self._key is None or self._order is None:
            raise TableError(f"{self.path} is complete; its rows are the space's ranks")
        genotypes = np.asarray(genotypes)
        keys = genotype_hash(genotypes)
        rows = np.full(len(keys), -1, dtype=np.int64)
        place = np.searchsorted(self._key, keys)
        open_ = np.arange(len(keys))
        while open_.size:
            inside = place[open_] < len(self._key)
            open_ = open_[inside]
            open_ = open_[self._key[place[open_]] == keys[open_]]
            found = self._order[place[open_]].astype(np.int64)
            same = (self.genotypes[found] == genotypes[open_]).all(axis=1)
            rows[open_[same]] = found[same]
            open_ = open_[~same]
            place[open_] += 1
        return rows

    def find_one(self, genotype: Sequence[int]) -> int:
        """Row of one genotype in an incomplete table, -1 where it is not listed: a batch of one, much quicker.

        Raises:
            TypeError: it is no sequence of integers.
        """
        key, order = self._key, self._order
        if key is None or order is None:
            return int(self.find(np.asarray([genotype]))[0])
        wanted = one_genotype_hash(genotype)
        place = int(key.searchsorted(np.uint64(wanted)))
        while place < len(key) and int(key[place]) == wanted:
            row = int(order[place])
            if self.genotypes[row].tolist() == list(genotype):
                return row
            place += 1
        return -1

    def curve(self, dataset: str, protocol: str, metric: str) -> NDArray[np.float32]:
        """The stored learning curves `(A, R, E)` of a metric, read into memory."""
        import h5py

        with h5py.File(self.path, "r", locking=False) as file:
            values: NDArray[np.float32] = file[f"data/{dataset}/{protocol}/curve/{metric}"][()]
        return values

    @cached_property
    def row_of_source(self) -> dict[str, int]:
        """Official id -> row."""
        return {name.decode(): row for row, name in enumerate(self.source_ids.tolist())}


class _View:
    """Makes read-only arrays over a mapped file."""

    def __init__(self, path: Path) -> None:
        self._path, self._mapped = path, np.asarray(np.memmap(path, dtype=np.uint8, mode="r"))

    def __call__(self, facts: Any) -> Array:
        """The array of [dtype, shape, offset], if it lies within the file."""
        name, shape, offset = facts
        dtype, count = np.dtype(name), prod(shape)
        if offset is None:
            return np.empty(shape, dtype=dtype)
        if offset < 0 or offset + count * dtype.itemsize > len(self._mapped):
            raise TableError(f"an array of {self._path} runs past the end of the file")
        return np.frombuffer(self._mapped, dtype=dtype, count=count, offset=offset).reshape(shape)


def _dataset(facts: dict[str, Any], view: _View) -> Dataset:
    return Dataset(
        objective=facts["objective"],
        protocols={recipe["name"]: _protocol(recipe, view) for recipe in facts["protocols"]},
        noise_floor=facts["noise_floor"],
        rows=None if facts["rows"] is None else view(facts["rows"]),
        **{kind: _columns(facts[kind], view) for kind in SHARED},
    )


def _protocol(facts: dict[str, Any], view: _View) -> Protocol:
    return Protocol(
        facts["name"],
        facts["epochs"],
        facts["time_model"],
        **{kind: _columns(facts[kind], view) for kind in PER_PROTOCOL},
    )


def _columns(facts: dict[str, Any], view: _View) -> dict[str, Column]:
    return {metric: _column(column, view) for metric, column in facts.items()}


def _column(facts: dict[str, Any], view: _View) -> Column:
    values = np.empty(0) if facts["array"] is None else view(facts["array"])
    return Column(
        values,
        facts["direction"],
        facts["unit"],
        facts["split"],
        facts["scale"],
        facts["description"],
        tuple(facts["epochs"]),
    )
