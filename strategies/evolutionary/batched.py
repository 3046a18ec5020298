"""Model-based evolution in rounds: the loop of `GuidedBatches` with a predictor of any kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from inspect import signature
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nasbench.strategies.bayesian.guided_batches import GuidedBatches

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


@dataclass
class BatchedSearch(GuidedBatches):
    """A random start, then batches that `_propose` chooses from what is told by then.

    Args:
        initial: random architectures at the start.
        batch: architectures asked between two proposals.
    """

    _least: ClassVar[int] = 2

    def _fitted(self, predictor: str, params: Mapping[str, Any]) -> Pipeline:
        """A registered predictor, fitted to the utilities of all that was told.

        Args:
            predictor: a name of `nasbench.predictors.list()`.
            params: of `nasbench.predictors.create`; without a `random_state` the generator draws one.
        """
        from nasbench import predictors

        seeded = "random_state" in signature(predictors.REGISTRY.get(predictor)).parameters
        drawn = {"random_state": int(self.rng.integers(2**31))} if seeded else {}
        space, functional = self.problem.space, self.problem.objective.functional
        utilities, genotypes = zip(*self._told, strict=True)
        model = predictors.create(predictor, space, functional=functional, **{**drawn, **params})
        model.fit(np.array(genotypes), np.array(utilities))
        return model
