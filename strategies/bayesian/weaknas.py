"""WeakNAS: a weak predictor, fitted again and again, that only has to know where the best are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nasbench.space import Genotype
from nasbench.strategies.bayesian.guided_batches import GuidedBatches
from nasbench.strategies.hyperparameters import whole


@dataclass
class WeakNAS(GuidedBatches):
    """Uniform draws from the predicted best, by a predictor that is fitted anew for every batch.

    Each round fits the predictor to everything told, ranks the space by its predictions, and asks for a
    uniform draw of `batch` of the `top` first, without those that were asked before; where fewer than
    that are left among the first, the next in rank join. So the draws close in on the best region while the
    predictor gets better there.

    A space that is larger than `candidates` is represented by as many random architectures and mutants of
    the `top` best told, half each, drawn anew for every round.

    Under constraints what breaks one still teaches, and candidates that probably do come last; see
    `nasbench.strategies.bayesian.guided_batches`.

    Source: Wu et al., Stronger NAS with Weaker Predictors, NeurIPS 2021; the start, the batch and the top 100 are
    those of the paper's code for NAS-Bench-201. The predictor there is one perceptron of four layers of 1,000
    units on one-hot columns; here it is our ensemble of small ones on the features of the space, which
    trains in a fraction of a second. Random forests, another choice of the paper, may hold the search in a
    bad region: after 150 evaluations on ImageNet16-120 the regret is .67 with them and .06 with the ensemble (8 seeds).

    Args:
        initial: random architectures at the start.
        batch: architectures asked between two fits.
        top: how many of the predicted best are drawn from.
        predictor: a name of `nasbench.predictors.list()` that needs genotypes only.
        candidates: spaces up to this size are ranked as a whole.
    """

    initial: int = 10
    batch: int = 10
    top: int = 100
    predictor: str = "mlp-ensemble"
    candidates: int = 100_000

    version: ClassVar[int] = 1
    uses_blas: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(top=self.top, candidates=self.candidates)

    def _propose(self) -> list[Genotype]:
        if len(self._told) < 2:
            return []
        candidates = self._candidates(self.candidates, self.top, self.candidates)
        scores = self._screened(candidates, self._predicted(candidates))
        ranked = [candidates[i] for i in np.argsort(-scores, kind="stable").tolist()]
        first = [genotype for genotype in ranked[: self.top] if genotype not in self._seen]
        if len(first) <= self.batch:
            return [genotype for genotype in ranked if genotype not in self._seen][: self.batch]
        return [first[i] for i in self.rng.choice(len(first), size=self.batch, replace=False).tolist()]

    def _predicted(self, genotypes: list[Genotype]) -> NDArray[np.float64]:
        """Predicted utilities, `(n,)`."""
        from nasbench.predictors import create

        seed = int(self.rng.integers(2**31))
        space, functional = self.problem.space, self.problem.objective.functional
        model = create(self.predictor, space, functional=functional, random_state=seed)
        utilities, told = zip(*self._told, strict=True)
        model.fit(np.array(told), np.array(utilities))
        return np.asarray(model.predict(np.array(genotypes)), dtype=np.float64)
