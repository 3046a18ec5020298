"""Forests as scikit-learn estimators that also tell how far they can be trusted."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor
from sklearn.utils.validation import check_array, check_is_fitted, check_X_y

from nasbench.predictors.cross_fit import SMALLEST_DEVIATION, Floats, Prediction, distinct_rows


class _Trusted:
    """Mixin of the forests: the spread over the trees, and the errors on rows that a tree has not seen.

    Each tree learns from a bootstrap sample, so that the trees that did not draw a training row predict it
    honestly. The variance is the spread plus the mean square of these out-of-bag errors, times the one
    factor that makes it right on average out of bag: trees that are grown to single rows spread by
    their rows' noise too.
    """

    estimators_: Any
    estimators_samples_: Any

    def _learn_errors(self, X: Floats, y: Floats) -> None:
        features = X.astype(np.float32)
        predicted = np.array([tree.predict(features) for tree in self.estimators_])
        unseen = np.ones(predicted.shape, dtype=bool)
        for row, drawn in zip(unseen, self.estimators_samples_, strict=True):
            row[drawn] = False
        count = unseen.sum(axis=0)
        known = count > 0
        self.error_variance_, self.factor_ = float(y.var()), 1.0
        if known.any():
            predicted, unseen, count = predicted[:, known], unseen[:, known], count[known]
            votes = (predicted * unseen).sum(axis=0) / count
            spread = ((predicted - votes) ** 2 * unseen).sum(axis=0) / count
            self.error_variance_ = float(np.mean((y[known] - votes) ** 2))
            total = float(spread.mean()) + self.error_variance_
            self.factor_ = self.error_variance_ / total if total > 0 else 1.0

    def predict_value(self, X: ArrayLike) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the trees' predictions, `(n,)` each: the belief of SMAC."""
        check_is_fitted(self)
        rows = check_array(X, dtype=np.float32)
        # the trees below scikit-learn's checks, which take longer than the walk where a search asks for few rows
        trees = np.array([tree.tree_.predict(rows)[:, 0] for tree in self.estimators_])
        return trees.mean(axis=0), trees.std(axis=0)

    def _predict(self, X: ArrayLike, return_std: bool) -> Prediction:
        check_is_fitted(self)
        rows, which = distinct_rows(check_array(X, dtype=np.float32))
        trees = np.array([tree.predict(rows) for tree in self.estimators_])
        mean = trees.mean(axis=0)[which]
        if not return_std:
            return np.asarray(mean)
        deviation = np.sqrt(self.factor_ * (trees.var(axis=0) + self.error_variance_))[which]
        return np.asarray(mean), np.maximum(deviation, SMALLEST_DEVIATION)


class RandomForest(_Trusted, RandomForestRegressor):  # type: ignore[misc]
    """scikit-learn's random forest; the standard deviation is the spread over its trees and the out-of-bag error.

    Source: Breiman, Random Forests, 2001; 116 trees as in White et al., How Powerful are Performance
    Predictors in NAS?, NeurIPS 2021, with half of the features a split, which ranks better on paths.

    Args:
        n_estimators: trees.
        max_features: share (or number) of the features tried at a split.
        min_samples_leaf: observations in a leaf at least.
        max_depth: of a tree; None lets it grow.
        random_state: seed.
    """

    def __init__(
        self,
        n_estimators: int = 116,
        max_features: float | int | str | None = 0.5,
        min_samples_leaf: int = 1,
        max_depth: int | None = None,
        random_state: int | None = 0,
    ) -> None:
        super().__init__(
            n_estimators=n_estimators,
            max_features=max_features,
            min_samples_leaf=min_samples_leaf,
            max_depth=max_depth,
            random_state=random_state,
            n_jobs=1,
        )

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit to features `(n, d)` and targets `(n,)`."""
        features, targets = check_X_y(X, y, dtype=np.float64, y_numeric=True)
        super().fit(features, targets)
        self._learn_errors(features, targets)
        return self

    def predict(self, X: ArrayLike, return_std: bool = False) -> Prediction:
        """Mean over the trees `(n,)`, and the standard deviation of an observation if wanted."""
        return self._predict(X, return_std)


class ExtraTrees(_Trusted, ExtraTreesRegressor):  # type: ignore[misc]
    """scikit-learn's extremely randomised trees on bootstrap samples; uncertainty as in `RandomForest`.

    Source: Geurts et al., Extremely Randomized Trees, Machine Learning 2006. The paper's trees see all
    rows; bootstrap samples make their spread an honest one.

    Args:
        n_estimators: trees.
        max_features: share (or number) of the features tried at a split.
        min_samples_leaf: observations in a leaf at least.
        max_depth: of a tree; None lets it grow.
        random_state: seed.
    """

    def __init__(
        self,
        n_estimators: int = 116,
        max_features: float | int | str | None = 1.0,
        min_samples_leaf: int = 1,
        max_depth: int | None = None,
        random_state: int | None = 0,
    ) -> None:
        super().__init__(
            n_estimators=n_estimators,
            max_features=max_features,
            min_samples_leaf=min_samples_leaf,
            max_depth=max_depth,
            random_state=random_state,
            bootstrap=True,
            n_jobs=1,
        )

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit to features `(n, d)` and targets `(n,)`."""
        features, targets = check_X_y(X, y, dtype=np.float64, y_numeric=True)
        super().fit(features, targets)
        self._learn_errors(features, targets)
        return self

    def predict(self, X: ArrayLike, return_std: bool = False) -> Prediction:
        """Mean over the trees `(n,)`, and the standard deviation of an observation if wanted."""
        return self._predict(X, return_std)
