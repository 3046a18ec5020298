"""Quasi-random search: a scrambled Sobol sequence mapped to architectures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from math import prod
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from nasbench.problem import Observation, Problem, Trial
from nasbench.space import Genotype, Genotypes, SearchSpace
from nasbench.strategies.base import Strategy

if TYPE_CHECKING:
    from scipy.stats.qmc import Sobol

_BLOCK = 64
"""Points drawn at once; the balance of a Sobol sequence asks for a power of two."""

_PATIENCE = 64
"""Blocks in a row that give nothing new before the rest of the space is taken from the design."""

PointsToGenotypes = Callable[[NDArray[np.float64]], Genotypes]
"""A map from points of the unit cube `(n, G)` to genotypes `(n, G)`, valid or not."""


@dataclass
class QuasiRandom(Strategy):
    """A scrambled Sobol sequence, one coordinate a position of the genotype, without replacement.

    A coordinate picks a choice by equal parts of the unit interval. On constrained spaces and partial
    tables that can be listed it picks it with the share that the choice has among the architectures
    that agree in all earlier positions (the inverse Rosenblatt transform), so that points spread evenly
    over the unit cube become architectures spread evenly over the space, and none is invalid. Where the
    space is constrained and too large to list, invalid architectures are skipped. Architectures that were
    asked are skipped always; when the sequence hardly finds new ones, the rest comes in the order of
    the seed's design, until the space is exhausted.

    Each scrambled point is uniform by itself; how evenly several spread depends on the order in which the space
    lists its choices, also where they have none. The seed scrambles the sequence, hence the search does not
    start from the design that other strategies share. It learns nothing; as with hyper-parameters, the even
    spread helps a little where few positions decide and not where they interact: at 150 evaluations the regret
    is 13 % below random search's on FC-Net's protein structure, and the same within the error on the three data
    sets of NAS-Bench-201 and on NAS-Bench-Graph (100 seeds).

    Source: Sobol, On the distribution of points in a cube, 1967; Owen, Scrambling Sobol and
    Niederreiter-Xing points, 1998; in hyper-parameter search: Bousquet et al., Critical Hyper-Parameters:
    No Random, No Cry, 2017; Rosenblatt, Remarks on a multivariate transformation, 1952. The sequence is
    scipy's (Joe and Kuo's direction numbers, a linear matrix scramble and a digital shift).
    """

    version: ClassVar[int] = 1
    max_objectives: ClassVar[int | None] = None

    _genotypes: Iterator[Genotype] = field(init=False, repr=False, compare=False)

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Scramble the sequence."""
        super().start(problem, rng)
        self._genotypes = self._distinct()

    def ask(self, n: int = 1) -> list[Trial]:
        """The next n architectures of the sequence; fewer at the end of the space."""
        return [self._trial(genotype) for genotype in islice(self._genotypes, n)]

    def tell(self, trial: Trial, observation: Observation) -> None:
        """Nothing to learn."""

    def _distinct(self) -> Iterator[Genotype]:
        from scipy.stats.qmc import Sobol

        space = self.problem.space
        sequence = Sobol(space.length, scramble=True, seed=int(self.rng.integers(2**31)))
        seen: set[Genotype] = set()
        for genotype in _sequence(sequence, space, seen):
            seen.add(genotype)
            yield genotype
        yield from (genotype for genotype in self.problem.design() if genotype not in seen)


def _sequence(sequence: Sobol, space: SearchSpace, seen: set[Genotype]) -> Iterator[Genotype]:
    """The valid architectures of the points that were not seen, until many points in a row give none."""
    mapping = points_to_genotypes(space)
    idle = 0
    while idle < _PATIENCE and sequence.num_generated < sequence.maxn:
        batch = mapping(sequence.random(_BLOCK))
        idle += 1
        for genotype in zip(*batch[space.valid(batch)].T.tolist(), strict=True):
            if genotype not in seen:
                idle = 0
                yield genotype


def points_to_genotypes(space: SearchSpace) -> PointsToGenotypes:
    """How points of the unit cube become genotypes: see `QuasiRandom`."""
    if space.enumerable and space.size < prod(space.cardinalities):
        return _by_shares(space.all())
    choices = np.array(space.cardinalities)
    return lambda points: np.minimum((points * choices).astype(np.int64), choices - 1)


def _by_shares(members: Genotypes) -> PointsToGenotypes:
    """The inverse Rosenblatt transform of the uniform law on the members `(N, G)`."""
    members = members[np.lexsort(members.T[::-1])]
    changed = np.logical_or.accumulate(members[1:] != members[:-1], axis=1)
    # for each length of a prefix, where the members that share one begin
    bounds = [np.flatnonzero(np.concatenate([[True], column, [True]])) for column in changed.T]

    def mapping(points: NDArray[np.float64]) -> Genotypes:
        low, high = np.zeros(len(points), dtype=np.int64), np.full(len(points), len(members))
        for coordinate, bound in zip(points.T, bounds, strict=True):
            member = np.minimum(low + (coordinate * (high - low)).astype(np.int64), high - 1)
            group = np.searchsorted(bound, member, side="right") - 1
            low, high = bound[group], bound[group + 1]
        return np.asarray(members[low])

    return mapping
