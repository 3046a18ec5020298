"""BOHB: which results its model reads, what it proposes, and that without the model it is Hyperband."""

import numpy as np
import pytest

from nasbench.errors import StrategyError
from nasbench.parameter import Parameter
from nasbench.problem import Objective, Observation, Problem
from nasbench.spaces.constrained import ConstrainedSpace
from nasbench.spaces.darts import DartsSpace
from nasbench.spaces.grid import GridSpace
from nasbench.strategies import check_strategy, create

SPACE = GridSpace.of({f"p{i}": ["a", "b", "c", "d"] for i in range(5)})
FIDELITIES = (1, 3, 9, 27)


def started(name="bohb", space=SPACE, seed=0, **params):
    problem = Problem(space, [Objective("m")], np.random.default_rng([seed, 1]), fidelities=FIDELITIES)
    strategy = create(name, **params)
    strategy.start(problem, np.random.default_rng([seed, 2]))
    return strategy


def run(strategy, n, value):
    asked = []
    for _ in range(n):
        (trial,) = strategy.ask()
        asked.append((trial.genotype, trial.epoch))
        strategy.tell(trial, Observation((value(trial.genotype),)))
    return asked


def ones(genotype):
    return genotype.count(3) + 1e-3 * genotype[0]


def new(asked):
    """Architectures in the order they were first asked."""
    return list(dict.fromkeys(genotype for genotype, _ in asked))


def test_the_contract():
    check_strategy(create("bohb", min_points=8, random_fraction=0.0), fidelities=(12, 200))


def test_without_its_model_it_is_hyperband():
    assert run(started(random_fraction=1.0), 150, ones) == run(started("hyperband"), 150, ones)


def test_the_model_waits_for_enough_points_of_both_kinds():
    """Five choices: 6 good and 6 bad ones, so the 13th architecture is the first that may be proposed."""
    asked = run(started(random_fraction=0.0), 14, ones)
    design = started().problem.initial(14)
    assert [g for g, _ in asked[:12]] == design[:12]
    assert [g for g, _ in asked[12:]] != design[12:]
    assert [g for g, _ in run(started(min_points=8, random_fraction=0.0), 16, ones)] == started().problem.initial(16)


@pytest.mark.parametrize(("told", "good"), [([13], 6), ([60], 9), ([60, 12], 6), ([60, 11], 9), ([60, 40, 20], 6)])
def test_the_model_reads_the_longest_training_with_enough_points(told, good, monkeypatch):
    """15 % of 60 are 9; the points of the second rung count as soon as there are 12."""
    import nasbench.strategies.multi_fidelity.bohb as module

    seen = []

    class Spy(module.KernelDensity):
        def __init__(self, parameters, points, least):
            seen.append([tuple(point) for point in points.tolist()])
            super().__init__(parameters, points, least)

    monkeypatch.setattr(module, "KernelDensity", Spy)
    strategy = started()
    design = strategy.problem.initial(60)
    for rung, count in enumerate(told):
        for number, genotype in enumerate(design[:count]):
            strategy._results[rung].append((float(-number if rung % 2 else number), genotype))
    strategy._fitted()
    rung = max(r for r, count in enumerate(told) if count >= 12)
    ranked = design[: told[rung]] if rung % 2 else design[: told[rung]][::-1]
    assert seen == [ranked[:good], ranked[good:]]


def test_it_goes_where_the_good_ones_are():
    """Uniform proposals have 5/4 of the good choice, give or take .97 / sqrt(500); a third of them stay uniform."""
    found = [np.mean([g.count(3) for g in new(run(started(seed=seed), 200, ones))[40:]]) for seed in range(5)]
    assert np.mean(found) > 5 / 4 + 8 * 0.97 / np.sqrt(500)


def test_no_architecture_is_proposed_twice():
    asked = run(started(), 600, ones)
    assert sum(epoch == 1 for _, epoch in asked) == len({g for g, epoch in asked if epoch == 1})


class Few(ConstrainedSpace):
    """Sixty of 4^8 architectures: a draw from a product is as good as never one of them."""

    kind = "few"

    def _members(self):
        return np.unique(np.random.default_rng(3).integers(0, 4, size=(60, 8)), axis=0)


def test_a_sparse_space_is_weighed_architecture_by_architecture():
    space = Few([Parameter(f"p{i}", (0, 1, 2, 3)) for i in range(8)])
    value = {g: sum(gene == 3 for gene in g) for g in map(tuple, space.all().tolist())}
    ranks = []
    for seed in range(20):
        proposed = new(run(started(space=space, seed=seed, random_fraction=0.0), 45, value.__getitem__))
        assert proposed[:18] == started(space=space, seed=seed).problem.initial(18)
        left = [value[g] for g in value if g not in proposed[:18]]
        ranks.append(np.mean([value[g] for g in proposed[18:27]]) - np.mean(left))
    assert np.mean(ranks) > 4 * np.std(ranks) / np.sqrt(20)


def test_a_space_that_cannot_be_listed():
    """22 choices: 46 points at the first rung, which it has after 46 new architectures and 19 of the next 27."""
    space = DartsSpace()
    strategy = started(space=space, random_fraction=0.0)
    asked = run(strategy, 300, lambda g: float(g[0]))
    assert space.valid([g for g, _ in asked]).all()
    proposed = new(asked)
    same = [g == other for g, other in zip(proposed, strategy.problem.initial(len(proposed)), strict=True)]
    assert all(same[:65])
    assert not any(same[65:])
    assert np.mean([g[0] for g in proposed[65:]]) > np.mean([g[0] for g in proposed[:65]]) + 1


@pytest.mark.parametrize(
    "params",
    [{"samples": 0}, {"min_points": 0}, {"top_percent": 101}, {"random_fraction": -0.1}, {"bandwidth_factor": 0}],
)
def test_unusable_parameters_are_refused(params):
    with pytest.raises(StrategyError):
        create("bohb", **params)
