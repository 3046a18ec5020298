"""How likely candidates keep the constraints of a problem."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nasbench.predictors.features import Groups, default_features, default_groups
from nasbench.problem import Observation, Problem
from nasbench.space import Genotype, Genotypes
from nasbench.strategies.bayesian.sequential_model import SequentialModel

Floats = NDArray[np.float64]

COST_NOISE, COST_NOISE_SD = 0.01, 2.0
"""Prior median of the relative noise of a cost and standard deviation of its logarithm: a count has none, a
measured latency has some."""


class Feasibility:
    """One Gaussian process a constraint, of the constrained metric's standardised values.

    Metrics of any kind may be constrained, so features never identify architectures of equal function.

    Source: Schonlau et al., Global versus Local Search in Constrained Optimization of Computer Models, 1998;
    Gardner et al., Bayesian Optimization with Inequality Constraints, ICML 2014.

    Args:
        problem: what is searched.
        genotypes: `(m, G)` the first candidates.
        new_model: makes a model from features and groups.
    """

    def __init__(
        self,
        problem: Problem,
        genotypes: Genotypes,
        new_model: Callable[[Floats, Groups], SequentialModel],
    ) -> None:
        self._space, self._constraints = problem.space, problem.constraints
        self._features = default_features(problem.space, genotypes, False)
        groups = default_groups(problem.space, False)
        self._models = [new_model(self._features, groups) for _ in problem.constraints]
        self._told: dict[int, tuple[float, ...]] = {}

    def add(self, genotype: Genotype) -> None:
        """One more trial is in flight."""
        row = default_features(self._space, np.array([genotype]), False)[0]
        for model in self._models:
            model.add(row)

    def tell(self, number: int, observation: Observation) -> None:
        """What a trial's constrained metrics are."""
        self._told[number] = observation.constraints

    def probability(self, genotypes: Genotypes, trials: int, active: NDArray[np.int64], *, fixed: bool) -> Floats:
        """Probability that each of the `(m, G)` candidates keeps all constraints, `(m,)`; see `log_probability`."""
        return np.exp(self.log_probability(genotypes, trials, active, fixed=fixed))

    def log_probability(self, genotypes: Genotypes, trials: int, active: NDArray[np.int64], *, fixed: bool) -> Floats:
        """Natural logarithm of that probability: what surely breaks a constraint still has an order.

        Args:
            genotypes: `(m, G)`; not read where they are those of before.
            trials: how many there are.
            active: numbers of those to learn from; at least one was told.
            fixed: whether the candidates are always the same.
        """
        from scipy.special import log_ndtr

        if not fixed:
            self._features = default_features(self._space, genotypes, False)
        logarithm = np.zeros(len(self._features))
        for i, (model, constraint) in enumerate(zip(self._models, self._constraints, strict=True)):
            values = np.full(trials, np.nan)
            for number in self._told.keys() & set(active.tolist()):
                values[number] = self._told[number][i]
            centre, spread = np.nanmean(values), np.nanstd(values)
            unit = spread if spread > 0 else 1.0
            belief = model.predict(self._features, (values - centre) / unit, active, fixed=fixed)
            room = (constraint.bound - centre) / unit - belief.mean
            logarithm += log_ndtr((room if constraint.relation == "<=" else -room) / belief.sd)
        return logarithm
