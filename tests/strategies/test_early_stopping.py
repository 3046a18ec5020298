"""Median stopping and curve extrapolation: when a training goes on, by hand."""

import numpy as np
import pytest

import nasbench
from nasbench.errors import StrategyError
from nasbench.problem import Objective, Observation, Problem
from nasbench.spaces.grid import GridSpace
from nasbench.strategies import check_strategy, create

SPACE = GridSpace.of({f"p{i}": ["a", "b", "c", "d"] for i in range(4)})
NAN = float("nan")


def started(name, fidelities, direction="maximize", **params):
    problem = Problem(SPACE, [Objective("m", direction)], np.random.default_rng(1), fidelities=tuple(fidelities))
    strategy = create(name, **params)
    strategy.start(problem, np.random.default_rng(2))
    return strategy


def run(strategy, curves, last):
    """How far the first architectures of the design are trained, whose curves are given by epoch."""
    reached = {}
    names = {genotype: i for i, genotype in enumerate(strategy.problem.initial(len(curves)))}
    while True:
        (trial,) = strategy.ask()
        if trial.genotype not in names:
            return [reached[i] for i in range(len(curves))]
        epoch = trial.epoch or last
        name = names[trial.genotype]
        reached[name] = epoch
        strategy.tell(trial, Observation((curves[name][epoch],)))


def by_epoch(*values):
    return dict(enumerate(values, 1))


@pytest.mark.parametrize("name", ["median-stopping", "curve-extrapolation"])
def test_the_contract(name):
    check_strategy(create(name, interval=2), fidelities=range(1, 9))


@pytest.mark.parametrize(
    ("interval", "looks"), [(1, [1, 2, 3, 4, 5, 6, 7, 8]), (3, [1, 4, 7, 8]), (7, [1, 8]), (50, [1, 8])]
)
def test_looks(interval, looks):
    strategy = started("median-stopping", range(-1, 9), interval=interval)
    seen = []
    for _ in looks:
        (trial,) = strategy.ask()
        seen.append(trial.epoch or 8)
        strategy.tell(trial, Observation((0.0,)))
    assert seen == looks
    assert strategy.ask()[0].genotype == strategy.problem.initial(2)[1]


def test_the_median_rule_by_hand():
    """Running averages of the completed ones decide, and stopped ones never count."""
    curves = [
        by_epoch(2, 4, 6, 8),  # completed: averages 2, 3, 4
        by_epoch(1, 9, 9, 9),  # 1 < 2: stopped at once
        by_epoch(2, 2, 9, 9),  # 2 is not worse than 2, but the best of two epochs, 2, is worse than 3
        by_epoch(4, 3, 4, 0),  # its best is 4 throughout: completed; averages 4, 3.5, 3.7
        by_epoch(3, 0, 9, 9),  # medians 3, 3.25: stopped at 2
        by_epoch(5, 0, 0, 9),  # completed, 5, 2.5, 1.7: medians 4, 3, 3.7 from now on
        by_epoch(3.9, 9, 9, 9),
        by_epoch(4, 3, 3, 9),
    ]
    assert run(started("median-stopping", range(1, 5)), curves, 4) == [4, 1, 2, 4, 2, 4, 1, 4]


def test_so_many_are_completed_first_and_losses_are_minimised():
    curves = [by_epoch(5, 4), by_epoch(9, 3), by_epoch(8, 2), by_epoch(8.1, 1), by_epoch(8, 1)]
    strategy = started("median-stopping", range(1, 3), "minimize", completed=3)
    assert run(strategy, curves, 2) == [2, 2, 2, 1, 2]


def test_a_failed_training_is_not_completed():
    curves = [by_epoch(9, NAN, 9), by_epoch(1, 1, 1), by_epoch(0, 9, 9)]
    assert run(started("median-stopping", range(1, 4)), curves, 3) == [2, 3, 1]


def test_many_looks_at_a_training_cost_no_more_than_one(make_table, make_column, make_protocol):
    """Each architecture is paid to the last epoch that it reached, where trainings resume."""
    curve = np.random.default_rng(0).normal(size=(64, 1, 8)).cumsum(axis=2)
    name = make_table(
        make_protocol(
            epochs=8,
            final={"val_accuracy": make_column(curve[:, :, -1])},
            curve={"val_accuracy": make_column(curve, epochs=range(1, 9))},
        )
    )
    run = nasbench.search(nasbench.Task(name, evaluations=100, fidelity="curve"), "median-stopping", seed=0)
    reached = {}
    for row, epoch in zip(run.trace["row"].tolist(), run.trace["epoch"].tolist(), strict=True):
        assert epoch == reached.get(row, 0) + 1
        reached[row] = epoch
    assert run.ledger.epochs == sum(reached.values()) == 100
    assert {1, 8} <= set(reached.values())


EPOCHS = range(1, 41)


def power(end, scale):
    """A curve that rises to its end like 1 / epoch."""
    return {epoch: end + scale / 40 - scale / epoch for epoch in EPOCHS}


def test_a_curve_that_cannot_reach_the_best_is_stopped_at_the_first_check():
    curves = [power(90, 20), power(70, 20), power(95, 60), power(89, 20), power(96, 60)]
    assert curves[2][4] < curves[0][4], "worse at the first check, and better in the end"
    strategy = started("curve-extrapolation", EPOCHS, calibrate=False, completed=1)
    reached = run(strategy, curves, 40)
    assert reached[1] == 4
    assert [reached[0], reached[2], reached[4]] == [40, 40, 40]
    assert reached[3] in range(4, 37, 4)


def annealed(end):
    """Flat until the learning rate falls near the end, where every curve gains 20."""
    return {epoch: end - 20 - 3 / epoch + 3 / 40 + max(0, epoch - 30) * 2 for epoch in EPOCHS}


def test_calibration_expects_of_a_curve_what_the_others_did():
    ends = (80, 81, 79, 85, 70)
    plain = run(started("curve-extrapolation", EPOCHS, calibrate=False, completed=3), list(map(annealed, ends)), 40)
    assert plain == [40, 40, 40, 4, 4], "without it even the best one is given up"
    calibrated = run(started("curve-extrapolation", EPOCHS), list(map(annealed, ends)), 40)
    assert calibrated == [40, 40, 40, 40, 4]


def test_checks_are_spread_evenly():
    strategy = started("curve-extrapolation", EPOCHS, checks=4, calibrate=False, completed=1)
    assert run(strategy, [power(90, 20), power(70, 20)], 40) == [40, 10]
    strategy = started("curve-extrapolation", EPOCHS, checks=1, calibrate=False, completed=1)
    assert run(strategy, [power(90, 20), power(70, 20)], 40) == [40, 40]


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("median-stopping", {"interval": 0}),
        ("median-stopping", {"completed": 0}),
        ("curve-extrapolation", {"threshold": 1}),
        ("curve-extrapolation", {"completed": 1}),
        ("curve-extrapolation", {"calibrate": 1}),
    ],
)
def test_unusable_parameters_are_refused(name, params):
    with pytest.raises(StrategyError):
        create(name, **params)
