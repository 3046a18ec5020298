"""`design_sequence`: every architecture once, in uniformly random order, lazily."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from scipy import stats

from nasbench.design import _sparse_shuffle, design_sequence
from nasbench.parameter import Parameter
from nasbench.space import SearchSpace
from nasbench.spaces.grid import GridSpace
from nasbench.spaces.nas_bench_graph import NASBenchGraphSpace
from nasbench.spaces.nasbench201 import NASBench201Space
from nasbench.spaces.table import TableSpace


def _large_table() -> TableSpace:
    base = GridSpace.of({"a": list(range(400)), "b": list(range(400)), "c": list(range(10**6))})
    pairs = np.array(list(itertools.product(range(400), range(400))))
    return TableSpace(base, np.column_stack([pairs, np.arange(len(pairs)) * 6]))


@pytest.mark.parametrize(
    "space",
    [
        GridSpace.of({"a": [1], "b": ["x"]}),
        GridSpace.of({"a": [1, 2, 3], "b": ["x", "y"]}),
        NASBench201Space(),
        NASBenchGraphSpace(),
        GridSpace.of({f"p{i}": list(range(4)) for i in range(9)}),  # 262,144: the lazy shuffle
        _large_table(),
    ],
    ids=repr,
)
def test_each_architecture_comes_exactly_once(space: SearchSpace):
    ranks = space.indices(np.array(list(design_sequence(space, np.random.default_rng(0)))))
    assert len(ranks) == space.size
    np.testing.assert_array_equal(np.sort(ranks), np.arange(space.size))


@pytest.mark.parametrize("sequence", [design_sequence, _sparse_shuffle])
def test_every_order_is_equally_likely(sequence):
    """All 24 orders of four architectures, by chi-square at a fixed seed."""
    space = GridSpace.of({"a": [0, 1], "b": [0, 1]})
    rng = np.random.default_rng(1)
    orders = Counter(tuple(sequence(space, rng)) for _ in range(6000))
    assert len(orders) == math.factorial(4)
    assert stats.chisquare(list(orders.values())).pvalue > 1e-3


@pytest.mark.parametrize("positions", [3, 7])
def test_prefixes_of_vast_spaces_are_distinct_uniform_and_lazy(positions):
    """10^9 architectures take the lazy shuffle, 10^21 rejection."""
    space = _thousands(positions)
    drawn = list(itertools.islice(design_sequence(space, np.random.default_rng(2)), 5000))
    assert len(set(drawn)) == 5000
    for position in np.array(drawn).T // 100:
        assert stats.chisquare(np.bincount(position, minlength=10)).pvalue > 1e-3


def _thousands(positions: int) -> GridSpace:
    return GridSpace([Parameter(f"p{i}", tuple(range(1000))) for i in range(positions)])


def test_the_generator_decides_alone_and_prefixes_agree():
    for space in (NASBench201Space(), _thousands(3), _thousands(7)):

        def prefix(seed: int, n: int, space: SearchSpace = space):
            return list(itertools.islice(design_sequence(space, np.random.default_rng(seed)), n))

        assert prefix(7, 50) == prefix(7, 700)[:50]
        assert prefix(7, 50) != prefix(8, 50)
        assert all(type(gene) is int for gene in prefix(7, 1)[0])
