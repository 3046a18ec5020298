"""The order in which a space lists choices that have none must not matter, but where a docstring says that it does."""

from statistics import mean

import numpy as np
import pytest
from scipy.stats import ks_2samp, mannwhitneyu

import nasbench.strategies as registry
from nasbench.errors import MissingExtraError
from nasbench.parameter import Parameter
from nasbench.problem import Objective, Observation, Problem
from nasbench.spaces.grid import GridSpace
from nasbench.strategies.conformance import FIDELITIES

SPACE = GridSpace([Parameter(f"p{i}", ("a", "b", "c", "d", "e")) for i in range(5)])
FALLING, SCATTERED = (0, 1, 2, 3, 4), (3, 1, 4, 0, 2)
"""How bad each choice is: best at one end of the numbering, or with the best and the worst as neighbours within."""

BY_ORDER = ("dehb", "differential-evolution", "grid-search", "quasi-random")
"""Their docstrings say that they go by the numbering."""

SHOWN = {"dehb": 200, "differential-evolution": 200, "grid-search": 1000}
"""Of those, whose dependence so many seeds show."""

HEAVY = {
    "bananas": 15,
    "bohb": 60,
    "brp-nas": 4,
    "cost-aware-gp": 10,
    "dngo": 8,
    "ehvi": 10,
    "gp": 25,
    "lstm-controller": 25,
    "nasbowl": 30,
    "nevergrad-discrete-one-plus-one": 15,
    "nevergrad-ngopt": 15,
    "nevergrad-portfolio": 15,
    "npenas": 30,
    "optuna-cma-es": 25,
    "optuna-nsga-ii": 25,
    "optuna-tpe": 25,
    "parego": 15,
    "ppo": 25,
    "predictor-guided-evolution": 8,
    "smac": 8,
    "weaknas": 8,
}
"""Seeds of the costly ones; `optuna-gp` takes seconds a run. Those that read outside knowledge are not asked."""

EVALUATIONS, ALPHA = 60, 0.001


def outcome(name, badness, seed):
    """Best and mean value of the architectures of a run."""
    strategy = registry.create(name)
    objectives = [Objective(f"o{i}") for i in range(strategy.min_objectives)]
    fidelities = FIDELITIES if strategy.needs_fidelities else ()
    rng = np.random.default_rng([seed, 1])
    problem = Problem(SPACE, objectives, rng, evaluations=EVALUATIONS, fidelities=fidelities)
    strategy.start(problem, np.random.default_rng([seed, 2]))
    values = []
    for _ in range(EVALUATIONS):
        (trial,) = strategy.ask()
        bad = [badness[gene] for gene in trial.genotype]
        values.append(-sum(b**1.5 for b in bad))
        told = values[-1] - (5.0 / trial.epoch if trial.epoch else 0.0)
        strategy.tell(trial, Observation((told, *(told + 0.1 * b for b in bad[: len(objectives) - 1]))))
    return max(values), mean(values)


def least_p_value(name, seeds):
    """Of rank-sum and Kolmogorov-Smirnov tests of best and mean values under both numberings; the seeds differ."""
    falling = np.array([outcome(name, FALLING, seed) for seed in range(seeds)])
    scattered = np.array([outcome(name, SCATTERED, 5000 + seed) for seed in range(seeds)])
    return min(
        test(falling[:, which], scattered[:, which]).pvalue
        for which in (0, 1)
        for test in (mannwhitneyu, lambda a, b: ks_2samp(a, b, method="asymp"))
    )


def names():
    skipped = {*BY_ORDER, "optuna-gp"}
    for name in registry.list():
        if name not in skipped:
            yield pytest.param(name, marks=pytest.mark.slow) if name in HEAVY else name


@pytest.mark.parametrize("name", list(names()))
def test_the_numbering_of_choices_without_order_does_not_matter(name):
    try:
        uses = registry.REGISTRY.get(name).uses
    except MissingExtraError as error:
        pytest.skip(str(error))
    if uses:
        pytest.skip("it reads of the space what this one does not have")
    assert least_p_value(name, HEAVY.get(name, 100)) > ALPHA


@pytest.mark.parametrize("name", list(SHOWN))
def test_the_test_finds_those_that_go_by_it(name):
    assert least_p_value(name, SHOWN[name]) < ALPHA
