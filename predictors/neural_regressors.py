"""The ensemble of perceptrons as a scikit-learn estimator on encoded genotypes."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_array, check_is_fitted, check_X_y

from nasbench.predictors.cross_fit import SMALLEST_DEVIATION, Prediction, deal
from nasbench.predictors.mlp_ensemble import MLPEnsemble


class NeuralEnsemble(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Perceptrons trained from different initial weights, each on all folds of the rows but one.

    The variance is the spread of the members plus the mean square of their errors on the fold that they
    left out, as in `nasbench.predictors.cross_fit`. Targets are standardised.

    Source: White, Neiswanger and Savani, BANANAS, AAAI 2021.

    Args:
        members: networks in the ensemble.
        layers: hidden layers of each.
        width: units of each hidden layer.
        steps: Adam steps of a fit.
        learning_rate: of Adam.
        random_state: seed of the folds, the initial weights and the batches.
    """

    def __init__(
        self,
        members: int = 5,
        layers: int = 3,
        width: int = 20,
        steps: int = 600,
        learning_rate: float = 0.01,
        random_state: int | None = 0,
    ) -> None:
        self.members = members
        self.layers = layers
        self.width = width
        self.steps = steps
        self.learning_rate = learning_rate
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit to features `(n, d)` and targets `(n,)`, n at least 2."""
        features, targets = check_X_y(X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2)
        self.n_features_in_ = features.shape[1]
        self.centre_, self.scale_ = float(targets.mean()), float(targets.std())
        values = (targets - self.centre_) / (self.scale_ or 1.0)
        self.ensemble_ = MLPEnsemble(
            self.members, self.layers, self.width, self.steps, learning_rate=self.learning_rate
        )
        fold = deal(len(values), self.members, self.random_state)
        kept = [np.flatnonzero(fold != member) for member in range(self.members)]
        rows = np.array([own[: min(map(len, kept))] for own in kept])
        self.ensemble_.fit(features, values, np.random.default_rng(self.random_state), rows)
        left_out = self.ensemble_.predict(features)[fold, np.arange(len(values))]
        self.error_variance_ = float(np.mean((values - left_out) ** 2))
        return self

    def predict(self, X: ArrayLike, return_std: bool = False) -> Prediction:
        """Mean over the members `(n,)`, and the standard deviation of an observation if wanted."""
        check_is_fitted(self)
        predicted = self.ensemble_.predict(check_array(X, dtype=np.float64))
        mean = self.centre_ + self.scale_ * predicted.mean(axis=0)
        if not return_std:
            return np.asarray(mean)
        deviation = np.sqrt(predicted.var(axis=0) + self.error_variance_)
        return np.asarray(mean), np.maximum(self.scale_ * deviation, SMALLEST_DEVIATION)
