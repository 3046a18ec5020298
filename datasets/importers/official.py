"""Shared steps of the importers of official files: provenance, checked keys and numbers, repeats."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import ImportFileError
from nasbench.space import SearchSpace


def file_source(path: Path, url: str, licence: str) -> dict[str, str]:
    """Provenance record of a file that was imported: its name, where it is published, its sha256."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"name": path.name, "url": url, "sha256": digest, "licence": licence}


def space_facts(space: SearchSpace) -> dict[str, Any]:
    """The fields of `TableData` that say which space a table is of."""
    return {
        "space_kind": space.kind, "space_definition": space.definition(), "space_sha256": space.sha256,
    }  # fmt: skip


def record(value: Any, keys: Collection[str], where: str) -> Mapping[str, Any]:
    """The value, if it is an object of exactly these keys.

    Raises:
        ImportFileError: it is something else.
    """
    if not isinstance(value, dict):
        raise ImportFileError(f"{where}: expected an object of {', '.join(keys)}; got {type(value).__name__}")
    lacking = [key for key in keys if key not in value]
    strange = sorted(str(key)[:40] if isinstance(key, str) else type(key).__name__ for key in value.keys() - {*keys})
    if lacking or strange:
        wrong = [f"lacks {', '.join(lacking)}"] if lacking else []
        wrong += [f"has the unknown {', '.join(strange[:8])}"] if strange else []
        raise ImportFileError(f"{where}: the object {' and '.join(wrong)}")
    return value


def number(value: Any, where: str, low: float = -math.inf, high: float = math.inf, null: bool = False) -> float:
    """The value as a float, if it is a finite number from `low` to `high`; NaN for an allowed null.

    Raises:
        ImportFileError: it is something else.
    """
    if null and value is None:
        return math.nan
    try:
        real = isinstance(value, int | float) and not isinstance(value, bool)
        if real and math.isfinite(value) and low <= float(value) <= high:
            return float(value)
    except OverflowError:
        pass
    raise ImportFileError(f"{where}: expected a number from {low} to {high}, got {_shown(value)}")


def _shown(value: Any) -> str:
    """A value in an error: short, whatever it is (a pickle's lists may share and repeat without end)."""
    plain = isinstance(value, str | float | bool | None) or (isinstance(value, int) and abs(value) < 1 << 64)
    return repr(value[:80] if isinstance(value, str) else value) if plain else type(value).__name__


def repeats(keys: Sequence[Hashable]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where records of one architecture go: its number in first-seen order, and which repeat each is.

    Args:
        keys: one an n-th record, equal for equal architectures.

    Returns:
        Architecture numbers `(n,)` and repeat numbers `(n,)`, both from 0.
    """
    seen: dict[Hashable, int] = {}
    count: dict[Hashable, int] = {}
    rows = np.array([seen.setdefault(key, len(seen)) for key in keys], dtype=np.int64)
    runs = np.empty(len(keys), dtype=np.int64)
    for place, key in enumerate(keys):
        runs[place] = count.get(key, 0)
        count[key] = int(runs[place]) + 1
    return rows, runs


def spread(values: Sequence[float], rows: NDArray[np.int64], runs: NDArray[np.int64]) -> NDArray[np.float64]:
    """`(A, R)` of one value a record, NaN where an architecture has fewer repeats."""
    out = np.full((int(rows.max()) + 1, int(runs.max()) + 1), np.nan)
    out[rows, runs] = values
    return out


def sparse_noise_floor(values: NDArray[np.float64]) -> float | None:
    """Noise floor of a table of which only some architectures were trained again.

    The pooled standard deviation of those, over the root of the average number of runs of *all*
    architectures: most means are of one run. None where no architecture was trained twice.

    Args:
        values: `(A, R)`, NaN where a run is missing.
    """
    runs = np.count_nonzero(~np.isnan(values), axis=1)
    again = values[runs > 1]
    return float(np.sqrt(np.nanvar(again, axis=1, ddof=1).mean() / runs[runs > 0].mean())) if len(again) else None
