"""LcSVR: support-vector regression on the start of a learning curve and the architecture."""

from __future__ import annotations

from itertools import product
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.svm import NuSVR
from sklearn.utils.validation import check_array, check_is_fitted, check_X_y

from nasbench.predictors import features
from nasbench.predictors.column_encoders import Floats, PartialCurves
from nasbench.predictors.cross_fit import deal
from nasbench.predictors.encoders import Mixed
from nasbench.predictors.features import Groups


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

    def groups(self) -> Groups:
        """The curve with its differences, and the architecture with whether numbers were missing."""
        columns, points = len(self.get_feature_names_out()), len(self._seen()[1])
        curve = points + max(points - 1, 0) + max(points - 2, 0)
        return tuple(range(curve)), tuple(range(curve, columns))


class CurveSVR(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """nu-SVR with a radial kernel, its penalty and width chosen by cross-validation.

    The columns of a group are centred and share one scale. If each had its own, the differences between late
    epochs, which are mostly noise, would count like the values themselves: with half of the curve of 100 cells
    of NAS-Bench-201, Kendall tau is .83 in place of .72.

    Source: Baker et al., Accelerating Neural Architecture Search Using Performance Prediction, ICLR Workshop
    2018, who choose penalty and width by random search; here they are the best of nine pairs.

    Args:
        nu: share of the rows that are support vectors, at least.
        weight: total variance of the first group's columns, the curve; it is 1 for each other group.
        folds: of the cross-validation.
        groups: columns that share a scale, as tuples of column numbers; None is one group.
        random_state: seed of the folds.
    """

    encoding: ClassVar[str] = "curve-features"

    _PENALTIES: ClassVar[tuple[float, ...]] = (1.0, 10.0, 100.0)
    _WIDTHS: ClassVar[tuple[float, ...]] = (0.03, 0.3, 1.0)

    def __init__(
        self,
        nu: float = 0.5,
        weight: float = 10.0,
        folds: int = 3,
        groups: Groups | None = None,
        random_state: int = 0,
    ) -> None:
        self.nu = nu
        self.weight = weight
        self.folds = folds
        self.groups = groups
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit to features `(n, d)` and targets `(n,)`, n at least 2."""
        given, targets = check_X_y(X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2)
        self.n_features_in_ = given.shape[1]
        # an order of their own, so that the order the rows come in does not matter
        order = np.lexsort((targets, *given.T))
        given, targets = given[order], targets[order]
        self.middle_, self.unit_ = given.mean(axis=0), self._units(given)
        self.centre_, self.scale_ = float(targets.mean()), float(targets.std()) or 1.0
        rows, targets = self._scaled(given), (targets - self.centre_) / self.scale_
        self.penalty_, self.width_ = self._chosen(rows, targets)
        self.model_ = self._model(self.penalty_, self.width_).fit(rows, targets)
        return self

    def _units(self, given: Floats) -> Floats:
        """What each column is divided by, `(d,)`."""
        groups = self.groups or (tuple(range(given.shape[1])),)
        units = np.ones(given.shape[1])
        for number, columns in enumerate(groups):
            total = float(given[:, columns].var(axis=0).sum())
            if total > 0:
                units[[*columns]] = np.sqrt(total / (self.weight if number == 0 else 1.0))
        self._total = self.weight + len(groups) - 1.0
        return units

    def _scaled(self, given: Floats) -> Floats:
        return np.asarray((given - self.middle_) / self.unit_)

    def _model(self, penalty: float, width: float) -> Any:
        model = NuSVR(nu=self.nu, C=penalty, gamma=width / self._total, tol=1e-5)
        # no parameter of it; left None, `fit` would draw a seed that it never uses from numpy's global generator
        model.random_state = 0
        return model

    def _chosen(self, rows: Floats, targets: Floats) -> tuple[float, float]:
        """The pair with the smallest squared error over the folds; the simplest of equals."""
        pairs = list(product(self._PENALTIES, self._WIDTHS))
        fold = deal(len(rows), min(self.folds, len(rows)), self.random_state)
        errors = np.zeros(len(pairs))
        for out in np.unique(fold):
            held = fold == out
            for number, pair in enumerate(pairs):
                model = self._model(*pair).fit(rows[~held], targets[~held])
                errors[number] += float(((model.predict(rows[held]) - targets[held]) ** 2).sum())
        return pairs[int(errors.argmin())]

    def predict(self, X: ArrayLike) -> Floats:
        """Predictions `(n,)`."""
        check_is_fitted(self)
        rows = self._scaled(check_array(X, dtype=np.float64))
        return np.asarray(self.centre_ + self.scale_ * self.model_.predict(rows))
