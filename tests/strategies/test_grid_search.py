"""Grid search: each architecture once, and evenly after any number of evaluations."""

from itertools import combinations, islice, pairwise
from math import gcd

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nasbench.strategies as registry
from nasbench.problem import Objective, Problem
from nasbench.spaces.grid import GridSpace
from nasbench.spaces.nasbench201 import NASBench201Space
from nasbench.spaces.table import TableSpace
from nasbench.strategies.baselines.grid_search import best_stride, discrete_discrepancy, strides

CELLS = NASBench201Space()
MIXED = GridSpace.of({f"p{i}": list(range(c)) for i, c in enumerate((2, 2, 4, 3, 3, 6, 2, 6, 6))})


def asked(space, n, seed=0):
    strategy = registry.create("grid-search")
    problem = Problem(space, [Objective("m")], np.random.default_rng([seed, 1]))
    strategy.start(problem, np.random.default_rng([seed, 2]))
    return [trial.genotype for trial in strategy.ask(n)], strategy, problem


@given(size=st.integers(1, 10**15))
@settings(max_examples=200, deadline=None)
def test_strides_are_coprime_and_come_by_their_distance_from_the_golden_section(size):
    found = list(islice(strides(size), 8))
    assert len(found) == len(set(found)) >= 1
    assert all(gcd(stride, size) == 1 for stride in found)
    distances = [abs(stride - size * (5**0.5 - 1) / 2) for stride in found]
    assert all(a <= b + 2 for a, b in pairwise(distances))


def test_the_discrepancy_is_that_over_all_sets_of_positions():
    """By hand: the sum over sets of positions of how far their combinations are from equally frequent."""
    space = GridSpace.of({"a": [0, 1], "b": [0, 1, 2], "c": [0, 1, 2, 3]})
    genotypes = space.sample(np.random.default_rng(0), 17)
    total = 0.0
    for size in (1, 2, 3):
        for positions in combinations(range(3), size):
            cells = int(np.prod([space.cardinalities[p] for p in positions]))
            codes = np.ravel_multi_index(genotypes[:, positions].T, [space.cardinalities[p] for p in positions])
            frequencies = np.bincount(codes, minlength=cells) / len(genotypes)
            total += ((frequencies - 1 / cells) ** 2).sum()
    assert discrete_discrepancy(genotypes, space.cardinalities) == pytest.approx(total)
    assert discrete_discrepancy(space.all(), space.cardinalities) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("space", [CELLS, MIXED])
@pytest.mark.parametrize("n", [20, 64, 150, 300])
def test_any_budget_covers_the_ranks_and_the_choices_evenly(space, n):
    genotypes = np.array(asked(space, n)[0])
    ranks = np.sort(space.indices(genotypes))
    gaps = np.diff(np.append(ranks, ranks[0] + space.size))
    assert len(set(gaps.tolist())) <= 3
    assert gaps.max() < 4 * space.size / n
    random = [discrete_discrepancy(space.sample(np.random.default_rng(s), n), space.cardinalities) for s in range(20)]
    assert discrete_discrepancy(genotypes, space.cardinalities) < min(random)


@pytest.mark.parametrize("space", [CELLS, TableSpace(CELLS, CELLS.genotypes(np.arange(0, 15625, 7)))])
def test_it_sweeps_the_whole_space_once(space):
    genotypes, strategy, problem = asked(space, space.size)
    assert genotypes[0] == problem.initial(1)[0]
    assert set(genotypes) == {tuple(g) for g in space.all().tolist()}
    assert len(genotypes) == space.size
    assert strategy.ask(3) == []


def test_the_order_is_fixed_up_to_where_it_begins():
    first, second = (CELLS.indices(asked(CELLS, 50, seed)[0]) for seed in (1, 2))
    stride = best_stride(CELLS)
    assert set((np.diff(first) % CELLS.size).tolist()) == {stride} == set((np.diff(second) % CELLS.size).tolist())
    assert first[0] != second[0]


def test_a_space_without_ranks_is_swept_too():
    space = GridSpace.of({f"p{i}": list(range(9)) for i in range(24)})
    assert space.size > 2**63
    genotypes = np.array(asked(space, 256)[0])
    assert space.valid(genotypes).all()
    assert len({tuple(g) for g in genotypes.tolist()}) == 256
    first = np.bincount(genotypes[:, 0], minlength=9)
    assert first.min() >= 256 // 9 - 2
