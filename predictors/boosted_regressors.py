"""Gradient-boosted trees as cross-fitted ensembles."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from nasbench.predictors.cross_fit import CrossFittedEnsemble, Floats


class XGBoostEnsemble(CrossFittedEnsemble):
    """A few XGBoost models; see `cross_fit` for how far they can be trusted.

    Source: Chen and Guestrin, XGBoost: A Scalable Tree Boosting System, KDD 2016. Depth 6 as in White
    et al., How Powerful are Performance Predictors in NAS?, NeurIPS 2021; 60 trees with a rate of .15,
    subsampled, in place of their 500 with .3: five such models are fitted in the time of one of theirs.
    Half of the columns are drawn anew for each split, as in a forest: drawn once a tree they leave a
    space of five positions with trees of two or three, which cannot tell what the positions do together.

    Args:
        members: models, and folds of the rows.
        n_estimators: trees of each.
        max_depth: of a tree.
        learning_rate: shrinkage.
        subsample: share of its rows a tree sees.
        colsample_bytree: share of the columns a tree sees.
        colsample_bynode: share of those that a split sees.
        random_state: seed of the folds and of the first member; the others count on from it.
    """

    def __init__(
        self,
        members: int = 5,
        n_estimators: int = 60,
        max_depth: int = 6,
        learning_rate: float = 0.15,
        subsample: float = 0.7,
        colsample_bytree: float = 1.0,
        colsample_bynode: float = 0.5,
        random_state: int = 0,
    ) -> None:
        super().__init__(members, random_state)
        self.n_estimators = n_estimators
        self.max_depth = max_depth
        self.learning_rate = learning_rate
        self.subsample = subsample
        self.colsample_bytree = colsample_bytree
        self.colsample_bynode = colsample_bynode

    def _fit_member(self, X: Floats, y: Floats, seed: int) -> Any:
        import xgboost

        settings = {
            "max_depth": self.max_depth,
            "eta": self.learning_rate,
            "subsample": self.subsample,
            "colsample_bytree": self.colsample_bytree,
            "colsample_bynode": self.colsample_bynode,
            "tree_method": "hist",
            "nthread": 1,
            "seed": seed,
        }
        return xgboost.train(settings, xgboost.DMatrix(X, label=y, nthread=1), self.n_estimators)

    def _predict_member(self, model: Any, X: Floats) -> Floats:
        model.set_param({"nthread": 1})
        return np.asarray(model.inplace_predict(X), dtype=np.float64)


class HistGradientBoosting(CrossFittedEnsemble):
    """A few of scikit-learn's histogram gradient boosting models; see `cross_fit`.

    Source: Ke et al., LightGBM: A Highly Efficient Gradient Boosting Decision Tree, NIPS 2017, whose
    algorithm scikit-learn has; no optional dependency.

    Args:
        members: models, and folds of the rows.
        max_iter: trees of each.
        max_leaf_nodes: of a tree.
        learning_rate: shrinkage.
        min_samples_leaf: rows in a leaf at least.
        max_features: share of the columns a split sees.
        random_state: seed of the folds and of the first member; the others count on from it.
    """

    def __init__(
        self,
        members: int = 5,
        max_iter: int = 100,
        max_leaf_nodes: int = 31,
        learning_rate: float = 0.1,
        min_samples_leaf: int = 3,
        max_features: float = 0.5,
        random_state: int = 0,
    ) -> None:
        super().__init__(members, random_state)
        self.max_iter = max_iter
        self.max_leaf_nodes = max_leaf_nodes
        self.learning_rate = learning_rate
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features

    def _fit_member(self, X: Floats, y: Floats, seed: int) -> Any:
        model = HistGradientBoostingRegressor(
            max_iter=self.max_iter,
            max_leaf_nodes=self.max_leaf_nodes,
            learning_rate=self.learning_rate,
            min_samples_leaf=self.min_samples_leaf,
            max_features=self.max_features,
            early_stopping=False,
            random_state=seed,
        )
        return model.fit(X, y)

    def _predict_member(self, model: Any, X: Floats) -> Floats:
        return np.asarray(model.predict(X))
