"""What optimisers of other projects are told, and what becomes of their proposals; no library is needed."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pytest

from nasbench.constraint import Constraint
from nasbench.parameter import Parameter
from nasbench.problem import Objective, Observation, Problem, Trial
from nasbench.spaces.grid import GridSpace
from nasbench.spaces.table import TableSpace
from nasbench.strategies.foreign.foreign_search import ForeignSearch, nearest

GRID = GridSpace([Parameter(f"p{i}", tuple(range(c))) for i, c in enumerate((3, 4, 2))])


@dataclass
class Dictated(ForeignSearch):
    """A library that proposes what it is given, and remembers what it is told."""

    max_objectives: ClassVar[int | None] = None
    proposals: ClassVar[list[tuple[int, ...]]] = []

    log: list[tuple[str, int, Any]] = field(init=False, repr=False, compare=False)
    _count: int = field(init=False, repr=False, compare=False)

    def _open(self, problem, seed):
        self.log, self._count = [], 0

    def _propose(self):
        self._count += 1
        return self._count - 1, self.proposals[self._count - 1]

    def _place(self, genotype):
        return genotype

    def _report(self, proposal, values):
        self.log.append(("told", proposal, values))

    def _reject(self, proposal):
        self.log.append(("rejected", proposal, None))


def dictated(proposals, space=GRID, directions=("maximize",)):
    strategy = Dictated()
    Dictated.proposals = list(proposals)
    objectives = [Objective(f"o{i}", d) for i, d in enumerate(directions)]
    strategy.start(Problem(space, objectives, np.random.default_rng(0)), np.random.default_rng(1))
    return strategy


def test_values_are_told_as_utilities_in_any_order():
    strategy = dictated([(0, 0, 0), (1, 1, 1), (0, 0, 0)], directions=("maximize", "minimize"))
    trials = strategy.ask(3)
    assert [t.genotype for t in trials] == Dictated.proposals
    strategy.tell(trials[2], Observation((3.0, 7.0)))
    strategy.tell(trials[0], Observation((1.0, float("nan")), status="failed"))
    strategy.tell(Trial(*trials[1]), Observation((float("nan"), 2.0), status="failed"))
    assert strategy.log == [("told", 2, [3.0, -7.0]), ("told", 0, None), ("told", 1, None)]


@pytest.mark.parametrize("reads_order", [True, False])
def test_what_breaks_a_constraint_is_told_in_order_or_as_failed(reads_order, monkeypatch):
    monkeypatch.setattr(Dictated, "_reads_order", reads_order)
    strategy = dictated([(0, 0, 0), (1, 1, 1), (2, 2, 0), (0, 1, 0)])
    strategy.problem.constraints = (Constraint("size", "<=", 10.0),)
    for trial, (value, size) in zip(
        strategy.ask(4), [(3.0, 9.0), (8.0, 15.0), (9.0, 20.0), (np.nan, 20.0)], strict=True
    ):
        strategy.tell(trial, Observation((value,), constraints=(size,)))
    best, less, more, failed = [values for _, _, values in strategy.log]
    assert best == [3.0]
    assert failed is None
    if reads_order:
        assert 3.0 > less[0] > more[0] > -np.inf
    else:
        assert less is more is None


def test_adopted_architectures_are_told_by_their_own_handle():
    strategy = dictated([])
    strategy.tell(strategy.adopt((0, 2, 1)), Observation((4.0,)))
    assert strategy.log == [("told", (0, 2, 1), [4.0])]


def test_invalid_proposals_are_rejected_without_a_trial():
    half = TableSpace(GRID, GRID.all()[GRID.all()[:, 2] == 0])
    strategy = dictated([(0, 0, 1), (1, 1, 1), (2, 3, 0), (0, 1, 0)], half)
    first, second = strategy.ask(2)
    assert [(t.number, t.genotype) for t in (first, second)] == [(0, (2, 3, 0)), (1, (0, 1, 0))]
    assert strategy.log == [("rejected", 0, None), ("rejected", 1, None)]
    strategy.tell(first, Observation((5.0,)))
    assert strategy.log[2:] == [("told", 2, [5.0])]


def test_after_eight_attempts_the_nearest_takes_the_place_of_the_last():
    half = TableSpace(GRID, GRID.all()[GRID.all()[:, 2] == 0])
    strategy = dictated([(0, 0, 1)] * 7 + [(2, 1, 1)], half)
    (trial,) = strategy.ask()
    assert trial.genotype == (2, 1, 0)
    assert [kind for kind, *_ in strategy.log] == ["rejected"] * 7
    strategy.tell(trial, Observation((5.0,)))
    assert strategy.log[7] == ("told", 7, [5.0])


def test_where_few_combinations_are_valid_a_proposal_is_repaired_at_once():
    strategy = dictated([(2, 2, 1)], TableSpace(GRID, [(0, 0, 0), (2, 3, 1)]))
    assert strategy.ask()[0].genotype == (2, 3, 1)
    assert strategy.log == []


@pytest.mark.parametrize("seed", range(3))
def test_the_nearest_is_that_of_brute_force(seed):
    rng = np.random.default_rng(seed)
    rows = rng.permutation(GRID.all())[:7]
    space = TableSpace(GRID, rows)
    for genotype in map(tuple, GRID.all().tolist()):
        distances = (rows != genotype).sum(axis=1)
        assert nearest(space, genotype, rng) == tuple(rows[distances.argmin()].tolist())


def test_in_a_space_too_large_to_list_the_nearest_is_of_a_sample():
    class Even(GridSpace):
        """Of 4^30 genotypes those whose last gene is 0."""

        size = 4**29

        def _valid(self, batch):
            return batch[:, -1] == 0

        def sample(self, rng, n=1):
            return np.column_stack([rng.integers(0, 4, (n, 29)), np.zeros(n, dtype=np.int64)])

    space, rng = Even([Parameter(f"p{i}", tuple(range(4))) for i in range(30)]), np.random.default_rng(0)
    assert nearest(space, (1,) * 29 + (0,), rng) == (1,) * 29 + (0,)
    found = nearest(space, (1,) * 30, rng)
    assert space.valid([found])[0]
    assert sum(gene == 1 for gene in found) > 10
