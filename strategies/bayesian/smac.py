"""SMAC: sequential model-based optimisation with a random forest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import StrategyError
from nasbench.predictors.gaussian_process import rank_gaussian
from nasbench.predictors.posterior import expected_improvement
from nasbench.space import Genotype
from nasbench.strategies.bayesian.guided_batches import GuidedBatches
from nasbench.strategies.hyperparameters import whole

Floats = NDArray[np.float64]


@dataclass
class SMAC(GuidedBatches):
    """Expected improvement under a random forest, climbed by local search.

    Each round fits the forest to everything told. Its belief about an architecture is normal with the
    mean and the variance of the trees' predictions. Expected improvement over the best value told is
    climbed from the `starts` architectures told where it is largest, from one neighbour to the best, and
    computed at `candidates` random architectures besides; the best architecture met that was not asked
    is next. With probability `random_share` a random one is asked instead, so that a wrong model cannot
    hold the search for good.

    Under constraints what breaks one still teaches, and candidates that probably do come last; see
    `nasbench.strategies.bayesian.guided_batches`.

    Source: Hutter, Hoos and Leyton-Brown, Sequential Model-Based Optimization for General Algorithm
    Configuration, LION 2011; the share of random architectures (every second one in the paper) and the
    forest of 10 trees that try 5/6 of the features at a split are those of Lindauer et al., SMAC3, JMLR 2022,
    and its code. There are no instances and no races here: one evaluation is all an architecture gets.
    Ours: normal scores of the ranks as targets instead of logarithms, so that any metric works; and the
    features of the space's default encoding, path counts on cell spaces.

    Args:
        initial: random architectures at the start.
        batch: architectures asked between two fits.
        trees: of the forest.
        max_features: share of the features tried at a split.
        starts: of the local search.
        candidates: random architectures scored beside it; 1,000 instead of SMAC3's 10,000, which cost time only.
        random_share: probability of a random architecture, at least 0 and below 1.
    """

    initial: int = 10
    batch: int = 1
    trees: int = 10
    max_features: float = 5 / 6
    starts: int = 10
    candidates: int = 1000
    random_share: float = 0.2

    version: ClassVar[int] = 1
    uses_blas: ClassVar[bool] = True  # under constraints

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(trees=self.trees, starts=self.starts, candidates=self.candidates)
        for name, value, most in (("max_features", self.max_features, 1.0), ("random_share", self.random_share, 0.99)):
            low = 0.0 if name == "random_share" else 1e-9
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= most:
                raise StrategyError(f"{name} must be a share, got {value!r}")

    def _propose(self) -> list[Genotype]:
        if self.rng.random() < self.random_share:
            return []
        utilities, told = zip(*self._told, strict=True)
        scores = rank_gaussian(np.array(utilities))
        belief = _Belief(self._fitted(np.array(told), scores), self._to_beat(scores), self._screened)
        belief.score(told)
        belief.score(self._uniform(self.candidates, []))
        self._climb(sorted(told, key=belief.gain.__getitem__, reverse=True)[: self.starts], belief)
        fresh = [genotype for genotype in belief.gain if genotype not in self._seen]
        return sorted(fresh, key=belief.gain.__getitem__, reverse=True)[: self.batch]

    def _climb(self, centres: list[Genotype], belief: _Belief) -> None:
        """Move every centre to its best neighbour for as long as that improves; all at once, so as to predict once."""
        while centres:
            around = [self.problem.space.neighbours(centre) for centre in centres]
            belief.score([genotype for neighbours in around for genotype in neighbours])
            gain = belief.gain.__getitem__
            best = [max(near, key=gain, default=own) for own, near in zip(centres, around, strict=True)]
            moved = [new for old, new in zip(centres, best, strict=True) if gain(new) > gain(old)]
            centres = list(dict.fromkeys(moved))

    def _fitted(self, genotypes: NDArray[np.int64], scores: NDArray[np.float64]) -> Any:
        """The pipeline of encoder and forest."""
        from nasbench.predictors import create

        forest = create(
            "random-forest",
            self.problem.space,
            functional=self.problem.objective.functional,
            rank_targets=False,
            n_estimators=self.trees,
            max_features=self.max_features,
            random_state=int(self.rng.integers(2**31)),
        )
        return forest.fit(genotypes, scores)


class _Belief:
    """Expected improvement of the architectures met so far.

    Attributes:
        gain: genotype -> expected improvement, in the order they were met.
    """

    def __init__(self, model: Any, best: float, screened: Callable[[list[Genotype], Floats], Floats]) -> None:
        self._model, self._best, self._screened = model, best, screened
        self.gain: dict[Genotype, float] = {}

    def score(self, genotypes: Any) -> None:
        """Add those that are new."""
        new = [genotype for genotype in dict.fromkeys(genotypes) if genotype not in self.gain]
        if new:
            mean, sd = self._model[-1].predict_value(self._model[0].transform(np.array(new)))
            gain = expected_improvement(mean, np.maximum(sd, 1e-9), self._best)
            self.gain.update(zip(new, self._screened(new, gain).tolist(), strict=True))
