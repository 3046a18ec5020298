"""A Gaussian process and boosted trees that vote: the best of the models without deep learning."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_array, check_is_fitted, check_X_y

from nasbench.predictors.boosted_regressors import XGBoostEnsemble
from nasbench.predictors.cross_fit import Prediction
from nasbench.predictors.features import Groups
from nasbench.predictors.kernel_regressors import RelevanceGP


class Blend(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Weighted mean of `RelevanceGP` and `XGBoostEnsemble` on the same columns.

    A smooth model and a piecewise constant one err differently. The standard deviation is that of the
    mixture of both predictive distributions.

    Source: Breiman, Stacked Regressions, Machine Learning 1996, with a fixed weight: weights learned from
    a hundred rows are noise.

    Args:
        weight: of the Gaussian process; the trees have the rest.
        groups: columns that share a length-scale, see `RelevanceGP`.
        random_state: seed of the trees.
    """

    version: ClassVar[int] = 2
    encoding: ClassVar[tuple[str, ...]] = ("graph-statistics",)

    def __init__(self, weight: float = 0.6, groups: Groups | None = None, random_state: int = 0) -> None:
        self.weight = weight
        self.groups = groups
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit both to features `(n, d)` and targets `(n,)`, n at least 2."""
        features, targets = check_X_y(X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2)
        self.n_features_in_ = features.shape[1]
        self.smooth_ = RelevanceGP(groups=self.groups).fit(features, targets)
        self.trees_ = XGBoostEnsemble(random_state=self.random_state).fit(features, targets)
        return self

    def predict(self, X: ArrayLike, return_std: bool = False) -> Prediction:
        """Mean `(n,)`, and the standard deviation of an observation if wanted."""
        check_is_fitted(self)
        features = check_array(X, dtype=np.float64)
        smooth, narrow = self.smooth_.predict(features, return_std=True)
        trees, wide = self.trees_.predict(features, return_std=True)
        mean = self.weight * smooth + (1.0 - self.weight) * trees
        if not return_std:
            return np.asarray(mean)
        variance = self.weight * narrow**2 + (1.0 - self.weight) * wide**2
        variance += self.weight * (1.0 - self.weight) * (smooth - trees) ** 2
        return np.asarray(mean), np.sqrt(variance)
