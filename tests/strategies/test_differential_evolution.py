"""Genotypes as points of a cube, and differential evolution on them."""

import numpy as np
import pytest

from nasbench.parameter import Parameter
from nasbench.spaces.grid import GridSpace
from nasbench.spaces.table import TableSpace
from nasbench.strategies.multi_fidelity.differential_evolution import Cube, Population

SPACE = GridSpace([Parameter("a", ("x", "y", "z")), Parameter("b", (1, 2), ordered=True), Parameter("c", ("only",))])


def cube(space=SPACE, seed=0):
    return Cube(space, np.random.default_rng(seed))


def test_each_choice_is_an_equal_part_of_its_axis():
    points = np.array([[0.0, 0.0, 0.0], [0.333, 0.499, 1.0], [0.334, 0.5, 0.5], [0.667, 1.0, 0.2], [1.0, 0.7, 0.9]])
    found = [cube().architecture(point)[0] for point in points]
    assert found == [(0, 0, 0), (0, 0, 0), (1, 1, 0), (2, 1, 0), (2, 1, 0)]


def test_a_point_of_a_genotype_stands_for_it():
    one = cube()
    for genotype in map(tuple, SPACE.all().tolist()):
        for _ in range(20):
            assert one.architecture(one.point(genotype))[0] == genotype


def test_the_mutant_is_one_of_the_differences():
    parents = np.array([[0.1, 0.2, 0.0], [0.4, 0.9, 0.0], [0.8, 0.3, 0.0], [0.5, 0.5, 0.5]])
    possible = {
        tuple(np.round(parents[i] + 0.5 * (parents[j] - parents[k]), 9))
        for i in range(4)
        for j in range(4)
        for k in range(4)
        if len({i, j, k}) == 3
    }
    one = cube()
    assert {tuple(np.round(one.mutant(parents, 0.5), 9)) for _ in range(600)} == possible


def test_crossover_takes_at_least_one_axis_and_on_average_its_share():
    target, mutant, one = np.zeros(8), np.ones(8), cube()
    taken = np.array([one.crossed(target, mutant, 0.0).sum() for _ in range(200)])
    assert (taken == 1).all()
    assert (one.crossed(target, mutant, 1.0) == mutant).all()
    taken = np.array([one.crossed(target, mutant, 0.5).sum() for _ in range(2000)])
    assert taken.mean() == pytest.approx(4, abs=4 * np.sqrt(8 / 4 / 2000) + 0.01)


def test_what_leaves_the_cube_is_drawn_anew():
    one, target = cube(), np.full(2, 0.5)
    children = np.array([one.crossed(target, np.array([-0.3, 1.7]), 1.0) for _ in range(2000)])
    assert ((children >= 0) & (children <= 1)).all()
    assert children.mean(axis=0) == pytest.approx([0.5, 0.5], abs=4 / np.sqrt(12 * 2000))


def test_in_a_sparse_space_a_point_moves_to_the_nearest_listed_architecture():
    base = GridSpace.of({f"p{i}": list(range(5)) for i in range(4)})
    space = TableSpace(base, [[0, 0, 0, 0], [4, 4, 4, 4], [0, 0, 4, 4]])
    one, point = cube(space), np.array([0.1, 0.15, 0.9, 0.3])  # (0, 0, 4, 1)
    genotype, moved = one.architecture(point)
    assert genotype == (0, 0, 4, 4)
    assert moved[:3].tolist() == point[:3].tolist()
    assert 0.8 <= moved[3] <= 1
    assert one.architecture(moved)[0] == genotype
    between = {one.architecture(np.array([0.5, 0.5, 0.9, 0.9]))[0] for _ in range(50)}  # (2, 2, 4, 4): a tie
    assert between == {(4, 4, 4, 4), (0, 0, 4, 4)}


def test_a_challenger_that_is_no_worse_takes_the_place():
    population = Population(np.zeros((2, 1)))
    assert [population.next_target() for _ in range(3)] == [0, 1, 0]
    for utility, expected in ((-np.inf, 1.0), (3.0, 2.0), (2.9, 2.0), (3.0, 4.0)):
        population.challenge(0, np.array([expected if expected != 2.0 or utility == 3.0 else 9.0]), utility)
        assert population.points[0, 0] == expected
    assert population.best(2).ravel().tolist() == [4.0, 0.0]
