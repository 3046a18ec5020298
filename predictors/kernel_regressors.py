"""Gaussian-process regression as a scikit-learn estimator on encoded genotypes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_array, check_is_fitted, check_X_y

from nasbench.predictors.features import Groups
from nasbench.predictors.gaussian_process import Hyperparameters, Prior, fit, typical_distance
from nasbench.predictors.posterior import Posterior


class GaussianProcess(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Matern 5/2 Gaussian process, hyper-parameters by marginal likelihood with log-normal priors.

    Targets are standardised. Deterministic; `random_state` is accepted so that all predictors are
    created alike.

    Source: Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006.

    Args:
        lengthscale: prior median of the length-scales, as a multiple of the root mean square
            distance between two training rows.
        noise: prior median of the noise variance relative to the signal variance.
        iterations: of L-BFGS at most; 0 keeps the prior medians.
        groups: columns that share a length-scale, as tuples of column numbers; None is one group.
        random_state: not used.
    """

    def __init__(
        self,
        lengthscale: float = 2.5,
        noise: float = 0.1,
        iterations: int = 50,
        groups: Groups | None = None,
        random_state: int | None = None,
    ) -> None:
        self.lengthscale = lengthscale
        self.noise = noise
        self.iterations = iterations
        self.groups = groups
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> GaussianProcess:
        """Fit to features `(n, d)` and targets `(n,)`."""
        features, targets = check_X_y(X, y, dtype=np.float64, y_numeric=True)
        self.n_features_in_ = features.shape[1]
        self._groups: Groups = self.groups or (tuple(range(features.shape[1])),)
        spread = self.lengthscale * typical_distance(features)
        prior = Prior(Hyperparameters((spread,) * len(self._groups), self.noise))
        self.centre_, self.scale_ = float(targets.mean()), float(targets.std()) or 1.0
        self._X, self._y = features, (targets - self.centre_) / self.scale_
        self.hyperparameters_ = prior.centre
        if self.iterations:
            self.hyperparameters_ = fit(features, self._y, self._groups, prior.centre, prior, self.iterations)
        return self

    def predict(
        self,
        X: ArrayLike,
        return_std: bool = False,
    ) -> NDArray[np.float64] | tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Posterior mean `(n,)`, and standard deviation of the noise-free value if wanted."""
        check_is_fitted(self)
        features = check_array(X, dtype=np.float64)
        posterior = Posterior(features, self._groups, self.hyperparameters_, capacity=len(self._X))
        posterior.extend(self._X)
        white = posterior.whiten(self._y)
        mean = self.centre_ + self.scale_ * posterior.mean(white)
        if not return_std:
            return np.asarray(mean)
        return np.asarray(mean), np.asarray(self.scale_ * np.sqrt(posterior.variance(white)))
