"""The law of regularized evolution: who is parent, what a mutation is, who dies."""

import random
from collections import deque

import numpy as np
import pytest
from scipy.stats import chisquare

from nasbench.errors import StrategyError
from nasbench.parameter import Parameter
from nasbench.problem import Objective, Observation, Problem
from nasbench.spaces.constrained import ConstrainedSpace
from nasbench.spaces.grid import GridSpace
from nasbench.strategies.evolutionary.regularized_evolution import RegularizedEvolution

SPACE = GridSpace.of({f"edge {i}": ["a", "b", "c", "d", "e"] for i in range(6)})


def started(strategy, seed=0, space=SPACE, direction="maximize"):
    problem = Problem(space, [Objective("m", direction)], np.random.default_rng([seed, 1]))
    strategy.start(problem, np.random.default_rng([seed, 2]))
    return strategy, problem


def distance(first, second):
    return sum(a != b for a, b in zip(first, second, strict=True))


def trace(strategy, problem, value, n):
    asked = []
    for _ in range(n):
        (trial,) = strategy.ask()
        asked.append(trial.genotype)
        strategy.tell(trial, Observation((value(trial.genotype),)))
    return asked


FAR_APART = [(i,) * 6 for i in range(5)]
"""A mutant of one of these is nearer to its parent than to any other."""


def evolved_from(utilities, sample, n=20_000, direction="maximize", seed=0):
    """Parents (index into FAR_APART) and mutants of n tournaments in a fixed population."""
    strategy, _ = started(RegularizedEvolution(population=5, sample=sample), seed, direction=direction)
    for trial, genotype, utility in zip(strategy.ask(5), FAR_APART, utilities, strict=True):
        strategy.tell(trial._replace(genotype=genotype), Observation((utility,)))
    mutants = [trial.genotype for trial in strategy.ask(n)]
    parents = [int(np.argmin([distance(m, g) for g in FAR_APART])) for m in mutants]
    return np.array(parents), mutants


@pytest.mark.parametrize("sample", [1, 2, 4])
@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_the_tournament_is_drawn_with_replacement(sample, direction):
    """The k-th worst of P is the best of s draws with probability (k/P)^s - ((k-1)/P)^s."""
    utilities = [3.0, -1.0, 2.0, 5.0, 4.0]
    parents, _ = evolved_from(utilities, sample, direction=direction)
    worst_first = np.argsort(utilities if direction == "maximize" else [-u for u in utilities])
    k = np.arange(1, 6)
    expected = (k / 5) ** sample - ((k - 1) / 5) ** sample
    observed = np.bincount(parents, minlength=5)[worst_first]
    assert chisquare(observed, expected * len(parents)).pvalue > 1e-4


def test_ties_favour_nobody():
    parents, _ = evolved_from([1.0] * 5, sample=3)
    assert chisquare(np.bincount(parents, minlength=5)).pvalue > 1e-4


def test_a_failed_trial_loses_against_any_other():
    parents, _ = evolved_from([float("nan"), float("nan"), float("nan"), float("nan"), -1e300], sample=2)
    # Failed ones win only where both of the tournament's draws are failed: (4/5)^2.
    assert chisquare([(parents < 4).sum(), (parents == 4).sum()], [12_800, 7_200]).pvalue > 1e-4


def test_a_mutation_changes_one_choice_uniformly():
    parents, mutants = evolved_from([0.0, 1.0, 2.0, 3.0, 4.0], sample=5)
    counts = np.zeros((6, 4))
    for parent, mutant in zip(parents, mutants, strict=True):
        changed = [i for i in range(6) if mutant[i] != parent]
        assert len(changed) == 1
        value = mutant[changed[0]]
        counts[changed[0], value - (value > parent)] += 1
    assert chisquare(counts.ravel()).pvalue > 1e-4


def test_parents_are_among_the_last_to_be_told():
    """Death by age: with falling values an immortal best would stay parent for ever."""
    population, clock = 8, iter(range(10_000))
    strategy, problem = started(RegularizedEvolution(population=population, sample=8))
    asked = trace(strategy, problem, lambda _: -float(next(clock)), 400)
    assert asked[:population] == problem.initial(population)
    for now in range(population, len(asked)):
        living = asked[now - population : now]
        assert 1 in [distance(asked[now], parent) for parent in living]
    ancestors = asked[:population]
    assert min(distance(asked[-1], ancestor) for ancestor in ancestors) > 1


def test_evolves_from_those_told_while_the_start_is_still_running():
    strategy, _ = started(RegularizedEvolution(population=4, sample=2))
    first = strategy.ask(4)
    before_any_result = strategy.ask(3)
    assert len(before_any_result) == 3
    strategy.tell(first[2], Observation((1.0,)))
    assert {distance(t.genotype, first[2].genotype) for t in strategy.ask(50)} == {1}
    strategy.tell(first[0], Observation((2.0,)))
    parents = [distance(t.genotype, first[0].genotype) == 1 for t in strategy.ask(12)]
    assert sum(parents) > 4  # the better of two wins 3 of 4 tournaments, from the next one on


def test_a_space_smaller_than_the_population_fills_it_with_mutants():
    space = GridSpace.of({"a": ["x", "y"], "b": ["x", "y"]})
    strategy, problem = started(RegularizedEvolution(population=20, sample=5), space=space)
    asked = trace(strategy, problem, lambda g: float(sum(g)), 200)
    assert set(asked[:4]) == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert asked.count((1, 0)) + asked.count((0, 1)) > 80  # neighbours of the best, (1, 1)


def test_a_space_of_one_architecture_is_no_error():
    strategy, problem = started(RegularizedEvolution(), space=GridSpace.of({"a": ["x"]}))
    assert trace(strategy, problem, lambda _: 1.0, 5) == [(0,)] * 5


class EvenSum(ConstrainedSpace):
    """Genotypes of even sum: no two of them differ in one position only by one."""

    kind = "even-sum"

    def _members(self):
        full = GridSpace(self.parameters).all()
        return full[full.sum(axis=1) % 2 == 0]


def test_mutants_of_a_constrained_space_are_valid():
    space = EvenSum([Parameter(f"p{i}", (0, 1, 2, 3)) for i in range(4)])
    strategy, problem = started(RegularizedEvolution(population=10, sample=3), space=space)
    assert space.valid(trace(strategy, problem, lambda g: float(sum(g)), 300)).all()


def textbook(values, population, sample, n, seed):
    """Algorithm 1 of Real et al. (2019), in its own words, on the standard library's generator."""
    rng = random.Random(seed)
    living, history = deque(), []
    while len(living) < population:
        genotype = tuple(rng.randrange(5) for _ in range(6))
        living.append((values[genotype], genotype))
        history.append(values[genotype])
    while len(history) < n:
        candidates = [rng.choice(living) for _ in range(sample)]
        child = list(max(candidates, key=lambda pair: pair[0])[1])
        edge = rng.randrange(6)
        child[edge] = rng.choice([op for op in range(5) if op != child[edge]])
        living.append((values[tuple(child)], tuple(child)))
        history.append(living[-1][0])
        living.popleft()
    return max(history)


def test_finds_as_much_as_the_papers_algorithm():
    genotypes = [tuple(g) for g in SPACE.all().tolist()]
    rng = np.random.default_rng(0)
    main, pairs = rng.normal(size=(6, 5)), rng.normal(size=(6, 6, 5, 5)) * 0.4
    values = {
        g: float(
            sum(main[i, g[i]] for i in range(6)) + sum(pairs[i, j, g[i], g[j]] for i in range(6) for j in range(i))
        )
        for g in genotypes
    }
    ours, theirs = [], []
    for seed in range(150):
        strategy, problem = started(RegularizedEvolution(population=20, sample=5), seed)
        ours.append(max(map(values.__getitem__, trace(strategy, problem, values.__getitem__, 100))))
        theirs.append(textbook(values, 20, 5, 100, seed))
    error = np.hypot(np.std(ours), np.std(theirs)) / np.sqrt(150)
    assert abs(np.mean(ours) - np.mean(theirs)) < 4 * error
    assert error < 0.05 * np.std(list(values.values()))  # else the line above says nothing


@pytest.mark.parametrize(
    "params",
    [
        {"population": 0},
        {"sample": 0},
        {"population": 5, "sample": 6},
        {"population": 2.5, "sample": 1},
        {"sample": 1.5},
        {"population": True, "sample": True},
        {"population": "50"},
    ],
)
def test_unusable_parameters_are_refused(params):
    with pytest.raises(StrategyError):
        RegularizedEvolution(**params)
