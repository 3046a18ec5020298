"""How much each task's Gaussian process is worth on the task at hand: by the pairs that it misranks.

Source: Feurer, Letham and Bakshy, Scalable Meta-Learning for Bayesian Optimization using Ranking-Weighted
Gaussian Process Ensembles, 2018, sections 4.1 and 4.2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nasbench.predictors.features import Groups
from nasbench.predictors.gaussian_process import Hyperparameters, Prior, fit, scale, squared_distances
from nasbench.predictors.kernels import MATERN52
from nasbench.predictors.posterior import Posterior

Floats = NDArray[np.float64]

_DILUTION = 95
"""A source whose median loss is above this percentile of the task's own losses is left out."""


class TaskModel:
    """A Gaussian process on the evaluations of one task.

    Args:
        features: `(n, d)`.
        values: `(n,)` of mean about zero, larger is better.
        groups: the columns of each length-scale.
        hyperparameters: medians of their prior, or what they are.
        refit: whether to fit them to the evaluations.

    Attributes:
        features: as given.
        values: as given.
    """

    def __init__(
        self, features: Floats, values: Floats, groups: Groups, hyperparameters: Hyperparameters, *, refit: bool = True
    ) -> None:
        self.features, self.values, self._groups = features, values, groups
        self._hyperparameters = hyperparameters
        self._solved: Floats | None = None
        if refit:
            self._hyperparameters = fit(features, values, groups, hyperparameters, Prior(hyperparameters))

    def _posterior(self, at: Floats) -> tuple[Posterior, Floats]:
        posterior = Posterior(at, self._groups, self._hyperparameters, len(self.values))
        posterior.extend(self.features)
        return posterior, posterior.whiten(self.values)

    def predict(self, at: Floats) -> tuple[Floats, Floats]:
        """Posterior means and variances `(m,)` at the `(m, d)` features."""
        posterior, white = self._posterior(at)
        return posterior.mean(white), posterior.variance(white)

    def mean(self, at: Floats) -> Floats:
        """Posterior means alone `(m,)` at the `(m, d)` features, quick for a few of them."""
        lengthscales = self._hyperparameters.lengthscales
        observed = scale(self.features, self._groups, lengthscales)
        if self._solved is None:
            covariance = MATERN52.value(squared_distances(observed, observed))
            covariance.flat[:: len(observed) + 1] += self._hyperparameters.noise
            self._solved = np.linalg.solve(covariance, self.values)
        return np.asarray(
            MATERN52.value(squared_distances(scale(at, self._groups, lengthscales), observed)) @ self._solved
        )

    def covariance(self, at: Floats) -> Floats:
        """Posterior covariance `(m, m)` of the noise-free values at the `(m, d)` features."""
        posterior, white = self._posterior(at)
        return posterior.covariance(np.arange(len(at)), white)

    def draw(self, at: Floats, draws: int, rng: np.random.Generator) -> Floats:
        """Joint draws from the posterior at the `(m, d)` features, `(draws, m)`."""
        posterior, white = self._posterior(at)
        covariance = posterior.covariance(np.arange(len(at)), white)
        variances, directions = np.linalg.eigh(covariance)
        root = directions * np.sqrt(np.maximum(variances, 0.0))
        return np.asarray(posterior.mean(white) + rng.standard_normal((draws, len(at))) @ root.T)

    def draw_left_out(self, draws: int, rng: np.random.Generator) -> Floats:
        """Draws of each evaluation as the others predict it, `(draws, n)`.

        Source: Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, equation 5.12.
        """
        posterior, white = self._posterior(self.features)
        precision = posterior.precision
        spread = 1.0 / precision.diagonal()
        mean = self.values - (precision @ self.values) * spread
        sd = np.sqrt(spread * posterior.signal(white))
        return np.asarray(mean + sd * rng.standard_normal((draws, len(mean))))


def ranking_weights(sources: Sequence[TaskModel], own: TaskModel, draws: int, rng: np.random.Generator) -> Floats:
    """Weights `(sources + 1,)` of the tasks' models, the task's own last; they sum to 1.

    Args:
        sources: models of other tasks.
        own: the model of the task at hand.
        draws: from each posterior.
        rng: for the draws.
    """
    values = own.values
    losses = [_misranked(source.draw(own.features, draws, rng), values) for source in sources]
    kept = _misranked(own.draw_left_out(draws, rng), values, against=values)
    worst = np.percentile(kept, _DILUTION)
    table = np.array([np.where(np.median(loss) > worst, np.inf, loss) for loss in losses] + [kept])
    best = table == table.min(axis=0)
    best[:-1] &= ~best[-1]  # where the task's own is as good, it alone counts
    return np.asarray((best / best.sum(axis=0)).mean(axis=1))


def _misranked(predicted: Floats, values: Floats, against: Floats | None = None) -> Floats:
    """Share of the pairs of evaluations that each draw `(draws, n)` puts in the wrong order, `(draws,)`.

    Args:
        predicted: the draws.
        values: `(n,)` what was observed.
        against: what the prediction of the first of a pair is compared with; the prediction of the second
            where None.
    """
    order = values[:, None] < values
    wrong = np.empty(len(predicted))
    for i, draw in enumerate(predicted):
        other = draw if against is None else against
        wrong[i] = np.mean((draw[:, None] < other) != order)
    return wrong
