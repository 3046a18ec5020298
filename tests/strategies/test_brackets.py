"""Successive halving and Hyperband: who climbs, what a bracket costs, what workers do while a rung waits."""

import numpy as np
import pytest

import nasbench
from nasbench.errors import StrategyError
from nasbench.problem import Objective, Observation, Problem
from nasbench.spaces.grid import GridSpace
from nasbench.strategies import check_strategy, create

SPACE = GridSpace.of({f"p{i}": ["a", "b", "c", "d"] for i in range(4)})
TWELVE = GridSpace.of({"width": [8, 16], "operation": ["conv", "pool", "skip"], "bias": ["yes", "no"]})
FIDELITIES = (1, 3, 9, 27)
NAN = float("nan")


def started(name, space=SPACE, seed=0, workers=1, fidelities=FIDELITIES, **params):
    problem = Problem(space, [Objective("m")], np.random.default_rng([seed, 1]), fidelities=fidelities, workers=workers)
    strategy = create(name, **params)
    strategy.start(problem, np.random.default_rng([seed, 2]))
    return strategy


def value(genotype, epoch):
    """Unrelated at each epoch, so that every rung decides for itself."""
    return float(np.random.default_rng([*genotype, epoch or 27]).random())


def serial(strategy, n, value=value):
    asked = []
    for _ in range(n):
        trials = strategy.ask()
        if not trials:
            break
        asked.append((trials[0].genotype, trials[0].epoch or 27))
        strategy.tell(trials[0], Observation((value(*asked[-1]),)))
    return asked


def best(genotypes, epoch, n):
    return sorted(genotypes, key=lambda g: value(g, epoch), reverse=True)[:n]


@pytest.mark.parametrize("name", ["successive-halving", "hyperband"])
def test_the_contract(name):
    check_strategy(create(name), fidelities=(12, 200))
    check_strategy(create(name, eta=2, min_epochs=2), fidelities=range(1, 11))


def test_a_bracket_trains_the_best_of_each_rung_on():
    design = started("successive-halving").problem.initial(54)
    expected = []
    for first in (design[:27], design[27:]):
        expected += [(g, 1) for g in first]
        second = best(first, 1, 9)
        third = best(second, 3, 3)
        expected += [(g, 3) for g in second] + [(g, 9) for g in third] + [(best(third, 9, 1)[0], 27)]
    assert serial(started("successive-halving"), 80) == expected


def test_hyperband_takes_each_rung_as_the_first_in_turn():
    """R = 27, eta = 3, s_max = 3: 27, 9, 6 and 4 new architectures; then again."""
    asked = serial(started("hyperband"), 120)
    epochs = [epoch for _, epoch in asked]
    iteration = [1] * 27 + [3] * 9 + [9] * 3 + [27] + [3] * 9 + [9] * 3 + [27] + [9] * 6 + [27] * 2 + [27] * 4
    assert epochs == (iteration * 2)[:120]
    design = started("hyperband").problem.initial(46)
    second = [g for g, _ in asked[40:53]]
    assert second[:9] == design[27:36]
    assert second[9:12] == best(design[27:36], 3, 3)
    assert second[12] == best(second[9:12], 9, 1)[0]
    assert [g for g, _ in asked[61:65]] == design[42:46]


def test_ties_go_to_the_earlier():
    asked = serial(started("successive-halving"), 40, lambda genotype, epoch: 1.0)
    design = [g for g, _ in asked[:27]]
    assert [g for g, _ in asked[27:]] == design[:9] + design[:3] + design[:1]


def test_workers_that_would_wait_begin_the_next_bracket():
    strategy = started("successive-halving", workers=4, architectures=4, eta=2, fidelities=(1, 2, 4))
    design = strategy.problem.initial(9)
    first = strategy.ask(4)
    assert [t.genotype for t in first] == design[:4]
    for trial, utility in zip(first[:3], (1.0, 3.0, 2.0), strict=True):
        strategy.tell(trial, Observation((utility,)))
    ahead = strategy.ask(3)  # the fourth may still be the best: the rung waits for it
    assert [(t.genotype, t.epoch) for t in ahead] == [(g, 1) for g in design[4:7]]
    strategy.tell(first[3], Observation((2.5,)))
    back = strategy.ask(3)
    assert [(t.genotype, t.epoch) for t in back[:2]] == [(design[1], 2), (design[3], 2)]
    assert (back[2].genotype, back[2].epoch) == (design[7], 1)


def test_one_ask_of_many_is_never_short_while_there_is_something_new():
    strategy = started("hyperband")
    assert len(strategy.ask(100)) == 100


def test_a_failed_training_does_not_climb():
    good = started("successive-halving").problem.initial(27)[5]
    asked = serial(started("successive-halving"), 31, lambda g, e: 1.0 if g == good else NAN)
    assert asked[27:30] == [(good, 3), (good, 9), (good, 27)]
    assert asked[30][1] == 1  # the next bracket


def test_a_bracket_of_failures_is_followed_by_the_next():
    asked = serial(started("hyperband"), 300, lambda g, e: NAN)
    assert len({g for g, _ in asked}) == len(asked) == SPACE.size


@pytest.mark.parametrize("name", ["successive-halving", "hyperband", "asha", "bohb", "dehb", "median-stopping"])
@pytest.mark.parametrize("workers", [1, 3])
def test_a_small_space_is_trained_to_the_end_before_it_is_exhausted(name, workers):
    strategy, flying, full, order = started(name, TWELVE), [], [], np.random.default_rng(5)
    while trials := strategy.ask(workers - len(flying)) + flying:
        flying = trials
        done = flying.pop(int(order.random() * len(flying)))
        bad = done.genotype[1] == 2
        if done.epoch is None:
            full.append(done.genotype)
        strategy.tell(done, Observation((NAN if bad else value(*done[1:]),)))
    assert sorted(g for g in full if g[1] != 2) == sorted(g for g in map(tuple, TWELVE.all().tolist()) if g[1] != 2)
    assert strategy.ask(5) == []


def test_what_was_left_behind_is_finished_the_farthest_and_best_first():
    """12 of 27 architectures: 12, 4, 1 and 1; then the others of rung 9, 3 and 1."""
    asked = serial(started("successive-halving", TWELVE), 99)
    epochs = [epoch for _, epoch in asked]
    assert epochs == [1] * 12 + [3] * 4 + [9] + [27] + [27] * 11
    design, second = [g for g, _ in asked[:12]], [g for g, _ in asked[12:16]]
    rest = best(set(second) - {asked[16][0]}, 3, 3) + best(set(design) - set(second), 1, 8)
    assert [g for g, _ in asked[18:]] == rest


@pytest.mark.parametrize(("resume", "epochs"), [(True, 27 + 9 * 2 + 3 * 6 + 18), (False, 27 * 4)])
def test_what_a_bracket_costs(make_table, make_column, make_protocol, resume, epochs):
    curve = np.random.default_rng(0).uniform(size=(64, 1, 4))
    name = make_table(
        make_protocol(
            epochs=27,
            final={"val_accuracy": make_column(curve[:, :, -1])},
            curve={"val_accuracy": make_column(curve, epochs=FIDELITIES)},
        )
    )
    task = nasbench.Task(name, evaluations=40, fidelity="curve", resume=resume)
    run = nasbench.search(task, "successive-halving", seed=0)
    assert run.ledger.epochs == epochs
    assert run.trace["epoch"][-1] == 27


@pytest.mark.parametrize("params", [{"eta": 1}, {"eta": 2.5}, {"eta": True}, {"min_epochs": 0}, {"architectures": 0}])
def test_unusable_parameters_are_refused(params):
    with pytest.raises(StrategyError):
        create("successive-halving", **params)
