"""Transfer by an ensemble of Gaussian processes: one for each source task, weighted by how well it ranks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import StrategyError
from nasbench.predictors.features import default_features, default_groups
from nasbench.predictors.gaussian_process import rank_gaussian
from nasbench.problem import Problem, SourceTask
from nasbench.space import Genotype
from nasbench.strategies.bayesian.gp import GaussianProcessSearch
from nasbench.strategies.bayesian.ranking_weights import TaskModel, ranking_weights

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
        observations: evaluations read of each source task, at most 200.
        draws: posterior draws that the weights come from.
    """

    initial: int = 3
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
        for name in ("observations", "draws"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 2:
                raise StrategyError(f"{name} must be a whole number of at least 2, got {value!r}")

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

    def _predict(self, candidates: Floats, values: Floats, active: NDArray[np.int64]) -> tuple[Floats, Floats, float]:
        own_mean, own_sd, _ = super()._predict(candidates, values, active)
        told = active[~np.isnan(values[active])]
        features = self._model.features(told)
        own = TaskModel(features, values[told], self._model.groups, self._model.hyperparameters, refit=False)
        if len(told) >= self._weigh_at:
            self._weights = ranking_weights(self._sources, own, self.draws, self.rng)
            self._weigh_at = max(len(told) + 1, int(np.ceil(self.refit * len(told))))
        parts = [*self._source_predictions(candidates), (own_mean, own_sd**2)]
        mean = sum((w * m for w, (m, _) in zip(self._weights, parts, strict=True)), np.zeros(len(candidates)))
        variance = sum((w * w * v for w, (_, v) in zip(self._weights, parts, strict=True)), np.zeros(len(candidates)))
        weighed = [model for model, weight in zip([*self._sources, own], self._weights, strict=True) if weight > 0]
        shares = self._weights[self._weights > 0]
        known = sum((w * m.mean(features) for w, m in zip(shares, weighed, strict=True)), np.zeros(len(told)))
        return mean, np.sqrt(np.maximum(variance, 1e-12)), float(known.max())
