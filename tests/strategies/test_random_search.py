"""Random search is the uniform law without replacement, nothing more."""

from math import comb

import numpy as np
import pytest
from scipy.stats import chisquare

from nasbench.problem import Objective, Observation, Problem
from nasbench.spaces.grid import GridSpace
from nasbench.spaces.nasbench201 import NASBench201Space
from nasbench.strategies.baselines.random_search import RandomSearch

SPACE = GridSpace.of({"a": [1, 2, 3], "b": ["x", "y"], "c": [0, 1, 2, 3]})


def started(seed, space=SPACE, objectives=1):
    problem = Problem(space, [Objective(f"m{i}") for i in range(objectives)], np.random.default_rng(seed))
    strategy = RandomSearch()
    strategy.start(problem, np.random.default_rng(999))
    return strategy, problem


@pytest.mark.parametrize("position", [0, 1, 7, 23])
def test_each_draw_is_uniform_over_the_space(position):
    counts = np.zeros(SPACE.size)
    for seed in range(4800):
        counts[SPACE.index(started(seed)[0].ask(SPACE.size)[position].genotype)] += 1
    assert chisquare(counts).pvalue > 1e-4


def test_asks_every_architecture_once_and_then_nothing():
    strategy, _ = started(0)
    trials = [trial for _ in range(SPACE.size) for trial in strategy.ask()]
    assert sorted(trial.genotype for trial in trials) == [tuple(g) for g in SPACE.all().tolist()]
    assert [trial.number for trial in trials] == list(range(SPACE.size))
    assert strategy.ask(5) == []


def test_it_continues_the_design_that_other_strategies_start_from():
    strategy, problem = started(3)
    asked = [trial.genotype for trial in strategy.ask(15)]
    assert asked == problem.initial(15)
    assert asked[:4] == started(3)[1].initial(4)


def test_what_it_is_told_changes_nothing():
    told, silent = started(1)[0], started(1)[0]
    for _ in range(10):
        (trial,) = told.ask()
        told.tell(trial, Observation((float(trial.number),)))
        assert silent.ask() == [trial]


def test_takes_any_number_of_objectives():
    assert len(started(0, objectives=3)[0].ask(4)) == 4


def test_the_best_of_n_has_its_closed_form_expectation():
    """E[max] = sum over the sorted column of value x P(it is the largest of n of N)."""
    space, n = NASBench201Space(), 40
    column = np.sort(np.random.default_rng(5).normal(size=space.size))
    whole = comb(space.size, n)
    weight = np.array([comb(rank, n - 1) / whole for rank in range(space.size)])
    expected = float(weight @ column)
    best = []
    for seed in range(400):
        rows = space.indices([t.genotype for t in started(seed, space)[0].ask(n)])
        best.append(column[rows].max())
    assert weight.sum() == pytest.approx(1)
    assert abs(np.mean(best) - expected) < 4 * np.std(best) / np.sqrt(len(best))
