"""What may be tuned of each predictor: literal tables, and how a configuration is drawn from one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Value = int | float


@dataclass(frozen=True)
class Range:
    """An interval of a hyper-parameter.

    Args:
        low, high: its ends, both included.
        log: whether to draw uniformly in the logarithm.
        whole: whether it is an int.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def draw(self, rng: np.random.Generator) -> Value:
        """One value; takes one number from the generator."""
        margin = 0.5 if self.whole else 0.0
        low, high = self.low - margin, self.high + margin
        share = rng.random()
        value = low * (high / low) ** share if self.log else low + share * (high - low)
        return int(np.clip(round(value), self.low, self.high)) if self.whole else float(value)


_TREES = {
    "max_features": Range(0.1, 1.0),
    "min_samples_leaf": Range(1, 8, log=True, whole=True),
}
_BOOSTED = {
    "learning_rate": Range(0.02, 0.4, log=True),
    "subsample": Range(0.5, 1.0),
    "colsample_bynode": Range(0.2, 1.0),
}
_KERNEL = {"lengthscale": Range(0.5, 8.0, log=True), "noise": Range(0.01, 0.5, log=True)}

TUNED: Mapping[str, Mapping[str, Range]] = {
    "arch2vec": _KERNEL,
    "blend": {"weight": Range(0.0, 1.0)},
    "dngo": {
        "layers": Range(1, 4, whole=True),
        "width": Range(20, 100, log=True, whole=True),
        "learning_rate": Range(0.003, 0.03, log=True),
        "weight_decay": Range(0.05, 5.0, log=True),
    },
    "extra-trees": _TREES,
    "gp": _KERNEL,
    "gp-ard": _KERNEL,
    "gp-hamming": _KERNEL,
    "gp-rbf": _KERNEL,
    "hist-gradient-boosting": {
        "learning_rate": Range(0.02, 0.4, log=True),
        "max_iter": Range(40, 400, log=True, whole=True),
        "max_leaf_nodes": Range(4, 64, log=True, whole=True),
        "min_samples_leaf": Range(1, 20, log=True, whole=True),
        "max_features": Range(0.2, 1.0),
    },
    "knn": {"neighbours": Range(1, 30, log=True, whole=True)},
    "lightgbm": {
        **_BOOSTED,
        "n_estimators": Range(40, 400, log=True, whole=True),
        "num_leaves": Range(4, 64, log=True, whole=True),
        "min_child_samples": Range(1, 20, log=True, whole=True),
    },
    "mlp-ensemble": {
        "layers": Range(1, 8, whole=True),
        "width": Range(10, 80, log=True, whole=True),
        "learning_rate": Range(0.001, 0.05, log=True),
        "steps": Range(200, 1500, log=True, whole=True),
    },
    "ngboost": {
        "n_estimators": Range(40, 400, log=True, whole=True),
        "learning_rate": Range(0.01, 0.2, log=True),
        "max_depth": Range(2, 8, whole=True),
    },
    "random-forest": _TREES,
    "sparse-gp": _KERNEL,
    "xgboost": {
        **_BOOSTED,
        "n_estimators": Range(30, 400, log=True, whole=True),
        "max_depth": Range(2, 12, whole=True),
    },
}
"""predictor -> hyper-parameter -> what to draw from. Predictors that fit all they have by themselves (`ridge`,
`bayesian-linear`, `gp-wl`) have no entry. For the tree ensembles the ranges are those of the library that came with
White et al., How Powerful are Performance Predictors in NAS?, NeurIPS 2021, narrowed to what fits in seconds."""


def draw(space: Mapping[str, Range], rng: np.random.Generator) -> dict[str, Any]:
    """One configuration; a number from the generator for each hyper-parameter, in the table's order."""
    return {name: what.draw(rng) for name, what in space.items()}
