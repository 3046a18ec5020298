"""Iterated local search against an independent loop, and where it jumps."""

import numpy as np
import pytest

import nasbench.strategies as registry
from nasbench.benchmark import load
from nasbench.errors import StrategyError
from nasbench.problem import Objective, Observation, Problem
from nasbench.spaces.grid import GridSpace

CELL = GridSpace.of({f"edge {i}": ["a", "b", "c", "d"] for i in range(5)})
SMALL = GridSpace.of({"a": [1, 2, 3], "b": [1, 2, 3, 4], "c": ["x", "y"]})


def started(space, seed=0, **params):
    problem = Problem(space, [Objective("m")], np.random.default_rng([seed, 1]))
    strategy = registry.create("iterated-local-search", **params)
    strategy.start(problem, np.random.default_rng([seed, 2]))
    return strategy


def textbook(space, values, seed, initial, jump, n):
    """The search as a loop that calls the function, on the same random numbers; the architectures asked."""
    starts = Problem(space, [Objective("m")], np.random.default_rng([seed, 1])).initial(initial)
    rng, known, home = np.random.default_rng([seed, 2]), dict.fromkeys(starts), None
    top = max(starts, key=values.__getitem__)
    while len(known) < n:
        climbing = True
        while climbing:
            around = space.neighbours(top)
            climbing = False
            for i in rng.permutation(len(around)):
                known.setdefault(around[i])
                if values[around[i]] > values[top]:
                    top, climbing = around[i], True
                    break
        home = top if home is None or values[top] >= values[home] else home
        top = home
        while top in known:
            top = home
            for _ in range(jump):
                top = space.mutate(top, rng)
        known[top] = None
    return list(known)[:n]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("jump", [2, 3])
def test_equals_the_textbook_loop(seed, jump):
    rng = np.random.default_rng([seed, 77])
    values = {tuple(g): float(v) for g, v in zip(CELL.all().tolist(), rng.normal(size=CELL.size), strict=True)}
    strategy, asked = started(CELL, seed, initial=4, jump=jump), []
    for _ in range(200):
        (trial,) = strategy.ask()
        asked.append(trial.genotype)
        strategy.tell(trial, Observation((values[trial.genotype],)))
    assert asked == textbook(CELL, values, seed, 4, jump, 200)


@pytest.mark.parametrize("failing", [0.0, 0.4, 1.0])
def test_every_architecture_once_until_none_is_left(failing):
    strategy, seen = started(SMALL), []
    rng = np.random.default_rng(3)
    while trials := strategy.ask(3):
        seen += [trial.genotype for trial in trials]
        for trial in trials:
            value = float("nan") if rng.random() < failing else float(rng.normal())
            strategy.tell(trial, Observation((value,)))
    assert sorted(seen) == sorted(tuple(g) for g in SMALL.all().tolist())


def test_it_is_ahead_of_restarts_on_fcnet():
    """Of 100 seeds the means at 200 evaluations are about .0004 and .0008; half is what jumps save."""
    bench = load("fcnet/protein_structure")
    loss = bench.mean("val_loss")
    regret = {}
    for name in ("iterated-local-search", "local-search"):
        found = []
        for seed in range(60):
            problem = Problem(bench.space, [Objective("m", "minimize")], np.random.default_rng([seed, 1]))
            strategy = registry.create(name)
            strategy.start(problem, np.random.default_rng([seed, 2]))
            best = np.inf
            for _ in range(150):
                (trial,) = strategy.ask()
                value = loss.item(bench.row(trial.genotype))
                strategy.tell(trial, Observation((value,)))
                best = min(best, value)
            found.append(best)
        regret[name] = np.mean(found) - loss.min()
    assert regret["iterated-local-search"] < regret["local-search"]


@pytest.mark.parametrize("params", [{"jump": 0}, {"jump": 1.5}, {"initial": 0}, {"acceptance": "all"}])
def test_unusable_parameters_are_refused(params):
    with pytest.raises(StrategyError):
        registry.create("iterated-local-search", **params)


@pytest.mark.parametrize("acceptance", ["first", "steepest"])
def test_the_contract(acceptance):
    registry.check_strategy(registry.create("iterated-local-search", acceptance=acceptance))
