"""A regressor that learns from a few observations of other tasks besides its own.

Rows of all tasks are pooled, each with one more column a source task that says whether it is of that task. A
Gaussian process has a length-scale for that column: how alike two tasks are, fitted by marginal likelihood as
everything else is. Alike tasks lend their rows; a length-scale near zero leaves the task alone.

Only Gaussian processes do that. Boosted trees on the same pooled rows gain as much between sister datasets, but
have nothing that tells them to leave an unlike task alone: from an edge GPU's latencies to an FPGA's they rank worse
than without them from 32 labels on (Kendall tau .67 instead of .75 at 64), where a process loses .02 at most.

Source: Swersky et al., Multi-Task Bayesian Optimization, NIPS 2013 (one process over tasks); Poloczek et al., Warm
Starting Bayesian Optimization, WSC 2016 (the task as one more input of the kernel); Bardenet et al., Collaborative
Hyperparameter Tuning, ICML 2013 (ranks, since tasks have units and levels of their own).
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils.validation import check_array, check_is_fitted, check_X_y

from nasbench.errors import TaskError
from nasbench.predictors.cross_fit import SMALLEST_DEVIATION, Floats, Prediction
from nasbench.predictors.encoders import Encoder
from nasbench.predictors.gaussian_process import rank_gaussian, typical_distance
from nasbench.predictors.source_tasks import Source, SourceLike, sources_of
from nasbench.space import SearchSpace


class Transfer(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A Gaussian process fitted to the rows of its task and of source tasks.

    The prediction is that for its own task. Targets are standardised within each task; with `rank` the values of
    a source are normal scores of their ranks, to go with a target that `RankTargets` made such.

    Args:
        regressor: a `GaussianProcess` whose columns may have length-scales of their own.
        encoder: what encodes the target's genotypes; a copy, fitted to them, encodes those of the sources.
        sources: observed evaluations of other tasks; better must point the same way as in the target.
        rank: whether to take the ranks of the sources' values.
    """

    correlation: ClassVar[float] = 0.8
    """Prior correlation of two tasks, at the prior median length-scale. Between .5 and .95 it changed Kendall's tau
    with 8 labels by .01 on NAS-Bench-201 (higher is better) and .03 on NAS-Bench-Graph (lower is) and FC-Net."""

    def __init__(self, regressor: Any, encoder: Encoder, sources: tuple[Source, ...], rank: bool = True) -> None:
        self.regressor = regressor
        self.encoder = encoder
        self.sources = sources
        self.rank = rank

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit a clone of the regressor to features `(n, d)` and targets `(n,)` pooled with the sources' rows."""
        features, targets = check_X_y(X, y, dtype=np.float64, y_numeric=True)
        self.n_features_in_ = features.shape[1]
        self.centre_, self.scale_ = float(targets.mean()), float(targets.std())
        encoded, values = [features], [(targets - self.centre_) / (self.scale_ or 1.0)]
        for source in self.sources:
            encoded.append(clone(self.encoder).fit(source.genotypes).transform(source.genotypes))
            values.append(_standard(source.values, self.rank))
        pooled = np.concatenate(encoded)
        task = np.repeat(np.arange(len(encoded)), [len(rows) for rows in encoded])
        apart, settings = self._arrange(pooled)
        marks = apart * (task[:, None] == np.arange(1, len(encoded)))
        self.regressor_ = clone(self.regressor).set_params(**settings)
        self.regressor_.fit(np.concatenate([pooled, marks], axis=1), np.concatenate(values))
        return self

    def predict(self, X: ArrayLike, return_std: bool = False) -> Prediction:
        """Predictions `(n,)` for the regressor's own task, and standard deviations if wanted."""
        check_is_fitted(self)
        features = check_array(X, dtype=np.float64)
        own = np.concatenate([features, np.zeros((len(features), len(self.sources)))], axis=1)
        mean, std = self.regressor_.predict(own, return_std=True)
        # equal targets say nothing about the unit, so that a source cannot move the prediction
        mean = self.centre_ + self.scale_ * mean
        return (mean, np.maximum(self.scale_ * std, SMALLEST_DEVIATION)) if return_std else np.asarray(mean)

    def _arrange(self, pooled: Floats) -> tuple[float, dict[str, Any]]:
        """The mark of a source's rows in its column, and how the regressor's settings change with the columns."""
        params = self.regressor.get_params()
        width, spread = pooled.shape[1], typical_distance(pooled)
        groups = (*(params["groups"] or (tuple(range(width)),)), *((width + i,) for i in range(len(self.sources))))
        prior = params["lengthscale"] * spread
        mark = prior * self._distance()
        sizes = np.array([len(source) for source in self.sources]) / len(pooled)
        # the regressor multiplies its length-scale with a typical distance that the marks enlarge
        enlarged = np.sqrt(spread**2 + 2.0 * mark**2 * float((sizes * (1.0 - sizes)).sum()))
        return mark, {"groups": groups, "lengthscale": prior / enlarged}

    def _distance(self) -> float:
        """How many length-scales apart two points have the prior correlation."""
        from scipy.optimize import brentq

        def excess(distance: float) -> float:
            return float(self.regressor.kernel.value(np.array([[distance**2]]))[0, 0]) - self.correlation

        return float(brentq(excess, 0.0, 10.0))


def transferring(
    regressor: Any, name: str, encoder: Encoder, source: SourceLike, space: SearchSpace, rank: bool
) -> Transfer:
    """A `Transfer` of what `create` was given.

    Raises:
        TaskError: the regressor has no length-scale to learn how alike tasks are, or a source is not one.
        GenotypeError: a source's genotype is not of the space.
    """
    if not {"lengthscale", "groups"} <= set(regressor.get_params()):
        raise TaskError(
            f"predictor {name!r} cannot learn how alike tasks are; those that can take a source are "
            f"gp, gp-ard, gp-hamming, gp-rbf and sparse-gp"
        )
    return Transfer(regressor, encoder, sources_of(source, space), rank)


def _standard(values: Floats, rank: bool) -> Floats:
    """Values of mean 0 and standard deviation 1, or all 0; of their normal scores with `rank`."""
    scores = rank_gaussian(values) if rank else values
    return np.asarray((scores - scores.mean()) / (float(scores.std()) or 1.0))
