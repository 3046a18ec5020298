"""How good predictions are: rank correlations, the top, errors, and whether uncertainties are calibrated.

Measures of White et al., How Powerful are Performance Predictors in NAS?, NeurIPS 2021, and Krishnakumar
et al., NAS-Bench-Suite-Zero, NeurIPS 2022. Pure functions of arrays; `predicted` and `truth` are `(n,)`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NOMINAL = np.round(np.arange(0.05, 1.0, 0.05), 2)
"""Nominal coverages at which calibration is looked at."""
REPORTED = (0.5, 0.8, 0.95)
"""Those of them that tables show."""
SMALLEST_STD = 1e-3
"""Least standard deviation, in units of the truth's, so that one zero does not make a likelihood infinite."""


def kendall(predicted: Floats, truth: Floats) -> float:
    """Kendall's tau-b; a constant prediction scores 0, a constant truth has none (NaN)."""
    from scipy.stats import kendalltau

    if len(truth) < 2 or np.ptp(truth) == 0:
        return float("nan")
    if np.ptp(predicted) == 0:
        return 0.0
    return float(kendalltau(predicted, truth, method="asymptotic").statistic)


def sparse_kendall(predicted: Floats, truth: Floats, step: float | None) -> float:
    """Kendall's tau-b of predictions rounded to multiples of a step, which differences must exceed to count.

    Source: Yu et al., Evaluating the Search Phase of NAS, ICLR 2020. NaN without a step.
    """
    return float("nan") if not step else kendall(np.round(predicted / step), truth)


def spearman(predicted: Floats, truth: Floats) -> float:
    """Spearman's rho; a constant prediction scores 0."""
    from scipy.stats import rankdata

    return pearson(rankdata(predicted), rankdata(truth))


def pearson(predicted: Floats, truth: Floats) -> float:
    """Pearson's r; a constant prediction scores 0, a constant truth has none (NaN)."""
    if len(truth) < 2 or np.ptp(truth) == 0:
        return float("nan")
    return 0.0 if np.ptp(predicted) == 0 else float(np.corrcoef(predicted, truth)[0, 1])


def top_weights(values: Floats, k: int) -> Floats:
    """Probability `(n,)` of each to be among the k largest, ties broken at random."""
    threshold = np.sort(values)[-k]
    above, tied = values > threshold, values == threshold
    weights: Floats = above + tied * (k - above.sum()) / tied.sum()
    return weights


def precision_at(predicted: Floats, truth: Floats, k: int, sign: int = 1) -> float:
    """Expected share of the true k best among the predicted k best, ties broken at random; NaN for n <= k."""
    if len(truth) <= k:
        return float("nan")
    return float(top_weights(sign * predicted, k) @ top_weights(sign * truth, k) / k)


def top_regret(predicted: Floats, truth: Floats, k: int, sign: int = 1) -> float:
    """How much the best of the predicted k best falls short of the best of all, in the truth's unit.

    Ties are broken by position, which in held-out rows is random.
    """
    chosen = np.argsort(-sign * predicted, kind="stable")[:k]
    return float(np.max(sign * truth) - np.max(sign * truth[chosen])) if len(truth) else float("nan")


def mean_absolute_error(predicted: Floats, truth: Floats) -> float:
    """In the truth's unit."""
    return float(np.abs(predicted - truth).mean()) if len(truth) else float("nan")


def r2(predicted: Floats, truth: Floats) -> float:
    """Coefficient of determination; NaN for a constant truth."""
    from sklearn.metrics import r2_score

    return float(r2_score(truth, predicted)) if len(truth) > 1 and np.ptp(truth) > 0 else float("nan")


def negative_log_likelihood(predicted: Floats, std: Floats, truth: Floats) -> float:
    """Mean of minus the log density of the truth under normal predictive distributions, nats.

    Standard deviations below `SMALLEST_STD` of the truth's own are raised to it. NaN where the
    predictor gives no standard deviations.
    """
    from scipy.stats import norm

    if not len(truth) or np.isnan(std).any():
        return float("nan")
    scale = np.maximum(std, SMALLEST_STD * (truth.std() or 1.0))
    return float(-norm.logpdf(truth, predicted, scale).mean())


def coverages(predicted: Floats, std: Floats, truth: Floats, nominal: Floats = NOMINAL) -> Floats:
    """Share of the truth inside of central predictive intervals, one a nominal coverage.

    Args:
        predicted: `(n,)` means of normal predictive distributions.
        std: `(n,)` their standard deviations; NaN gives NaN.
        truth: with the noise of the training labels, as intervals are meant for new observations.
        nominal: `(m,)` probabilities that the intervals should hold.
    """
    from scipy.stats import norm

    if not len(truth) or np.isnan(std).any():
        return np.full(len(nominal), np.nan)
    half_width = norm.ppf((1 + nominal) / 2)
    inside = np.abs(truth - predicted)[:, None] <= std[:, None] * half_width
    share: Floats = inside.mean(axis=0)
    return share


def calibration_error(observed: Floats, nominal: Floats = NOMINAL) -> float:
    """Mean distance of observed from nominal coverage, 0 (calibrated) to about 0.5.

    Source: Kuleshov et al., Accurate Uncertainties for Deep Learning Using Calibrated Regression, ICML
    2018, with the absolute in place of the squared distance.
    """
    return float(np.abs(observed - nominal).mean())
