"""The rungs and the brackets, by hand: the tables of the papers and tables of few fidelities."""

import numpy as np
import pytest

from nasbench.errors import StrategyError
from nasbench.strategies.multi_fidelity.ladder import halving_plan, hyperband_plans, ladder


def brackets(fidelities, eta, min_epochs=None):
    """(architectures, epochs) of each rung of each bracket, as papers print them."""
    rungs = ladder(fidelities, eta, min_epochs)
    return [list(zip(plan.counts, rungs.epochs[plan.first :], strict=True)) for plan in hyperband_plans(rungs)]


def test_hyperbands_brackets_are_those_of_its_table_1():
    """Li et al. (2018), table 1: R = 81, eta = 3."""
    assert brackets(range(1, 82), 3, 1) == [
        [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
        [(27, 3), (9, 9), (3, 27), (1, 81)],
        [(9, 9), (3, 27), (1, 81)],
        [(6, 27), (2, 81)],
        [(5, 81)],
    ]


def test_another_factor():
    assert brackets((1, 4, 16, 64), 4, 1) == [
        [(64, 1), (16, 4), (4, 16), (1, 64)],
        [(16, 4), (4, 16), (1, 64)],
        [(8, 16), (2, 64)],
        [(4, 64)],
    ]


@pytest.mark.parametrize(
    ("fidelities", "eta", "min_epochs", "expected"),
    [
        (range(1, 51), 3, None, (2, 6, 17, 50)),  # 1.85, 5.6, 16.7
        (range(1, 201), 3, None, (7, 22, 67, 200)),  # 7.4, 22.2, 66.7
        (range(1, 201), 4, None, (3, 13, 50, 200)),  # 3.1, and 12.5, which is nearer to 13 in ratio
        ((4, 12, 36, 108), 3, None, (4, 12, 36, 108)),  # NAS-Bench-101
        (range(1, 51), 3, 5, (5, 15, 50)),  # 5, 15, and no rung between 15 and 3 * 15
        (range(1, 51), 3, 30, (30, 50)),
        (range(-1, 28), 3, None, (1, 3, 9, 27)),  # what was recorded before the training is no rung
        ((12, 200), 3, None, (12, 200)),
        ((90, 100), 3, None, (90, 100)),
    ],
)
def test_rungs_are_the_nearest_fidelities(fidelities, eta, min_epochs, expected):
    assert ladder(tuple(fidelities), eta, min_epochs).epochs == expected


def test_sparse_fidelities_let_fewer_climb():
    """200 epochs are 16.7 times 12, nearest to 27 among the powers of 3."""
    assert ladder((12, 200), 3, None).shares == (27,)
    assert brackets((12, 200), 3) == [[(27, 12), (1, 200)], [(2, 200)]]
    assert ladder((1, 3, 30), 3, 1).shares == (3, 9)


@pytest.mark.parametrize("eta", [2, 3, 4])
def test_the_rungs_of_a_bracket_cost_about_the_same(eta):
    rng = np.random.default_rng(eta)
    for _ in range(50):
        fidelities = np.unique(np.geomspace(1, 1000, 200).astype(int))
        chosen = sorted(rng.choice(fidelities, size=int(rng.integers(2, 12)), replace=False).tolist())
        rungs = ladder(chosen, eta, None)
        if any(high < low * eta**0.5 for low, high in zip(rungs.epochs, rungs.epochs[1:], strict=False)):
            continue  # nearer than half a step: at least one in eta climbs all the same
        for plan in hyperband_plans(rungs):
            cost = np.log(plan.counts) + np.log(rungs.epochs[plan.first :])
            assert np.abs(np.diff(cost)).max(initial=0) <= 0.5 * np.log(eta) + 1e-9


def test_successive_halving():
    rungs = ladder(range(1, 28), 3, 1)
    assert halving_plan(rungs) == (0, (27, 9, 3, 1))
    assert halving_plan(rungs, 20) == (0, (20, 6, 2, 1))
    assert halving_plan(rungs, 2) == (0, (2, 1, 1, 1))


@pytest.mark.parametrize(("fidelities", "min_epochs"), [((50,), None), ((0, 50), None), ((10, 50), 50), ((10, 50), 99)])
def test_no_rung_below_the_full_training_is_refused(fidelities, min_epochs):
    with pytest.raises(StrategyError, match="no rung below"):
        ladder(fidelities, 3, min_epochs)
