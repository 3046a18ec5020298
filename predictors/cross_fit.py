"""Ensembles whose members each leave out some rows, so that the ensemble knows how wrong it is.

The spread of an ensemble's members alone is far too narrow: members that overfit alike agree. Here the
rows are dealt into as many folds as there are members, and member m learns from all folds but m. Its
errors on fold m are honest, as in cross-validation, at no extra cost; the variance of a prediction is
the spread of the members plus the mean square of these errors.

Source: the cross-validation residuals of Barber et al., Predictive Inference with the Jackknife+, Annals
of Statistics 2021, for a variance instead of an interval; Lakshminarayanan et al., Simple and Scalable
Predictive Uncertainty Estimation Using Deep Ensembles, NIPS 2017 (the sum of both variances).
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_array, check_is_fitted, check_X_y

Floats = NDArray[np.float64]
Prediction = Floats | tuple[Floats, Floats]

SMALLEST_DEVIATION = 1e-9
"""Floor of standard deviations, relative to the targets' unit: where all targets are equal."""


def deal(rows: int, folds: int, seed: int | None) -> NDArray[np.int64]:
    """The fold of each row, `(rows,)`: folds of equal size but for one row, at random.

    Raises:
        ValueError: fewer than 2 folds, so that a member would see no row.
    """
    if folds < 2:
        raise ValueError(f"leaving out folds (or members, one a fold) takes at least 2, got {folds}")
    return np.random.default_rng(seed).permutation(rows) % folds


def distinct_rows(features: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The distinct rows `(m, d)`, and which of them each row is, `(n,)`.

    Tables are full of architectures with equal features; a tree ensemble need not walk twice for them.
    """
    if len(features) < 2:
        return features, np.zeros(len(features), dtype=np.int64)
    weights = np.random.default_rng(0).standard_normal(features.shape[1])
    _, first, which = np.unique(features @ weights, return_index=True, return_inverse=True)
    if not np.array_equal(features[first][which], features):
        return features, np.arange(len(features))
    return features[first], which


class CrossFittedEnsemble(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Base of the ensembles; a subclass fits one member.

    Args:
        members: models, and folds.
        random_state: seed of the folds and of the first member; the others count on from it.
    """

    def __init__(self, members: int = 5, random_state: int = 0) -> None:
        self.members = members
        self.random_state = random_state

    @abstractmethod
    def _fit_member(self, X: Floats, y: Floats, seed: int) -> Any:
        """A model fitted to `(n, d)` features and `(n,)` targets."""

    @abstractmethod
    def _predict_member(self, model: Any, X: Floats) -> Floats:
        """Its prediction `(n,)`."""

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit to features `(n, d)` and targets `(n,)`, n at least 2."""
        features, targets = check_X_y(X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2)
        self.n_features_in_ = features.shape[1]
        fold = deal(len(targets), self.members, self.random_state)
        errors = np.zeros(len(targets))
        self.models_ = []
        for member in range(self.members):
            out = fold == member
            seed = self.random_state + member
            known = targets[~out]
            # equal targets teach nothing; libraries differ in what they make of them
            model = float(known[0]) if (known == known[0]).all() else self._fit_member(features[~out], known, seed)
            if out.any():
                errors[out] = targets[out] - self._answer(model, features[out])
            self.models_.append(model)
        self.error_variance_ = float(np.mean(errors**2))
        return self

    def _answer(self, model: Any, X: Floats) -> Floats:
        """A member's prediction; one that saw equal targets only is that number."""
        return np.full(len(X), model) if isinstance(model, float) else self._predict_member(model, X)

    def predict(self, X: ArrayLike, return_std: bool = False) -> Prediction:
        """Mean over the members `(n,)`, and the standard deviation of an observation if wanted."""
        check_is_fitted(self)
        rows, which = distinct_rows(check_array(X, dtype=np.float64))
        predicted = np.array([self._answer(model, rows) for model in self.models_])
        mean = predicted.mean(axis=0)[which]
        if not return_std:
            return np.asarray(mean)
        deviation = np.sqrt(predicted.var(axis=0) + self.error_variance_)[which]
        return np.asarray(mean), np.maximum(deviation, SMALLEST_DEVIATION)
