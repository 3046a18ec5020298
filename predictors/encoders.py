"""Encoders: scikit-learn transformers from genotypes `(n, G)` to features `(n, d)`.

Most are stateless: the space says everything, and `fit` only checks the genotypes. The base class, the
encoders that predictors use by default and the registry of all of them are here; the others are in
`graph_encoders`, `arch2vec`, `token_encoder`, `wl` and `union_encoder`, and those that read a benchmark
in `column_encoders`, `proxy_encoder`, `curve_scores`, `curve_extrapolation`, `curve_svr` and `omni`.

Source: White et al., A Study on Encodings for Neural Architecture Search, NeurIPS 2020.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from inspect import Parameter, signature
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from nasbench.errors import GenotypeError, TaskError, UnknownNameError
from nasbench.predictors import features
from nasbench.predictors.charge import Charge, Training
from nasbench.registry import Registry
from nasbench.space import SearchSpace

REGISTRY = Registry(
    "encoder",
    {
        "adjacency": ("nasbench.predictors.graph_encoders:Adjacency", None),
        "arch2vec": ("nasbench.predictors.arch2vec:Arch2Vec", "torch"),
        "columns": ("nasbench.predictors.column_encoders:Columns", None),
        "curve-features": ("nasbench.predictors.curve_svr:CurveFeatures", None),
        "genotype": ("nasbench.predictors.encoders:AsWritten", None),
        "graph": ("nasbench.predictors.graph_encoders:Graph", None),
        "graph-statistics": ("nasbench.predictors.graph_encoders:GraphStatistics", None),
        "last-value": ("nasbench.predictors.curve_scores:LastValue", None),
        "lce": ("nasbench.predictors.curve_extrapolation:Extrapolation", None),
        "mixed": ("nasbench.predictors.encoders:Mixed", None),
        "omni": ("nasbench.predictors.omni:OmniFeatures", None),
        "one-hot": ("nasbench.predictors.encoders:OneHot", None),
        "ordinal": ("nasbench.predictors.encoders:UnitRanks", None),
        "partial-curves": ("nasbench.predictors.column_encoders:PartialCurves", None),
        "path": ("nasbench.predictors.graph_encoders:Paths", None),
        "path-features": ("nasbench.predictors.encoders:PathFeatures", None),
        "sotl": ("nasbench.predictors.curve_scores:LossSum", None),
        "sotl-e": ("nasbench.predictors.curve_scores:RecentLossSum", None),
        "sotl-ema": ("nasbench.predictors.curve_scores:SmoothedLossSum", None),
        "tokens": ("nasbench.predictors.token_encoder:Tokens", None),
        "truncated-path": ("nasbench.predictors.graph_encoders:TruncatedPaths", None),
        "wl": ("nasbench.predictors.wl:WeisfeilerLehman", None),
        "zero-cost": ("nasbench.predictors.proxy_encoder:Proxies", None),
    },
    group="nasbench.encoders",
)


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

    def _check_fitted(self) -> None:
        """Raise scikit-learn's `NotFittedError` where `fit` has something to learn and was not called."""
        check_is_fitted(self)

    def groups(self) -> features.Groups | None:
        """Columns that belong together, for kernels with a length-scale a group; None: all of them."""
        return None

    def cost(self, X: ArrayLike) -> Charge:
        """What a query of the genotypes `(n, G)` costs: nothing, unless something is run or trained for it."""
        return Charge.nothing(len(self.space.check(X)))

    def training(self) -> Training | None:
        """The training that `cost` is for, so that encoders which look at the same one pay once."""
        return None

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

    def groups(self) -> features.Groups:
        """The columns of each position."""
        ends = np.cumsum(self.space.cardinalities).tolist()
        starts = [0, *ends[:-1]]
        return tuple(tuple(range(begin, end)) for begin, end in zip(starts, ends, strict=True))


class AsWritten(Encoder):
    """The genotypes themselves: for regressors that encode them on their own."""

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """`(n, G)`: the number of each choice."""
        return self.space.check(X).astype(np.float64)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """The positions' names."""
        return np.array([p.name for p in self.space.parameters], dtype=object)


class UnitRanks(Encoder):
    """The rank of each choice on the unit interval: for ordered positions."""

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """`(n, G)`."""
        return features.unit_ranks(self.space, X)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """The positions' names."""
        return np.array([p.name for p in self.space.parameters], dtype=object)

    def groups(self) -> features.Groups:
        """Each position by itself."""
        return tuple((position,) for position in range(self.space.length))


class Mixed(Encoder):
    """Unit ranks where a position is ordered, one-hot columns where it is categorical.

    Tells every two genotypes apart, so that it suits any objective.
    """

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """`(n, d)` in genotype order."""
        return features.mixed(self.space, X)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """`POSITION`, or `POSITION=CHOICE`."""
        choices = [
            (p.name,) if p.ordered else tuple(f"{p.name}={choice}" for choice in p.choices)
            for p in self.space.parameters
        ]
        names = [name for position in choices for name in position]
        return np.array(names, dtype=object)

    def groups(self) -> features.Groups:
        """The columns of each position."""
        return features.mixed_groups(self.space)


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

    def groups(self) -> features.Groups:
        """All path counts, and all path extremes."""
        return features.default_groups(self.space, functional=True)


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


def encoder_parameters(name: str) -> Sequence[str]:
    """Names of the parameters of a registered encoder that are its own: not the space, nor what the target is.

    Raises:
        UnknownNameError: no such encoder.
    """
    return [p for p in signature(REGISTRY.get(name)).parameters if p not in ("space", "functional")]


EncoderLike: TypeAlias = "str | Encoder | Sequence[str | Encoder]"
"""An encoder's name, an encoder, or several of them to put side by side."""


def list() -> Sequence[str]:
    """Names of all encoders; imports none of them."""
    return REGISTRY.names()


def create_encoder(encoder: EncoderLike, space: SearchSpace, *, functional: bool = True, **params: Any) -> Encoder:
    """An encoder by name.

    Args:
        encoder: one of `list()`; an `Encoder` is given back as it is; several are put side by side.
        space: where the genotypes live.
        functional: whether the target depends on the computed function only (accuracy, loss): encoders
            that can then identify architectures that compute the same function.
        **params: of the encoder; only with a single name.

    Raises:
        UnknownNameError: no such encoder, or a parameter that it does not have.
        GenotypeError: the encoder canonicalises and the target is not functional.
        TaskError: a parameter without a default, like the benchmark to read, is not given.
    """
    if isinstance(encoder, Encoder):
        return encoder
    if not isinstance(encoder, str):
        from nasbench.predictors.union_encoder import Union

        return Union(space, [create_encoder(part, space, functional=functional, **params) for part in encoder])
    encoder_class = REGISTRY.get(encoder)
    known = signature(encoder_class).parameters
    for given in params:
        if given not in known:
            raise UnknownNameError(f"parameter of encoder {encoder!r}:", given, known)
    needed = [p for p, what in known.items() if what.default is Parameter.empty and p != "space" and p not in params]
    if needed:
        raise TaskError(f"encoder {encoder!r} reads more than genotypes; give {', '.join(f'{p}=...' for p in needed)}")
    if "functional" in known:
        params.setdefault("functional", functional)
    elif encoder_class is PathFeatures and not functional:
        raise GenotypeError("path-features canonicalise; for this target use path, which counts paths as written")
    made: Encoder = encoder_class(space, **params)
    return made
