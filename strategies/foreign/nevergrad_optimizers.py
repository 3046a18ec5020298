"""Optimisers of Nevergrad as strategies."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar
from warnings import catch_warnings, simplefilter

import nevergrad
import numpy as np

from nasbench.problem import Problem
from nasbench.space import Genotype
from nasbench.strategies.foreign.foreign_search import ForeignSearch

_NOMINAL_BUDGET = 500
"""Evaluations that the library, whose wizard needs a number, plans for where the task limits something else."""


@dataclass
class NevergradSearch(ForeignSearch):
    """An optimiser of Nevergrad's registry, at its default settings.

    It is told the budget of evaluations and the number of workers. A failed trial and a rejected proposal
    are told as the worst value so far; before there is one they are not told.

    Every position is a `TransitionChoice`, the ordered kind, also where it has no order. `Choice` draws
    anew from softmax weights at each proposal: with it the (1+1) strategies did not climb (cifar100 of
    NAS-Bench-201, mean regret after 150: 1.6 to 2.0, random search 1.8). The library begins at the middle
    choice of every position, and may take neighbours for alike; so the choices without an order are numbered
    at random for each run.
    """

    _numbering: list[list[int]] = field(init=False, repr=False, compare=False)
    _optimizer: Any = field(init=False, repr=False, compare=False)
    _random: np.random.RandomState = field(init=False, repr=False, compare=False)
    _worst: float = field(init=False, repr=False, compare=False)

    @abstractmethod
    def _name(self) -> str:
        """The optimiser's name in the registry."""

    def _open(self, problem: Problem, seed: int) -> None:
        self._random, self._worst = np.random.RandomState(seed), -np.inf
        self._numbering = [
            list(range(len(p))) if p.ordered else self.rng.permutation(len(p)).tolist()
            for p in problem.space.parameters
        ]
        make = nevergrad.optimizers.registry[self._name()]
        with self._apart():
            choices = [nevergrad.p.TransitionChoice(range(len(p))) for p in problem.space.parameters]
            parametrization = nevergrad.p.Tuple(*choices)
            parametrization.random_state = np.random.RandomState(seed)
            self._optimizer = make(
                parametrization, budget=problem.evaluations or _NOMINAL_BUDGET, num_workers=problem.workers
            )

    def _propose(self) -> tuple[Any, Genotype]:
        with self._apart():
            candidate = self._optimizer.ask()
        return candidate, tuple(
            choices[number] for choices, number in zip(self._numbering, candidate.value, strict=True)
        )

    def _place(self, genotype: Genotype) -> Any:
        numbers = tuple(choices.index(gene) for choices, gene in zip(self._numbering, genotype, strict=True))
        with self._apart():
            return self._optimizer.parametrization.spawn_child(new_value=numbers)

    def _report(self, proposal: Any, values: list[float] | None) -> None:
        loss = self._worst if values is None else -values[0]
        if loss > -np.inf:
            self._worst = max(self._worst, loss)
            with self._apart():
                self._optimizer.tell(proposal, loss)

    def _reject(self, proposal: Any) -> None:
        self._report(proposal, None)

    @contextmanager
    def _apart(self) -> Iterator[None]:
        """Give the library a global generator of its own, which parts of it draw from; hold back its warnings."""
        outside = np.random.get_state()  # noqa: NPY002
        np.random.set_state(self._random.get_state())  # noqa: NPY002
        try:
            with catch_warnings():
                simplefilter("ignore")
                yield
        finally:
            self._random.set_state(np.random.get_state())  # noqa: NPY002
            np.random.set_state(outside)  # noqa: NPY002


@dataclass
class NevergradDiscreteOnePlusOne(NevergradSearch):
    """Nevergrad's discrete (1+1) evolution strategy: the best so far, one position changed on average.

    An architecture that is proposed again is asked, and charged, again.
    Where few architectures keep the constraints it may stay where none does: with 2 % of cifar10's, 3 of 8 runs
    had found none after 150 evaluations, of random search one in 25.

    Source: Bennet et al., Nevergrad: Black-Box Optimization Platform, SIGEVOlution 2021; Doerr, Doerr and
    Kötzing, Static and Self-Adjusting Mutation Strengths for Multi-Valued Decision Variables, 2018.
    """

    version: ClassVar[int] = 2

    def _name(self) -> str:
        return "DiscreteOnePlusOne"


@dataclass
class NevergradPortfolio(NevergradSearch):
    """Nevergrad's `PortfolioDiscreteOnePlusOne`: a discrete (1+1) strategy that draws its mutation rate.

    An architecture that is proposed again is asked, and charged, again.

    Source: Bennet et al., Nevergrad: Black-Box Optimization Platform, SIGEVOlution 2021; Dang and Lehre,
    Self-Adaptation of Mutation Rates in Non-elitist Populations, PPSN 2016.
    """

    version: ClassVar[int] = 2

    def _name(self) -> str:
        return "PortfolioDiscreteOnePlusOne"


@dataclass
class NevergradNGOpt(NevergradSearch):
    """Nevergrad's wizard, which picks an optimiser by the kind of space, the budget and the workers.

    An architecture that is proposed again is asked, and charged, again.
    Where few architectures keep the constraints it may stay where none does: with 2 % of cifar10's, 3 of 8 runs
    had found none after 150 evaluations, of random search one in 25.

    Source: Meunier et al., Black-Box Optimization Revisited: Improving Algorithm Selection Wizards through
    Massive Benchmarking, IEEE TEVC 2022; Bennet et al., Nevergrad: Black-Box Optimization Platform,
    SIGEVOlution 2021.
    """

    version: ClassVar[int] = 2

    def _name(self) -> str:
        return "NGOpt"
