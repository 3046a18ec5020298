"""Local search against an independent 30-line one, and its promises: no repeats, no early end."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from nasbench.errors import StrategyError
from nasbench.parameter import Parameter
from nasbench.problem import Objective, Observation, Problem
from nasbench.spaces.constrained import ConstrainedSpace
from nasbench.spaces.grid import GridSpace
from nasbench.strategies.evolutionary.local_search import LocalSearch

CELL = GridSpace.of({f"edge {i}": ["a", "b", "c", "d", "e"] for i in range(5)})
SMALL = GridSpace.of({"a": [1, 2, 3], "b": [1, 2, 3, 4], "c": ["x", "y"]})


class Banned(ConstrainedSpace):
    """A grid without its middle, so that some of its architectures have few neighbours or none."""

    kind = "banned"

    def _members(self):
        full = GridSpace(self.parameters).all()
        return full[(full.sum(axis=1) <= 1) | (full.sum(axis=1) >= 5)]


BANNED = Banned([Parameter(f"p{i}", (0, 1, 2)) for i in range(3)])
SPACES = {"cell": CELL, "small": SMALL, "banned": BANNED}


def landscape(space, seed, *, ruggedness=1.0, failing=0.0, levels=None):
    """genotype -> value: main effects plus a rugged rest; some fail, few levels make ties."""
    rng = np.random.default_rng([seed, 77])
    genotypes = space.all()
    main = sum(rng.normal(size=8)[column] for column in genotypes.T)
    value = main + ruggedness * rng.normal(size=len(genotypes))
    if levels:
        value = np.floor(value * levels)
    value[rng.random(len(value)) < failing] = np.nan
    return {tuple(g): v for g, v in zip(genotypes.tolist(), value.tolist(), strict=True)}


def started(strategy, space, seed, direction="maximize"):
    problem = Problem(space, [Objective("m", direction)], np.random.default_rng([seed, 1]))
    strategy.start(problem, np.random.default_rng([seed, 2]))
    return strategy


def observe(values, trial):
    value = values[trial.genotype]
    return Observation((value,), status="ok" if value == value else "failed")


def climb(strategy, values, n):
    asked = []
    while len(asked) < n and (trials := strategy.ask()):
        asked.append(trials[0].genotype)
        strategy.tell(trials[0], observe(values, trials[0]))
    return asked


class Spent(Exception):
    """The budget of the textbook loop is over."""


def textbook(space, values, seed, initial, acceptance, n):
    """Local search as a loop that calls the function, on the same random numbers."""
    starts = Problem(space, [Objective("m")], np.random.default_rng([seed, 1])).design()
    rng, known = np.random.default_rng([seed, 2]), {}

    def value(genotype):
        if genotype not in known:
            if len(known) == n:
                raise Spent
            known[genotype] = values[genotype] if values[genotype] == values[genotype] else -np.inf
        return known[genotype]

    try:
        pool = list(islice(starts, initial))
        while True:
            centre = max(pool, key=value)
            while value(centre) > -np.inf:
                around = space.neighbours(centre)
                around = [around[i] for i in rng.permutation(len(around))]
                if acceptance == "first":
                    better = next((g for g in around if value(g) > value(centre)), None)
                else:
                    better = max(around, key=value, default=centre)
                if better is None or value(better) <= value(centre):
                    break
                centre = better
            pool = [next(g for g in starts if g not in known)]
    except (Spent, StopIteration):
        return list(known)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("acceptance", ["first", "steepest"])
@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    initial=st.integers(1, 12),
    n=st.integers(1, 400),
    failing=st.sampled_from([0.0, 0.3]),
    levels=st.sampled_from([None, 1]),
    minimise=st.booleans(),
)
def test_equals_the_textbook_loop(space, acceptance, seed, initial, n, failing, levels, minimise):
    space = SPACES[space]
    values = landscape(space, seed, failing=failing, levels=levels)
    expected = textbook(space, values, seed, initial, acceptance, n)
    if minimise:
        values = {g: -v for g, v in values.items()}
    strategy = LocalSearch(initial=initial, acceptance=acceptance)
    asked = climb(started(strategy, space, seed, "minimize" if minimise else "maximize"), values, n)
    assert asked == expected


def test_evaluations_are_counted_exactly_on_a_landscape_with_one_optimum():
    """Value = -sum of genes: each steepest move sets one gene to 0, until none is left."""
    values = {g: -float(sum(g)) for g in map(tuple, CELL.all().tolist())}
    asked = climb(started(LocalSearch(initial=1, acceptance="steepest"), CELL, seed=4), values, 200)
    moves = sum(gene > 0 for gene in asked[0])
    # Of 20 neighbours, a move along position p leaves those along p known (4 with the old centre);
    # from the second move on also the one that undoes the move before.
    climbed = 1 + 20 + 16 + 15 * (moves - 1)
    assert set(CELL.neighbours((0,) * 5)) | {(0,) * 5} <= set(asked[:climbed])
    design = Problem(CELL, [Objective("m")], np.random.default_rng([4, 1])).design()
    assert asked[climbed] == next(g for g in design if g not in asked[:climbed])


def test_neighbours_are_tried_in_uniformly_random_order():
    counts = np.zeros((2, 6))
    for seed in range(3000):
        strategy = started(LocalSearch(initial=1), SMALL, seed)
        (start,) = strategy.ask()
        strategy.tell(start, Observation((1.0,)))
        around = SMALL.neighbours(start.genotype)
        for place, trial in enumerate(strategy.ask(2)):
            counts[place, around.index(trial.genotype)] += 1
    assert chisquare(counts[0]).pvalue > 1e-4
    assert chisquare(counts[1]).pvalue > 1e-4


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("acceptance", ["first", "steepest"])
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_any_order_of_asks_and_tells_covers_the_space_once(space, acceptance, data):
    """Workers finish out of order, asks come in batches: no repeats, and empty only at the end."""
    space = SPACES[space]
    if space is CELL:
        space = GridSpace.of({f"edge {i}": ["a", "b", "c"] for i in range(4)})
    seed = data.draw(st.integers(0, 1000))
    values = landscape(space, seed, failing=0.2)
    strategy = started(LocalSearch(initial=4, acceptance=acceptance), space, seed)
    rng, workers = np.random.default_rng(seed), data.draw(st.integers(1, 12))
    flying, asked, empty = [], [], False
    while not empty or flying:
        trials = strategy.ask(int(rng.integers(1, workers + 1)))
        if not trials:
            assert len(asked) == space.size
        empty = not trials
        flying += trials
        asked += [trial.genotype for trial in trials]
        while flying and (empty or len(flying) >= workers):
            done = flying.pop(int(rng.integers(len(flying))))
            strategy.tell(done, observe(values, done))
    assert len(set(asked)) == len(asked) == space.size


def test_a_failed_start_is_never_climbed_from():
    values = dict.fromkeys(map(tuple, CELL.all().tolist()), float("nan"))
    strategy = started(LocalSearch(initial=3), CELL, seed=0)
    asked = climb(strategy, values, 60)
    design = Problem(CELL, [Objective("m")], np.random.default_rng([0, 1])).initial(60)
    assert asked == design


def test_a_plateau_is_no_improvement():
    values = dict.fromkeys(map(tuple, CELL.all().tolist()), 1.0)
    strategy = started(LocalSearch(initial=1), CELL, seed=0)
    asked = climb(strategy, values, 22)
    assert set(asked[1:21]) == set(CELL.neighbours(asked[0]))
    assert asked[21] not in CELL.neighbours(asked[0])


def test_an_improvement_told_late_is_still_moved_to():
    strategy = started(LocalSearch(initial=1), CELL, seed=1)
    (start,) = strategy.ask()
    strategy.tell(start, Observation((0.0,)))
    slow, quick = strategy.ask(2)
    strategy.tell(quick, Observation((1.0,)))
    (after,) = strategy.ask()
    assert after.genotype in CELL.neighbours(quick.genotype)
    strategy.tell(slow, Observation((2.0,)))
    (after,) = strategy.ask()
    assert after.genotype in CELL.neighbours(slow.genotype)


def test_idle_workers_evaluate_the_next_restarts():
    strategy = started(LocalSearch(initial=2), CELL, seed=1)
    design = Problem(CELL, [Objective("m")], np.random.default_rng([1, 1])).initial(5)
    first = strategy.ask(5)
    assert [trial.genotype for trial in first] == design
    for trial, value in zip(first, (1.0, 3.0, 9.0, 2.0, 4.0), strict=True):
        strategy.tell(trial, Observation((value,)))
    (neighbour,) = strategy.ask()
    assert neighbour.genotype in CELL.neighbours(design[1])  # the better of the first two
    strategy.tell(neighbour, Observation((0.0,)))
    for _ in range(19):
        (neighbour,) = strategy.ask()
        strategy.tell(neighbour, Observation((0.0,)))
    (restart,) = strategy.ask()
    assert restart.genotype in CELL.neighbours(design[2])  # known already, so climbed from at once


@pytest.mark.parametrize(
    "params",
    [{"initial": 0}, {"initial": 1.5}, {"initial": True}, {"initial": "10"}, {"acceptance": "best"}],
)
def test_unusable_parameters_are_refused(params):
    with pytest.raises(StrategyError):
        LocalSearch(**params)
