"""What every strategy inherits: starting, numbering, and the check of numbers."""

import numpy as np
import pytest

from nasbench.errors import StrategyError
from nasbench.problem import Objective, Problem
from nasbench.spaces.grid import GridSpace
from nasbench.strategies.evolutionary.local_search import LocalSearch
from nasbench.strategies.hyperparameters import positive

SPACE = GridSpace.of({"a": [1, 2, 3], "b": ["x", "y"]})


def problem(objectives=1):
    return Problem(SPACE, [Objective(f"m{i}") for i in range(objectives)], np.random.default_rng(0))


def test_more_objectives_than_it_handles_are_refused_by_name():
    with pytest.raises(StrategyError, match="LocalSearch optimises 1 objective, the task has 2"):
        LocalSearch().start(problem(2), np.random.default_rng(0))


def test_starting_again_starts_afresh():
    strategy = LocalSearch()
    strategy.start(problem(), np.random.default_rng(0))
    first = strategy.ask(4)
    strategy.start(problem(), np.random.default_rng(0))
    assert strategy.ask(4) == first


def test_state_is_neither_compared_nor_shown():
    one, other = LocalSearch(), LocalSearch()
    one.start(problem(), np.random.default_rng(0))
    assert one == other
    assert repr(one) == repr(other) == "LocalSearch(initial=10, acceptance='first')"


@pytest.mark.parametrize("value", [0, -1, -0.5, float("nan"), "3", None, True, [1]])
def test_positive_refuses_and_names(value):
    with pytest.raises(StrategyError, match="width must be a positive number"):
        positive(depth=1, width=value)


def test_positive_accepts_whole_and_real_numbers():
    positive(depth=1, width=0.25, height=10**12)
