"""Constrained non-domination and crowding, against definitions and worked examples."""

from math import inf, nan

import numpy as np
import pytest

from nasbench.problem import Objective, Observation, Problem
from nasbench.spaces.grid import GridSpace
from nasbench.strategies.multi_objective.domination import (
    Evaluated,
    crowded_order,
    crowding_distances,
    evaluated,
    non_dominated_ranks,
)


def dominates(a, b, violation_a=0.0, violation_b=0.0):
    """Deb's constrained domination, by its definition."""
    if violation_a or violation_b:
        return violation_a < violation_b
    return all(x <= y for x, y in zip(a, b, strict=True)) and any(x < y for x, y in zip(a, b, strict=True))


def peeled(losses, violations):
    """Front numbers by taking away what nothing left dominates, again and again."""
    ranks, left, front = np.full(len(losses), -1), set(range(len(losses))), 0
    while left:
        best = {i for i in left if not any(dominates(losses[j], losses[i], violations[j], violations[i]) for j in left)}
        ranks[list(best)] = front
        left, front = left - best, front + 1
    return ranks


@pytest.mark.parametrize("objectives", [2, 3, 4])
@pytest.mark.parametrize("infeasible", [0.0, 0.3, 1.0])
def test_fronts_are_those_of_the_definition(objectives, infeasible):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        losses = rng.integers(0, 6, size=(40, objectives)).astype(float)  # ties and duplicates are common
        violations = np.where(rng.random(40) < infeasible, rng.integers(1, 4, size=40), 0.0)
        violations[rng.random(40) < infeasible / 5] = inf
        assert non_dominated_ranks(losses, violations).tolist() == peeled(losses, violations).tolist()
        if not infeasible:
            assert non_dominated_ranks(losses).tolist() == peeled(losses, violations).tolist()


def test_crowding_of_a_worked_example():
    """Extents 10 and 8; the neighbours of the second point are 6 and 6 apart, those of the third 8 and 4."""
    losses = np.array([[0.0, 8.0], [2.0, 4.0], [6.0, 2.0], [10.0, 0.0]])
    found = crowding_distances(losses, np.zeros(4, dtype=int))
    assert found.tolist() == [inf, 6 / 10 + 6 / 8, 8 / 10 + 4 / 8, inf]


def test_crowding_looks_at_one_front_at_a_time():
    rng = np.random.default_rng(0)
    losses = rng.random((60, 3))
    ranks = non_dominated_ranks(losses)
    together = crowding_distances(losses, ranks)
    for front in range(ranks.max() + 1):
        alone = crowding_distances(losses[ranks == front], np.zeros((ranks == front).sum(), dtype=int))
        assert together[ranks == front].tolist() == alone.tolist()


def test_a_front_of_equal_values_is_not_crowded_by_division_by_zero():
    """Two ends an objective (the same two here), nothing between the others."""
    found = crowding_distances(np.ones((4, 2)), np.zeros(4, dtype=int))
    assert sorted(found.tolist()) == [0.0, 0.0, inf, inf]


def trials(losses, violations=None):
    violations = [0.0] * len(losses) if violations is None else violations
    return [Evaluated((i,), tuple(loss), v) for i, (loss, v) in enumerate(zip(losses, violations, strict=True))]


def test_the_order_is_front_then_crowding_then_failures():
    losses = [(5.0, 5.0), (0.0, 4.0), (1.0, 3.0), (1.5, 2.0), (4.0, 0.0), (nan, 0.0), (9.0, 9.0)]
    violations = [0.0, 0.0, 0.0, 0.0, 0.0, inf, 2.0]
    order = crowded_order(trials(losses, violations), np.random.default_rng(0)).tolist()
    assert set(order[:2]) == {1, 4}  # the ends of the first front
    assert order[2:] == [3, 2, 0, 6, 5]


def test_ties_are_decided_by_lot():
    rng = np.random.default_rng(0)
    first = [crowded_order(trials([(0.0, 1.0), (1.0, 0.0)]), rng)[0] for _ in range(1000)]
    assert 420 < sum(first) < 580  # five standard deviations


def test_losses_are_signed_and_failures_marked():
    space = GridSpace.of({"a": ["x", "y"]})
    objectives = [Objective("val_accuracy"), Objective("params", "minimize", functional=False)]
    problem = Problem(space, objectives, np.random.default_rng(0))
    assert evaluated(problem, (1,), Observation((90.0, 1e6))) == Evaluated((1,), (-90.0, 1e6), 0.0)
    assert evaluated(problem, (1,), Observation((90.0, nan), status="failed")).violation == inf
