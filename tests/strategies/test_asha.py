"""ASHA: its promotions by hand and against a plain reading of the paper's algorithm."""

import numpy as np
import pytest

from nasbench.problem import Objective, Observation, Problem
from nasbench.spaces.grid import GridSpace
from nasbench.strategies import check_strategy, create

SPACE = GridSpace.of({f"p{i}": ["a", "b", "c", "d"] for i in range(4)})
RUNGS = (1, 2, 4)


def started(seed=0, eta=2, workers=1, fidelities=RUNGS):
    problem = Problem(SPACE, [Objective("m")], np.random.default_rng([seed, 1]), fidelities=fidelities, workers=workers)
    strategy = create("asha", eta=eta)
    strategy.start(problem, np.random.default_rng([seed, 2]))
    return strategy


def test_the_contract():
    check_strategy(create("asha", eta=4, min_epochs=5), fidelities=range(1, 51))
    check_strategy(create("asha"), fidelities=(12, 200))


def test_promotions_by_hand():
    """eta 2: with every second result of a rung one more may climb, the best that has not yet."""
    strategy = started()
    names = {genotype: letter for letter, genotype in zip("ABCDEFGH", strategy.problem.initial(8), strict=True)}
    at = {"A1": 5, "B1": 3, "A2": 1, "C1": 4, "D1": 9, "D2": 8, "D4": 1, "E1": 1, "F1": 7, "F2": 2, "G1": 2, "H1": 1}
    asked = []
    for _ in at:
        (trial,) = strategy.ask()
        asked.append(f"{names[trial.genotype]}{trial.epoch or 4}")
        strategy.tell(trial, Observation((at[asked[-1]],)))
    # B ends: A of {A, B} climbs. D ends: D of {D, A} climbs, and then D of {D2, A2}. F ends: the best three of six
    # are D, F, A; F climbs, but of three on the second rung only one may. H ends: four of eight, C is the one left.
    assert asked == ["A1", "B1", "A2", "C1", "D1", "D2", "D4", "E1", "F1", "F2", "G1", "H1"]
    (trial,) = strategy.ask()
    assert (names[trial.genotype], trial.epoch) == ("C", 2)


def get_job(told, promoted, eta):
    """Algorithm 2 of the paper, word for word: the rung and the architecture to promote, or None."""
    for k in (1, 0):
        ranked = sorted(told[k], key=told[k].get, reverse=True)
        candidates = ranked[: len(ranked) // eta]
        promotable = [g for g in candidates if g not in promoted[k]]
        if promotable:
            return k, promotable[0]
    return None


@pytest.mark.parametrize(("seed", "eta", "workers"), [(0, 2, 1), (1, 2, 5), (2, 3, 4), (3, 3, 16)])
def test_every_job_is_that_of_the_papers_algorithm(seed, eta, workers):
    strategy = started(seed, eta, workers, fidelities=(1, eta, eta * eta))
    rungs = [1, eta, None]
    told, promoted = [{}, {}, {}], [set(), set(), set()]
    design, rng, flying = strategy.problem.design(), np.random.default_rng(seed), []
    for _ in range(220):
        job = get_job(told, promoted, eta)
        (trial,) = strategy.ask()
        if job is None:
            assert (trial.genotype, trial.epoch) == (next(design), 1)
        else:
            promoted[job[0]].add(job[1])
            assert (trial.genotype, trial.epoch) == (job[1], rungs[job[0] + 1])
        flying.append(trial)
        if len(flying) == workers:
            done = flying.pop(int(rng.random() * workers))
            result = float(rng.random())
            told[rungs.index(done.epoch)][done.genotype] = result
            strategy.tell(done, Observation((result,)))
    assert min(map(len, told)) > 2


def test_failures_count_in_their_rung_but_do_not_climb():
    strategy = started()
    for trial in strategy.ask(6):
        result = 1.0 if trial.number == 0 else float("nan")
        strategy.tell(trial, Observation((result,)))
    again = strategy.ask(2)  # three of six may climb, but only one is alive
    assert [(t.genotype, t.epoch) for t in again] == [
        (strategy.problem.initial(1)[0], 2),
        (strategy.problem.initial(7)[6], 1),
    ]
