"""Every strategy on a space of 10^18 architectures that nobody can list: two workers, one trial in ten fails."""

import pytest

import nasbench.strategies as registry
from nasbench.errors import MissingExtraError
from nasbench.spaces.darts import DartsSpace
from nasbench.strategies.conformance import _Driver
from nasbench.strategies.landscapes import Landscape

EVALUATIONS = 45
"""Past the random start of every strategy, where that of evolution by age is made smaller."""

SLOW = ("brp-nas", "cost-aware-gp", "dngo", "optuna-gp", "weaknas")
SMALLER_START = {
    "mo-regularized-evolution": {"population": 20},
    "nsga-ii": {"population": 20},
    "regularized-evolution": {"population": 20},
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in registry.list()]
)
def test_every_strategy_searches_darts(name):
    """The driver checks every trial: valid, numbered once, at a fidelity that there is; nothing may raise."""
    try:
        strategy = registry.create(name, **SMALLER_START.get(name, {}))
    except MissingExtraError as error:
        pytest.skip(str(error))
    trace = _Driver(strategy, ()).run(Landscape(DartsSpace(), failing=0.1), EVALUATIONS, workers=2)
    assert len(trace) == EVALUATIONS
    assert len(set(trace)) >= 30  # a library, or evolution by age, may ask again
