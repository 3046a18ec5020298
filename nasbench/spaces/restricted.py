"""A space with some of its choices taken away: positions pinned, operations forbidden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasbench.errors import GenotypeError
from nasbench.parameter import Parameter, choice_of, unknown_choice
from nasbench.space import Genotype, Genotypes, SearchSpace
from nasbench.spaces.table import TableSpace

_ATTEMPTS = 16
"""Draws of a base's mutation before one position is changed instead."""


class RestrictedSpace(SearchSpace):
    """The architectures of a product space that only take allowed choices.

    For spaces that cannot be listed: sampling is uniform over the allowed choices of each position, and moves
    are those of the base that stay inside. Parameters, text and canonical form are those of the base, as is
    whatever is reached through `base`. `restrict` makes one where it is needed.

    Args:
        base: a space of which every combination of choices is valid.
        allowed: for each position its allowed choices, rising, at least one.

    Attributes:
        base: the space that this is a part of.

    Raises:
        GenotypeError: the base is no product, or the allowed choices are not choices of it.
    """

    kind = "restricted"

    def __init__(self, base: SearchSpace, allowed: Sequence[Sequence[int]]) -> None:
        if base.size != prod(base.cardinalities):
            raise GenotypeError(f"{base!r} is no product of its choices, so that it can only be restricted if listed")
        super().__init__(base.parameters)
        self.base = base
        self.local_moves = base.local_moves  # type: ignore[misc]
        self.allowed = tuple(tuple(int(choice) for choice in choices) for choices in allowed)
        well_formed = len(self.allowed) == self.length and all(
            choices and list(choices) == sorted(set(choices)) and choices[0] >= 0 and choices[-1] < count
            for choices, count in zip(self.allowed, self.cardinalities, strict=False)
        )
        if not well_formed:
            raise GenotypeError(f"each of {self.length} positions needs a rising list of its choices, got {allowed!r}")
        self._mask = np.zeros((self.length, max(self.cardinalities)), dtype=bool)
        for position, choices in enumerate(self.allowed):
            self._mask[position, list(choices)] = True
        pairs = zip(self.parameters, self.allowed, strict=True)
        self._reduced = SearchSpace([Parameter(p.name, choices) for p, choices in pairs])

    def definition(self) -> dict[str, Any]:
        """The base space, and the allowed choices of each position."""
        base = {"kind": self.base.kind, "definition": self.base.definition()}
        return {"base": base, "allowed": [list(choices) for choices in self.allowed]}

    @classmethod
    def from_definition(cls, definition: Mapping[str, Any]) -> RestrictedSpace:
        """The inverse of `definition`."""
        from nasbench.spaces import from_definition

        base = definition["base"]
        return cls(from_definition(base["kind"], base["definition"]), definition["allowed"])

    @property
    def size(self) -> int:
        """Product of the numbers of allowed choices."""
        return prod(map(len, self.allowed))

    def _valid(self, batch: Genotypes) -> NDArray[np.bool_]:
        return np.asarray(self._mask[np.arange(self.length), batch].all(axis=1))

    # -- index <-> genotype: of the product of the allowed choices -----------------------------------

    def index(self, genotype: Genotype) -> int:
        """Rank of one genotype among the allowed ones.

        Raises:
            GenotypeError: the genotype is not one of this space.
        """
        return int(self.indices([genotype])[0])

    def indices(self, genotypes: ArrayLike) -> NDArray[np.int64]:
        """Ranks `(n,)` of the `(n, G)` genotypes; raises as `index` does."""
        batch = self.check(genotypes)
        ranks = np.empty(batch.shape, dtype=np.int64)
        for position, choices in enumerate(self.allowed):
            ranks[:, position] = np.searchsorted(choices, batch[:, position])
        return self._reduced.indices(ranks)

    def _need_indexable(self) -> None:
        self._reduced._need_indexable()

    def _decode(self, codes: NDArray[np.int64]) -> Genotypes:
        return self._allowed_at(self._reduced.genotypes(codes))

    def _allowed_at(self, ranks: Genotypes) -> Genotypes:
        columns = [np.array(choices)[ranks[:, i]] for i, choices in enumerate(self.allowed)]
        return np.stack(columns, axis=1).astype(np.int64)

    # -- randomness and structure ---------------------------------------------------------------------

    def sample(self, rng: np.random.Generator, n: int = 1) -> Genotypes:
        """`n` genotypes, each allowed choice of a position equally likely, `(n, G)`."""
        return self._allowed_at(self._reduced.sample(rng, n))

    def neighbours(self, genotype: Genotype) -> list[Genotype]:
        """The base's neighbours that are allowed."""
        around = self.base.neighbours(genotype)
        keep = self.valid(around).tolist() if around else []
        return [neighbour for neighbour, kept in zip(around, keep, strict=True) if kept]

    def mutate(self, genotype: Genotype, rng: np.random.Generator) -> Genotype:
        """The base's mutation, drawn again until it is allowed; failing that, one position changes."""
        for _ in range(_ATTEMPTS):
            child = self.base.mutate(genotype, rng)
            if all(gene in choices for gene, choices in zip(child, self.allowed, strict=True)):
                return child
        ranks = tuple(choices.index(gene) for gene, choices in zip(genotype, self.allowed, strict=True))
        changed = self._reduced.mutate(ranks, rng)
        return tuple(choices[rank] for rank, choices in zip(changed, self.allowed, strict=True))

    # -- text and equivalence: the base's ---------------------------------------------------------------

    def canonical(self, genotypes: ArrayLike) -> Genotypes:
        """The base's representative of each architecture, `(n, G)`; it may itself be forbidden."""
        return self.base.canonical(self.check(genotypes))

    def format(self, genotype: Genotype) -> str:
        """The base's text of an architecture."""
        return self.base.format(genotype)

    def parse(self, text: str) -> Genotype:
        """The base's genotype of a text; it may be forbidden (`check` says)."""
        return self.base.parse(text)


def restrict(space: SearchSpace, pin: Mapping[str, Sequence[str]], forbid: Sequence[str] = ()) -> SearchSpace:
    """The architectures of a space that keep to some choices.

    Args:
        space: any space.
        pin: parameter name -> the choices that it may take, as text.
        forbid: choices that no parameter may take (`none`), or one parameter may not (`edge 0<-1=none`).

    Returns:
        The space itself where nothing is taken away; else a space whose `base` is the space (or its base).

    Raises:
        UnknownNameError: no such parameter or choice.
        GenotypeError: nothing is left, or too large a space is no product of its choices.
    """
    allowed = _allowed(space, pin, forbid)
    if all(len(choices) == count for choices, count in zip(allowed, space.cardinalities, strict=True)):
        return space
    if not all(allowed):
        empty = space.parameters[allowed.index([])].name
        raise GenotypeError(f"no choice of {empty!r} is left; pin less or forbid less")
    if not space.enumerable:
        return RestrictedSpace(space, allowed)
    rows = space.all()
    keep = np.logical_and.reduce([np.isin(rows[:, i], choices) for i, choices in enumerate(allowed)])
    if not keep.any():
        raise GenotypeError("no architecture of the space keeps to the pinned and forbidden choices")
    return TableSpace(getattr(space, "base", space), rows[keep])


def _allowed(space: SearchSpace, pin: Mapping[str, Sequence[str]], forbid: Sequence[str]) -> list[list[int]]:
    names = [p.name for p in space.parameters]
    allowed = [set(range(len(p))) for p in space.parameters]
    for name, choices in pin.items():
        if name not in names:
            raise unknown_choice("parameter", name, names)
        position = names.index(name)
        allowed[position] &= {choice_of(space.parameters[position], choice) for choice in choices}
    for text in forbid:
        name, equals, choice = text.rpartition("=")
        if equals and name in names:
            position = names.index(name)
            allowed[position].discard(choice_of(space.parameters[position], choice))
            continue
        found = [
            (i, [str(c) for c in p.choices].index(text))
            for i, p in enumerate(space.parameters)
            if text in map(str, p.choices)
        ]
        if not found:
            raise unknown_choice("choice", text, sorted({str(c) for p in space.parameters for c in p.choices}))
        for position, rank in found:
            allowed[position].discard(rank)
    return [sorted(choices) for choices in allowed]
