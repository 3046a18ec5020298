"""How much each choice at each position of an architecture shifts a value: the first order of a functional ANOVA.

Source: Hoeffding, A Class of Statistics with Asymptotically Normal Distribution, 1948; Sobol, Sensitivity Estimates
for Nonlinear Mathematical Models, 1993; Homma and Saltelli, Importance Measures in Global Sensitivity Analysis, 1996
(total share); Hutter et al., An Efficient Approach for Assessing Hyperparameter Importance, ICML 2014.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench.space import Genotypes, SearchSpace

Floats = NDArray[np.float64]


class MainEffects(NamedTuple):
    """What the choices do by themselves.

    Attributes:
        mean: of all values.
        variance: of all values.
        effects: for each position `(choices,)`: the mean value given the choice minus the grand mean; NaN for a
            choice that no architecture has.
        counts: for each position `(choices,)`: architectures with the choice.
        shares: `(G,)` of the variance that each position's effect has; they add up to at most 1 where positions
            are independent, as they are in a whole product space.
    """

    mean: float
    variance: float
    effects: tuple[Floats, ...]
    counts: tuple[NDArray[np.int64], ...]
    shares: Floats


def main_effects(space: SearchSpace, genotypes: Genotypes, values: Floats) -> MainEffects:
    """Main effects of the listed architectures, each of them counting once.

    Args:
        space: where the genotypes live.
        genotypes: `(n, G)`.
        values: `(n,)`, finite.
    """
    mean, variance = float(values.mean()), float(values.var())
    centred = values - mean
    effects = tuple(
        _conditional(genotypes[:, position], centred, choices) for position, choices in enumerate(space.cardinalities)
    )
    counts = tuple(
        np.bincount(genotypes[:, position], minlength=choices) for position, choices in enumerate(space.cardinalities)
    )
    return MainEffects(mean, variance, effects, counts, shares(effects, counts, variance))


def shares(effects: tuple[Floats, ...], counts: tuple[NDArray[np.int64], ...], variance: float) -> Floats:
    """Variance of each position's effect as a share of the given variance, `(G,)`; 0 where nothing varies."""
    parts = [np.average(np.nan_to_num(e) ** 2, weights=c) for e, c in zip(effects, counts, strict=True)]
    return np.array(parts) / variance if variance > 0 else np.zeros(len(parts))


def _conditional(column: NDArray[np.integer], values: Floats, choices: int) -> Floats:
    """Mean value at each choice, `(choices,)`; NaN where there is none."""
    counts = np.bincount(column, minlength=choices)
    sums = np.bincount(column, weights=values, minlength=choices)
    means: Floats = np.divide(sums, counts, out=np.full(choices, np.nan), where=counts > 0)
    return means


def effects_of_parts(space: SearchSpace, genotypes: Genotypes, parts: Floats) -> tuple[Floats, ...]:
    """Main effects where each position has a part of the value of its own (its Shapley value).

    Args:
        space: where the genotypes live.
        genotypes: `(n, G)`.
        parts: `(n, G)`.

    Returns:
        For each position `(choices,)`: the mean of its parts given the choice minus their grand mean.
    """
    centred = parts - parts.mean(axis=0)
    return tuple(_conditional(genotypes[:, i], centred[:, i], c) for i, c in enumerate(space.cardinalities))


def is_product(space: SearchSpace) -> bool:
    """Whether every combination of choices is an architecture, so that positions are independent."""
    return prod(space.cardinalities) == space.size


def total_shares(space: SearchSpace, genotypes: Genotypes, values: Floats) -> Floats:
    """Share of the variance in which each position takes part at all, alone or with others, `(G,)`.

    The mean over all other positions of the variance along this one; never below the main effect's share, and
    above it by the position's interactions.

    Args:
        space: a product space.
        genotypes: `(size, G)`, each architecture once.
        values: `(size,)`, finite.

    Raises:
        ValueError: the space is no product, or an architecture is missing.
    """
    if not is_product(space) or len(np.unique(space.indices(genotypes))) != space.size or len(values) != space.size:
        raise ValueError("total shares need every combination of choices exactly once")
    cube = np.empty(space.size)
    cube[space.indices(genotypes)] = values
    cube = cube.reshape(space.cardinalities)
    variance = float(cube.var())
    along = np.array([float(cube.var(axis=position).mean()) for position in range(space.length)])
    return along / variance if variance > 0 else np.zeros(space.length)
