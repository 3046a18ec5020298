"""What a reward is worth against those before it: the moving-average baseline of policy gradients."""

from __future__ import annotations

from math import isfinite

import numpy as np

from nasbench.errors import StrategyError


class MovingBaseline:
    """Advantages in moving standard deviations around a moving average.

    Both averages are exponential, the weights of the rewards so far scaled to sum to 1. The division
    makes a learning rate mean the same in every unit and bounds what one outlier can do to
    1 / sqrt(1 - decay).

    Args:
        decay: of both averages, at least 0 and below 1.

    Raises:
        StrategyError: another decay.
    """

    def __init__(self, decay: float) -> None:
        if isinstance(decay, bool) or not isinstance(decay, int | float) or not 0 <= decay < 1:
            raise StrategyError(f"baseline must be at least 0 and below 1, got {decay!r}")
        self._decay = decay
        self._weight = self._mean = self._variance = 0.0
        self._worst = np.inf

    def advantage(self, reward: float) -> float:
        """How many moving standard deviations a reward is above the moving average before it.

        Args:
            reward: -inf for a failed trial, which counts as the worst reward so far.

        Returns:
            0 for the first reward, and for failures before it, which teach nothing.
        """
        if isfinite(reward):
            self._worst = min(self._worst, reward)
        elif isfinite(self._worst):
            reward = self._worst
        else:
            return 0.0
        if not self._weight:
            self._mean = reward
        deviation = reward - self._mean
        self._weight = self._decay * self._weight + 1 - self._decay
        share = (1 - self._decay) / self._weight
        self._mean += share * deviation
        self._variance += share * (deviation * deviation - self._variance)
        return deviation / self._variance**0.5 if self._variance > 0 else 0.0
