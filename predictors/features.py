"""Genotypes as numbers: the arrays that regressors and kernels work on. numpy only.

`predictors.encoders` wraps these functions as scikit-learn transformers.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasbench.errors import GenotypeError
from nasbench.space import SearchSpace

Groups = tuple[tuple[int, ...], ...]
"""Columns that belong together (and share a kernel's length-scale), as tuples of column numbers."""


@runtime_checkable
class PathSpace(Protocol):
    """A space whose cells have countable input-to-output paths."""

    @property
    def path_names(self) -> tuple[str, ...]:
        """Names of the columns of `path_counts`."""
        ...

    def path_counts(self, genotypes: ArrayLike) -> NDArray[np.float64]:
        """Number of paths with each sequence of operations, `(n, sequences)`."""
        ...


def path_space(space: SearchSpace) -> PathSpace | None:
    """Where to count paths: the space itself, the base of a partial table, or None."""
    for candidate in (space, getattr(space, "base", None)):
        if isinstance(candidate, PathSpace):
            return candidate
    return None


def one_hot(space: SearchSpace, genotypes: ArrayLike) -> NDArray[np.float64]:
    """One column a choice of each position, `(n, sum of cardinalities)` of zeros and ones."""
    batch = space.check(genotypes)
    starts = np.concatenate([[0], np.cumsum(space.cardinalities)])
    encoded = np.zeros((len(batch), starts[-1]))
    encoded[np.arange(len(batch))[:, None], batch + starts[:-1]] = 1.0
    return encoded


def unit_ranks(space: SearchSpace, genotypes: ArrayLike) -> NDArray[np.float64]:
    """The rank of each choice scaled to the unit interval, `(n, G)`; a single choice is 0."""
    largest = np.maximum(np.asarray(space.cardinalities) - 1, 1)
    return np.asarray(space.check(genotypes) / largest, dtype=np.float64)


def path_counts(space: SearchSpace, genotypes: ArrayLike, power: float = 0.5) -> NDArray[np.float64]:
    """Path counts raised to a power, `(n, sequences)`.

    Args:
        space: a cell space, or a partial table of one.
        genotypes: `(n, G)`.
        power: 1 gives the counts, 0 presence (the encoding of BANANAS), one half the square roots:
            distances between square roots of counts weigh many equal paths less, as Hellinger's does.

    Raises:
        GenotypeError: the space counts no paths.
    """
    cells = path_space(space)
    if cells is None:
        raise GenotypeError(f"{space!r} has no input-to-output paths to count; use a one-hot encoding")
    counts = cells.path_counts(genotypes)
    if power == 0:
        return np.asarray(counts > 0, dtype=np.float64)
    return counts if power == 1 else np.asarray(counts**power)


def path_extremes(space: SearchSpace, genotypes: ArrayLike) -> NDArray[np.float64]:
    """How deep the paths are: `(n, operations + 1)`.

    For each operation the largest number of its instances on one path, then the largest number of
    operations on one path.

    Args:
        space: a cell space, or a partial table of one.
        genotypes: `(n, G)`.

    Raises:
        GenotypeError: the space counts no paths.
    """
    names, sequences = _sequences(space)
    instances = np.array([[s.count(name) for name in names] + [len(s)] for s in sequences], dtype=np.float64)
    present = path_counts(space, genotypes, power=0)
    return np.stack([(present * column).max(axis=1) for column in instances.T], axis=1)


def extreme_names(space: SearchSpace) -> tuple[str, ...]:
    """Names of the columns of `path_extremes`."""
    return (*(f"most {name} on a path" for name in _sequences(space)[0]), "longest path")


def _sequences(space: SearchSpace) -> tuple[list[str], list[list[str]]]:
    """The operations that occur on paths, sorted, and the sequences that `path_counts` counts."""
    cells = path_space(space)
    sequences = [name.split(">")[1:-1] for name in cells.path_names] if cells else []
    return sorted({operation for sequence in sequences for operation in sequence}), sequences


def mixed(space: SearchSpace, genotypes: ArrayLike) -> NDArray[np.float64]:
    """Unit ranks where a position is ordered, one-hot columns where it is not, in genotype order."""
    batch = space.check(genotypes)
    hot, ranks = one_hot(space, batch), unit_ranks(space, batch)
    ends = np.cumsum(space.cardinalities)
    parts = [
        ranks[:, i, None] if parameter.ordered else hot[:, end - len(parameter) : end]
        for i, (parameter, end) in enumerate(zip(space.parameters, ends.tolist(), strict=True))
    ]
    return np.concatenate(parts, axis=1)


def mixed_groups(space: SearchSpace) -> Groups:
    """The columns of `mixed` by genotype position."""
    widths = [1 if parameter.ordered else len(parameter) for parameter in space.parameters]
    ends = np.cumsum(widths).tolist()
    return tuple(tuple(range(end - width, end)) for width, end in zip(widths, ends, strict=True))


def default_features(space: SearchSpace, genotypes: ArrayLike, functional: bool) -> NDArray[np.float64]:
    """Features for an objective.

    Args:
        space: where the genotypes live.
        genotypes: `(n, G)`.
        functional: whether the objective depends on the computed function only (accuracy, loss).
            Only then may features identify architectures that compute the same function.

    Returns:
        Square roots of path counts, then path extremes, for a functional objective on a cell space;
        else `mixed`.
    """
    if functional and path_space(space) is not None:
        counts = path_counts(space, genotypes)
        return np.concatenate([counts, path_extremes(space, genotypes)], axis=1)
    return mixed(space, genotypes)


def default_groups(space: SearchSpace, functional: bool) -> Groups:
    """The columns of `default_features` that belong together.

    All path counts, and all path extremes; or the columns of each position.
    """
    cells = path_space(space) if functional else None
    if cells is None:
        return mixed_groups(space)
    counts = len(cells.path_names)
    extremes = len(extreme_names(space))
    return tuple(range(counts)), tuple(range(counts, counts + extremes))


class FeatureClasses(NamedTuple):
    """Genotypes grouped by equal features.

    Attributes:
        genotypes: `(n, G)`.
        features: `(classes, d)` distinct rows, in order of their first member.
        of: `(n,)` the class of each genotype.
        members: `(n,)` positions in `genotypes`, sorted by class.
        starts: `(classes + 1,)` where each class begins in `members`.
    """

    genotypes: NDArray[np.int64]
    features: NDArray[np.float64]
    of: NDArray[np.int64]
    members: NDArray[np.int64]
    starts: NDArray[np.int64]

    def first(self) -> NDArray[np.int64]:
        """The first member of each class, `(classes, G)`."""
        return np.asarray(self.genotypes[self.members[self.starts[:-1]]])


def feature_classes(genotypes: NDArray[np.int64], features: NDArray[np.float64]) -> FeatureClasses:
    """Group `(n, G)` genotypes by the rows of their `(n, d)` features."""
    rows = np.ascontiguousarray(features)
    keys = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    of = np.argsort(order)[which]
    starts = np.concatenate([[0], np.cumsum(np.bincount(of, minlength=len(first)))])
    return FeatureClasses(genotypes, features[first[order]], of, np.argsort(of, kind="stable"), starts)


@lru_cache(maxsize=4)
def all_feature_classes(space: SearchSpace, functional: bool) -> FeatureClasses:
    """The whole of an enumerable space with `default_features`; read-only, kept for the next run."""
    genotypes = cast("NDArray[np.int64]", space.all())
    classes = feature_classes(genotypes, default_features(space, genotypes, functional))
    for array in classes:
        array.flags.writeable = False
    return classes
