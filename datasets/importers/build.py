"""Shared steps of the importers: provenance of a file, columns of equal repeats, ids."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def package_source(distribution: str, licence: str, files: Sequence[Path]) -> list[dict[str, str]]:
    """Provenance records of an installed package's data files."""
    return [
        {
            "name": f"{distribution} {version(distribution)}: {path.name}",
            "url": f"https://pypi.org/project/{distribution}/{version(distribution)}/",
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "licence": licence,
        }
        for path in files
    ]


def stack(rows: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """`(A, R)` of lists of unequal length, NaN where an architecture has fewer repeats."""
    width = max(map(len, rows))
    if all(len(row) == width for row in rows):
        return np.array(rows, dtype=np.float64)
    return np.array([[*row, *[np.nan] * (width - len(row))] for row in rows], dtype=np.float64)


def squeeze_repeats(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """`(A,)` where all repeats of each row agree (a deterministic cost), else `(A, R)` as given."""
    first = values[:, :1]
    return values[:, 0].copy() if bool(((values == first) | np.isnan(values)).all()) else values


def counts(millions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Counts from published millions: whole where the published figure means a whole number."""
    exact = millions * 1e6
    whole = np.round(exact)
    return np.where(np.abs(exact - whole) < 1e-3, whole, exact)


def ids(names: Sequence[str]) -> NDArray[Any]:
    """Source ids as fixed-width bytes `(A,)`."""
    return np.array([name.encode() for name in names], dtype=bytes)
