"""Predictors of several families that vote: graph networks, a Gaussian process and boosted trees."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_array, check_is_fitted, check_X_y

from nasbench.predictors import REGISTRY
from nasbench.predictors.cross_fit import Floats, Prediction
from nasbench.predictors.graphs import graph_space
from nasbench.predictors.pipelines import build
from nasbench.space import SearchSpace

WITH_GRAPHS = {"gin": 2.0, "gp-ard": 1.0, "xgboost": 1.0}
"""Voters, and their weights, where architectures have graphs; `gin` needs the extra `torch`."""

WITHOUT_GRAPHS = {"gp": 1.0, "xgboost": 1.0}
"""The same where they have none."""

_REFERENCE = 1000
"""Architectures on which the voices are brought to one scale."""


class Vote(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Weighted mean of several predictors, each with the encoder of its own.

    Some families shrink towards the mean more than others, and the timid would not be heard. So all are
    brought to one centre and scale on a fixed random sample of the space, whose targets nobody needs. The
    standard deviation is that of the mixture of their predictive distributions.

    Source: Breiman, Stacked Regressions, Machine Learning 1996, with fixed weights: weights learned from a
    hundred rows are noise.

    Args:
        space: where the genotypes live.
        functional: see `nasbench.predictors.create`.
        predictors: weight of each who votes, by name; None: `WITH_GRAPHS` where architectures have graphs,
            else `WITHOUT_GRAPHS`.
        random_state: seed of each.
    """

    version: ClassVar[int] = 2
    encoding: ClassVar[str] = "genotype"

    def __init__(
        self,
        space: SearchSpace,
        functional: bool = True,
        predictors: Mapping[str, float] | None = None,
        random_state: int = 0,
    ) -> None:
        self.space = space
        self.functional = functional
        self.predictors = predictors
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit all of them to genotypes `(n, G)` and targets `(n,)`, n at least 2.

        Raises:
            UnknownNameError: a voter is no predictor.
            MissingExtraError: the optional library of one is not installed.
        """
        genotypes, targets = check_X_y(X, y, dtype=np.int64, y_numeric=True, ensure_min_samples=2)
        self.n_features_in_ = genotypes.shape[1]
        weights = self._weights()
        self.shares_ = np.array([*weights.values()]) / sum(weights.values())
        self.voters_ = [self._voter(name).fit(genotypes, targets) for name in weights]
        reference = self.space.sample(np.random.default_rng(0), _REFERENCE)
        views = np.array([voter.predict(reference) for voter in self.voters_])
        self.centres_, scales = views.mean(axis=1, keepdims=True), views.std(axis=1, keepdims=True)
        # A voter that says the same of everything has no scale; rounding errors are not to be blown up.
        self.scales_ = np.where(scales > 1e-6 * float(targets.std()), scales, scales.max() or 1.0)
        return self

    def predict(self, X: ArrayLike, return_std: bool = False) -> Prediction:
        """Mean `(n,)`, and the standard deviation of an observation if wanted."""
        check_is_fitted(self)
        genotypes = check_array(X, dtype=np.int64)
        answers = [voter.predict(genotypes, return_std=True) for voter in self.voters_]
        factors = (self.shares_ @ self.scales_) / self.scales_
        centred = np.array([mean for mean, _ in answers]) - self.centres_
        means = self.shares_ @ self.centres_ + centred * factors
        mean: Floats = self.shares_ @ means
        if not return_std:
            return mean
        variances = np.array([deviation**2 for _, deviation in answers]) + (means - mean) ** 2
        return mean, np.sqrt(self.shares_ @ variances)

    def _weights(self) -> Mapping[str, float]:
        if self.predictors is not None:
            return self.predictors
        return WITHOUT_GRAPHS if graph_space(self.space) is None else WITH_GRAPHS

    def _voter(self, name: str) -> Pipeline:
        regressor = REGISTRY.get(name)
        seed: dict[str, Any] = {}
        if "random_state" in signature(regressor).parameters:
            seed["random_state"] = self.random_state
        # The targets come in the scale that `create` chose; nobody ranks them again.
        return build(name, regressor, self.space, seed, functional=self.functional, rank_targets=False)
