"""DNGO as a strategy: what a round asks for, and how far it gets on the real tables."""

import numpy as np
import pytest

import nasbench
from nasbench.analysis.regret import path_of
from nasbench.errors import StrategyError
from nasbench.predictors import create as create_predictor
from nasbench.predictors.gaussian_process import rank_gaussian
from nasbench.problem import Objective, Observation, Problem
from nasbench.spaces.grid import GridSpace
from nasbench.strategies import check_strategy, create

GRID = GridSpace.of({"width": [8, 16, 32, 64], "operation": ["conv", "pool", "skip"], "rate": [0.1, 0.2, 0.3]})
EVERYTHING = [tuple(row) for row in GRID.all().tolist()]


def bumpy(genotype):
    return -sum((gene - 1.3 - 0.2 * i) ** 2 for i, gene in enumerate(genotype)) + 0.3 * (genotype[0] == genotype[-1])


def started(space=GRID, **params):
    strategy = create("dngo", **params)
    strategy.start(Problem(space, [Objective("value")], np.random.default_rng(1)), np.random.default_rng(2))
    return strategy


def answer(strategy, n, value=bumpy):
    found = []
    while len(found) < n and (asked := strategy.ask()):
        found.append(asked[0].genotype)
        strategy.tell(asked[0], Observation((value(asked[0].genotype),)))
    return found


def test_it_keeps_the_contract():
    check_strategy(create("dngo", batch=20))


def test_a_round_asks_for_the_largest_expected_improvement():
    from scipy.stats import norm

    strategy = started(batch=3)
    told = answer(strategy, 10)
    seed = int(np.random.default_rng(2).integers(2**31))
    model = create_predictor("dngo", GRID, rank_targets=False, random_state=seed)
    scores = rank_gaussian(np.array([bumpy(genotype) for genotype in told]))
    model.fit(np.array(told), scores)
    fresh = [genotype for genotype in EVERYTHING if genotype not in told]
    mean, sd = model[-1].predict_value(model[0].transform(np.array(fresh)))
    z = (mean - scores.max()) / sd
    gain = (mean - scores.max()) * norm.cdf(z) + sd * norm.pdf(z)
    assert [trial.genotype for trial in strategy.ask(3)] == [fresh[i] for i in np.argsort(-gain)[:3]]


def test_the_value_is_surer_than_an_observation_of_it():
    """The variance of an observation is that of the value and the noise's."""
    model = create_predictor("dngo", GRID, rank_targets=False)
    x = GRID.sample(np.random.default_rng(0), 25)
    model.fit(x, np.array([bumpy(row) for row in x]) + np.random.default_rng(1).normal(size=25))
    (mean, value), (same, observed) = model[-1].predict_value(model[0].transform(x)), model.predict(x, return_std=True)
    np.testing.assert_array_equal(mean, same)
    noise = model[-1].scale_ ** 2 / model[-1].precisions_.noise
    np.testing.assert_allclose(observed**2 - value**2, noise, rtol=1e-9)


def test_a_whole_space_is_asked_once_and_no_more():
    found = answer(started(batch=12), 40)
    assert sorted(found) == sorted(EVERYTHING)


def test_a_space_too_large_to_list_is_sampled_around_the_best():
    huge = GridSpace.of({f"position {i}": list(range(8)) for i in range(20)})
    strategy = started(huge, initial=20, batch=10, candidates=400)
    found = answer(strategy, 60, lambda genotype: float(sum(genotype)))
    assert len(set(found)) == 60
    sums = np.array(found).sum(axis=1)
    assert sums[-10:].mean() > sums[:20].max()


@pytest.mark.parametrize("params", [{"candidates": 0}, {"parents": 1.5}, {"batch": True}])
def test_wrong_parameters_are_refused(params):
    with pytest.raises(StrategyError):
        create("dngo", **params)


@pytest.mark.slow
def test_it_is_ahead_of_evolution_at_150():
    """Regularized evolution has a mean table regret of .55 there."""
    task = nasbench.Task("nasbench201/cifar100", evaluations=150, repeat="mean")

    def regret(name, seeds):
        return np.mean([path_of(nasbench.search(task, name, seed)).final("table_regret") for seed in range(seeds)])

    assert regret("dngo", 3) < regret("regularized-evolution", 40)
