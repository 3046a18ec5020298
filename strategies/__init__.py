"""Search strategies behind one ask/tell contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from nasbench.errors import StrategyError
from nasbench.registry import Registry

if TYPE_CHECKING:
    from nasbench.space import SearchSpace
    from nasbench.strategies.base import Strategy

REGISTRY = Registry(
    "strategy",
    {
        "bananas": ("nasbench.strategies.bayesian.bananas:BANANAS", None),
        "gp": ("nasbench.strategies.bayesian.gp:GaussianProcessSearch", None),
        "differential-evolution": (
            "nasbench.strategies.evolutionary.differential_evolution:DifferentialEvolution",
            None,
        ),
        "genetic-algorithm": (
            "nasbench.strategies.evolutionary.genetic_algorithm:GeneticAlgorithm",
            None,
        ),
        "grid-search": ("nasbench.strategies.baselines.grid_search:GridSearch", None),
        "iterated-local-search": (
            "nasbench.strategies.evolutionary.iterated_local_search:IteratedLocalSearch",
            None,
        ),
        "lanas": ("nasbench.strategies.evolutionary.lanas:LaNAS", None),
        "local-search": ("nasbench.strategies.evolutionary.local_search:LocalSearch", None),
        "mcts": ("nasbench.strategies.evolutionary.mcts:MonteCarloTreeSearch", None),
        "npenas": ("nasbench.strategies.evolutionary.npenas:NPENAS", None),
        "predictor-guided-evolution": (
            "nasbench.strategies.evolutionary.predictor_guided_evolution:PredictorGuidedEvolution",
            None,
        ),
        "quasi-random": ("nasbench.strategies.baselines.quasi_random:QuasiRandom", None),
        "random-search": ("nasbench.strategies.baselines.random_search:RandomSearch", None),
        "random-search-with-replacement": (
            "nasbench.strategies.baselines.random_search_with_replacement:RandomSearchWithReplacement",
            None,
        ),
        "regularized-evolution": ("nasbench.strategies.evolutionary.regularized_evolution:RegularizedEvolution", None),
        "reinforce": ("nasbench.strategies.reinforcement.reinforce:Reinforce", None),
        "simulated-annealing": ("nasbench.strategies.evolutionary.simulated_annealing:SimulatedAnnealing", None),
    },
    group="nasbench.strategies",
)


def list() -> Sequence[str]:
    """Names of all strategies; imports none of them."""
    return REGISTRY.names()


def create(name: str, **params: Any) -> Strategy:
    """A strategy by name, with hyper-parameters that differ from its defaults.

    Raises:
        UnknownNameError: no such strategy.
        StrategyError: a hyper-parameter that it does not have, or a value that it refuses.
    """
    strategy_class = REGISTRY.get(name)
    known = [f.name for f in fields(strategy_class) if f.init]
    for given in params:
        if given not in known:
            raise StrategyError(f"{name} has no parameter {given!r}; it has {', '.join(known) or 'none'}")
    strategy: Strategy = strategy_class(**params)
    return strategy


def check_strategy(strategy: Strategy, space: SearchSpace | None = None, *, fidelities: Sequence[int] = ()) -> None:
    """Assert that a strategy keeps the ask/tell contract; see `nasbench.strategies.conformance`.

    Raises:
        ConformanceError: it breaks one of `nasbench.strategies.conformance.RULES`.
    """
    from nasbench.strategies.conformance import check_strategy as check

    check(strategy, space, fidelities=fidelities)


__all__ = ["REGISTRY", "check_strategy", "create", "list"]
