"""DEHB: Hyperband's numbers, the first bracket's climb, and evolution afterwards."""

from collections import Counter

import numpy as np
import pytest

from nasbench.errors import StrategyError
from nasbench.problem import Objective, Observation, Problem
from nasbench.spaces.grid import GridSpace
from nasbench.strategies import check_strategy, create

SPACE = GridSpace.of({f"p{i}": ["a", "b", "c", "d"] for i in range(8)})
FIDELITIES = (1, 3, 9, 27)
ITERATION = [1] * 27 + [3] * 9 + [9] * 3 + [27] + [3] * 9 + [9] * 3 + [27] + [9] * 6 + [27] * 2 + [27] * 4
"""Hyperband's 65 trials for R = 27 and eta = 3."""


def started(name="dehb", seed=0, space=SPACE, **params):
    problem = Problem(space, [Objective("m")], np.random.default_rng([seed, 1]), fidelities=FIDELITIES)
    strategy = create(name, **params)
    strategy.start(problem, np.random.default_rng([seed, 2]))
    return strategy


def value(genotype, epoch):
    """Unrelated at each epoch."""
    return float(np.random.default_rng([*genotype, epoch or 27]).random())


def run(strategy, n, value=value):
    asked = []
    for _ in range(n):
        (trial,) = strategy.ask()
        asked.append((trial.genotype, trial.epoch or 27))
        strategy.tell(trial, Observation((value(*asked[-1]),)))
    return asked


def test_the_contract():
    check_strategy(create("dehb", mutation_factor=0.8, crossover_probability=0.9), fidelities=(12, 200))


def test_trials_are_in_hyperbands_order_and_number():
    assert [epoch for _, epoch in run(started(), 195)] == ITERATION * 3


def test_the_first_bracket_is_successive_halving_on_the_design():
    assert run(started(), 40) == run(started("successive-halving"), 40)


def test_in_the_first_iteration_the_best_that_have_not_climbed_do():
    """The second bracket's nine at 9 epochs come from all at 3 epochs that lead their population."""
    asked = run(started(), 52)
    members = {target: g for target, (g, _) in enumerate(asked[27:36])}
    for target, (child, _) in enumerate(asked[40:49]):
        if value(child, 3) >= value(members[target], 3):
            members[target] = child
    climbed = {g for g, epoch in asked[:40] if epoch == 9}
    ranked = sorted((g for g in members.values() if g not in climbed), key=lambda g: value(g, 3), reverse=True)
    assert [g for g, _ in asked[49:52]] == ranked[:3]


def test_a_child_differs_from_its_target_where_the_mutant_crossed_only():
    """With probability 0 exactly one axis crosses, so that a child differs from its target in at most one choice."""
    asked = run(started(crossover_probability=0.0), 49)
    targets = [g for g, _ in asked[27:36]]
    distance = [sum(a != b for a, b in zip(g, t, strict=True)) for (g, _), t in zip(asked[40:49], targets, strict=True)]
    assert distance == [1] * 9  # no 0: an architecture that was trained to this rung is drawn anew


def test_no_architecture_is_trained_twice_to_the_same_epoch():
    asked = run(started(space=GridSpace.of({f"p{i}": ["a", "b", "c"] for i in range(4)})), 100, lambda g, e: sum(g))
    assert max(Counter(asked).values()) == 1


def test_it_evolves():
    """The sixth iteration's full trainings: Hyperband's are as good as ever, those of DEHB better by far."""

    def late(name, seed):
        asked = run(started(name, seed), 65 * 6, lambda g, e: g.count(3) - 1 / e)
        return np.mean([g.count(3) for g, epoch in asked[65 * 5 :] if epoch == 27])

    ahead = [late("dehb", seed) - late("hyperband", seed) for seed in range(8)]
    assert np.mean(ahead) > 1


@pytest.mark.parametrize("params", [{"mutation_factor": 0}, {"crossover_probability": 1.1}, {"eta": 1}])
def test_unusable_parameters_are_refused(params):
    with pytest.raises(StrategyError):
        create("dehb", **params)
