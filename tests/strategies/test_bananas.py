import numpy as np
import pytest

import nasbench.strategies as registry
from nasbench.benchmark import load
from nasbench.errors import StrategyError
from nasbench.problem import Objective, Observation, Problem
from nasbench.spaces.grid import GridSpace
from nasbench.spaces.nasbench201 import NASBench201Space

GRID = GridSpace.of({"width": [8, 16, 32, 64], "operation": ["conv", "pool", "skip"], "rate": [0.1, 0.2, 0.3]})
CELLS = NASBench201Space()


def start(space, seed=0, direction="maximize", **params):
    problem = Problem(space, [Objective("value", direction)], np.random.default_rng([seed, 1]))
    strategy = registry.create("bananas", **params)
    strategy.start(problem, np.random.default_rng([seed, 2]))
    return strategy


def run(strategy, evaluate, n):
    genotypes, values = [], []
    while len(genotypes) < n and (asked := strategy.ask()):
        value = evaluate(asked[0].genotype)
        genotypes.append(asked[0].genotype)
        values.append(value)
        strategy.tell(asked[0], Observation((value,)))
    return genotypes, values


def bumpy(genotype):
    return -sum((gene - 1.3 - 0.2 * i) ** 2 for i, gene in enumerate(genotype)) + 0.3 * (genotype[0] == genotype[-1])


def regrets(name, dataset, seeds):
    bench = load(f"nasbench201/{dataset}")
    value = bench.mean("val_accuracy")
    found = []
    for seed in range(seeds):
        problem = Problem(bench.space, [Objective("val_accuracy")], np.random.default_rng([seed, 1]))
        strategy = registry.create(name)
        strategy.start(problem, np.random.default_rng([seed, 2]))
        _, values = run(strategy, lambda g: value.item(bench.row(g)), 150)
        found.append(value.max() - max(values))
    return np.array(found)


@pytest.mark.parametrize("dataset", ["cifar10", "cifar100"])
def test_it_is_ahead_of_evolution_at_150(dataset):
    assert regrets("bananas", dataset, 4).mean() < regrets("regularized-evolution", dataset, 60).mean()


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["cifar10", "cifar100", "imagenet16-120"])
def test_it_is_far_ahead_of_evolution_at_150(dataset):
    assert regrets("bananas", dataset, 30).mean() < 0.6 * regrets("regularized-evolution", dataset, 100).mean()


def test_rounds_come_from_the_best_by_at_most_two_changes():
    strategy = start(CELLS, parents=1, batch=4)
    genotypes, values = run(strategy, bumpy, 10)
    best = np.array(genotypes[int(np.argmax(values))])
    asked = [trial.genotype for trial in strategy.ask(4)]
    assert len(set(asked)) == 4
    assert ((np.array(asked) != best).sum(axis=1) <= 2).all()


def test_it_opens_with_the_shared_design():
    problem = Problem(CELLS, [Objective("value")], np.random.default_rng([0, 1]))
    assert [trial.genotype for trial in start(CELLS).ask(10)] == problem.initial(10)


def test_same_seed_same_trace_and_another_seed_another():
    first, second, third = (run(start(CELLS, seed, steps=30), bumpy, 40)[0] for seed in (7, 7, 8))
    assert first == second != third


def test_minimising_negated_values_is_maximising():
    up = run(start(GRID, steps=30), bumpy, 30)[0]
    assert up == run(start(GRID, direction="minimize", steps=30), lambda g: -bumpy(g), 30)[0]


def test_asks_before_tells_never_repeat_an_architecture():
    strategy, rng = start(CELLS, steps=20), np.random.default_rng(0)
    flying, seen = [], set()
    for _ in range(40):
        for trial in strategy.ask(3):
            assert trial.genotype not in seen
            seen.add(trial.genotype)
            flying.append(trial)
        while len(flying) > 12:
            trial = flying.pop(int(rng.integers(len(flying))))
            value = np.nan if rng.random() < 0.2 else bumpy(trial.genotype)
            strategy.tell(trial, Observation((value,)))
    assert len(seen) == 120


def test_a_small_space_is_exhausted_once():
    strategy = start(GRID, steps=20)
    genotypes, _ = run(strategy, bumpy, 1000)
    assert sorted(genotypes) == [tuple(g) for g in GRID.all().tolist()]
    assert strategy.ask(3) == []


def test_an_entirely_failing_objective_becomes_random_search():
    genotypes, _ = run(start(GRID), lambda g: np.nan, 1000)
    problem = Problem(GRID, [Objective("value")], np.random.default_rng([0, 1]))
    assert genotypes == list(problem.design())


@pytest.mark.parametrize("params", [{"batch": 0}, {"members": 1.5}, {"learning_rate": 0}, {"steps": True}])
def test_unusable_parameters_are_refused(params):
    with pytest.raises(StrategyError):
        registry.create("bananas", **params)


def test_the_contract():
    registry.check_strategy(registry.create("bananas", steps=20))
