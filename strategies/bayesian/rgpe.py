"""Transfer by an ensemble of Gaussian processes: one for each source task, weighted by how well it ranks."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nasbench.predictors.features import default_features, default_groups
from nasbench.predictors.gaussian_process import rank_gaussian
from nasbench.problem import Problem, SourceTask
from nasbench.space import Genotype
from nasbench.strategies.bayesian.gp import GaussianProcessSearch
from nasbench.strategies.bayesian.ranking_weights import TaskModel, ranking_weights
from nasbench.strategies.bayesian.sequential_model import Belief
from nasbench.strategies.hyperparameters import whole

Floats = NDArray[np.float64]


@dataclass
class RGPE(GaussianProcessSearch):
    """Expected improvement under a ranking-weighted ensemble of Gaussian processes.

    Each other dataset of the family shows at most 200 of its evaluations, to which a Gaussian process is
    fitted once. The process of the task at hand is that of `gp`. The ensemble's mean is the weighted mean of
    theirs, its variance that of a weighted sum. A process weighs as often as it misranks fewest pairs of
    the task's own evaluations, over draws from its posterior; the task's own is judged by what it predicts
    of each evaluation from the others. A source whose median draw is worse than nearly all of the task's own
    is left out. So a source that does not help loses its say as evaluations come in.

    Differs from the paper: targets are normal scores of ranks, which no change of scale between tasks
    disturbs; the improvement is over the best ensemble mean among the task's evaluations, since observed
    scores and the sources' predictions are not on one scale; and the first `initial` architectures are not
    random but the best by the sources' mean (a warm start, Feurer et al., AAAI 2015). Weights are computed
    again when the number of evaluations has grown by `refit`.

    Source: Feurer, Letham and Bakshy, Scalable Meta-Learning for Bayesian Optimization using
    Ranking-Weighted Gaussian Process Ensembles, ICML AutoML workshop 2018.

    Args:
        initial: architectures at the start that the sources alone choose.
        lengthscale: see `gp`.
        noise: see `gp`.
        refit: see `gp`.
        candidates: see `gp`.
        acquisition: see `gp`; expected improvement is the paper's.
        observations: evaluations read of each source task, at most 200.
        draws: posterior draws that the weights come from.
    """

    initial: int = 3
    acquisition: str = "ei"
    observations: int = 200
    draws: int = 128

    version: ClassVar[int] = 1
    uses: ClassVar[tuple[str, ...]] = ("sources",)

    _sources: list[TaskModel] = field(init=False, repr=False, compare=False)
    _shown: list[tuple[Floats, Floats]] = field(init=False, repr=False, compare=False)
    _weights: Floats = field(init=False, repr=False, compare=False)
    _weigh_at: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(2, observations=self.observations, draws=self.draws)

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Fit the sources, and open with what they think best."""
        super().start(problem, rng)
        space, functional = problem.space, problem.objective.functional
        groups = default_groups(space, functional)

        def fitted(source: SourceTask) -> TaskModel:
            features = default_features(space, source.genotypes, functional)
            return TaskModel(features, rank_gaussian(source.utilities), groups, self._model.hyperparameters)

        self._sources = [fitted(source) for source in problem.knowledge.sources(self.observations)]
        self._shown, self._queue = [], []
        self._weights = np.array([1.0 / len(self._sources)] * len(self._sources) + [0.0])
        self._weigh_at = max(self.initial, 3)

    def _next(self) -> Genotype | None:
        if self._asked < self.initial and self._pool.available().any():
            return self._warm()
        return super()._next()

    def _warm(self) -> Genotype | None:
        """The best candidate by the sources' mean, of those that were not asked."""
        candidates = self._pool.features([])
        available = self._pool.available()
        if not available.any():
            return None
        means = np.mean([mean for mean, _ in self._source_predictions(candidates)], axis=0)
        return self._pool.draw(int(np.argmax(np.where(available, means, -np.inf))), self.rng)

    def _source_predictions(self, candidates: Floats) -> list[tuple[Floats, Floats]]:
        """Means and variances `(m,)` of each source; computed once where the candidates stay the same."""
        if not self._pool.fixed or not self._shown:
            self._shown = [source.predict(candidates) for source in self._sources]
        return self._shown

    def _believe(self, candidates: Floats, values: Floats, active: NDArray[np.int64]) -> Belief:
        """The ensemble's mean and deviation; believed are its means at the active trials."""
        single = super()._believe(candidates, values, active)
        told = active[~np.isnan(values[active])]
        groups, hyperparameters = self._model.groups, self._model.hyperparameters
        own = TaskModel(self._model.features(told), values[told], groups, hyperparameters, refit=False)
        if len(told) >= self._weigh_at:
            self._weights = ranking_weights(self._sources, own, self.draws, self.rng)
            self._weigh_at = max(len(told) + 1, ceil(self.refit * len(told)))
        parts = [*self._source_predictions(candidates), (single.mean, single.sd**2)]
        models = [*self._sources, own]
        mean, variance = np.zeros((2, len(candidates)))
        at = self._model.features(active)
        believed = np.zeros(len(active))
        for weight, model, (model_mean, model_variance) in zip(self._weights, models, parts, strict=True):
            if weight > 0:
                mean += weight * model_mean
                variance += weight**2 * model_variance
                believed += weight * model.mean(at)

        def covariance(which: NDArray[np.int64]) -> Floats:
            weighed = [(w, m) for w, m in zip(self._weights, models, strict=True) if w > 0]
            parts = [weight**2 * model.covariance(candidates[which]) for weight, model in weighed]
            return np.asarray(np.sum(parts, axis=0))

        return Belief(mean, np.sqrt(np.maximum(variance, 1e-12)), believed, covariance)

    def _to_beat(self, belief: Belief, values: Floats, active: NDArray[np.int64], leading: list[int]) -> float:
        """The best of the ensemble's means at the trials that may lead."""
        return float(np.max(belief.believed[np.searchsorted(active, leading)]))
