"""How good predictions of unseen architectures are: ranking, error and calibration.

The figures of NAS-Bench-301 (Zela et al., Surrogate NAS Benchmarks, ICLR 2022): the coefficient of
determination, Kendall's tau, the sparse tau that leaves out differences below what matters; beside them
whether the predictive distribution is right: coverage of its central intervals and the mean negative
log-likelihood.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ENSEMBLE = "ensemble"
"""What the validation calls the surrogate itself; its other rows begin with it too."""

_NORMAL_95 = 1.959963984540054


class Quality(NamedTuple):
    """Predictions of a model against labels that it has not seen; NaN where a figure has no meaning.

    Attributes:
        region: which rows were held out.
        model: what predicted them.
        n: held-out rows.
        r2: coefficient of determination, 1 - squared error over variance of the labels.
        tau: Kendall's tau-b; 0 for a constant prediction.
        sparse_tau: the same with predictions rounded to what matters (0.1 points, or the noise floor).
        rmse: root mean squared error, in the metric's unit.
        bias: mean of prediction - label.
        coverage_68, coverage_95: share of labels inside the central interval of one standard deviation,
            and of 95 %.
        nll: mean negative log-likelihood of the labels, in nats.
    """

    region: str
    model: str
    n: int
    r2: float
    tau: float
    sparse_tau: float
    rmse: float
    bias: float
    coverage_68: float
    coverage_95: float
    nll: float

    @property
    def baseline(self) -> bool:
        """Whether the model is a plain one, for comparison."""
        return not self.model.startswith(ENSEMBLE)


def quality(
    region: str,
    model: str,
    labels: Floats,
    mean: Floats,
    deviation: Floats | None = None,
    step: float | None = None,
    log: bool = False,
) -> Quality:
    """The figures of predictions `(n,)` with optional standard deviations `(n,)`.

    Args:
        region: name of the held-out rows.
        model: name of what predicted them.
        labels: `(n,)` held-out values, n at least 2.
        mean: `(n,)` predictions.
        deviation: `(n,)` of the predictive distribution.
        step: what `sparse_tau` rounds predictions to; None where no step is known.
        log: whether the distribution is log-normal around the prediction; normal by default.
    """
    error = mean - labels
    variance = float(labels.var())
    covered_68 = covered_95 = nll = float("nan")
    if deviation is not None:
        spread = np.maximum(deviation / mean if log else deviation, 1e-12)
        standard = np.abs(np.log(mean / labels) if log else error) / spread
        density = 0.5 * standard**2 + np.log(spread * labels if log else spread) + 0.5 * np.log(2 * np.pi)
        covered_68, covered_95 = float(np.mean(standard <= 1.0)), float(np.mean(standard <= _NORMAL_95))
        nll = float(np.mean(density))
    return Quality(
        region,
        model,
        len(labels),
        1.0 - float(np.mean(error**2)) / variance if variance > 0 else float("nan"),
        kendall_tau(mean, labels),
        float("nan") if step is None else kendall_tau(np.round(mean / step), labels),
        float(np.sqrt(np.mean(error**2))),
        float(error.mean()),
        covered_68,
        covered_95,
        nll,
    )


def kendall_tau(first: Floats, second: Floats) -> float:
    """Kendall's tau-b; 0 where one side is constant and so ranks nothing."""
    from scipy.stats import kendalltau

    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(kendalltau(first, second).statistic)


def rounding_step(unit: str, noise_floor: float | None) -> float | None:
    """What differences of predictions do not matter below: 0.1 points of accuracy, or the noise floor."""
    return {"%": 0.1, "fraction": 0.001}.get(unit, noise_floor or None)
