"""New architectures made of told ones."""

from __future__ import annotations

from collections.abc import Container, Sequence

import numpy as np

from nasbench.space import Genotype, SearchSpace

_ATTEMPTS = 5


def fresh_mutants(
    space: SearchSpace,
    parents: Sequence[Genotype],
    count: int,
    changes: int,
    seen: Container[Genotype],
    rng: np.random.Generator,
) -> list[Genotype]:
    """Up to `count` distinct mutants that were not seen, in the order they were found.

    The parents take turns, so that each has about as many mutants as any other.

    Args:
        space: where the parents live.
        parents: whose choices are changed.
        count: how many mutants are wanted; fewer come back where five times as many tries find fewer.
        changes: mutations a mutant at most, their number uniform from 1.
        seen: what must not come back.
        rng: draws the mutations.
    """
    found: dict[Genotype, None] = {}
    if space.size == 1:
        return []
    for attempt in range(_ATTEMPTS * count):
        genotype = parents[attempt % len(parents)]
        for _ in range(1 + int(rng.random() * changes)):
            genotype = space.mutate(genotype, rng)
        if genotype not in seen:
            found[genotype] = None
            if len(found) == count:
                break
    return list(found)
