"""Spaces with choices taken away: pinned positions, forbidden operations."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from nasbench.errors import GenotypeError
from nasbench.parameter import Parameter
from nasbench.space import SearchSpace
from nasbench.spaces import from_definition
from nasbench.spaces.constrained import ConstrainedSpace
from nasbench.spaces.darts import DartsSpace
from nasbench.spaces.grid import GridSpace
from nasbench.spaces.nasbench201 import NASBench201Space
from nasbench.spaces.restricted import RestrictedSpace, restrict
from nasbench.spaces.table import TableSpace

SMALL = GridSpace.of({"width": [16, 32, 64], "op": ["conv", "pool", "none"], "last": ["conv", "none"]})
ALLOWED = [(0, 2), (0, 1, 2), (1,)]


def test_nothing_taken_away_is_the_space_itself():
    assert restrict(SMALL, {}) is SMALL
    assert restrict(SMALL, {"width": ["16", "32", "64"]}) is SMALL


@pytest.mark.parametrize(
    ("pin", "forbid", "left"),
    [
        ({"width": ["16", "64.0"]}, (), lambda w, o, last: w != 1),
        ({}, ("none",), lambda w, o, last: o != 2 and last != 1),
        ({}, ("op=none",), lambda w, o, last: o != 2),
        ({"op": ["pool"]}, ("last=conv", "width=32"), lambda w, o, last: o == 1 and last == 1 and w != 1),
    ],
)
def test_what_is_left_is_what_keeps_to_the_choices(pin, forbid, left):
    space = restrict(SMALL, pin, forbid)
    assert sorted(map(tuple, space.all().tolist())) == [g for g in map(tuple, SMALL.all().tolist()) if left(*g)]


@pytest.mark.parametrize(
    ("pin", "forbid", "error"),
    [
        ({"wdth": ["16"]}, (), "Did you mean 'width'"),
        ({"width": ["17"]}, (), "unknown choice of width"),
        ({}, ("pol",), "Did you mean 'pool'"),
        ({}, ("op=skip",), "unknown choice of op"),
        ({"op": ["none"]}, ("none",), "no choice of 'op' is left"),
    ],
)
def test_wrong_names_and_empty_spaces_are_refused(pin, forbid, error):
    with pytest.raises(GenotypeError, match=error):
        restrict(SMALL, pin, forbid)


def test_a_constrained_space_keeps_its_own_rules():
    class Odd(ConstrainedSpace):
        kind = "odd"

        def _members(self):
            rows = SearchSpace(self.parameters).all()
            return rows[rows.sum(axis=1) % 2 == 1]

    odd = Odd([Parameter(f"p{i}", ("a", "b", "c")) for i in range(3)])
    left = restrict(odd, {}, ["p0=a"])
    assert sorted(map(tuple, left.all().tolist())) == [g for g in map(tuple, odd.all().tolist()) if g[0] != 0]
    with pytest.raises(GenotypeError, match="no architecture"):
        restrict(odd, {f"p{i}": ["a"] for i in range(3)})


def test_a_part_of_a_part_has_the_base_of_the_first():
    space = NASBench201Space()
    first = restrict(space, {}, ["none"])
    second = restrict(first, {"edge 0->3": ["skip_connect"]})
    assert isinstance(second, TableSpace)
    assert (first.size, second.size, second.base) == (4**6, 4**5, space)


class TestRestrictedSpace:
    """Against the listed one, which is right by construction."""

    space = RestrictedSpace(SMALL, ALLOWED)
    rows = SMALL.all()[np.logical_and.reduce([np.isin(SMALL.all()[:, i], a) for i, a in enumerate(ALLOWED)])]

    def test_members_and_ranks(self):
        assert self.space.size == len(self.space) == len(self.rows) == 6
        np.testing.assert_array_equal(self.space.all(), self.rows)
        np.testing.assert_array_equal(self.space.indices(self.rows), np.arange(6))
        assert [self.space.index(tuple(row)) for row in self.rows.tolist()] == list(range(6))
        listed = set(map(tuple, self.rows.tolist()))
        np.testing.assert_array_equal(
            self.space.valid(SMALL.all()), [tuple(row) in listed for row in SMALL.all().tolist()]
        )
        with pytest.raises(GenotypeError):
            self.space.index((1, 0, 1))

    def test_identity(self):
        again = from_definition(self.space.kind, self.space.definition())
        assert again == self.space == pickle.loads(pickle.dumps(self.space))
        assert again != SMALL

    def test_draws_are_uniform_over_the_allowed(self):
        drawn, counts = np.unique(self.space.sample(np.random.default_rng(0), 6000), axis=0, return_counts=True)
        np.testing.assert_array_equal(drawn, self.rows)
        assert ((counts - 1000) ** 2 / 1000).sum() < 20.5  # chi-squared, 5 degrees of freedom, 0.1 %

    def test_moves_stay_inside(self):
        rng = np.random.default_rng(1)
        for row in map(tuple, self.rows.tolist()):
            around = {n for n in SMALL.neighbours(row) if self.space.valid([n])[0]}
            assert set(self.space.neighbours(row)) == around
            assert {self.space.mutate(row, rng) for _ in range(60)} == around
            other = tuple(self.rows[rng.integers(6)].tolist())
            assert self.space.valid([self.space.crossover(row, other, rng)])[0]

    def test_text_is_the_base_s(self):
        assert self.space.parse(self.space.format((2, 1, 1))) == (2, 1, 1)

    @pytest.mark.parametrize("allowed", [ALLOWED[:2], [(0, 2), (), (1,)], [(0, 3), (0,), (1,)], [(2, 0), (0,), (1,)]])
    def test_choices_that_are_none_are_refused(self, allowed):
        with pytest.raises(GenotypeError, match="rising list"):
            RestrictedSpace(SMALL, allowed)

    def test_a_mutation_is_found_where_nearly_everything_is_pinned(self):
        space = restrict(DartsSpace(), {p.name: [str(p.choices[0])] for p in DartsSpace().parameters[1:]})
        assert (space.size, isinstance(space, RestrictedSpace)) == (7, True)
        genotype = tuple(space.sample(np.random.default_rng(0))[0].tolist())
        child = space.mutate(genotype, np.random.default_rng(0))
        assert child != genotype
        assert space.valid([child])[0]


def test_darts_without_pooling():
    space = restrict(DartsSpace(), {}, ["max_pool_3x3", "avg_pool_3x3"])
    assert space.size == DartsSpace().size * 5**16 // 7**16
    rng = np.random.default_rng(3)
    genotypes = space.sample(rng, 50)
    assert all("pool" not in space.format(tuple(g)) for g in genotypes.tolist())
    moved = [space.mutate(tuple(g), rng) for g in genotypes.tolist()]
    assert all("pool" not in space.format(g) for g in moved)
