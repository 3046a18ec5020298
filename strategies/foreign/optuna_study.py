"""Optuna's samplers behind ask and tell: the study, and how a genotype is described to it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from warnings import catch_warnings, simplefilter

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

from nasbench.problem import Problem
from nasbench.space import Genotype, SearchSpace
from nasbench.strategies.foreign.foreign_search import ForeignSearch


@dataclass
class OptunaSearch(ForeignSearch):
    """A study in memory, with a sampler of Optuna at its default settings.

    A failed trial is told as failed, which samplers leave out; a rejected proposal as pruned, which a
    sampler of one objective counts among the bad ones, and as failed where there are several objectives.
    """

    _study: optuna.Study = field(init=False, repr=False, compare=False)
    _distributions: dict[str, BaseDistribution] = field(init=False, repr=False, compare=False)
    _rejected: TrialState = field(init=False, repr=False, compare=False)

    @abstractmethod
    def _sampler(self, seed: int) -> BaseSampler:
        """The sampler."""

    def _describe(self, space: SearchSpace) -> dict[str, BaseDistribution]:
        """Distributions by name, in the order of positions: an integer where ordered, else categories."""
        return {
            str(i): IntDistribution(0, len(p) - 1) if p.ordered else CategoricalDistribution(range(len(p)))
            for i, p in enumerate(space.parameters)
        }

    def _genotype(self, params: dict[str, int | float]) -> Genotype:
        """The genotype that a trial's parameters mean."""
        return tuple(int(params[name]) for name in self._distributions)

    def _open(self, problem: Problem, seed: int) -> None:
        several = len(problem.objectives) > 1
        self._rejected = TrialState.FAIL if several else TrialState.PRUNED
        self._distributions = self._describe(problem.space)
        with quiet():
            self._study = optuna.create_study(
                sampler=self._sampler(seed), study_name="search", directions=["maximize"] * len(problem.objectives)
            )

    def _params(self, genotype: Genotype) -> dict[str, int | float]:
        """A trial's parameters that mean the genotype: the inverse of `_genotype`."""
        return dict(zip(self._distributions, genotype, strict=True))

    def _place(self, genotype: Genotype) -> optuna.Trial:
        with quiet():
            self._study.enqueue_trial(self._params(genotype))
            return self._study.ask(self._distributions)

    def _propose(self) -> tuple[optuna.Trial, Genotype]:
        with quiet():
            trial = self._study.ask(self._distributions)
        return trial, self._genotype(trial.params)

    def _report(self, proposal: optuna.Trial, values: list[float] | None) -> None:
        with quiet():
            if values is None:
                self._study.tell(proposal, state=TrialState.FAIL)
            else:
                self._study.tell(proposal, values)

    def _reject(self, proposal: optuna.Trial) -> None:
        with quiet():
            self._study.tell(proposal, state=self._rejected)


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back Optuna's messages and its warnings about experimental parts; afterwards all is as before."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with catch_warnings():
            simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(level)
