"""Synchronous successive halving."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nasbench.strategies.hyperparameters import whole
from nasbench.strategies.multi_fidelity.brackets import BracketSearch
from nasbench.strategies.multi_fidelity.ladder import Plan, halving_plan


@dataclass
class SuccessiveHalving(BracketSearch):
    """Many architectures are trained a little, and the best of each rung on.

    A bracket takes new architectures of the seed's design, and the next bracket follows when it is over. With
    several workers, those that would wait for a rung to be complete begin the next bracket.

    The budget that fits is epochs or seconds. One of evaluations counts a short training like a full one, which is
    worse than random search (mean regret on NAS-Bench-NLP after 100: .156 against .129).

    Source: Jamieson and Talwalkar, Non-stochastic Best Arm Identification and Hyperparameter Optimization, AISTATS
    2016; in the form and with the default of Li et al., Hyperband, JMLR 2018: `eta` 3.

    Args:
        eta: one architecture in `eta` climbs to the next rung, which is about `eta` times as long.
        min_epochs: of the first rung; None for about four rungs.
        architectures: of a bracket's first rung; None for as many as leave one that is trained in full.
    """

    architectures: int | None = None

    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.architectures is not None:
            whole(1, architectures=self.architectures)

    def _plan(self, number: int) -> Plan:
        return halving_plan(self._ladder, self.architectures)
