"""The baseline `proxy-ranking`: its order, its price, and what it does where proxies are unknown."""

import numpy as np
import pytest

from nasbench.errors import StrategyError
from nasbench.problem import Knowledge, NoKnowledge, Objective, Problem
from nasbench.strategies import check_strategy, create
from nasbench.strategies.baselines.proxy_ranking import centred_ranks
from nasbench.strategies.landscapes import GRID, Landscape


class Known(Knowledge):
    """Proxies that are made of the genes, at a second each."""

    def __init__(self, problem, names, proxies):
        self.proxy_names_, self._problem, self._proxies, self.read = names, problem, proxies, []

    @property
    def proxy_names(self):
        return self.proxy_names_

    def proxies(self, genotypes):
        self.read.append([tuple(row) for row in np.asarray(genotypes).tolist()])
        self._problem.spend(float(len(genotypes)))
        return np.array([self._proxies(row) for row in np.asarray(genotypes).tolist()], dtype=float)

    def params(self, genotypes):
        raise AssertionError("not declared")

    flops = sources = params


def asked(names, proxies, n, **params):
    problem = Problem(GRID, [Objective("val_accuracy")], np.random.default_rng(3))
    problem.knowledge = Known(problem, names, proxies)
    strategy = create("proxy-ranking", **params)
    strategy.start(problem, np.random.default_rng(4))
    return [trial.genotype for trial in strategy.ask(n)], problem


def test_it_keeps_the_contract():
    check_strategy(create("proxy-ranking", sample=10))


def test_ranks_by_hand():
    scores = np.array([[3.0, np.nan, 7.0], [1.0, 2.0, 7.0], [3.0, 5.0, np.nan], [9.0, 4.0, np.nan], [0.0, 1.0, 7.0]])
    expected = [[0.125, 0, 0], [-0.25, -1 / 6, 0], [0.125, 0.5, 0], [0.5, 1 / 6, 0], [-0.5, -0.5, 0]]
    np.testing.assert_allclose(centred_ranks(scores), expected)


def test_a_sample_comes_in_the_order_of_its_proxy_then_the_next_sample():
    found, problem = asked(("score",), lambda row: [100 * row[0] + 10 * row[1] + row[3]], 96, sample=40)
    design = problem.initial(96)
    assert problem.knowledge.read == [design[:40], design[40:80], design[80:]]
    for begin, end in ((0, 40), (40, 80), (80, 96)):
        block = sorted(design[begin:end], key=lambda g: -(100 * g[0] + 10 * g[1] + g[3]))
        keys = [(g[0], g[1], g[3]) for g in found[begin:end]]
        assert keys == [(g[0], g[1], g[3]) for g in block]
    assert sorted(found) == sorted(map(tuple, GRID.all().tolist()))


def test_only_what_is_asked_for_is_paid():
    _, problem = asked(("score",), lambda row: [row[0]], 40, sample=40)
    assert problem.spent == 40.0
    _, problem = asked(("score",), lambda row: [row[0]], 41, sample=40)
    assert problem.spent == 80.0


@pytest.mark.parametrize(
    ("names", "params", "first"),
    [
        (("jacov", "freerea_synflow", "freerea_logsynflow"), {}, lambda row: row[1]),
        (("jacov", "synflow", "snip"), {"proxy": "jacov"}, lambda row: row[0]),
        (("jacov", "snip", "grasp"), {}, lambda row: row[0] / 3 + row[1] / 3 + row[3] / 2),
    ],
)
def test_synflow_decides_or_the_named_one_or_all(names, params, first):
    found, _ = asked(names, lambda row: [row[0], row[1], row[3]], 96, **params)
    scores = [first(genotype) for genotype in found]
    if len(set(names) & {"synflow", "freerea_synflow"}):
        assert scores == sorted(scores, reverse=True)
    else:  # of a full grid, ranks are linear in the genes
        np.testing.assert_allclose(scores, sorted(scores, reverse=True))


def test_the_unknown_are_in_the_middle():
    found, _ = asked(("score",), lambda row: [np.nan if row[2] else row[0]], 96)
    assert all(g[2] == 0 and g[0] >= 2 for g in found[:24])
    assert all(g[2] == 1 for g in found[24:72])
    assert all(g[2] == 0 and g[0] < 2 for g in found[72:])


def test_without_proxies_it_says_what_is_missing():
    problem = Landscape(GRID).problem(0, 1, (), 96)
    with pytest.raises(StrategyError, match="no proxy 'synflow'; the task has close, far"):
        create("proxy-ranking", proxy="synflow").start(problem, np.random.default_rng(0))
    problem.knowledge = NoKnowledge()
    with pytest.raises(StrategyError, match="the task has none"):
        create("proxy-ranking").start(problem, np.random.default_rng(0))


@pytest.mark.parametrize("sample", [0, 2.5, True])
def test_a_sample_has_a_size(sample):
    with pytest.raises(StrategyError, match="sample"):
        create("proxy-ranking", sample=sample)


def test_a_proxy_that_ranks_well_finds_what_random_search_does_not():
    """The landscape's first proxy is its value under noise; three standard errors of the mean of 30 seeds."""
    rank = {}
    for name, params in (("proxy-ranking", {"proxy": "close"}), ("random-search", {})):
        found = []
        for seed in range(30):
            landscape = Landscape(GRID)
            strategy = create(name, **params)
            strategy.start(landscape.problem(seed, 1, (), 10), np.random.default_rng(seed))
            found.append(max(landscape.observe(trial).value for trial in strategy.ask(10)))
        rank[name] = np.array(found)
    better = rank["proxy-ranking"].mean() - rank["random-search"].mean()
    assert better > 3 * rank["random-search"].std() / np.sqrt(30)
