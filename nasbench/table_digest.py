"""Digests of a table: of its contents, which nothing may change, and of each genotype, which finds its row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nasbench.schema import Array

if TYPE_CHECKING:
    import h5py

_START, _FACTOR, _SHIFT, _MASK = 0xCBF29CE484222325, 0x9E3779B97F4A7C15, 29, (1 << 64) - 1

UNHASHED = frozenset({"content_sha256", "created_by"})


def content_sha256(file: h5py.File) -> str:
    """sha256 over the sorted (path, dtype, shape, attributes, bytes) of an open table."""
    import h5py

    digest = hashlib.sha256()

    def attributes(node: h5py.HLObject) -> Iterator[tuple[str, object]]:
        for name in sorted(node.attrs):
            if name not in UNHASHED:
                value = node.attrs[name]
                yield name, value.tolist() if hasattr(value, "tolist") else value

    names: list[str] = []
    file.visit(names.append)
    digest.update(repr(list(attributes(file))).encode())
    for name in sorted(names):
        node = file[name]
        digest.update(repr((name, list(attributes(node)))).encode())
        if isinstance(node, h5py.Dataset):
            digest.update(repr((node.dtype.str, node.shape)).encode())
            digest.update(np.ascontiguousarray(node[()]).tobytes())
    return digest.hexdigest()


def genotype_hash(genotypes: Array) -> NDArray[np.uint64]:
    """A 64-bit multiplicative hash of each genotype, `(n,)`; equal genotypes, equal hashes."""
    value = np.full(len(genotypes), _START, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for column in np.asarray(genotypes).T:
            value = (value ^ column.astype(np.uint64)) * np.uint64(_FACTOR)
            value ^= value >> np.uint64(_SHIFT)
    return value


def one_genotype_hash(genotype: Sequence[int]) -> int:
    """The same hash of one genotype, without an array."""
    value = _START
    for gene in genotype:
        value = (value ^ gene) * _FACTOR & _MASK
        value ^= value >> _SHIFT
    return value
