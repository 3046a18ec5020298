"""Random search with replacement is the independent uniform law."""

import numpy as np
from scipy.stats import chisquare, kstest

import nasbench.strategies as registry
from nasbench.benchmark import load
from nasbench.problem import Objective, Problem
from nasbench.spaces.grid import GridSpace

SPACE = GridSpace.of({"a": [1, 2, 3], "b": ["x", "y"], "c": [0, 1, 2, 3]})


def started(seed, space=SPACE):
    strategy = registry.create("random-search-with-replacement")
    problem = Problem(space, [Objective("m")], np.random.default_rng([seed, 1]))
    strategy.start(problem, np.random.default_rng([seed, 2]))
    return strategy


def test_draws_are_uniform_and_one_says_nothing_of_the_next():
    ranks = np.array([SPACE.index(trial.genotype) for trial in started(0).ask(24 * 24 * 20 + 1)])
    pairs = np.bincount(ranks[:-1] * SPACE.size + ranks[1:], minlength=SPACE.size**2)
    assert chisquare(np.bincount(ranks, minlength=SPACE.size)).pvalue > 1e-3
    assert chisquare(pairs).pvalue > 1e-3


def test_it_goes_on_beyond_the_size_of_the_space():
    strategy = started(1)
    trials = [trial for _ in range(10) for trial in strategy.ask(100)]
    assert [trial.number for trial in trials] == list(range(1000))


def test_the_best_of_n_has_the_distribution_that_the_docstring_says():
    """P(best <= v) = F(v)^n: the n-th power of the best one's rank is uniform."""
    bench = load("nasbench201/cifar100")
    value = bench.mean("val_accuracy")
    share = np.searchsorted(np.sort(value), value, side="right") / len(value)
    n = 20
    best = [max(share[bench.row(t.genotype)] for t in started(seed, bench.space).ask(n)) for seed in range(400)]
    assert kstest(np.array(best) ** n, "uniform").pvalue > 1e-3
