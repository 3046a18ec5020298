"""The genetic algorithm: who becomes a parent, what a child is made of, who dies."""

from math import sqrt

import numpy as np
import pytest

import nasbench.strategies as registry
from nasbench.benchmark import load
from nasbench.errors import StrategyError
from nasbench.problem import Objective, Observation, Problem
from nasbench.spaces.grid import GridSpace

WIDE = GridSpace.of({f"p{i}": list(range(50)) for i in range(30)})
SMALL = GridSpace.of({"a": [1, 2, 3], "b": [1, 2, 3, 4], "c": ["x", "y"]})


def started(space, seed=0, **params):
    problem = Problem(space, [Objective("m")], np.random.default_rng([seed, 1]))
    strategy = registry.create("genetic-algorithm", **params)
    strategy.start(problem, np.random.default_rng([seed, 2]))
    return strategy


def fill(strategy, values):
    genotypes = []
    for value in values:
        (trial,) = strategy.ask()
        strategy.tell(trial, Observation((value,)))
        genotypes.append(trial.genotype)
    return genotypes


def changes(child, parent):
    return sum(a != b for a, b in zip(child, parent, strict=True))


def test_the_better_member_is_parent_as_often_as_a_tournament_says():
    """With copies only, the best of n is the parent with probability 1 - ((n - 1) / n)^sample."""
    strategy = started(WIDE, population=10, sample=3, crossover=0.0)
    members = fill(strategy, [float(i) for i in range(10)])
    children = [trial.genotype for trial in strategy.ask(2000)]
    parents = [min(range(10), key=lambda i: changes(child, members[i])) for child in children]
    assert all(changes(child, members[parent]) >= 1 for child, parent in zip(children, parents, strict=True))
    expected = [((i + 1) / 10) ** 3 - (i / 10) ** 3 for i in range(10)]
    share = np.bincount(parents, minlength=10) / 2000
    assert np.abs(share - expected).max() < 4 * sqrt(0.25 / 2000)


@pytest.mark.parametrize(("mutation", "share"), [(0.0, 0.5), (0.5, 0.25), (1.0, 0.0)])
def test_a_child_of_two_takes_half_of_each_and_is_mutated_as_often_as_said(mutation, share):
    """Of two members drawn singly half of the pairs are one member twice, whose child is known and so mutated."""
    strategy = started(WIDE, population=2, sample=1, crossover=1.0, mutation=mutation)
    first, second = (np.array(genotype) for genotype in fill(strategy, [1.0, 2.0]))
    children = np.array([trial.genotype for trial in strategy.ask(400)])
    inherited = (children == first) | (children == second)
    whole = inherited.all(axis=1)
    assert inherited.sum(axis=1).min() >= WIDE.length - 2  # what was asked before is mutated again
    assert abs(whole.mean() - share) < 4 * sqrt(0.25 / 400)
    if whole.any():
        assert abs((children[whole] == first).mean() - 0.5) < 4 * sqrt(0.25 / (whole.sum() * WIDE.length))


def test_steady_state_the_worst_dies_and_failed_trials_never_live():
    strategy = started(WIDE, population=4, sample=2)
    fill(strategy, [1.0, 5.0, float("nan"), 3.0, 2.0, 4.0, 0.0])
    assert sorted(utility for utility, _ in strategy._living) == [2.0, 3.0, 4.0, 5.0]


def test_generations_replace_all_but_the_elite():
    strategy = started(WIDE, population=4, sample=2, replacement="generational", elite=1)
    fill(strategy, [1.0, 5.0, 3.0, 4.0])
    assert sorted(utility for utility, _ in strategy._living) == [1.0, 3.0, 4.0, 5.0]
    fill(strategy, [2.0, 2.5])
    assert sorted(utility for utility, _ in strategy._living) == [1.0, 3.0, 4.0, 5.0]
    fill(strategy, [2.2])
    assert sorted(utility for utility, _ in strategy._living) == [2.0, 2.2, 2.5, 5.0]


@pytest.mark.parametrize("replacement", ["steady-state", "generational"])
def test_every_architecture_once_until_none_is_left(replacement):
    strategy = started(SMALL, population=5, sample=2, replacement=replacement)
    rng, seen = np.random.default_rng(3), []
    while trials := strategy.ask(2):
        seen += [trial.genotype for trial in trials]
        for trial in trials:
            strategy.tell(trial, Observation((float(rng.normal()),)))
    assert sorted(seen) == sorted(tuple(g) for g in SMALL.all().tolist())


def test_it_is_ahead_of_evolution_at_150_on_the_real_table():
    """Of 60 seeds the means are .13 and .40, both with errors below .05."""
    bench = load("nasbench201/cifar100")
    value = bench.mean("val_accuracy")
    regret = {}
    for name in ("genetic-algorithm", "regularized-evolution"):
        found = []
        for seed in range(80):
            problem = Problem(bench.space, [Objective("m")], np.random.default_rng([seed, 1]))
            strategy = registry.create(name)
            strategy.start(problem, np.random.default_rng([seed, 2]))
            best = 0.0
            for _ in range(150):
                (trial,) = strategy.ask()
                accuracy = value.item(bench.row(trial.genotype))
                strategy.tell(trial, Observation((accuracy,)))
                best = max(best, accuracy)
            found.append(best)
        regret[name] = value.max() - np.mean(found)
    assert regret["genetic-algorithm"] < 0.75 * regret["regularized-evolution"]


@pytest.mark.parametrize(
    "params",
    [
        {"population": 0},
        {"sample": 1.5},
        {"crossover": 1.1},
        {"mutation": -0.1},
        {"elite": 30},
        {"replacement": "none"},
    ],
)
def test_unusable_parameters_are_refused(params):
    with pytest.raises(StrategyError):
        registry.create("genetic-algorithm", **params)


@pytest.mark.parametrize("params", [{}, {"replacement": "generational"}])
def test_the_contract(params):
    registry.check_strategy(registry.create("genetic-algorithm", **params))
