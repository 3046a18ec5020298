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
        "asha": ("nasbench.strategies.multi_fidelity.asha:ASHA", None),
        "bananas": ("nasbench.strategies.bayesian.bananas:BANANAS", None),
        "bohb": ("nasbench.strategies.multi_fidelity.bohb:BOHB", None),
        "brp-nas": ("nasbench.strategies.bayesian.brp_nas:BRPNAS", "torch"),
        "cost-aware-gp": ("nasbench.strategies.bayesian.cost_aware_gp:CostAwareGP", None),
        "curve-extrapolation": ("nasbench.strategies.multi_fidelity.curve_extrapolation:CurveExtrapolation", None),
        "dehb": ("nasbench.strategies.multi_fidelity.dehb:DEHB", None),
        "differential-evolution": (
            "nasbench.strategies.evolutionary.differential_evolution:DifferentialEvolution",
            None,
        ),
        "dngo": ("nasbench.strategies.bayesian.dngo:DNGO", None),
        "ehvi": ("nasbench.strategies.multi_objective.ehvi:ExpectedHypervolumeImprovement", None),
        "genetic-algorithm": ("nasbench.strategies.evolutionary.genetic_algorithm:GeneticAlgorithm", None),
        "gp": ("nasbench.strategies.bayesian.gp:GaussianProcessSearch", None),
        "grid-search": ("nasbench.strategies.baselines.grid_search:GridSearch", None),
        "hyperband": ("nasbench.strategies.multi_fidelity.hyperband:Hyperband", None),
        "iterated-local-search": ("nasbench.strategies.evolutionary.iterated_local_search:IteratedLocalSearch", None),
        "lanas": ("nasbench.strategies.evolutionary.lanas:LaNAS", None),
        "local-pareto-search": ("nasbench.strategies.multi_objective.local_pareto_search:LocalParetoSearch", None),
        "local-search": ("nasbench.strategies.evolutionary.local_search:LocalSearch", None),
        "lstm-controller": ("nasbench.strategies.reinforcement.lstm_controller:LSTMController", "torch"),
        "mcts": ("nasbench.strategies.evolutionary.mcts:MonteCarloTreeSearch", None),
        "median-stopping": ("nasbench.strategies.multi_fidelity.median_stopping:MedianStopping", None),
        "mo-regularized-evolution": (
            "nasbench.strategies.multi_objective.mo_regularized_evolution:MultiObjectiveRegularizedEvolution",
            None,
        ),
        "nasbowl": ("nasbench.strategies.bayesian.nasbowl:NASBOWL", None),
        "nevergrad-discrete-one-plus-one": (
            "nasbench.strategies.foreign.nevergrad_optimizers:NevergradDiscreteOnePlusOne",
            "nevergrad",
        ),
        "nevergrad-ngopt": ("nasbench.strategies.foreign.nevergrad_optimizers:NevergradNGOpt", "nevergrad"),
        "nevergrad-portfolio": ("nasbench.strategies.foreign.nevergrad_optimizers:NevergradPortfolio", "nevergrad"),
        "npenas": ("nasbench.strategies.evolutionary.npenas:NPENAS", None),
        "nsga-ii": ("nasbench.strategies.multi_objective.nsga_ii:NSGAII", None),
        "optuna-cma-es": ("nasbench.strategies.foreign.optuna_samplers:OptunaCmaEs", "optuna"),
        "optuna-gp": ("nasbench.strategies.foreign.optuna_samplers:OptunaGP", "optuna"),
        "optuna-nsga-ii": ("nasbench.strategies.foreign.optuna_samplers:OptunaNSGAII", "optuna"),
        "optuna-tpe": ("nasbench.strategies.foreign.optuna_samplers:OptunaTPE", "optuna"),
        "parego": ("nasbench.strategies.multi_objective.parego:ParEGO", None),
        "ppo": ("nasbench.strategies.reinforcement.ppo:PPO", "torch"),
        "predictor-guided-evolution": (
            "nasbench.strategies.evolutionary.predictor_guided_evolution:PredictorGuidedEvolution",
            None,
        ),
        "proxy-ranking": ("nasbench.strategies.baselines.proxy_ranking:ProxyRanking", None),
        "quasi-random": ("nasbench.strategies.baselines.quasi_random:QuasiRandom", None),
        "random-search": ("nasbench.strategies.baselines.random_search:RandomSearch", None),
        "random-search-large": ("nasbench.strategies.baselines.random_search_large:RandomSearchLarge", None),
        "random-search-with-replacement": (
            "nasbench.strategies.baselines.random_search_with_replacement:RandomSearchWithReplacement",
            None,
        ),
        "regularized-evolution": ("nasbench.strategies.evolutionary.regularized_evolution:RegularizedEvolution", None),
        "reinforce": ("nasbench.strategies.reinforcement.reinforce:Reinforce", None),
        "replay": ("nasbench.strategies.baselines.replay:Replay", None),
        "rgpe": ("nasbench.strategies.bayesian.rgpe:RGPE", None),
        "simulated-annealing": ("nasbench.strategies.evolutionary.simulated_annealing:SimulatedAnnealing", None),
        "smac": ("nasbench.strategies.bayesian.smac:SMAC", None),
        "successive-halving": ("nasbench.strategies.multi_fidelity.successive_halving:SuccessiveHalving", None),
        "tpe": ("nasbench.strategies.bayesian.tpe:TPE", None),
        "weaknas": ("nasbench.strategies.bayesian.weaknas:WeakNAS", None),
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
