"""Hyperband: brackets of successive halving that stop early more or less eagerly."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from nasbench.problem import Problem
from nasbench.strategies.multi_fidelity.brackets import BracketSearch
from nasbench.strategies.multi_fidelity.ladder import Plan, hyperband_plans


@dataclass
class Hyperband(BracketSearch):
    """Successive halving from every rung in turn, so that no length of training has to be trusted.

    An iteration begins with the bracket that stops most eagerly and ends with one that trains a few architectures
    in full; then it begins anew. All architectures come from the seed's design.

    The budget that fits is epochs or seconds. One of evaluations counts a short training like a full one, which is
    worse than random search (mean regret on NAS-Bench-NLP after 100: .176 against .129).

    Source: Li et al., Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization, JMLR 2018. `eta` 3
    and the sizes of the brackets are the paper's (table 1).

    Args:
        eta: one architecture in `eta` climbs to the next rung, which is about `eta` times as long.
        min_epochs: of the first rung; None for about four rungs.
    """

    version: ClassVar[int] = 1

    _plans: list[Plan] = field(init=False, repr=False, compare=False)

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Begin with the most exploring bracket."""
        super().start(problem, rng)
        self._plans = hyperband_plans(self._ladder)

    def _plan(self, number: int) -> Plan:
        return self._plans[number % len(self._plans)]
