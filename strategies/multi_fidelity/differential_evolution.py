"""Differential evolution of genotypes as points of the unit cube."""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from nasbench.space import Genotype, SearchSpace

Floats = NDArray[np.float64]


class Cube:
    """The space as the unit cube: each position has one axis, each of its choices an equal part of it.

    Points of genotypes that are not valid are moved to the nearest valid one where the valid ones are few enough to
    be listed.

    Args:
        space: what the points stand for.
        rng: the strategy's stream.
    """

    def __init__(self, space: SearchSpace, rng: np.random.Generator) -> None:
        self._space, self._rng = space, rng
        self._choices = np.array(space.cardinalities)
        sparse = space.enumerable and space.size < prod(space.cardinalities)
        self._listed = np.asarray(space.all(), dtype=np.int64) if sparse else None

    def random(self, n: int) -> Floats:
        """`(n, G)` uniform points."""
        return self._rng.random((n, len(self._choices)))

    def point(self, genotype: Genotype) -> Floats:
        """A uniform point `(G,)` of those that stand for a genotype."""
        return np.asarray((np.array(genotype) + self._rng.random(len(genotype))) / self._choices)

    def architecture(self, point: Floats) -> tuple[Genotype | None, Floats]:
        """The genotype of a point and, where it had to be moved, the new point; None where it is not valid."""
        genes = np.minimum((point * self._choices).astype(np.int64), self._choices - 1)
        if self._space.valid(genes)[0]:
            return tuple(genes.tolist()), point
        if self._listed is None:
            return None, point
        distance = (self._listed != genes).sum(axis=1)
        nearest = np.flatnonzero(distance == distance.min())
        moved = self._listed[int(nearest[int(self._rng.random() * len(nearest))])]
        genotype = tuple(moved.tolist())
        return genotype, np.where(moved == genes, point, self.point(genotype))

    def mutant(self, parents: Floats, factor: float) -> Floats:
        """rand/1: a parent and the scaled difference of two others, all distinct, of `(n, G)`, n at least 3."""
        a, b, c = parents[self._rng.choice(len(parents), 3, replace=False)]
        return np.asarray(a + factor * (b - c))

    def crossed(self, target: Floats, mutant: Floats, probability: float) -> Floats:
        """Binomial crossover: each axis from the mutant with that probability, and at least one.

        What leaves the cube is drawn anew.
        """
        taken = self._rng.random(len(target)) < probability
        if not taken.any():
            taken[int(self._rng.random() * len(taken))] = True
        child = np.where(taken, mutant, target)
        return np.where((child < 0) | (child > 1), self._rng.random(len(child)), child)


class Population:
    """The points that evolve at one rung.

    Attributes:
        points: `(n, G)`.
        utility: `(n,)`; -inf where nothing was told yet, or the trial failed.

    Args:
        points: `(n, G)` at the start, not evaluated.
    """

    def __init__(self, points: Floats) -> None:
        self.points = points
        self.utility = np.full(len(points), -np.inf)
        self._turn = 0

    def next_target(self) -> int:
        """Whose turn it is to be challenged."""
        turn = self._turn
        self._turn = (turn + 1) % len(self.points)
        return turn

    def best(self, n: int) -> Floats:
        """The best n points, best first."""
        return np.asarray(self.points[np.argsort(-self.utility, kind="stable")[:n]])

    def challenge(self, target: int, point: Floats, utility: float) -> None:
        """A point takes the target's place if it is no worse."""
        if utility >= self.utility[target]:
            self.points[target], self.utility[target] = point, utility
