"""The loop and the choices of the strategies that propose batches: nasbowl, smac, tpe, weaknas."""

import numpy as np
import pytest

import nasbench.strategies as registry
from nasbench.benchmark import load
from nasbench.errors import StrategyError
from nasbench.parameter import Parameter
from nasbench.problem import Objective, Observation, Problem, Trial
from nasbench.space import SearchSpace
from nasbench.spaces.grid import GridSpace
from nasbench.spaces.nasbench201 import NASBench201Space
from nasbench.spaces.table import TableSpace

GRID = GridSpace.of({"width": [8, 16, 32, 64], "operation": ["conv", "pool", "skip"], "rate": [0.1, 0.2, 0.3]})
CELLS = NASBench201Space()
HUGE = SearchSpace([Parameter(f"edge {i}", ("a", "b", "c", "d", "e", "f")) for i in range(12)])
QUICK = {
    "nasbowl": {"initial": 10},
    "smac": {"candidates": 50, "starts": 3, "trees": 4},
    "tpe": {},
    "weaknas": {"predictor": "ridge"},
}


def start(name, space, seed=0, **params):
    problem = Problem(space, [Objective("value")], np.random.default_rng([seed, 1]))
    strategy = registry.create(name, **params)
    strategy.start(problem, np.random.default_rng([seed, 2]))
    return strategy


def run(strategy, evaluate, n):
    genotypes, values = [], []
    while len(genotypes) < n and (asked := strategy.ask()):
        value = evaluate(asked[0].genotype)
        genotypes.append(asked[0].genotype)
        values.append(value)
        strategy.tell(asked[0], Observation((value,)))
    return genotypes, values


def bumpy(genotype):
    return -sum((gene - 1.3 - 0.2 * i) ** 2 for i, gene in enumerate(genotype)) + 0.3 * (genotype[0] == genotype[-1])


@pytest.mark.parametrize("name", QUICK)
class TestEach:
    def test_the_contract(self, name):
        registry.check_strategy(registry.create(name, **QUICK[name]))

    @pytest.mark.parametrize("space", [CELLS, TableSpace(CELLS, CELLS.genotypes(np.arange(0, 15_625, 500))), HUGE])
    def test_asks_before_tells_never_repeat_an_architecture(self, name, space):
        params = QUICK[name] | ({"candidates": 200} if space is HUGE and name == "weaknas" else {})
        strategy, rng = start(name, space, **params), np.random.default_rng(0)
        flying, seen = [], set()
        for _ in range(20):
            for trial in strategy.ask(3):
                assert trial.genotype not in seen
                assert space.valid([trial.genotype])[0]
                seen.add(trial.genotype)
                flying.append(trial)
            while len(flying) > 5:
                trial = flying.pop(int(rng.integers(len(flying))))
                value = np.nan if rng.random() < 0.2 else bumpy(trial.genotype)
                strategy.tell(trial, Observation((value,)))
        assert len(seen) == min(space.size, 60)

    def test_a_small_space_is_exhausted_once(self, name):
        strategy = start(name, GRID, **QUICK[name])
        genotypes, _ = run(strategy, bumpy, 1000)
        assert sorted(genotypes) == [tuple(g) for g in GRID.all().tolist()]
        assert strategy.ask(3) == []

    def test_an_entirely_failing_objective_becomes_random_search(self, name):
        genotypes, _ = run(start(name, GRID, **QUICK[name]), lambda g: np.nan, 1000)
        assert genotypes == list(Problem(GRID, [Objective("value")], np.random.default_rng([0, 1])).design())

    def test_unusable_parameters_are_refused(self, name):
        for params in ({"initial": 0}, {"batch": 1.5}):
            with pytest.raises(StrategyError):
                registry.create(name, **params)

    def test_it_is_far_ahead_of_random_search_at_100(self, name):
        """What two runs find takes random search more than 600 draws in geometric mean."""
        bench = load("nasbench201/cifar100")
        value = bench.mean("val_accuracy")
        drawn = []
        for seed in range(2):
            _, values = run(start(name, bench.space, seed), lambda g: value.item(bench.row(g)), 100)
            drawn.append(np.log((len(value) + 1) / ((value > max(values)).sum() + 1)))
        assert np.exp(np.mean(drawn)) > 600


def told(strategy, genotypes, evaluate):
    """Tell the design of a strategy whose `initial` it is, as if it had asked these genotypes."""
    strategy._queue.clear()
    strategy._seen = set(genotypes)
    for number, genotype in enumerate(genotypes):
        strategy.tell(Trial(number, genotype), Observation((evaluate(genotype),)))


def test_weaknas_draws_uniformly_from_the_predicted_top():
    """100 batches of 5 of the 20 first in the ranking of an independent, equal fit: each is drawn 25 times or so."""
    strategy = start("weaknas", GRID, predictor="ridge", top=20, batch=5)
    known = [tuple(g) for g in GRID.all()[::5].tolist()]
    told(strategy, known, bumpy)
    counts = {}
    for _ in range(100):
        for genotype in strategy._propose():
            counts[genotype] = counts.get(genotype, 0) + 1
    from nasbench.predictors import create

    model = create("ridge", GRID).fit(np.array(known), np.array([bumpy(g) for g in known]))
    everything = [tuple(g) for g in GRID.all().tolist()]
    order = np.argsort(-model.predict(np.array(everything)), kind="stable")
    top = {everything[i] for i in order[:20].tolist()} - set(known)
    assert set(counts) == top
    expected = 500 / len(top)
    chance = (np.array(list(counts.values())) - expected) ** 2 / expected
    assert chance.sum() < 2 * len(top)


def test_smac_asks_for_the_largest_expected_improvement_of_a_small_space():
    """Local search and random candidates reach all 36 architectures here: brute force over them says the same."""
    from nasbench.predictors.gaussian_process import rank_gaussian
    from nasbench.predictors.posterior import expected_improvement

    strategy = start("smac", GRID, random_share=0.0)
    known = [tuple(g) for g in GRID.all()[::4].tolist()]
    told(strategy, known, bumpy)
    models = []
    fitted = strategy._fitted
    strategy._fitted = lambda *args: models.append(fitted(*args)) or models[-1]
    (asked,) = strategy._propose()
    trees = models[0][-1].estimators_
    scores = rank_gaussian(np.array([bumpy(g) for g in known]))
    votes = np.array([tree.predict(models[0][0].transform(GRID.all())) for tree in trees])
    gain = expected_improvement(votes.mean(axis=0), np.maximum(votes.std(axis=0), 1e-9), scores.max())
    gain[GRID.indices(known)] = -1
    assert gain[GRID.index(asked)] == pytest.approx(gain.max())


def test_smac_asks_the_next_of_the_design_with_the_given_probability():
    strategy = start("smac", CELLS, random_share=0.5, candidates=5, starts=1, trees=1)
    told(strategy, [tuple(g) for g in CELLS.genotypes(np.arange(0, 15_000, 1500)).tolist()], bumpy)
    empty = sum(not strategy._propose() for _ in range(200))
    assert abs(empty - 100) < 4 * np.sqrt(50)


def test_nasbowl_prefers_the_number_of_refinements_that_is_likelier():
    """Values that depend on the operations alone, not on where they are: one refinement explains more than two."""
    rng = np.random.default_rng(0)
    known = CELLS.sample(rng, 60)
    strategy = start("nasbowl", CELLS)
    model = strategy._fitted(known, (known == 3).sum(axis=1) - (known == 1).sum(axis=1) * 0.5)
    assert model[0].iterations == 1


def test_nasbowl_asks_for_the_largest_expected_improvements_of_its_pool(monkeypatch):
    strategy = start("nasbowl", CELLS, pool=40)
    known = [tuple(g) for g in CELLS.genotypes(np.arange(0, 15_000, 500)).tolist()]
    told(strategy, known, bumpy)
    pools, features = [], []
    fitted = strategy._fitted

    def watched(genotypes, scores):
        model = fitted(genotypes, scores)
        transform = model[0].transform
        monkeypatch.setattr(model[0], "transform", lambda x: pools.append(x) or transform(x), raising=False)
        features.append(model)
        return model

    strategy._fitted = watched
    batch = strategy._propose()
    pool = [tuple(g) for g in pools[-1].tolist()]
    assert len(set(pool)) == 40
    assert not set(pool) & set(known)
    near = [min(sum(a != b for a, b in zip(g, k, strict=True)) for k in strategy._best(10)) for g in pool]
    assert sum(distance == 1 for distance in near) >= 20
    mean, sd = features[0][-1].predict_value(features[0][0].transform(np.array(pool)))
    scores = sorted(zip(mean, sd, pool, strict=True), reverse=True)
    assert len(batch) == 5
    assert set(batch) <= set(pool)
    dominated = [g for m, s, g in scores if any(m2 > m and s2 > s for m2, s2, g2 in scores if g2 not in batch)]
    assert not set(batch) & set(dominated), "a larger mean and a larger deviation have the larger improvement"
