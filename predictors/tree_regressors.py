"""Tree ensembles as scikit-learn estimators that also tell how far their members disagree."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import RandomForestRegressor
from sklearn.utils.validation import check_array, check_is_fitted, check_X_y

Prediction = NDArray[np.float64] | tuple[NDArray[np.float64], NDArray[np.float64]]


class RandomForest(RandomForestRegressor):  # type: ignore[misc]
    """scikit-learn's random forest; the standard deviation is the spread over its trees.

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

    def predict(self, X: ArrayLike, return_std: bool = False) -> Prediction:
        """Mean over the trees `(n,)`, and their standard deviation if wanted."""
        if not return_std:
            return np.asarray(super().predict(X))
        check_is_fitted(self)
        features = check_array(X, dtype=np.float32)
        trees = np.array([tree.predict(features) for tree in self.estimators_])
        return trees.mean(axis=0), trees.std(axis=0)


class XGBoostEnsemble(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A few gradient-boosted models that differ in the rows and columns they subsample.

    Source: Chen and Guestrin, XGBoost: A Scalable Tree Boosting System, KDD 2016. Depth 6 as in White
    et al., How Powerful are Performance Predictors in NAS?, NeurIPS 2021, with slower learning and
    subsampling in place of their rate of .3, which ranks better here.

    Args:
        members: models; their spread is the standard deviation.
        n_estimators: trees of each.
        max_depth: of a tree.
        learning_rate: shrinkage.
        subsample: share of the rows a tree sees.
        colsample_bytree: share of the columns a tree sees.
        random_state: seed of the first member; the others count on from it.
    """

    def __init__(
        self,
        members: int = 5,
        n_estimators: int = 300,
        max_depth: int = 6,
        learning_rate: float = 0.05,
        subsample: float = 0.7,
        colsample_bytree: float = 0.5,
        random_state: int = 0,
    ) -> None:
        self.members = members
        self.n_estimators = n_estimators
        self.max_depth = max_depth
        self.learning_rate = learning_rate
        self.subsample = subsample
        self.colsample_bytree = colsample_bytree
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> XGBoostEnsemble:
        """Fit to features `(n, d)` and targets `(n,)`."""
        from xgboost import XGBRegressor

        features, targets = check_X_y(X, y, dtype=np.float64, y_numeric=True)
        self.n_features_in_ = features.shape[1]
        self.models_ = [
            XGBRegressor(
                n_estimators=self.n_estimators,
                max_depth=self.max_depth,
                learning_rate=self.learning_rate,
                subsample=self.subsample,
                colsample_bytree=self.colsample_bytree,
                random_state=self.random_state + member,
                n_jobs=1,
            ).fit(features, targets)
            for member in range(self.members)
        ]
        return self

    def predict(self, X: ArrayLike, return_std: bool = False) -> Prediction:
        """Mean over the members `(n,)`, and their standard deviation if wanted."""
        check_is_fitted(self)
        features = check_array(X, dtype=np.float64)
        predicted = np.array([model.predict(features) for model in self.models_], dtype=np.float64)
        mean = predicted.mean(axis=0)
        return (mean, predicted.std(axis=0)) if return_std else mean
