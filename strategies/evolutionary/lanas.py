"""LaNAS: Monte-Carlo tree search over regions that are learned, not given."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nasbench.predictors.features import mixed
from nasbench.predictors.gaussian_process import rank_gaussian
from nasbench.problem import Problem
from nasbench.space import Genotype, Genotypes, SearchSpace
from nasbench.strategies.evolutionary.action_tree import grow
from nasbench.strategies.evolutionary.batched import BatchedSearch
from nasbench.strategies.hyperparameters import positive, whole

_LISTED = 100_000
"""Spaces up to this size are candidates as a whole."""

_SAMPLED = 4096
"""Uniform candidates of a round in larger spaces."""


@dataclass
class LaNAS(BatchedSearch):
    """A tree of linear models halves the space into good and bad regions; bounds say where to sample.

    After a random start, each round grows the tree anew from everything told so far: the root is the whole
    space; a linear regression of the values in a region on the encoded architectures divides it where it
    predicts their mean. Each architecture of the batch is drawn uniformly from the leaf that is reached by
    entering at each split the half with the larger upper confidence bound; its visit counts at once.

    Spaces of up to 100,000 architectures are candidates as a whole, larger ones are sampled uniformly each
    round, which is the paper's rejection sampling done beforehand; a half without candidates is not
    entered. No architecture is asked twice. Under constraints what breaks one ranks below all that keep them, the
    lower the more it does, and the tree learns those ranks.

    At 100 evaluations its regret on NAS-Bench-201 is .10 / .29 / .41 (cifar10 / cifar100 / ImageNet16-120; 16
    seeds), where regularized evolution has .27 / .99 / .65, and on FC-Net's protein structure a sixth of
    that one's. Planes suit other spaces less: on NAS-Bench-Graph it is between random search and evolution, on
    HPOBench's car level with evolution at 100 and behind at 300.

    Source: Wang, Xie, Li, Fonseca and Tian, Sample-Efficient Neural Architecture Search by Learning Actions
    for Monte Carlo Tree Search, IEEE TPAMI 2021 (arXiv 2019). As in the paper: linear regressions split at
    the mean of a region, the bound, a tree of height 5. Ours: values are normal scores of the ranks instead of
    accuracies, so that neither the unit nor the long tail of bad architectures matters, which the planes
    follow otherwise (on cifar100 at 100 evaluations the regret is then 1.56 instead of .32; 12 seeds);
    the exploration of .5 is in their unit; 10 random architectures instead of 200 and a new tree every 10
    instead of 100, for budgets of hundreds; one-hot columns and scaled ranks as encoding; a small
    ridge penalty, since regions have fewer observations than columns at first.

    Args:
        initial: random architectures at the start.
        batch: architectures asked of one tree.
        height: levels of the tree.
        exploration: weight of the visits in the upper confidence bound.
    """

    initial: int = 10
    batch: int = 10
    height: int = 5
    exploration: float = 0.5

    version: ClassVar[int] = 1
    uses_blas: ClassVar[bool] = True

    _listed: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(height=self.height)
        positive(exploration=self.exploration)

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Open with the first `initial` architectures of the design."""
        super().start(problem, rng)
        self._listed = problem.space.enumerable and problem.space.size <= _LISTED

    def _propose(self) -> list[Genotype]:
        space = self.problem.space
        candidates, features = self._pooled()
        told = [genotype for _, genotype in self._told]
        unseen = np.ones(len(candidates), dtype=bool)
        if self._listed:
            unseen[space.indices(np.array(list(self._seen)))] = False
        tree = grow(
            mixed(space, np.array(told)),
            rank_gaussian(np.array(self._merits)),
            features,
            np.flatnonzero(unseen),
            self.height,
        )
        drawn = [tree.draw(self.exploration, self.rng) for _ in range(self.batch)]
        return [tuple(candidates[row].tolist()) for row in drawn if row is not None]

    def _pooled(self) -> tuple[Genotypes, NDArray[np.float64]]:
        """What may be drawn, `(m, G)`, with its encoding `(m, d)`."""
        space = self.problem.space
        if self._listed:
            return _encoded(space)
        sampled = map(tuple, space.sample(self.rng, _SAMPLED).tolist())
        fresh = [genotype for genotype in dict.fromkeys(sampled) if genotype not in self._seen]
        genotypes = np.array(fresh, dtype=np.int64).reshape(-1, space.length)
        return genotypes, mixed(space, genotypes)


@lru_cache(maxsize=4)
def _encoded(space: SearchSpace) -> tuple[Genotypes, NDArray[np.float64]]:
    """All architectures of a space, by rank, with their encoding; kept for the next run."""
    genotypes = space.all()
    return genotypes, mixed(space, genotypes)
