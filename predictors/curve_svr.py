"""LcSVR: support-vector regression on the start of a learning curve and the architecture."""

from __future__ import annotations

from itertools import product
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.preprocessing import StandardScaler
from sklearn.svm import NuSVR
from sklearn.utils.validation import check_array, check_is_fitted, check_X_y

from nasbench.predictors import features
from nasbench.predictors.column_encoders import Floats, PartialCurves
from nasbench.predictors.cross_fit import deal
from nasbench.predictors.encoders import Mixed


class CurveFeatures(PartialCurves):
    """The start of a curve, its first and second differences, and the architecture's choices.

    Source: Baker et al., Accelerating Neural Architecture Search Using Performance Prediction, ICLR Workshop
    2018. The architecture is encoded as written, never by what it computes.
    """

    def _values(self, X: ArrayLike) -> Floats:
        curves = super()._values(X)
        slopes = np.diff(curves, axis=1)
        return np.concatenate([curves, slopes, np.diff(slopes, axis=1), features.mixed(self.space, X)], axis=1)

    def _names(self) -> list[str]:
        metric, seen = self._seen()
        points = [f"{metric} at epoch {epoch}" for epoch in seen]
        changes = [f"change of {name}" for name in points[1:]]
        return [*points, *changes, *(f"bend of {name}" for name in points[2:]),
                *Mixed(self.space).get_feature_names_out()]  # fmt: skip


class CurveSVR(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """nu-SVR with a radial kernel, its penalty and width chosen by cross-validation.

    Source: Baker et al., Accelerating Neural Architecture Search Using Performance Prediction, ICLR Workshop
    2018, who choose them by random search; twelve pairs on a grid here.

    Args:
        nu: share of the rows that are support vectors, at least.
        folds: of the cross-validation.
        random_state: seed of the folds.
    """

    encoding = "curve-features"

    _PENALTIES = (0.1, 1.0, 10.0, 100.0)
    _WIDTHS = (0.01, 0.1, 1.0)

    def __init__(self, nu: float = 0.5, folds: int = 3, random_state: int = 0) -> None:
        self.nu = nu
        self.folds = folds
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit to features `(n, d)` and targets `(n,)`, n at least 2."""
        given, targets = check_X_y(X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2)
        self.n_features_in_ = given.shape[1]
        # rows in an order of their own, so that the order they come in does not matter
        order = np.lexsort((targets, *given.T))
        self.scaler_ = StandardScaler().fit(given[order])
        rows, targets = self.scaler_.transform(given)[order], targets[order]
        self.centre_, self.scale_ = float(targets.mean()), float(targets.std()) or 1.0
        targets = (targets - self.centre_) / self.scale_
        self.penalty_, self.width_ = self._chosen(rows, targets)
        self.model_ = self._model(self.penalty_, self.width_).fit(rows, targets)
        return self

    def _model(self, penalty: float, width: float) -> Any:
        return NuSVR(nu=self.nu, C=penalty, gamma=width / self.n_features_in_, tol=1e-5)

    def _chosen(self, rows: Floats, targets: Floats) -> tuple[float, float]:
        """The pair with the smallest squared error over the folds; the simplest of equals."""
        pairs = list(product(self._PENALTIES, self._WIDTHS))
        fold = deal(len(rows), min(self.folds, len(rows)), self.random_state)
        errors = np.zeros(len(pairs))
        for out in np.unique(fold):
            held: NDArray[np.bool_] = fold == out
            for number, pair in enumerate(pairs):
                model = self._model(*pair).fit(rows[~held], targets[~held])
                errors[number] += float(((model.predict(rows[held]) - targets[held]) ** 2).sum())
        return pairs[int(errors.argmin())]

    def predict(self, X: ArrayLike) -> Floats:
        """Predictions `(n,)`."""
        check_is_fitted(self)
        rows = self.scaler_.transform(check_array(X, dtype=np.float64))
        return np.asarray(self.centre_ + self.scale_ * self.model_.predict(rows))
