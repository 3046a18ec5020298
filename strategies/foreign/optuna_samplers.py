"""The samplers of Optuna as strategies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, NSGAIISampler, TPESampler

from nasbench.space import Genotype, SearchSpace
from nasbench.strategies.foreign.optuna_study import OptunaSearch


@dataclass
class OptunaTPE(OptunaSearch):
    """Optuna's tree-structured Parzen estimator, at its default settings.

    With several objectives it splits the trials by their Pareto rank (MOTPE). An architecture that is
    proposed again is asked, and charged, again.

    Source: Akiba et al., Optuna: A Next-generation Hyperparameter Optimization Framework, KDD 2019;
    Bergstra et al., Algorithms for Hyper-Parameter Optimization, NIPS 2011; Ozaki et al., Multiobjective
    Tree-Structured Parzen Estimator, JAIR 2022.
    """

    version: ClassVar[int] = 1
    max_objectives: ClassVar[int | None] = None

    def _sampler(self, seed: int) -> BaseSampler:
        return TPESampler(seed=seed)


@dataclass
class OptunaGP(OptunaSearch):
    """Optuna's Gaussian process, at its default settings.

    It starts with 10 random trials and maximises the logarithm of the expected improvement, or of the
    expected hypervolume improvement where there are several objectives. An architecture that is proposed
    again is asked, and charged, again.

    Source: Akiba et al., Optuna: A Next-generation Hyperparameter Optimization Framework, KDD 2019; Ament
    et al., Unexpected Improvements to Expected Improvement for Bayesian Optimization, NeurIPS 2023.
    """

    version: ClassVar[int] = 1
    max_objectives: ClassVar[int | None] = None
    _reads_order: ClassVar[bool] = False

    def _sampler(self, seed: int) -> BaseSampler:
        return GPSampler(seed=seed)


@dataclass
class OptunaNSGAII(OptunaSearch):
    """Optuna's non-dominated sorting genetic algorithm II, at its default settings: a population of 50.

    An architecture that is proposed again is asked, and charged, again.

    Source: Akiba et al., Optuna: A Next-generation Hyperparameter Optimization Framework, KDD 2019; Deb et
    al., A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II, IEEE TEC 2002.
    """

    version: ClassVar[int] = 1
    min_objectives: ClassVar[int] = 2
    max_objectives: ClassVar[int | None] = None

    def _sampler(self, seed: int) -> BaseSampler:
        return NSGAIISampler(seed=seed)


@dataclass
class OptunaCmaEs(OptunaSearch):
    """Optuna's covariance matrix adaptation evolution strategy, at its default settings.

    It knows numbers only. An ordered position is an integer, as in Optuna. For any other position, where
    Optuna itself would fall back to random search, each choice is a number from 0 to 1 and the largest
    says what is chosen; that relaxation is ours. An architecture that is proposed again is asked, and
    charged, again.

    Source: Akiba et al., Optuna: A Next-generation Hyperparameter Optimization Framework, KDD 2019; Hansen
    and Ostermeier, Completely Derandomized Self-Adaptation in Evolution Strategies, Evolutionary
    Computation 2001.
    """

    version: ClassVar[int] = 1

    def _sampler(self, seed: int) -> BaseSampler:
        return CmaEsSampler(seed=seed)

    def _describe(self, space: SearchSpace) -> dict[str, BaseDistribution]:
        found: dict[str, BaseDistribution] = {}
        for i, parameter in enumerate(space.parameters):
            if parameter.ordered:
                found[str(i)] = IntDistribution(0, len(parameter) - 1)
            else:
                found |= {f"{i}={c}": FloatDistribution(0.0, 1.0) for c in range(len(parameter))}
        return found

    def _params(self, genotype: Genotype) -> dict[str, int | float]:
        params: dict[str, int | float] = {}
        for i, (parameter, gene) in enumerate(zip(self.problem.space.parameters, genotype, strict=True)):
            if parameter.ordered:
                params[str(i)] = gene
            else:
                params |= {f"{i}={c}": float(c == gene) for c in range(len(parameter))}
        return params

    def _genotype(self, params: dict[str, int | float]) -> Genotype:
        genotype = []
        for i, parameter in enumerate(self.problem.space.parameters):
            if parameter.ordered:
                genotype.append(int(params[str(i)]))
            else:
                genotype.append(max(range(len(parameter)), key=lambda c, i=i: params[f"{i}={c}"]))  # type: ignore[misc]
        return tuple(genotype)
