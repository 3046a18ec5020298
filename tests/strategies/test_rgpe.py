"""RGPE: the weights of its ensemble by hand, and what it does with good, bad and no help."""

import numpy as np
import pytest

import nasbench
from nasbench.analysis.regret import path_of
from nasbench.errors import StrategyError
from nasbench.predictors.gaussian_process import Hyperparameters, rank_gaussian
from nasbench.problem import NoKnowledge, SourceTask
from nasbench.strategies import create
from nasbench.strategies.bayesian.ranking_weights import TaskModel, _misranked, ranking_weights
from nasbench.strategies.landscapes import GRID, Landscape

GROUPS = ((0,), (1,))
PRIOR = Hyperparameters((1.0, 1.0), 0.1)


def surface(x):
    return np.sin(2 * x[:, 0]) + 0.5 * x[:, 1]


def model(n, seed, f=surface, **options):
    x = np.random.default_rng(seed).uniform(-2, 2, size=(n, 2))
    return TaskModel(x, rank_gaussian(f(x)), GROUPS, PRIOR, **options)


def test_misranked_pairs_by_hand():
    values = np.array([1.0, 2.0, 3.0])
    draws = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [2.0, 1.0, 3.0]])
    # of 9 ordered pairs the reversed order has 6 wrong, one swap 2
    np.testing.assert_allclose(_misranked(draws, values), [0, 6 / 9, 2 / 9])
    # the first left-out prediction is compared with what was observed: 4 > 1, 2, 3 wrongly
    left_out = np.array([[4.0, 2.0, 3.0]])
    np.testing.assert_allclose(_misranked(left_out, values, against=values), [2 / 9])


def test_the_mean_is_the_posterior_s():
    one, at = model(40, 0), np.random.default_rng(1).normal(size=(7, 2))
    np.testing.assert_allclose(one.mean(at), one.predict(at)[0], atol=1e-9)


def test_draws_have_the_posterior_s_moments():
    one, at = model(25, 0), np.random.default_rng(1).normal(size=(4, 2))
    draws = one.draw(at, 40_000, np.random.default_rng(2))
    mean, variance = one.predict(at)
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=5 * np.sqrt(variance.max() / 40_000))
    np.testing.assert_allclose(draws.var(axis=0), variance, rtol=0.05, atol=1e-6)


def test_left_out_predictions_are_those_of_a_process_without_the_evaluation():
    one = model(12, 3)
    draws = one.draw_left_out(40_000, np.random.default_rng(0))
    keep = np.arange(12) != 4
    hyperparameters = one._hyperparameters
    rest = TaskModel(one.features[keep], one.values[keep], GROUPS, hyperparameters, refit=False)
    mean = rest.predict(one.features[[4]])[0]
    assert abs(draws[:, 4].mean() - mean[0]) < 5 * draws[:, 4].std() / 200


def test_a_source_that_ranks_well_has_the_say_and_an_opposite_one_has_none():
    own = model(8, 5, refit=False)
    akin, opposite = model(150, 6), model(150, 7, lambda x: -surface(x))
    weights = ranking_weights([akin, opposite], own, 256, np.random.default_rng(0))
    assert weights.sum() == pytest.approx(1)
    assert weights[0] > 0.7
    assert weights[1] == 0.0


def test_with_many_evaluations_the_task_outweighs_a_mediocre_source():
    own = model(120, 5)
    mediocre = model(150, 6, lambda x: x[:, 1] + 0.3 * np.sin(2 * x[:, 0]))
    assert ranking_weights([mediocre], own, 256, np.random.default_rng(0))[1] > 0.9


def run(problem, n, **params):
    landscape, strategy = Landscape(GRID), create("rgpe", **params)
    strategy.start(problem, np.random.default_rng(0))
    asked = []
    for _ in range(n):
        (trial,) = strategy.ask()
        asked.append(trial.genotype)
        strategy.tell(trial, landscape.observe(trial))
    return asked


def test_it_opens_with_the_best_by_the_sources():
    problem = Landscape(GRID).problem(0, 1, (), 96)
    knowledge = problem.knowledge
    rows = GRID.all()
    values = 10.0 * rows[:, 0] + rows[:, 1]
    problem.knowledge = type("Known", (type(knowledge),), {"sources": lambda *_: [SourceTask("s", rows, values)]})(
        Landscape(GRID), 0, problem.spend
    )
    assert {genotype[:2] for genotype in run(problem, 3)} == {(3, 3)}


def test_without_sources_it_says_what_is_missing():
    problem = Landscape(GRID).problem(0, 1, (), 96)
    problem.knowledge = NoKnowledge()
    with pytest.raises(StrategyError, match="sources"):
        create("rgpe").start(problem, np.random.default_rng(0))


@pytest.mark.parametrize("params", [{"observations": 1}, {"draws": 2.5}, {"initial": 0}])
def test_wrong_parameters_are_refused(params):
    with pytest.raises(StrategyError):
        create("rgpe", **params)


def test_it_is_ahead_of_gp_and_of_replay_on_a_sister_dataset():
    task = nasbench.Task("nasbench201/cifar100", evaluations=20, repeat="mean")

    def regret(name):
        return np.mean([path_of(nasbench.search(task, name, seed)).final("table_regret") for seed in range(4)])

    transferred = regret("rgpe")
    assert transferred < regret("gp")
    assert transferred < regret("replay")
