"""What strategies share that hand a foreign library's proposals through and its results back."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from functools import lru_cache
from math import isfinite, prod
from typing import Any, ClassVar

import numpy as np

from nasbench.problem import Observation, Problem, Trial
from nasbench.space import Genotype, Genotypes, SearchSpace
from nasbench.strategies.base import Strategy

_ATTEMPTS = 8
"""Proposals for one trial before the last one is repaired."""

_SAMPLED = 1024
"""Architectures that the nearest is chosen from where a space is too large to list."""


@dataclass
class ForeignSearch(Strategy):
    """Ask a library for proposals, tell it the utilities.

    The library sees every position as a parameter.
    A proposal that is no architecture of a constrained or partial space is given back as rejected, at no
    charge, and the library is asked again, at most 8 times; what is still invalid then is replaced by the
    valid architecture at the smallest Hamming distance, whose value the library gets for its proposal.
    Where fewer than one combination in 8 is valid, proposals are repaired at once. An architecture that the
    library proposes again is asked, and charged, again.

    A trial that breaks a constraint is told with a value below all that keep them, the lower the more it breaks
    them, to a library that reads the order of one objective's values only; to any other as failed.
    """

    uses_blas: ClassVar[bool] = True
    _reads_order: ClassVar[bool] = True
    """Whether the library takes nothing but their order from the values of a single objective."""

    _flying: dict[int, Any] = field(init=False, repr=False, compare=False)
    _attempts: int = field(init=False, repr=False, compare=False)
    _constrained: bool = field(init=False, repr=False, compare=False)

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Describe the space to the library, and seed it."""
        super().start(problem, rng)
        combinations = prod(problem.space.cardinalities)
        self._constrained = problem.space.size < combinations
        self._attempts = _ATTEMPTS if _ATTEMPTS * problem.space.size >= combinations else 1
        self._flying = {}
        self._open(problem, int(rng.integers(2**31)))

    def ask(self, n: int = 1) -> list[Trial]:
        """The library's proposals; never empty."""
        return [self._next() for _ in range(n)]

    def adopt(self, genotype: Genotype, epoch: int | None = None) -> Trial:
        """A trial that the library hears of as if it had proposed it."""
        trial = self._trial(genotype, epoch)
        self._flying[trial.number] = self._place(genotype)
        return trial

    def tell(self, trial: Trial, observation: Observation) -> None:
        """Give the library the values, larger meaning better, or say that the trial failed."""
        ordered = self._reads_order and len(self.problem.objectives) == 1
        utility = self.problem.merit(observation) if ordered else self.problem.utility(observation)
        others = zip(self.problem.objectives[1:], observation.values[1:], strict=True)
        values = [utility, *(objective.sign * value for objective, value in others)]
        self._report(self._flying.pop(trial.number), values if all(map(isfinite, values)) else None)

    def _next(self) -> Trial:
        space = self.problem.space
        proposal, genotype = self._propose()
        if self._constrained:
            for _ in range(self._attempts - 1):
                if space.valid([genotype])[0]:
                    break
                self._reject(proposal)
                proposal, genotype = self._propose()
            genotype = nearest(space, genotype, self.rng)
        trial = self._trial(genotype)
        self._flying[trial.number] = proposal
        return trial

    @abstractmethod
    def _open(self, problem: Problem, seed: int) -> None:
        """Make the library's optimiser."""

    @abstractmethod
    def _propose(self) -> tuple[Any, Genotype]:
        """The library's next proposal, by its own handle and as a genotype, valid or not."""

    @abstractmethod
    def _place(self, genotype: Genotype) -> Any:
        """The library's own handle of an architecture that it did not propose."""

    @abstractmethod
    def _report(self, proposal: Any, values: list[float] | None) -> None:
        """What a proposal was worth, a number an objective to be maximised; None where it failed."""

    @abstractmethod
    def _reject(self, proposal: Any) -> None:
        """Say that a proposal was no architecture."""


def nearest(space: SearchSpace, genotype: Genotype, rng: np.random.Generator) -> Genotype:
    """A valid genotype at the smallest Hamming distance: itself if valid, else the first in rank order.

    Of a space too large to list, a uniform sample takes the place of all its genotypes.
    """
    if space.valid([genotype])[0]:
        return genotype
    candidates = _listed(space) if space.enumerable else space.sample(rng, _SAMPLED).T
    distance = np.zeros(candidates.shape[1], dtype=np.int64)
    for column, gene in zip(candidates, genotype, strict=True):
        distance += column != gene
    return tuple(candidates[:, int(distance.argmin())].tolist())


@lru_cache(maxsize=4)
def _listed(space: SearchSpace) -> Genotypes:
    """All genotypes, a row a position: `(G, size)`."""
    return np.ascontiguousarray(space.all().T.astype(np.min_scalar_type(max(space.cardinalities))))
