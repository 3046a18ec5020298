"""Grid search: one sweep of the space in steps that cover it evenly at any time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from math import gcd
from typing import ClassVar

import numpy as np

from nasbench.problem import Observation, Problem, Trial
from nasbench.space import Genotype, Genotypes, SearchSpace
from nasbench.strategies.base import Strategy

_BLOCK = 256
_GOLDEN = (5**0.5 - 1) / 2
_INDEXABLE = 2**63

_STRIDES, _POINTS = 32, 128
"""Strides that are compared, and the points by which they are."""


@dataclass
class GridSearch(Strategy):
    """Every architecture once, in equal steps through the space's order that wrap around.

    The sweep begins at the first architecture of the seed's design and goes on from rank to
    rank + stride, modulo the size of the space. The stride has no factor in common with the size, so each
    architecture comes once, and is near the golden section of the size, so that any budget covers the
    ranks evenly: after n evaluations the gaps between those visited have at most three lengths, of
    about size / n (three-distance theorem). As nearness of ranks says much of the first choices and
    little of the last, it is, among the 32 strides nearest to the golden section, the one whose first 128
    architectures are the most uniform in all choices together (discrete discrepancy); a stride that was not
    chosen so may leave out combinations for long, and doubled the regret on FC-Net at 50 evaluations.

    Ranks are lexicographic on the spaces that can be counted off; in a partial table they are row
    numbers. A space of 2^63 architectures or more has no ranks: there the sweep goes through all
    combinations of choices in steps of their golden section and skips those that are not valid.

    It learns nothing and is no better than random search. As it goes by ranks, how evenly it spreads depends on the
    order in which the space lists its choices, also where they have none.

    Source: Bergstra and Bengio, Random Search for Hyper-Parameter Optimization, JMLR 2012 (grid search);
    Sos, On the distribution mod 1 of the sequence n alpha, 1958 (the three distances); Hickernell and Liu,
    Uniform designs limit aliasing, Biometrika 2002 (the discrete discrepancy).
    """

    version: ClassVar[int] = 1
    max_objectives: ClassVar[int | None] = None

    _sweep: Iterator[Genotype] = field(init=False, repr=False, compare=False)

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Begin at the first architecture of the design."""
        super().start(problem, rng)
        (first,) = problem.initial(1)
        self._sweep = _ranked(problem.space, first) if problem.space.size < _INDEXABLE else _coded(problem.space, first)

    def ask(self, n: int = 1) -> list[Trial]:
        """The next n architectures of the sweep; fewer at its end."""
        return [self._trial(genotype) for genotype in islice(self._sweep, n)]

    def tell(self, trial: Trial, observation: Observation) -> None:
        """Nothing to learn."""


def strides(size: int) -> Iterator[int]:
    """The numbers without a factor in common with `size`, by their distance from its golden section."""
    middle = size * round(_GOLDEN * 2**53) >> 53  # exact also where a float is not
    for distance in range(size + 1):
        for stride in dict.fromkeys((middle - distance, middle + distance)):
            if 0 < stride <= size and gcd(stride, size) == 1:
                yield stride


def discrete_discrepancy(genotypes: Genotypes, cardinalities: Sequence[int]) -> float:
    """How far the `(n, G)` genotypes are from uniform in all sets of positions together, squared; 0 is best.

    The mean over all pairs of the product over positions of 2 where they agree and 1 where not, less what
    it is over the whole space.
    """
    kernel = np.ones((len(genotypes), len(genotypes)))
    for column in genotypes.T:
        kernel *= 1.0 + (column[:, None] == column)
    return float(kernel.mean() - np.prod([1.0 + 1.0 / choices for choices in cardinalities]))


@lru_cache(maxsize=16)
def best_stride(space: SearchSpace) -> int:
    """The most uniform of the strides near the golden section; see `GridSearch`."""
    points = np.arange(min(_POINTS, space.size), dtype=object)

    def unevenness(stride: int) -> float:
        ranks = (points * stride % space.size).astype(np.int64)
        return discrete_discrepancy(space.genotypes(ranks), space.cardinalities)

    return min(islice(strides(space.size), _STRIDES), key=unevenness)


def _ranked(space: SearchSpace, first: Genotype) -> Iterator[Genotype]:
    """All architectures by rank."""
    ranks = _residues(space.size, space.index(first), best_stride(space))
    while block := list(islice(ranks, _BLOCK)):
        yield from zip(*space.genotypes(block).T.tolist(), strict=True)


def _coded(space: SearchSpace, first: Genotype) -> Iterator[Genotype]:
    """All valid combinations of choices by their mixed-radix code, for spaces that have no ranks."""
    size, code = 1, 0
    for choices, gene in zip(space.cardinalities, first, strict=True):
        size, code = size * choices, code * choices + gene
    for rest in _residues(size, code, next(strides(size))):
        genes: list[int] = []
        for choices in reversed(space.cardinalities):
            rest, gene = divmod(rest, choices)
            genes.append(gene)
        if space.valid([genes[::-1]])[0]:
            yield tuple(genes[::-1])


def _residues(size: int, first: int, stride: int) -> Iterator[int]:
    """`first`, `first + stride`, ... modulo `size`, each residue once."""
    residue = first
    for _ in range(size):
        yield residue
        residue = (residue + stride) % size
