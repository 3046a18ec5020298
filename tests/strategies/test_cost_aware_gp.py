import numpy as np
import pytest

import nasbench.strategies as registry
from nasbench.errors import StrategyError
from nasbench.problem import Objective, Observation, Problem
from nasbench.spaces.grid import GridSpace
from nasbench.spaces.nasbench201 import NASBench201Space

GRID = GridSpace.of({"width": [8, 16, 32, 64], "operation": ["conv", "pool", "skip"], "rate": [0.1, 0.2, 0.3]})
CELLS = NASBench201Space()


def run(name, space, evaluate, cost, n, seed=0, **params):
    problem = Problem(space, [Objective("value")], np.random.default_rng([seed, 1]))
    strategy = registry.create(name, **params)
    strategy.start(problem, np.random.default_rng([seed, 2]))
    genotypes = []
    while len(genotypes) < n and (asked := strategy.ask()):
        genotypes.append(asked[0].genotype)
        strategy.tell(asked[0], Observation((evaluate(asked[0].genotype),), cost(asked[0].genotype)))
    return genotypes, strategy


def bumpy(genotype):
    return -sum((gene - 1.3 - 0.2 * i) ** 2 for i, gene in enumerate(genotype)) + 0.3 * (genotype[0] == genotype[-1])


@pytest.mark.parametrize("cost", [0.0, 40.0])
def test_equal_or_unknown_costs_leave_expected_improvement(cost):
    """Of architectures with equal features either may be asked, so that a grid is compared, where all differ."""
    own, _ = run("cost-aware-gp", GRID, bumpy, lambda g: cost, 25)
    plain, _ = run("gp", GRID, bumpy, lambda g: cost, 25, acquisition="ei")
    assert own == plain


def test_of_twins_the_cheap_one_is_asked():
    """Operations that nothing reads change the cost and not the function: the model of costs sees them."""
    asked, _ = run("cost-aware-gp", CELLS, shallow, lambda g: 10.0 + 10 * g.count(3), 60)
    classes, everything = {}, CELLS.all()
    for genotype, twin in zip(everything.tolist(), CELLS.canonical(everything).tolist(), strict=True):
        classes.setdefault(tuple(twin), []).append(tuple(genotype))
    cheapest = []
    for position, genotype in enumerate(asked[20:], 20):
        twins = set(classes[tuple(CELLS.canonical([genotype])[0].tolist())]) - set(asked[:position])
        if len({twin.count(3) for twin in twins}) > 1:
            cheapest.append(genotype.count(3) == min(twin.count(3) for twin in twins))
    assert len(cheapest) >= 3
    assert all(cheapest)


def shallow(genotype):
    """Best are functions of two operations, which leave the rest of the cell without an effect."""
    live = CELLS.canonical([genotype])[0]
    return -((float((live > 0).sum()) - 2.0) ** 2) + 0.1 * float(live.sum())


def test_the_predicted_costs_are_close_to_those_charged():
    _, strategy = run("cost-aware-gp", GRID, bumpy, lambda g: 5.0 * 2.0 ** g[0] * (1 + g[1]), 25)
    everything = GRID.all()
    predicted = np.exp(strategy._predicted_log_costs(everything))
    true = 5.0 * 2.0 ** everything[:, 0] * (1 + everything[:, 1])
    assert np.abs(np.log(predicted / true)).max() < 0.5


def test_only_expected_improvement_is_divided_by_the_cost():
    with pytest.raises(StrategyError, match="'ei'"):
        registry.create("cost-aware-gp", acquisition="ucb")


def test_the_contract():
    registry.check_strategy(registry.create("cost-aware-gp", initial=6))
