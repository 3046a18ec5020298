"""The baselines of strategies that know more: `random-search-large` and `replay`."""

import numpy as np
import pytest

import nasbench
from nasbench.analysis.random_search import RandomSearchLaw
from nasbench.analysis.regret import path_of
from nasbench.analysis.task_truth import truth_of
from nasbench.errors import StrategyError
from nasbench.predictors.gaussian_process import rank_gaussian
from nasbench.problem import Observation
from nasbench.strategies import create
from nasbench.strategies.landscapes import GRID, Landscape

CIFAR10 = "nasbench201/cifar10"


def test_the_large_fifth_comes_first_in_the_order_of_the_design():
    landscape = Landscape(GRID)
    problem, strategy = landscape.problem(3, 1, (), 96), create("random-search-large")
    strategy.start(problem, np.random.default_rng(0))
    asked = [trial.genotype for trial in strategy.ask(96)]
    params = np.array(asked).sum(axis=1)
    large = [g for g in problem.initial(96) if sum(g) >= np.quantile(GRID.all().sum(axis=1), 0.8)]
    assert asked[: len(large)] == large
    assert sorted(asked) == sorted(map(tuple, GRID.all().tolist()))
    assert params[: len(large)].min() > params[len(large) :].max()


def test_random_search_large_has_the_law_of_random_search_on_the_large_fifth():
    task = nasbench.Task(CIFAR10, evaluations=100, repeat="mean")
    truth, params = truth_of(task), task.bench.mean("params")
    law = RandomSearchLaw(task.bench.mean("val_accuracy"), 1, params >= np.quantile(params, 0.8))
    expected = law.moments(truth.regrets, 100).mean[0]
    runs = [nasbench.search(task, "random-search-large", seed) for seed in range(150)]
    found = np.array([path_of(run).final("table_regret") for run in runs])
    assert abs(found.mean() - expected) < 4 * found.std() / np.sqrt(len(found))
    assert all(run.ledger.unique == 100 for run in runs)


@pytest.mark.parametrize("share", [0, 1.5, True, "all"])
def test_a_share_is_a_share(share):
    with pytest.raises(StrategyError, match="share"):
        create("random-search-large", share=share)


def test_replay_asks_the_best_of_the_sources_then_the_design():
    problem, strategy = Landscape(GRID).problem(3, 1, (), 96), create("replay")
    strategy.start(problem, np.random.default_rng(0))
    asked = [trial.genotype for trial in strategy.ask(96)]
    scores = {}
    for source in problem.knowledge.sources():
        for row, score in zip(source.genotypes.tolist(), rank_gaussian(source.utilities), strict=True):
            scores.setdefault(tuple(row), []).append(score)
    means = [np.mean(scores[g]) for g in asked[: len(scores)]]
    assert means == sorted(means, reverse=True)
    assert asked[len(scores) :] == [g for g in problem.initial(96) if g not in scores]
    strategy.tell(strategy.adopt(asked[0]), Observation((1.0,)))
    assert strategy.ask() == []


def test_replay_knows_cifar100_from_its_sisters():
    """Rankings of the datasets agree, so the sources' best are far ahead of random draws."""
    task = nasbench.Task("nasbench201/cifar100", evaluations=20, repeat="mean")
    found = [path_of(nasbench.search(task, "replay", seed)).final("table_regret") for seed in range(10)]
    plain = [path_of(nasbench.search(task, "random-search", seed)).final("table_regret") for seed in range(10)]
    assert np.mean(found) < 0.6 * np.mean(plain)


@pytest.mark.parametrize("observations", [1, 2.5, True])
def test_observations_are_counted(observations):
    with pytest.raises(StrategyError, match="observations"):
        create("replay", observations=observations)
