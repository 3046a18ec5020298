"""Predictors that are a score, mapped to the target's unit: zero-cost proxies, sums of losses, extrapolations.

The score alone says the order; targets are needed for the unit only. Without any (`fit(X)`) the prediction is
the score itself.
"""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_array, check_is_fitted, check_X_y

from nasbench.predictors.cross_fit import Floats, Prediction
from nasbench.predictors.rank_targets import ScoreScale

_SMALLEST_SLOPE = 1e-3
"""Of normal scores on normal scores: a score whose direction is known orders even where the few targets disagree."""


class ScoreMap(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A rising map from the first feature to the target: both are jointly normal in their normal scores.

    The order of the predictions is always that of the score. How far they move from the median, and their
    standard deviations, follow from the rank correlation among the training rows, shrunk by one row's worth
    of no correlation. This is regression with a Gaussian copula.

    Args:
        random_state: not used.
    """

    scores: ClassVar[bool] = True
    """It needs no `RankTargets` around it."""

    def __init__(self, random_state: int | None = None) -> None:
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Learn the unit of targets `(n,)` from features `(n, d)`, whose first is the score; n at least 2.

        Without targets nothing is learned: predictions are scores.
        """
        self.targets_: ScoreScale | None = None
        if y is None:
            self.n_features_in_ = check_array(X, dtype=np.float64).shape[1]
            return self
        features, targets = check_X_y(X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2)
        self.n_features_in_ = features.shape[1]
        self.inputs_, self.targets_ = ScoreScale(features[:, 0]), ScoreScale(targets)
        given, wanted = self.inputs_.scores, self.targets_.scores
        self.slope_ = float(given @ wanted / (given @ given + 1.0))
        if (targets != targets[0]).any():
            self.slope_ = max(self.slope_, _SMALLEST_SLOPE)
        squares = float(((wanted - self.slope_ * given) ** 2).sum())
        self.deviation_ = float(np.sqrt((squares + 1.0) / (len(targets) + 1.0)))
        return self

    def predict(self, X: ArrayLike, return_std: bool = False) -> Prediction:
        """Predictions `(n,)`, and the standard deviation of an observation if wanted.

        Without targets in `fit` they are the scores, and the deviations what `_own_spread` knows of them.
        """
        check_is_fitted(self)
        features = check_array(X, dtype=np.float64)
        if self.targets_ is None:
            mean = features[:, 0].copy()
            return (mean, self._own_spread(features)) if return_std else mean
        scores = self.slope_ * self.inputs_.score(features[:, 0])
        mean = self.targets_.value(scores)
        if not return_std:
            return mean
        return mean, self.targets_.spread(scores, np.full(len(scores), self.deviation_))

    def _own_spread(self, features: Floats) -> Floats:
        """Standard deviation `(n,)` of a score as a prediction; NaN: a score is no estimate of the target."""
        return np.full(len(features), np.nan)


class ZeroCost(ScoreMap):
    """The first of the named zero-cost proxies, `proxies=["synflow"]`; see `nasbench.predictors.proxy_encoder`.

    Several at once are features of any other predictor: `create("xgboost", space, encoder="zero-cost",
    benchmark=..., proxies=[...])`.
    """

    encoding: ClassVar[str] = "zero-cost"


class SumOfTrainingLosses(ScoreMap):
    """SoTL; see `nasbench.predictors.curve_scores.LossSum`."""

    encoding: ClassVar[str] = "sotl"


class SumOfRecentTrainingLosses(ScoreMap):
    """SoTL-E; see `nasbench.predictors.curve_scores.RecentLossSum`."""

    encoding: ClassVar[str] = "sotl-e"


class SmoothedTrainingLosses(ScoreMap):
    """SoTL-EMA; see `nasbench.predictors.curve_scores.SmoothedLossSum`."""

    encoding: ClassVar[str] = "sotl-ema"


class EarlyStopping(ScoreMap):
    """The validation metric at an early epoch; see `nasbench.predictors.curve_scores.LastValue`."""

    encoding: ClassVar[str] = "last-value"


class CurveExtrapolation(ScoreMap):
    """LCE, the learning curve's extrapolated end; see `nasbench.predictors.curve_extrapolation`.

    Without targets in `fit` the standard deviation is that of the extrapolation.
    """

    encoding: ClassVar[str] = "lce"

    def _own_spread(self, features: Floats) -> Floats:
        return features[:, 1].copy()
