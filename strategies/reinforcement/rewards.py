"""One reward out of an accuracy and a cost: the constraints of MnasNet."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, isnan

import numpy as np

from nasbench.errors import StrategyError
from nasbench.problem import Observation, Problem
from nasbench.strategies.hyperparameters import positive

SOFT = -0.07
"""Exponent of the soft constraint: twice the latency is worth it for 5 % more accuracy, relatively."""


@dataclass(frozen=True)
class Reward:
    """The first objective, or with a second one `accuracy * (latency / target) ** w`.

    The exponent w is `alpha` up to the target and `beta` above it. Equal exponents are the soft
    constraint, for which the target is a mere factor; `alpha=0, beta=-1` the hard one, which leaves
    the accuracy alone up to the target and punishes all above.

    The formula is for an accuracy that is maximised and a latency that is minimised. It is continued
    so that a smaller latency is always better: a second objective that is maximised gives the inverse
    ratio, and a first objective whose utility is negative (a loss) is divided by the factor instead of
    multiplied. A second objective of 0 or less has no ratio: the trial counts as failed.

    Source: Tan et al., MnasNet: Platform-Aware Neural Architecture Search for Mobile, CVPR 2019,
    equations 2 and 3.

    Args:
        target: T in the unit of the second objective; None where both exponents are equal.
        alpha: exponent up to the target, at most 0.
        beta: exponent above the target, at most 0.

    Raises:
        StrategyError: an exponent above 0 or a target that is not positive.
    """

    target: float | None = None
    alpha: float = SOFT
    beta: float = SOFT

    def __post_init__(self) -> None:
        if self.target is not None:
            positive(target=self.target)
        for name, value in (("alpha", self.alpha), ("beta", self.beta)):
            if isinstance(value, bool) or not isinstance(value, int | float) or not value <= 0 or not isfinite(value):
                raise StrategyError(f"{name} is an exponent of at most 0, got {value!r}")

    def check_fits(self, problem: Problem) -> None:
        """Check that the target is known where it matters.

        Raises:
            StrategyError: two objectives, different exponents and no target.
        """
        if len(problem.objectives) > 1 and self.target is None and self.alpha != self.beta:
            name = problem.objectives[1].name
            raise StrategyError(f"with alpha={self.alpha} and beta={self.beta} a target for {name} is needed")

    def __call__(self, problem: Problem, observation: Observation) -> float:
        """The reward of what was observed; -inf for a failed trial."""
        utility = problem.utility(observation)
        if len(problem.objectives) < 2 or not isfinite(utility):
            return utility
        second = observation.values[1]
        if isnan(second) or second <= 0:
            return -np.inf
        ratio = second / (self.target or 1.0)
        if problem.objectives[1].sign > 0:
            ratio = 1.0 / ratio
        exponent = self.beta if ratio > 1 else self.alpha
        return float(utility * ratio ** (exponent if utility > 0 else -exponent))
