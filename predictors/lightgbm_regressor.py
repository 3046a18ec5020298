"""LightGBM as a cross-fitted ensemble; needs the extra `lightgbm`."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np

from nasbench.predictors.cross_fit import CrossFittedEnsemble, Floats


class LightGBMEnsemble(CrossFittedEnsemble):
    """A few LightGBM models; see `cross_fit` for how far they can be trusted.

    Source: Ke et al., LightGBM: A Highly Efficient Gradient Boosting Decision Tree, NIPS 2017; 31 leaves
    and a rate of .05 as in White et al., How Powerful are Performance Predictors in NAS?, NeurIPS 2021;
    leaves of at least 3 rows in place of 20, without which hundreds of rows make no trees.

    Args:
        members: models, and folds of the rows.
        n_estimators: trees of each.
        num_leaves: of a tree.
        learning_rate: shrinkage.
        min_child_samples: rows in a leaf at least.
        subsample: share of its rows a tree sees.
        colsample_bytree: share of the columns a tree sees.
        colsample_bynode: share of those that a split sees.
        random_state: seed of the folds and of the first member; the others count on from it.
    """

    def __init__(
        self,
        members: int = 5,
        n_estimators: int = 150,
        num_leaves: int = 31,
        learning_rate: float = 0.05,
        min_child_samples: int = 3,
        subsample: float = 0.7,
        colsample_bytree: float = 1.0,
        colsample_bynode: float = 0.5,
        random_state: int = 0,
    ) -> None:
        super().__init__(members, random_state)
        self.n_estimators = n_estimators
        self.num_leaves = num_leaves
        self.learning_rate = learning_rate
        self.min_child_samples = min_child_samples
        self.subsample = subsample
        self.colsample_bytree = colsample_bytree
        self.colsample_bynode = colsample_bynode

    def _fit_member(self, X: Floats, y: Floats, seed: int) -> Any:
        settings = {
            "num_leaves": self.num_leaves,
            "learning_rate": self.learning_rate,
            "min_data_in_leaf": self.min_child_samples,
            "min_data_in_bin": 1,
            "bagging_fraction": self.subsample,
            "bagging_freq": 1,
            "feature_fraction": self.colsample_bytree,
            "feature_fraction_bynode": self.colsample_bynode,
            "num_threads": 1,
            "deterministic": True,
            "force_col_wise": True,
            "seed": seed,
            "verbosity": -1,
        }
        return lightgbm.train(settings, lightgbm.Dataset(X, label=y), self.n_estimators)

    def _predict_member(self, model: Any, X: Floats) -> Floats:
        return np.asarray(model.predict(X, num_threads=1), dtype=np.float64)
