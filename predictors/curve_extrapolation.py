"""LCE: the start of a learning curve, extrapolated to the end of the training."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from nasbench.errors import TaskError
from nasbench.predictors.column_encoders import Floats
from nasbench.predictors.cross_fit import SMALLEST_DEVIATION
from nasbench.predictors.curve_families import FEWEST, extrapolate
from nasbench.predictors.curve_scores import CurveScore


class Extrapolation(CurveScore):
    """The value at the end of the training that the start of a curve promises, and its standard deviation.

    See `curve_families` for the model. It knows nothing of the learning rate: where a schedule anneals it, as
    on NAS-Bench-201, curves rise at the end more than their start lets expect, and the deviation is too small.
    Nothing keeps a prediction inside of the metric's range. A curve that was seen to its end is not
    extrapolated.

    Source: Domhan et al., Speeding up Automatic Hyperparameter Optimization of Deep Neural Networks by
    Extrapolation of Learning Curves, IJCAI 2015 (LCE in White et al., NeurIPS 2021).

    Raises:
        TaskError: when fitted, if fewer than three epochs are published up to the last that is looked at.
    """

    def _values(self, X: ArrayLike) -> Floats:
        curves, sign = self._curves(X), self._sign()
        found = np.full((len(curves), 2), np.nan)
        whole = ~np.isnan(curves).any(axis=1)
        recipe = self._bench.protocol(self.protocol)
        metric, seen = self._seen()
        last = recipe.epochs or recipe.curve[metric].epochs[-1]
        first = sum(epoch < 1 for epoch in seen)  # before the training
        if seen[-1] >= last:
            found[whole] = np.stack([curves[whole, -1], np.full(whole.sum(), SMALLEST_DEVIATION)], axis=1)
        elif len(seen) - first < FEWEST:
            raise TaskError(f"{self._bench.name} has {metric} at {len(seen) - first} epochs up to {self.epoch}; "
                            f"an extrapolation needs {FEWEST}")  # fmt: skip
        elif whole.any():
            ends = extrapolate(curves[whole, first:], tuple(seen[first:]), last)
            found[whole] = np.stack(ends, axis=1)
        found[:, 0] *= sign
        return found

    def _names(self) -> list[str]:
        metric, seen = self._seen()
        return [f"{metric} extrapolated from epoch {seen[-1]}", f"deviation of {metric} from epoch {seen[-1]}"]
