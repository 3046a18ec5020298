"""TPE: the tree-structured Parzen estimator."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt
from typing import ClassVar

import numpy as np

from nasbench.space import Genotype
from nasbench.strategies.bayesian.guided_batches import GuidedBatches
from nasbench.strategies.bayesian.parzen import ParzenEstimator
from nasbench.strategies.hyperparameters import positive, whole

_ATTEMPTS = 8
"""Times that candidates are drawn where all were asked before or are not valid."""


@dataclass
class TPE(GuidedBatches):
    """Candidates drawn from the density of the good, chosen by its ratio to the density of the others.

    What was told is split: the best ceil(gamma sqrt(n)), at most 25, are good. `candidates` architectures are
    drawn from a Parzen estimator of the good, and the one with the largest ratio of that density to the
    others' is asked, which is the one of largest expected improvement where values are modelled through
    those two densities. Under constraints what keeps them is better than what does not, and of what does not the
    one that breaks them by less.

    Source: Bergstra et al., Algorithms for Hyper-Parameter Optimization, NIPS 2011; gamma, 25, 20 random
    architectures, 24 candidates and the prior's weight are those of the paper's code, hyperopt. Ours: components are
    whole genotypes, as in BOHB, instead of one independent estimator a position; all have equal weights; and
    what was asked before is drawn anew.

    Args:
        initial: random architectures at the start.
        batch: architectures asked from one split.
        gamma: how many are good, as a multiple of the square root of the number told.
        candidates: draws to choose from.
        prior_weight: weight of the uniform component of both densities, where each architecture has 1.
    """

    initial: int = 20
    batch: int = 1
    gamma: float = 0.25
    candidates: int = 24
    prior_weight: float = 1.0

    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(gamma=self.gamma, prior_weight=self.prior_weight)
        whole(candidates=self.candidates)

    def _propose(self) -> list[Genotype]:
        good = min(ceil(self.gamma * sqrt(len(self._told))), 25)
        ranked = self._best(len(self._told))
        space = self.problem.space
        below, above = (ParzenEstimator(space, part, self.prior_weight) for part in (ranked[:good], ranked[good:]))
        for _ in range(_ATTEMPTS):
            drawn = below.sample(self.candidates, self.rng)
            drawn = drawn[space.valid(drawn)]
            fresh = list(dict.fromkeys(g for g in map(tuple, drawn.tolist()) if g not in self._seen))
            if fresh:
                ratio = below.log_density(np.array(fresh)) - above.log_density(np.array(fresh))
                return [fresh[i] for i in np.argsort(-ratio, kind="stable")[: self.batch].tolist()]
        return []
