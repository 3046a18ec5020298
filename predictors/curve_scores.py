"""Scores of the start of a learning curve, which need no targets: sums of losses, and the last value.

A score rises with the metric that it is to predict: sums of losses are negated where that is to be maximised.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from nasbench.benchmark import Benchmark
from nasbench.errors import TaskError
from nasbench.predictors.column_encoders import Floats, PartialCurves
from nasbench.space import SearchSpace


def exponential_sum(curves: Floats, decay: float) -> Floats:
    """Sum of decay^(T - t) x_t over t, of curves `(n, T)`: `(n,)`, where recent values count most."""
    return np.asarray(curves @ decay ** np.arange(curves.shape[1] - 1, -1, -1))


class CurveScore(PartialCurves):
    """Base of the encoders that make one number of the start of a curve.

    Args:
        space: where the genotypes live.
        benchmark: one with rows for them, or its name.
        metric: of the curve; None takes `train_loss` for sums of losses, else the benchmark's objective.
        epoch: the last to look at.
        target: the metric that is to be predicted, for its direction; None takes the benchmark's objective.
        repeat: one training run; None takes the mean over those that there are.
        protocol: training recipe; the benchmark's first by default.
        missing: `error`, or `impute`: an architecture without a number, whose training failed, gets the
            training set's worst score.
    """

    usual: ClassVar[str | None] = None
    """The metric to take by default; None for the benchmark's objective."""

    def __init__(
        self,
        space: SearchSpace,
        benchmark: Benchmark | str,
        metric: str | None = None,
        epoch: int = 12,
        target: str | None = None,
        repeat: int | None = None,
        protocol: str | None = None,
        missing: str = "error",
    ) -> None:
        super().__init__(space, benchmark, metric, epoch, repeat, protocol, missing)
        self.target = target

    @abstractmethod
    def _score(self, curves: Floats) -> Floats:
        """The score `(n,)` of curves `(n, T)` without missing numbers, before its sign."""

    def _metric(self) -> str:
        bench = self._bench
        curves = bench.protocol(self.protocol).curve
        if self.metric is None and self.usual is not None and self.usual not in curves:
            known = ", ".join(name for name, curve in curves.items() if "test" not in curve.split) or "none"
            raise TaskError(f"{bench.name} has no curve of {self.usual}; give metric=, one of: {known}")
        return self.metric or self.usual or bench.objective

    def _sign(self) -> float:
        """-1 where the curve's metric falls as the target rises."""
        bench = self._bench
        aim = bench.metric(self.target or bench.objective, self.protocol).direction
        return 1.0 if bench.protocol(self.protocol).curve[self._seen()[0]].direction == aim else -1.0

    def _curves(self, X: ArrayLike) -> Floats:
        """The starts of the curves themselves, `(n, T)`."""
        return super()._values(X)

    def _values(self, X: ArrayLike) -> Floats:
        curves = self._curves(X)
        scores = np.full((len(curves), 1), np.nan)
        whole = ~np.isnan(curves).any(axis=1)
        if whole.any():
            scores[whole, 0] = self._sign() * self._score(curves[whole])
        return scores

    def _names(self) -> list[str]:
        metric, seen = self._seen()
        return [f"{type(self).__name__} of {metric} to epoch {seen[-1]}"]

    def _substitute(self, known: Floats, column: int) -> float:
        bench = self._bench
        better = bench.metric(self.target or bench.objective, self.protocol).sign
        return float(known.min() if better > 0 else known.max())


class LossSum(CurveScore):
    """SoTL, the sum of training losses: networks that train fast generalise well.

    Source: Ru et al., Speedy Performance Estimation for Neural Architecture Search, NeurIPS 2021 (TSE there,
    SoTL in its first version and in White et al., NeurIPS 2021). Where a table has no losses, accuracies are
    summed in their place (`metric="train_accuracy"`).
    """

    usual: ClassVar[str | None] = "train_loss"

    def _score(self, curves: Floats) -> Floats:
        return np.asarray(curves.sum(axis=1))


class RecentLossSum(CurveScore):
    """SoTL-E, the sum of training losses over the last few epochs.

    Source: Ru et al., Speedy Performance Estimation for Neural Architecture Search, NeurIPS 2021, whose
    default is one epoch: a published training loss is itself a mean over mini-batches while the weights move.

    Args:
        space: where the genotypes live.
        benchmark: one with rows for them, or its name.
        metric: of the curve; None takes `train_loss`.
        epoch: the last to look at.
        last: how many of the published epochs up to there to sum; fewer where there are not so many.
        target: see `CurveScore`, as the rest.
        repeat: one training run, or None.
        protocol: training recipe.
        missing: `error` or `impute`.

    Raises:
        TaskError: when fitted, if `last` is no positive whole number.
    """

    usual: ClassVar[str | None] = "train_loss"

    def __init__(
        self,
        space: SearchSpace,
        benchmark: Benchmark | str,
        metric: str | None = None,
        epoch: int = 12,
        last: int = 1,
        target: str | None = None,
        repeat: int | None = None,
        protocol: str | None = None,
        missing: str = "error",
    ) -> None:
        super().__init__(space, benchmark, metric, epoch, target, repeat, protocol, missing)
        self.last = last

    def _score(self, curves: Floats) -> Floats:
        if type(self.last) is not int or self.last < 1:
            raise TaskError(f"last must be a positive whole number of epochs, got {self.last!r}")
        return np.asarray(curves[:, -self.last :].sum(axis=1))


class SmoothedLossSum(CurveScore):
    """SoTL-EMA, the exponentially weighted sum of training losses: the recent ones count most.

    Source: Ru et al., Speedy Performance Estimation for Neural Architecture Search, NeurIPS 2021; a decay of
    .99 an epoch as in White et al., How Powerful are Performance Predictors in NAS?, NeurIPS 2021.

    Args:
        space: where the genotypes live.
        benchmark: one with rows for them, or its name.
        metric: of the curve; None takes `train_loss`.
        epoch: the last to look at.
        decay: weight of a value relative to the next one's, above 0 and up to 1.
        target: see `CurveScore`, as the rest.
        repeat: one training run, or None.
        protocol: training recipe.
        missing: `error` or `impute`.

    Raises:
        TaskError: when fitted, if `decay` is out of its range.
    """

    usual: ClassVar[str | None] = "train_loss"

    def __init__(
        self,
        space: SearchSpace,
        benchmark: Benchmark | str,
        metric: str | None = None,
        epoch: int = 12,
        decay: float = 0.99,
        target: str | None = None,
        repeat: int | None = None,
        protocol: str | None = None,
        missing: str = "error",
    ) -> None:
        super().__init__(space, benchmark, metric, epoch, target, repeat, protocol, missing)
        self.decay = decay

    def _score(self, curves: Floats) -> Floats:
        if not 0 < self.decay <= 1:
            raise TaskError(f"decay must be above 0 and up to 1, got {self.decay!r}")
        return exponential_sum(curves, self.decay)


class LastValue(CurveScore):
    """The metric where training was stopped: what early stopping ranks by.

    Source: the baseline of Zhou et al., EcoNAS: Finding Proxies for Economical Neural Architecture Search,
    CVPR 2020, and of White et al., How Powerful are Performance Predictors in NAS?, NeurIPS 2021.
    """

    def _score(self, curves: Floats) -> Floats:
        return np.asarray(curves[:, -1])
