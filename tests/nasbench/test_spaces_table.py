"""Partial tables: only listed architectures exist; distances by brute force."""

from __future__ import annotations

import json
import pickle
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nasbench.errors import GenotypeError, NotInTableError
from nasbench.parameter import Parameter
from nasbench.spaces import from_definition
from nasbench.spaces.grid import GridSpace
from nasbench.spaces.nas_bench_graph import NASBenchGraphSpace
from nasbench.spaces.nasbench201 import NASBench201Space
from nasbench.spaces.table import TableSpace

CELLS = NASBench201Space()
GRID = GridSpace.of({"a": [1, 2, 3, 4], "b": ["x", "y"], "c": list(range(300))})
SIZES = {c: Parameter(f"{c} choices", tuple(range(c))) for c in (1, 2, 3, 50, 10**5)}
VAST = GridSpace.of({f"p{i}": list(range(40)) for i in range(27)})


def table(base, n, seed=0):
    rng = np.random.default_rng(seed)
    rows = np.unique(base.sample(rng, 3 * n), axis=0)
    return TableSpace(base, rng.permutation(rows)[:n])


def nearest(space, genotype):
    """Listed architectures at the smallest non-zero Hamming distance, by comparing with every one."""
    distance = {row: sum(a != b for a, b in zip(row, genotype, strict=True)) for row in listed(space)}
    smallest = min(d for d in distance.values() if d)
    return [row for row, d in distance.items() if d == smallest]


def listed(space):
    return list(map(tuple, space.all().tolist()))


def test_the_index_is_the_row_number_in_the_given_order():
    rows = [(3, 1, 7), (0, 0, 299), (2, 0, 0)]
    space = TableSpace(GRID, rows)
    assert listed(space) == rows
    assert [space.index(row) for row in rows] == [0, 1, 2] == space.indices(rows).tolist()
    assert space.size == len(space) == 3
    assert space.parameters == GRID.parameters
    assert space.genotypes([2, 0]).tolist() == [[2, 0, 0], [3, 1, 7]]


@pytest.mark.parametrize("base", [CELLS, GRID, VAST], ids=["cells", "grid", "vast"])
@pytest.mark.parametrize("n", [2, 9, 800])
def test_neighbours_are_the_nearest_listed(base, n):
    space = table(base, n)
    asked = [*listed(space)[:15], *map(tuple, base.sample(np.random.default_rng(9), 15).tolist())]
    for genotype in asked:
        assert space.neighbours(genotype) == nearest(space, genotype)


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 10**6),
    st.integers(2, 120),
    st.lists(st.sampled_from(list(SIZES)), min_size=1, max_size=5),
)
def test_neighbours_whatever_the_sizes_of_the_positions(seed, n, cardinalities):
    base = GridSpace([SIZES[c] for c in cardinalities])
    if base.size < 2:
        return
    space = table(base, n, seed)
    if space.size > 1:
        genotype = listed(space)[0]
        assert space.neighbours(genotype) == nearest(space, genotype)


def test_mutation_is_uniform_over_the_nearest():
    space = table(CELLS, 300)
    genotype = max(listed(space), key=lambda g: len(nearest(space, g)))
    near = nearest(space, genotype)
    rng = np.random.default_rng(5)
    drawn = Counter(space.mutate(genotype, rng) for _ in range(2000))
    assert len(near) > 2
    assert set(drawn) == set(near)
    assert stats.chisquare(list(drawn.values())).pvalue > 1e-3


def test_crossover_gives_the_listed_nearest_to_a_mixture():
    space, rng = table(CELLS, 200), np.random.default_rng(6)
    members = set(listed(space))
    for first, second in space.sample(rng, 200).reshape(100, 2, 6).tolist():
        seed = int(rng.integers(10**9))
        child = space.crossover(tuple(first), tuple(second), np.random.default_rng(seed))
        mixture = CELLS.crossover(tuple(first), tuple(second), np.random.default_rng(seed))
        assert child in ({mixture} if mixture in members else set(nearest(space, mixture)))


def test_crossover_breaks_ties_by_the_generator():
    space = TableSpace(GRID, [(0, 0, 0), (3, 1, 0), (0, 1, 0), (3, 0, 0)][:2])
    children = Counter(space.crossover((0, 0, 0), (3, 1, 0), np.random.default_rng(s)) for s in range(400))
    # mixtures (0,1,0) and (3,0,0) are one step from both parents: half of the children in the end
    assert stats.chisquare(list(children.values())).pvalue > 1e-3


@pytest.mark.parametrize("base", [CELLS, GRID, VAST, NASBenchGraphSpace()], ids=["cells", "grid", "vast", "trees"])
def test_unlisted_and_invalid_are_told_apart(base):
    space = table(base, 50)
    unlisted = next(
        tuple(g) for g in base.sample(np.random.default_rng(1), 99).tolist() if tuple(g) not in listed(space)
    )
    good = listed(space)[0]
    assert space.valid([good, unlisted]).tolist() == [True, False]
    for call in (lambda: space.check([good, unlisted]), lambda: space.indices([good, unlisted]),
                 lambda: space.index(unlisted), lambda: space.canonical([unlisted])):  # fmt: skip
        with pytest.raises(NotInTableError, match="has no row in this table of 50 architectures"):
            call()
    outside = (-1, *good[1:])
    for call in (
        lambda: space.check([outside]),
        lambda: space.index(outside),
        lambda: space.index(tuple(map(float, good))),
        lambda: space.indices([good[1:]]),
        lambda: space.neighbours(outside),
    ):
        with pytest.raises(GenotypeError):
            call()
    assert space.valid([good, outside]).tolist() == [True, False]


def test_a_product_member_that_the_base_refuses_is_a_genotype_error():
    space = table(NASBenchGraphSpace(), 50)
    for call in (lambda: space.check([(0, 3, 2, 1, 0)]), lambda: space.index((0, 3, 2, 1, 0))):
        with pytest.raises(GenotypeError, match="not the representative"):
            call()


def test_text_and_canonical_are_the_bases():
    space = TableSpace(CELLS, [(3, 3, 3, 0, 0, 0), (4, 2, 1, 2, 1, 1)])
    text = space.format((4, 2, 1, 2, 1, 1))
    assert text == CELLS.format((4, 2, 1, 2, 1, 1))
    assert space.parse(text) == (4, 2, 1, 2, 1, 1)
    assert space.parse("0,0,0,0,0,0") == (0,) * 6  # of the base; not listed
    assert space.canonical([(3, 3, 3, 0, 0, 0)]).tolist() == [[0] * 6]  # the representative is not listed
    assert not space.valid([(0,) * 6])[0]


@pytest.mark.parametrize("base", [CELLS, GRID, VAST, NASBenchGraphSpace()], ids=["cells", "grid", "vast", "trees"])
def test_definitions_rebuild_through_json_and_pickle(base):
    space = table(base, 60)
    again = from_definition("table", json.loads(json.dumps(space.definition())))
    for other in (again, pickle.loads(pickle.dumps(space))):
        assert other == space
        assert other.base == base
        np.testing.assert_array_equal(other.all(), space.all())
    assert TableSpace(base, space.all()[::-1]) != space


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "at least one row"),
        ([(0, 0, 0), (1, 0, 0), (0, 0, 0)], "rows 0 and 2 are one genotype"),
        ([(0, 0, 300)], "must be 0 to 299"),
        ([(0, 0)], "3 integers"),
        ([(0.0, 0.0, 0.0)], "made of integers"),
    ],
)
def test_wrong_rows_are_refused(rows, message):
    with pytest.raises(GenotypeError, match=message):
        TableSpace(GRID, rows)


def test_one_row_has_nothing_to_mutate_to():
    space = TableSpace(GRID, [(1, 1, 1)])
    assert space.neighbours((1, 1, 1)) == []
    assert space.crossover((1, 1, 1), (1, 1, 1), np.random.default_rng(0)) == (1, 1, 1)
    with pytest.raises(GenotypeError, match="nothing to mutate"):
        space.mutate((1, 1, 1), np.random.default_rng(0))


@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_of_the_caller_are_copied(order):
    rows = np.array([(1, 1, 1), (2, 0, 5)], dtype=np.uint16, order=order)
    space = TableSpace(GRID, rows)
    rows[:] = 0
    assert space.all().tolist() == [[1, 1, 1], [2, 0, 5]]
    assert space.index((2, 0, 5)) == 1


def test_a_base_beyond_64_bits_with_many_rows():
    space = table(VAST, 20_000)
    rows = space.all()
    np.testing.assert_array_equal(space.indices(rows[::-1]), np.arange(20_000)[::-1])
    assert space.index(tuple(rows[777].tolist())) == 777
    assert space.enumerable
