"""Spaces whose valid genotypes are some of a product's, few enough to be listed."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasbench.errors import GenotypeError
from nasbench.space import Genotype, Genotypes, SearchSpace


class ConstrainedSpace(SearchSpace):
    """A product of choices of which only some genotypes are valid, few enough to be listed.

    A subclass gives `_members()`: the valid genotypes `(size, G)`, once. Ranks follow the
    lexicographic order of the valid genotypes.
    """

    def _members(self) -> Genotypes:
        raise NotImplementedError

    @cached_property
    def _member_codes(self) -> NDArray[np.int64]:
        return np.unique(super()._codes(self._members()))

    @property
    def size(self) -> int:
        """Exact number of valid genotypes."""
        return len(self._member_codes)

    def _find(self, batch: Genotypes) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        codes = super()._codes(batch)
        ranks = np.minimum(np.searchsorted(self._member_codes, codes), self.size - 1)
        return ranks, self._member_codes[ranks] == codes

    def _valid(self, batch: Genotypes) -> NDArray[np.bool_]:
        return self._find(batch)[1]

    @cached_property
    def _rank_of(self) -> dict[int, int]:
        return dict(zip(self._member_codes.tolist(), range(self.size), strict=True))

    def index(self, genotype: Genotype) -> int:
        """Rank of one genotype among the valid ones; raises `GenotypeError` if it is not one of them."""
        rank = self._rank_of.get(self._code(genotype))
        if rank is None:
            raise GenotypeError(self._why_invalid(tuple(genotype)))
        return rank

    def indices(self, genotypes: ArrayLike) -> NDArray[np.int64]:
        """Ranks `(n,)` among the valid genotypes; raises `GenotypeError` if a row is not one of them."""
        batch = self._as_batch(genotypes)
        ranks, found = self._find(batch)
        if not found.all():
            raise GenotypeError(self._why_invalid(tuple(batch[np.flatnonzero(~found)[0]].tolist())))
        return ranks.astype(np.int64, copy=False)

    def genotypes(self, indices: ArrayLike) -> Genotypes:
        """The `(n, G)` valid genotypes of the ranks `(n,)`."""
        return self._decode(self._member_codes[self._check_ranks(indices)])

    def sample(self, rng: np.random.Generator, n: int = 1) -> Genotypes:
        """`n` draws with replacement, uniform over the valid genotypes, `(n, G)`."""
        return self.genotypes(rng.integers(0, self.size, size=n))

    def neighbours(self, genotype: Genotype) -> list[Genotype]:
        """The valid genotypes that differ in exactly one position, in order of position, then value."""
        candidates = super().neighbours(genotype)
        keep = self.valid(candidates)
        return [g for g, ok in zip(candidates, keep.tolist(), strict=True) if ok]

    def mutate(self, genotype: Genotype, rng: np.random.Generator) -> Genotype:
        """A neighbour drawn uniformly (a single product step is often invalid here)."""
        around = self.neighbours(genotype)
        if not around:
            return tuple(self.sample(rng)[0].tolist())
        return around[int(rng.random() * len(around))]

    def crossover(self, first: Genotype, second: Genotype, rng: np.random.Generator) -> Genotype:
        """A valid child by rejection; after 100 invalid ones, the first parent itself."""
        for _ in range(100):
            child = super().crossover(first, second, rng)
            if self.valid([child])[0]:
                return child
        return first
