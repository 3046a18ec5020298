"""Which architectures a model-based strategy scores: the whole space, or a fresh sample of it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nasbench.predictors.features import (
    FeatureClasses,
    all_feature_classes,
    default_features,
    feature_classes,
)
from nasbench.space import Genotype, SearchSpace

SAMPLED = 1024
"""Uniform candidates of a `SampledPool`, and as many mutants."""

PARENTS = 10
"""How many of the best architectures the mutants of a `SampledPool` come from."""

_ATTEMPTS = 4


class Pool(Protocol):
    """Candidates, grouped by equal features: the members of a class cannot be told apart by a model."""

    fixed: bool
    """Whether the features stay the same for the whole run."""

    def features(self, best: list[Genotype]) -> NDArray[np.float64]:
        """`(classes, d)` features to score now; `best` are the architectures to look around."""
        ...

    def representatives(self) -> NDArray[np.int64]:
        """The first member of each class that was scored last, `(classes, G)`."""
        ...

    def available(self) -> NDArray[np.bool_]:
        """Which classes have a member that was not asked, `(classes,)`."""
        ...

    def draw(self, feature_class: int, rng: np.random.Generator) -> Genotype:
        """A member of the class that was not asked, uniformly."""
        ...

    def mark(self, genotype: Genotype) -> NDArray[np.float64]:
        """Remember that an architecture is asked; returns its features `(d,)`."""
        ...

    def members(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """All genotypes `(n, G)`, the class of each `(n,)`, and which of them were not asked `(n,)`."""
        ...


class WholePool:
    """Every architecture of an enumerable space.

    Args:
        space: the space.
        functional: see `nasbench.predictors.features.default_features`.
    """

    fixed = True

    def __init__(self, space: SearchSpace, functional: bool) -> None:
        self._space = space
        self._classes: FeatureClasses = all_feature_classes(space, functional)
        self._free = np.ones(len(self._classes.genotypes), dtype=bool)
        self._left = np.diff(self._classes.starts)

    def features(self, best: list[Genotype]) -> NDArray[np.float64]:
        """All distinct feature rows; always the same array."""
        return self._classes.features

    def representatives(self) -> NDArray[np.int64]:
        """The first member of each class."""
        return self._classes.first()

    def available(self) -> NDArray[np.bool_]:
        """Which classes have a member that was not asked."""
        return np.asarray(self._left > 0)

    def draw(self, feature_class: int, rng: np.random.Generator) -> Genotype:
        """A member of the class that was not asked, uniformly."""
        begin, end = self._classes.starts[feature_class : feature_class + 2].tolist()
        members = self._classes.members[begin:end]
        members = members[self._free[members]]
        return tuple(self._classes.genotypes[members[int(rng.random() * len(members))]].tolist())

    def mark(self, genotype: Genotype) -> NDArray[np.float64]:
        """Remember that an architecture is asked; returns its features."""
        position = self._space.index(genotype)
        feature_class = int(self._classes.of[position])
        self._left[feature_class] -= self._free[position]
        self._free[position] = False
        return np.asarray(self._classes.features[feature_class])

    def members(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """All genotypes, the class of each, and which of them were not asked."""
        return self._classes.genotypes, self._classes.of, self._free


class SampledPool:
    """A new pool for every step: uniform draws, and mutants of the best architectures so far.

    A mutant is one to three changes away from one of the best, so that the search can both climb
    and leave a local optimum.

    Args:
        space: the space; may be too large to list.
        functional: see `nasbench.predictors.features.default_features`.
        rng: the strategy's stream.
    """

    fixed = False

    def __init__(self, space: SearchSpace, functional: bool, rng: np.random.Generator) -> None:
        self._space, self._functional, self._rng = space, functional, rng
        self._asked: set[Genotype] = set()
        self._classes: FeatureClasses

    def features(self, best: list[Genotype]) -> NDArray[np.float64]:
        """Features of a fresh sample; empty where no architecture is left to be found."""
        drawn: dict[Genotype, None] = {}
        for _ in range(_ATTEMPTS):
            drawn.update((tuple(row), None) for row in self._space.sample(self._rng, SAMPLED).tolist())
            drawn.update((self._mutant(best), None) for _ in range(SAMPLED if best else 0))
            fresh = [genotype for genotype in drawn if genotype not in self._asked]
            if fresh:
                break
        genotypes = np.array(fresh, dtype=np.int64).reshape(-1, self._space.length)
        features = default_features(self._space, genotypes, self._functional)
        self._classes = feature_classes(genotypes, features)
        return self._classes.features

    def _mutant(self, best: list[Genotype]) -> Genotype:
        parents = best[:PARENTS]
        genotype = parents[int(self._rng.random() * len(parents))]
        for _ in range(1 + int(self._rng.random() * 3)):
            genotype = self._space.mutate(genotype, self._rng)
        return genotype

    def representatives(self) -> NDArray[np.int64]:
        """The first member of each class of the present sample."""
        return self._classes.first()

    def available(self) -> NDArray[np.bool_]:
        """All classes: nothing that was asked is sampled."""
        return np.ones(len(self._classes.features), dtype=bool)

    def draw(self, feature_class: int, rng: np.random.Generator) -> Genotype:
        """A member of the class, uniformly."""
        begin, end = self._classes.starts[feature_class : feature_class + 2].tolist()
        member = self._classes.members[begin + int(rng.random() * (end - begin))]
        return tuple(self._classes.genotypes[member].tolist())

    def mark(self, genotype: Genotype) -> NDArray[np.float64]:
        """Remember that an architecture is asked; returns its features."""
        self._asked.add(genotype)
        features = default_features(self._space, np.array([genotype]), self._functional)
        return np.asarray(features[0])

    def members(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """The sampled genotypes and the class of each; none was asked."""
        return self._classes.genotypes, self._classes.of, np.ones(len(self._classes.genotypes), dtype=bool)
