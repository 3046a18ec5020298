"""Encoders: scikit-learn transformers from genotypes `(n, G)` to features `(n, d)`.

They are stateless: the space says everything, `fit` only marks them as fitted.

Source: White et al., A Study on Encodings for Neural Architecture Search, NeurIPS 2020.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from nasbench.predictors import features
from nasbench.space import SearchSpace


class Encoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Base of the encoders.

    Args:
        space: where the genotypes live.
    """

    def __init__(self, space: SearchSpace) -> None:
        self.space = space

    def fit(self, X: ArrayLike, y: Any = None) -> Encoder:
        """Check the genotypes; nothing is learned."""
        self.n_features_in_ = self.space.check(X).shape[1]
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    @abstractmethod
    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Features `(n, d)` of the genotypes `(n, G)`."""

    @abstractmethod
    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Names of the columns that `transform` gives, `(d,)`."""


class OneHot(Encoder):
    """One column of zeros and ones a choice of each position."""

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """`(n, sum of cardinalities)`."""
        return features.one_hot(self.space, X)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """`POSITION=CHOICE`."""
        names = [f"{p.name}={choice}" for p in self.space.parameters for choice in p.choices]
        return np.array(names, dtype=object)


class UnitRanks(Encoder):
    """The rank of each choice on the unit interval: for ordered positions."""

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """`(n, G)`."""
        return features.unit_ranks(self.space, X)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """The positions' names."""
        return np.array([p.name for p in self.space.parameters], dtype=object)


class Mixed(Encoder):
    """Unit ranks where a position is ordered, one-hot columns where it is categorical.

    Tells every two genotypes apart, so that it suits any objective.
    """

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """`(n, d)` in genotype order."""
        return features.mixed(self.space, X)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """`POSITION`, or `POSITION=CHOICE`."""
        names: list[str] = []
        for p in self.space.parameters:
            names += [p.name] if p.ordered else [f"{p.name}={choice}" for choice in p.choices]
        return np.array(names, dtype=object)


class PathCounts(Encoder):
    """Number of input-to-output paths with each sequence of operations, raised to a power.

    It identifies architectures that compute the same function: for accuracy and loss only, never
    for parameters, FLOPs, latency, energy or training time.

    Args:
        space: a cell space, or a partial table of one.
        power: 1 gives counts, 0 presence, one half their square roots.
    """

    def __init__(self, space: SearchSpace, power: float = 0.5) -> None:
        super().__init__(space)
        self.power = power

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """`(n, sequences)`."""
        return features.path_counts(self.space, X, self.power)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """The sequences of operations."""
        cells = features.path_space(self.space)
        return np.array(cells.path_names if cells else (), dtype=object)


class PathFeatures(Encoder):
    """Square roots of path counts, then path extremes: what predictors of accuracy start from.

    Like `PathCounts` for functional objectives only. The extremes (the longest path, and the most of
    each operation on one path) are functions of the counts, but tell depth in a way that a distance
    between counts does not.
    """

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """`(n, sequences + operations + 1)`."""
        counts = features.path_counts(self.space, X)
        return np.concatenate([counts, features.path_extremes(self.space, X)], axis=1)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """The sequences of operations, then the extremes."""
        cells = features.path_space(self.space)
        names = (*cells.path_names, *features.extreme_names(self.space)) if cells else ()
        return np.array(names, dtype=object)


def default_encoder(space: SearchSpace, functional: bool = True) -> Encoder:
    """The encoder for an objective (`Objective.functional` says which kind it is).

    Args:
        space: where the genotypes live.
        functional: whether the target depends on the computed function only.

    Returns:
        `PathFeatures` for a functional objective on a cell space, else `Mixed`.
    """
    if functional and features.path_space(space) is not None:
        return PathFeatures(space)
    return Mixed(space)
