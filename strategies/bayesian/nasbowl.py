"""NAS-BOWL: Bayesian optimisation with the Weisfeiler-Lehman kernel of the architectures' graphs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nasbench.predictors.gaussian_process import rank_gaussian
from nasbench.predictors.posterior import expected_improvement
from nasbench.problem import Problem
from nasbench.space import Genotype
from nasbench.strategies.bayesian.guided_batches import GuidedBatches
from nasbench.strategies.hyperparameters import whole


@dataclass
class NASBOWL(GuidedBatches):
    """Expected improvement under a Gaussian process whose kernel compares sub-graphs.

    After a random start, each round fits the process, draws `pool` new architectures, half of them
    mutants of the `parents` best and half uniform, and asks for the `batch` with the largest expected
    improvement over the best value told. The kernel is the cosine of the histograms of neighbourhoods
    within h edges; h is 1 to `h`, whichever has the larger marginal likelihood, as the noise.

    A space without graphs has only the choices to compare, with no edges between them: the kernel is
    then the share of positions at which two architectures agree.

    Under constraints what breaks one still teaches, and candidates that probably do come last; see
    `nasbench.strategies.bayesian.guided_batches`.

    Source: Ru et al., Interpretable Neural Architecture Search via Bayesian Optimisation with
    Weisfeiler-Lehman Kernels, ICLR 2021. Pool, batch, start, parents and h are those of the paper's code.
    Ours: normal scores of the ranks as targets instead of (log) errors, so that any metric works;
    architectures that compute the same function have one graph, as the paper's pruning gives; and the
    noise has a prior but no upper limit of .01.

    Args:
        initial: random architectures at the start.
        batch: architectures asked between two fits.
        pool: candidates of a round.
        parents: how many of the best are mutated.
        h: refinements of the kernel at most.
    """

    initial: int = 30
    batch: int = 5
    pool: int = 100
    parents: int = 10
    h: int = 2

    version: ClassVar[int] = 1
    uses_blas: ClassVar[bool] = True

    _models: list[Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(pool=self.pool, parents=self.parents, h=self.h)

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Open with the first `initial` architectures of the design."""
        from nasbench.predictors import create
        from nasbench.predictors.graphs import graph_space

        super().start(problem, rng)
        common: dict[str, Any] = {"functional": problem.objective.functional, "rank_targets": False}
        if graph_space(problem.space) is None:
            self._models = [create("gp-wl", problem.space, encoder="one-hot", **common)]
        else:
            kernels = range(1, self.h + 1)
            self._models = [create("gp-wl", problem.space, iterations=h, **common) for h in kernels]

    def _propose(self) -> list[Genotype]:
        mutants = self._mutants(self._best(self.parents), max(self.pool // 2, 1))
        candidates = mutants + self._uniform(self.pool - len(mutants), mutants)
        if not candidates or len(self._told) < 2:
            return candidates[: self.batch]
        scores = rank_gaussian(np.array([utility for utility, _ in self._told]))
        model = self._fitted(np.array([genotype for _, genotype in self._told]), scores)
        features = model[0].transform(np.array(candidates))
        mean, sd = model[-1].predict_value(features)
        gain = self._screened(candidates, expected_improvement(mean, sd, self._to_beat(scores)))
        # where all improvements underflow, the larger mean is first
        return [candidates[i] for i in np.lexsort((-mean, -gain))[: self.batch].tolist()]

    def _fitted(self, genotypes: NDArray[np.int64], scores: NDArray[np.float64]) -> Any:
        """The pipeline of encoder and Gaussian process with the likelier number of refinements."""
        models = [model.fit(genotypes, scores) for model in self._models]
        return max(models, key=lambda model: float(model[-1].log_marginal_likelihood()))
