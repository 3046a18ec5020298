"""The ensemble of perceptrons as a scikit-learn estimator on encoded genotypes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_array, check_is_fitted, check_X_y

from nasbench.predictors.mlp_ensemble import MLPEnsemble


class NeuralEnsemble(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Mean and spread of small perceptrons trained from different initial weights.

    Targets are standardised. Source: White, Neiswanger and Savani, BANANAS, AAAI 2021.

    Args:
        members: networks in the ensemble.
        layers: hidden layers of each.
        width: units of each hidden layer.
        steps: Adam steps of a fit.
        learning_rate: of Adam.
        random_state: seed of the initial weights and batches.
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

    def fit(self, X: ArrayLike, y: ArrayLike) -> NeuralEnsemble:
        """Fit to features `(n, d)` and targets `(n,)`."""
        features, targets = check_X_y(X, y, dtype=np.float64, y_numeric=True)
        self.n_features_in_ = features.shape[1]
        self.centre_, self.scale_ = float(targets.mean()), float(targets.std()) or 1.0
        self.ensemble_ = MLPEnsemble(
            self.members, self.layers, self.width, self.steps, learning_rate=self.learning_rate
        )
        rng = np.random.default_rng(self.random_state)
        self.ensemble_.fit(features, (targets - self.centre_) / self.scale_, rng)
        return self

    def predict(
        self,
        X: ArrayLike,
        return_std: bool = False,
    ) -> NDArray[np.float64] | tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean over the members `(n,)`, and their standard deviation if wanted."""
        check_is_fitted(self)
        predicted = self.ensemble_.predict(check_array(X, dtype=np.float64))
        mean = self.centre_ + self.scale_ * predicted.mean(axis=0)
        return (mean, self.scale_ * predicted.std(axis=0)) if return_std else mean
