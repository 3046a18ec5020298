"""What a surrogate's members say of architectures: features, predictions, the best that is easily found."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.predictors.boosted_members import Members
from nasbench.predictors.features import default_features
from nasbench.space import Genotype, Genotypes, SearchSpace
from nasbench.surrogates.scale import Floats, TargetScale

CLIMBS = 10
"""Architectures of the table from which the best known prediction is looked for."""


def features_of(space: SearchSpace, genotypes: Any, functional: bool) -> NDArray[np.float32]:
    """The columns `(n, d)` that models see, in the precision that XGBoost compares in.

    Args:
        space: where the genotypes live.
        genotypes: `(n, G)`.
        functional: whether the metric depends on the computed function only, see `default_features`.
    """
    return default_features(space, genotypes, functional).astype(np.float32)


def features_sha256(space: SearchSpace, functional: bool) -> str:
    """Digest of the encoder's answer for a fixed sample: another encoder, another digest."""
    sample = features_of(space, space.sample(np.random.default_rng(0), 64), functional)
    return hashlib.sha256(repr(sample.shape).encode() + sample.astype("<f4").tobytes()).hexdigest()


def predicted(
    target: TargetScale, residual: float, members: Members, features: NDArray[np.float32]
) -> tuple[Floats, Floats]:
    """Mean over the members `(n,)` and standard deviation `(n,)` for an unseen label, in the metric's unit.

    The variance is that between members plus what cross-validation shows them all to miss.
    """
    standard = members.predict(features)
    values = target.values(standard.mean(axis=0))
    spread = np.sqrt(standard.var(axis=0, ddof=1) + residual**2)
    return values, target.deviations(values, spread)


def best_known(
    space: SearchSpace, target: TargetScale, members: Members, genotypes: Genotypes, functional: bool, sign: int
) -> tuple[Genotype, float]:
    """The best prediction that is easily found, and its architecture: of a table, then uphill from its ten best.

    Each step of a climb takes the best neighbour of all; it ends where none is better. Regret against
    the table's best alone would be negative for every search worth its name.

    Args:
        space: where to climb.
        target: how predictions become values.
        members: what predicts.
        genotypes: `(n, G)` of the table.
        functional: see `features_of`.
        sign: +1 where larger values are better, -1 where smaller are.
    """

    def heights(batch: Genotypes) -> list[float]:
        climbed: list[float] = (sign * members.predict(features_of(space, batch, functional)).mean(axis=0)).tolist()
        return climbed

    height = np.array(heights(genotypes))
    order = np.argsort(-height, kind="stable")[:CLIMBS]
    climbing = {tuple(genotypes[row].tolist()): float(height[row]) for row in order.tolist()}
    tops = dict(climbing)
    while climbing:
        around = {genotype: space.neighbours(genotype) for genotype in climbing}
        flat = list(dict.fromkeys(other for others in around.values() for other in others))
        reached = dict(zip(flat, heights(np.array(flat)), strict=True)) if flat else {}
        ahead = {}
        for genotype, own in climbing.items():
            best = max(around[genotype], key=lambda other: reached[other], default=genotype)
            if reached.get(best, own) > own and best not in tops:
                ahead[best] = tops[best] = reached[best]
        climbing = ahead
    best = max(tops, key=lambda genotype: tops[genotype])
    return best, float(target.values(np.array([sign * tops[best]]))[0])
