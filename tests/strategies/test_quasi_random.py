"""Quasi-random search: even in every choice, uniform over what is valid, nothing twice."""

import numpy as np
import pytest
from scipy.stats import chisquare

import nasbench.strategies as registry
from nasbench.parameter import Parameter
from nasbench.problem import Objective, Problem
from nasbench.space import SearchSpace
from nasbench.spaces.constrained import ConstrainedSpace
from nasbench.spaces.darts import DartsSpace
from nasbench.spaces.grid import GridSpace
from nasbench.spaces.table import TableSpace
from nasbench.strategies.baselines.quasi_random import points_to_genotypes

POWERS = GridSpace.of({f"p{i}": list(range(4)) for i in range(6)})


class Triangle(ConstrainedSpace):
    """Genotypes whose genes do not fall: the last genes depend on the first."""

    kind = "triangle"

    def _members(self):
        full = SearchSpace(self.parameters).all()
        return full[(np.diff(full, axis=1) >= 0).all(axis=1)]


TRIANGLE = Triangle([Parameter(f"p{i}", (0, 1, 2, 3, 4)) for i in range(4)])


def asked(space, n, seed=0):
    strategy = registry.create("quasi-random")
    problem = Problem(space, [Objective("m")], np.random.default_rng([seed, 1]))
    strategy.start(problem, np.random.default_rng([seed, 2]))
    return [trial.genotype for trial in strategy.ask(n)], strategy


def test_a_block_of_a_power_of_two_has_every_choice_equally_often():
    """A scrambled (t, m, s)-net is balanced in each coordinate, whatever the seed."""
    genotypes = np.array(asked(POWERS, 64, seed=5)[0])
    for column in genotypes.T:
        assert np.abs(np.bincount(column, minlength=4) - 16).max() <= 1  # a repeat or two is skipped


def test_points_of_a_fine_grid_become_each_valid_architecture_equally_often():
    """The inverse Rosenblatt transform maps the uniform law of the cube to that of the members."""
    mapping = points_to_genotypes(TRIANGLE)
    points = np.random.default_rng(1).random((70 * 500, TRIANGLE.length))
    genotypes = mapping(points)
    assert TRIANGLE.valid(genotypes).all()
    assert chisquare(np.bincount(TRIANGLE.indices(genotypes), minlength=TRIANGLE.size)).pvalue > 1e-3


def test_the_first_coordinate_picks_by_shares_in_order():
    """By hand: of the 70 members 35, 20, 10, 4 and 1 begin with 0 to 4."""
    mapping = points_to_genotypes(TRIANGLE)
    first = np.array([0.0, 0.49, 0.51, 0.78, 0.79, 0.92, 0.93, 0.98, 0.99])
    points = np.column_stack([first, *[np.zeros_like(first)] * 3])
    assert mapping(points)[:, 0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4]


@pytest.mark.parametrize("space", [TRIANGLE, TableSpace(POWERS, POWERS.genotypes(np.arange(0, 4096, 31)))])
def test_a_space_is_asked_once_and_to_its_end(space):
    genotypes, strategy = asked(space, space.size + 10)
    assert sorted(genotypes) == sorted(tuple(g) for g in space.all().tolist())
    assert strategy.ask(2) == []


def test_it_spreads_over_pairs_of_choices_better_than_random_draws():
    def unevenness(genotypes):
        pairs = [(i, j) for i in range(6) for j in range(i)]
        counts = [np.bincount(genotypes[:, i] * 4 + genotypes[:, j], minlength=16) for i, j in pairs]
        return float(np.square(np.array(counts) - 16).sum())

    own = [unevenness(np.array(asked(POWERS, 256, seed)[0])) for seed in range(10)]
    random = [unevenness(POWERS.sample(np.random.default_rng(seed), 256)) for seed in range(10)]
    assert max(own) < min(random)


def test_a_space_too_large_to_list():
    genotypes, _ = asked(DartsSpace(), 100)
    assert len(set(genotypes)) == 100
    assert DartsSpace().valid(genotypes).all()
