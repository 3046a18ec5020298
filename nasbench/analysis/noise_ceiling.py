"""How well training runs themselves agree: no predictor of single runs can be expected to rank much better."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from nasbench.analysis.predictor_quality import Floats, kendall
from nasbench.benchmark import repeat_mean


def repeat_ceiling(values: Floats) -> float:
    """Kendall's tau of one training run with the mean of the others, averaged over which one; NaN without.

    Args:
        values: `(A, R)`; only architectures with all R runs take part.
    """
    complete = values[~np.isnan(values).any(axis=1)]
    if values.shape[1] < 2 or len(complete) < 2:
        return float("nan")
    others = [repeat_mean(np.delete(complete, r, axis=1)) for r in range(values.shape[1])]
    return float(np.mean([kendall(others[r], complete[:, r]) for r in range(values.shape[1])]))


def top_ceiling(values: Floats, sign: int = 1, share: float = 0.1) -> float:
    """Kendall's tau of two training runs within the best tenth by a third, averaged over which; NaN without.

    Args:
        values: `(A, R)`; only architectures with all R runs take part.
        sign: +1 where larger is better.
        share: of the architectures that are the top.
    """
    complete = values[~np.isnan(values).any(axis=1)]
    if values.shape[1] < 3 or len(complete) < 20:
        return float("nan")
    count = -(-len(complete) // round(1 / share))
    found = []
    for third in range(values.shape[1]):
        top = complete[np.argsort(-sign * complete[:, third], kind="stable")[:count]]
        pairs = combinations([r for r in range(values.shape[1]) if r != third], 2)
        found += [kendall(top[:, a], top[:, b]) for a, b in pairs]
    return float(np.mean(found))
