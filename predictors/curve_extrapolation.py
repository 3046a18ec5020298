"""LCE: the start of a learning curve, extrapolated to the end of the training."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from nasbench.benchmark import Benchmark
from nasbench.errors import TaskError
from nasbench.predictors.column_encoders import Floats
from nasbench.predictors.cross_fit import SMALLEST_DEVIATION
from nasbench.predictors.curve_families import CHANGE, FEWEST, extrapolate
from nasbench.predictors.curve_scores import CurveScore
from nasbench.space import SearchSpace


class Extrapolation(CurveScore):
    """The value at the end of the training that the start of a curve promises, and its standard deviation.

    See `curve_families` for the model. It knows nothing of the learning rate: where a schedule anneals it, as
    on NAS-Bench-201, curves rise at the end more than their start lets expect, and the deviation is too small.
    Nothing keeps a prediction inside of the metric's range. A curve that was seen to its end is not
    extrapolated.

    Source: Domhan et al., Speeding up Automatic Hyperparameter Optimization of Deep Neural Networks by
    Extrapolation of Learning Curves, IJCAI 2015 (LCE in White et al., NeurIPS 2021).

    Args:
        space: where the genotypes live.
        benchmark: one with rows for them, or its name.
        metric: of the curve; None takes the benchmark's objective.
        epoch: the last to look at.
        change: prior standard deviation of a curve's whole change, as a multiple of the noise of an epoch.
        target: see `CurveScore`, as the rest.
        repeat: one training run, or None.
        protocol: training recipe.
        missing: `error` or `impute`.

    Raises:
        TaskError: when fitted, if `change` is not positive, or fewer than three epochs are published up to the last
            that is looked at.
    """

    def __init__(
        self,
        space: SearchSpace,
        benchmark: Benchmark | str,
        metric: str | None = None,
        epoch: int = 12,
        change: float = CHANGE,
        target: str | None = None,
        repeat: int | None = None,
        protocol: str | None = None,
        missing: str = "error",
    ) -> None:
        super().__init__(space, benchmark, metric, epoch, target, repeat, protocol, missing)
        self.change = change

    def _values(self, X: ArrayLike) -> Floats:
        if not self.change > 0:
            raise TaskError(f"change must be positive, got {self.change!r}")
        curves = self._curves(X)
        found = np.full((len(curves), 2), np.nan)
        whole = ~np.isnan(curves).any(axis=1)
        if whole.any():
            found[whole] = np.stack(self._ends(curves[whole]), axis=1)
            found[:, 0] *= self._sign()
        return found

    def _ends(self, curves: Floats) -> tuple[Floats, Floats]:
        """Means and standard deviations `(n,)` of the ends of curves `(n, T)` without missing numbers."""
        recipe = self._bench.protocol(self.protocol)
        metric, seen = self._seen()
        last = recipe.epochs or recipe.curve[metric].epochs[-1]
        if seen[-1] >= last:
            return curves[:, -1], np.full(len(curves), SMALLEST_DEVIATION)
        before = sum(epoch < 1 for epoch in seen)  # of the training, where nothing was learned
        if len(seen) - before < FEWEST:
            count = f"{metric} at {len(seen) - before} epochs up to {self.epoch}"
            raise TaskError(f"{self._bench.name} has {count}; an extrapolation needs {FEWEST}")
        return extrapolate(curves[:, before:], tuple(seen[before:]), last, self.change)

    def _substitute(self, known: Floats, column: int) -> float:
        return super()._substitute(known, column) if column == 0 else float(known.max())

    def _names(self) -> list[str]:
        metric, seen = self._seen()
        return [f"{metric} extrapolated from epoch {seen[-1]}", f"deviation of {metric} from epoch {seen[-1]}"]
