"""BRP-NAS: which architectures an iteration takes from a ranking, and what comes after the last."""

import numpy as np
import pytest

import nasbench
from nasbench.analysis.regret import path_of
from nasbench.errors import StrategyError
from nasbench.problem import Objective, Observation, Problem
from nasbench.spaces.grid import GridSpace
from nasbench.spaces.nasbench201 import NASBench201Space
from nasbench.strategies import check_strategy, create

pytest.importorskip("torch")

GRID = GridSpace.of({"a": list(range(16)), "b": list(range(16)), "c": list(range(8))})
EVERYTHING = [tuple(row) for row in GRID.all().tolist()]
ORDER = sorted(EVERYTHING, key=lambda g: -(1000 * g[0] + 10 * g[1] + g[2]))
RANK = {genotype: position for position, genotype in enumerate(ORDER)}


def started(space=GRID, seed=0, **params):
    strategy = create("brp-nas", **params)
    strategy.start(Problem(space, [Objective("value")], np.random.default_rng([seed, 1])), np.random.default_rng(seed))
    return strategy


def knowing(monkeypatch, **params):
    """A strategy whose network has learned the true order, and which counts its trainings."""
    strategy, trained = started(**params), []

    def scores(genotypes):
        trained.append(len(strategy._told))
        return np.array([-RANK[tuple(row)] for row in genotypes.tolist()], dtype=float)

    monkeypatch.setattr(strategy, "_scores", scores)
    return strategy, trained


def answer(strategy, n):
    found = []
    for _ in range(n):
        (trial,) = strategy.ask()
        found.append(trial.genotype)
        strategy.tell(trial, Observation((float(-RANK[trial.genotype]),)))
    return found


def test_it_keeps_the_contract():
    check_strategy(create("brp-nas", initial=10, batch=20, iterations=2, members=2, steps=5))


def test_half_of_an_iteration_is_the_top_and_half_is_drawn_from_a_share_that_halves(monkeypatch):
    strategy, trained = knowing(monkeypatch)
    asked = answer(strategy, 100)
    seen = set(asked[:20])
    for iteration in range(1, 5):
        batch = asked[20 * iteration : 20 * iteration + 20]
        fresh = [genotype for genotype in ORDER if genotype not in seen]
        assert batch[:10] == fresh[:10]
        rest = [RANK[genotype] for genotype in batch[10:]]
        share = 2048 // 2**iteration
        assert share // 2 < max(rest) < share  # of 10 uniform draws, one in a thousand times all are in the first half
        seen.update(batch)
    assert trained == [20, 40, 60, 80]


def test_after_the_last_iteration_the_ranking_is_asked_in_order(monkeypatch):
    strategy, trained = knowing(monkeypatch, initial=6, batch=4, iterations=3)
    asked = answer(strategy, 14)
    rest = answer(strategy, 60)
    assert rest == [genotype for genotype in ORDER if genotype not in asked][:60]
    assert trained == [6, 10, 14]


def test_one_iteration_is_a_random_sample_and_its_ranking(monkeypatch):
    strategy, trained = knowing(monkeypatch, initial=30, iterations=1)
    asked = answer(strategy, 50)
    assert asked[30:] == [genotype for genotype in ORDER if genotype not in asked[:30]][:20]
    assert trained == [30]


@pytest.mark.parametrize("space", [GRID, NASBench201Space()])
def test_the_network_learns_the_order_of_pairs(space):
    """From 80 architectures, with graphs and without; a coin has half of the pairs right."""
    if space is GRID:
        value = np.array([-RANK[genotype] for genotype in EVERYTHING], dtype=float)
    else:
        value = nasbench.load("nasbench201/cifar10").mean("val_accuracy")
    rows = np.random.default_rng(5).permutation(len(value))[:280]
    genotypes = space.genotypes(rows)
    strategy = started(space)
    strategy._told = [(value[row], tuple(g)) for row, g in zip(rows[:80], genotypes[:80].tolist(), strict=True)]
    scores, truth = strategy._scores(genotypes[80:]), value[rows[80:]]
    first, second = np.triu_indices(200, 1)
    right = np.sign(truth[first] - truth[second]) == np.sign(scores[first] - scores[second])
    assert right.mean() > 0.8


def test_a_space_too_large_to_rank_is_sampled():
    huge = GridSpace.of({f"position {i}": list(range(8)) for i in range(20)})
    strategy = started(huge, initial=8, batch=6, iterations=2, candidates=60, members=2, steps=10)
    asked = []
    for _ in range(40):
        (trial,) = strategy.ask()
        asked.append(trial.genotype)
        strategy.tell(trial, Observation((float(sum(trial.genotype)),)))
    assert len(set(asked)) == 40


@pytest.mark.parametrize("params", [{"iterations": 0}, {"candidates": 1.5}, {"members": 1}, {"steps": True}])
def test_wrong_parameters_are_refused(params):
    with pytest.raises(StrategyError):
        create("brp-nas", **params)


@pytest.mark.slow
def test_it_is_ahead_of_evolution_at_150():
    """The order of the paper's figure 6; regularized evolution has a mean table regret of .55 there."""
    task = nasbench.Task("nasbench201/cifar100", evaluations=150, repeat="mean")

    def regret(name, seeds):
        return np.mean([path_of(nasbench.search(task, name, seed)).final("table_regret") for seed in range(seeds)])

    assert regret("brp-nas", 3) < regret("regularized-evolution", 40)
