"""On the real NAS-Bench-201 tables the light strategies keep the order that their papers report."""

from math import lgamma

import numpy as np
import pytest

import nasbench.strategies as registry
from nasbench.benchmark import load
from nasbench.problem import Objective, Observation, Problem

DATASETS = ("cifar10", "cifar100", "imagenet16-120")
SEEDS = 60


@pytest.fixture(scope="module", params=DATASETS)
def bench(request):
    return load(f"nasbench201/{request.param}")


def regrets(bench, name, n, seeds=SEEDS):
    """Regret after n noise-free evaluations, one a seed."""
    value = bench.mean("val_accuracy")
    best = np.full(seeds, -np.inf)
    for seed in range(seeds):
        problem = Problem(bench.space, [Objective("val_accuracy")], np.random.default_rng([seed, 1]))
        strategy = registry.create(name)
        strategy.start(problem, np.random.default_rng([seed, 2]))
        for _ in range(n):
            (trial,) = strategy.ask()
            accuracy = value.item(bench.row(trial.genotype))
            strategy.tell(trial, Observation((accuracy,)))
            best[seed] = max(best[seed], accuracy)
    return value.max() - best


def random_search_regret(bench, n):
    """Exact expectation: the order statistics of n draws without replacement."""
    value = np.sort(bench.mean("val_accuracy"))
    size = len(value)

    def log_comb(total, part):
        return lgamma(total + 1) - lgamma(part + 1) - lgamma(total - part + 1)

    whole = log_comb(size, n)
    weight = [np.exp(log_comb(below, n - 1) - whole) if below >= n - 1 else 0.0 for below in range(size)]
    return float(value[-1] - np.dot(weight, value))


def test_random_search_has_its_exact_expectation(bench):
    found = regrets(bench, "random-search", 50, seeds=200)
    assert abs(found.mean() - random_search_regret(bench, 50)) < 4 * found.std() / np.sqrt(200)


def test_evolution_and_local_search_are_far_ahead_at_150(bench):
    """White et al. (2021): local search is at least as good as evolution."""
    reference = random_search_regret(bench, 150)
    evolution, local = regrets(bench, "regularized-evolution", 150), regrets(bench, "local-search", 150)
    error = evolution.std() / np.sqrt(SEEDS)
    assert evolution.mean() < 0.45 * reference
    assert local.mean() < evolution.mean() + error


def test_reinforce_is_between_random_search_and_evolution_at_150_and_far_ahead_at_500(bench):
    """The order that Dong and Yang (2020) found."""
    reference = random_search_regret(bench, 150)
    found = regrets(bench, "reinforce", 150)
    assert found.mean() < 0.8 * reference
    assert found.mean() > regrets(bench, "regularized-evolution", 150).mean()
    assert regrets(bench, "reinforce", 500).mean() < 0.5 * random_search_regret(bench, 500)


def test_steepest_local_search_takes_as_long_as_published():
    """White et al. (2020), abstract: cifar100's optimum after 127 evaluations on average."""
    bench = load("nasbench201/cifar100")
    value = bench.mean("val_accuracy")
    spent = []
    for seed in range(150):
        problem = Problem(bench.space, [Objective("val_accuracy")], np.random.default_rng([seed, 1]))
        strategy = registry.create("local-search", initial=1, acceptance="steepest")
        strategy.start(problem, np.random.default_rng([seed, 2]))
        accuracy = 0.0
        while accuracy < value.max() - 1e-9:
            (trial,) = strategy.ask()
            accuracy = value.item(bench.row(trial.genotype))
            strategy.tell(trial, Observation((accuracy,)))
        spent.append(trial.number + 1)
    assert abs(np.mean(spent) - 127) < 3 * np.std(spent) / np.sqrt(len(spent))
