"""Spelling a genotype: what is allowed after a prefix, against brute force."""

import numpy as np
import pytest

from nasbench.parameter import Parameter
from nasbench.spaces.grid import GridSpace
from nasbench.spaces.nasbench101 import NASBench101Space
from nasbench.spaces.table import TableSpace
from nasbench.strategies.reinforcement.prefixes import Spelling, is_constrained, is_listed

UNEVEN = GridSpace([Parameter(f"p{i}", tuple(range(c))) for i, c in enumerate((3, 4, 1, 2, 5))])


def spell(space, rng, n):
    """Random allowed choices; yields (prefixes before, allowed) at each position, then the genotypes."""
    spelling, prefixes = Spelling(space, n), np.empty((n, 0), dtype=np.int64)
    steps = []
    for _ in range(space.length):
        allowed = spelling.allowed()
        steps.append((prefixes, np.array(allowed)))
        chosen = np.where(allowed, rng.random(allowed.shape), -1.0).argmax(axis=1)
        spelling.write(chosen)
        prefixes = np.column_stack([prefixes, chosen])
    return steps, prefixes


@pytest.mark.parametrize("seed", range(5))
def test_a_partial_table_allows_what_a_row_continues(seed):
    rng = np.random.default_rng(seed)
    space = TableSpace(UNEVEN, rng.permutation(UNEVEN.all())[: 1 + seed * 9])
    steps, genotypes = spell(space, rng, 30)
    assert space.valid(genotypes).all()
    rows = {tuple(row) for row in space.all().tolist()}
    for prefixes, allowed in steps:
        for prefix, row in zip(prefixes.tolist(), allowed.tolist(), strict=True):
            assert row == [any(r[: len(prefix) + 1] == (*prefix, c) for r in rows) for c in range(5)]


def test_without_constraints_a_position_allows_its_own_choices():
    steps, _ = spell(UNEVEN, np.random.default_rng(0), 3)
    assert [allowed.sum(axis=1).tolist() for _, allowed in steps] == [[c] * 3 for c in UNEVEN.cardinalities]


def test_cells_of_nasbench101_are_spelled_without_a_miss():
    space = NASBench101Space()
    _, genotypes = spell(space, np.random.default_rng(0), 50)
    assert space.valid(genotypes).all()
    assert is_listed(space)


def test_a_constrained_space_too_large_to_list_is_spelled_freely():
    class Crowd(GridSpace):
        size = 10**9

    space = Crowd([Parameter(f"p{i}", tuple(range(2 + i % 3))) for i in range(40)])
    assert is_constrained(space)
    assert not is_listed(space)
    steps, _ = spell(space, np.random.default_rng(0), 2)
    assert [allowed.sum(axis=1).tolist() for _, allowed in steps] == [[c] * 2 for c in space.cardinalities]
