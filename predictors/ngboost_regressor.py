"""Natural-gradient boosting, which predicts a normal distribution; needs the extra `ngboost`."""

from __future__ import annotations

from typing import Self

import numpy as np
from ngboost import NGBRegressor
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils.validation import check_array, check_is_fitted, check_X_y

from nasbench.predictors.cross_fit import SMALLEST_DEVIATION, Prediction


class NGBoost(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Boosted trees for the mean and the logarithm of the standard deviation.

    Source: Duan et al., NGBoost: Natural Gradient Boosting for Probabilistic Prediction, ICML 2020. White
    et al., How Powerful are Performance Predictors in NAS?, NeurIPS 2021, use 505 trees with a rate of
    .081, which on a hundred rows drives the deviations towards zero (coverage of the 95 % interval: 50 %);
    100 shallow trees with .03, on half of the rows each, stay honest.

    Args:
        n_estimators: boosting steps.
        learning_rate: shrinkage.
        max_depth: of a tree.
        minibatch_frac: share of the rows a step sees.
        col_sample: share of the columns a step sees.
        random_state: seed.
    """

    def __init__(
        self,
        n_estimators: int = 100,
        learning_rate: float = 0.03,
        max_depth: int = 3,
        minibatch_frac: float = 0.5,
        col_sample: float = 0.5,
        random_state: int = 0,
    ) -> None:
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.minibatch_frac = minibatch_frac
        self.col_sample = col_sample
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit to features `(n, d)` and targets `(n,)`, n at least 2."""
        features, targets = check_X_y(X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2)
        self.n_features_in_ = features.shape[1]
        self.centre_, spread = float(targets.mean()), float(targets.std())
        self.scale_ = spread or 1.0
        self.model_ = None
        if spread > 0:
            base = DecisionTreeRegressor(max_depth=self.max_depth, random_state=self.random_state)
            self.model_ = NGBRegressor(
                Base=base,
                n_estimators=self.n_estimators,
                learning_rate=self.learning_rate,
                minibatch_frac=max(self.minibatch_frac, min(1.0, 2.0 / len(targets))),
                col_sample=self.col_sample,
                verbose=False,
                random_state=self.random_state,
            ).fit(features, (targets - self.centre_) / self.scale_)
        return self

    def predict(self, X: ArrayLike, return_std: bool = False) -> Prediction:
        """Mean `(n,)` of the predicted normal distributions, and their standard deviations if wanted."""
        check_is_fitted(self)
        features = check_array(X, dtype=np.float64)
        mean, deviation = np.zeros(len(features)), np.zeros(len(features))
        if self.model_ is not None:
            parameters = self.model_.pred_dist(features).params
            mean, deviation = parameters["loc"], parameters["scale"]
        mean = self.centre_ + self.scale_ * mean
        return (mean, np.maximum(self.scale_ * deviation, SMALLEST_DEVIATION)) if return_std else mean
