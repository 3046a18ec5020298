"""Bayesian optimisation by expected hypervolume improvement."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nasbench.predictors.features import (
    all_feature_classes,
    default_features,
    default_groups,
    feature_classes,
)
from nasbench.predictors.gaussian_process import rank_gaussian
from nasbench.problem import Problem
from nasbench.space import Genotype
from nasbench.strategies.bayesian.sequential_model import SequentialModel
from nasbench.strategies.hyperparameters import positive
from nasbench.strategies.multi_objective.hypervolume_improvement import expected_hypervolume_improvement
from nasbench.strategies.multi_objective.model_based import ModelBasedFrontSearch

Floats = NDArray[np.float64]

_LONG_TAIL = 100.0
"""Ratio of the largest to the smallest cost told above which its logarithm is modelled."""

_COST_DOUBT = 0.01
"""Share of a cost's standard deviation that is believed, beside an accuracy."""


@dataclass
class ExpectedHypervolumeImprovement(ModelBasedFrontSearch):
    """One Gaussian process an objective; asks for the largest expected growth of the front's hypervolume.

    The models are those of the `gp` strategy, one an objective, independent. Accuracy and loss are modelled
    by normal scores of their ranks, on path counts where the space is one of cells; objectives that depend
    on more than the computed function (parameters, latency, energy, seconds) by their standardised values,
    or logarithms where they span more than a factor of 100, on one-hot columns and scaled ranks, with long
    length-scales and little noise: they are nearly sums over positions. Front, reference point and
    improvement are in these units, so no objective's unit or long tail matters. The improvement is
    exact, of every candidate. Its reference point is the worst told of each objective, feasible or not,
    moved out by `reference` of what was told spans; it does not follow the front, which would end the search
    for what lies beyond the front's ends.

    Trials in flight take part with their posterior means (kriging believer), in the models and in the front.
    Infeasible trials teach the models but are no part of the front, and the improvement is multiplied by the
    probability that the constraints are kept; failed trials teach nothing.

    Source: Emmerich et al., Single- and Multiobjective Evolutionary Optimization Assisted by Gaussian Random
    Field Metamodels, IEEE Transactions on Evolutionary Computation 2006; exact boxes as in Yang et al.,
    Efficient Computation of Expected Hypervolume Improvement Using Box Decomposition Algorithms, Journal of
    Global Optimization 2019. Ours: the units (the paper models values as they are; after 100 evaluations of
    HPOBench-MLP accuracy and training time that gives a hypervolume of .957 for the seconds, .990 for their
    logarithms); and, beside an accuracy, costs are taken at their posterior mean, all but a hundredth of the
    standard deviation left out. The reference point is so far away that the slightest doubt about the
    smallest cost promises more than any accuracy, and a search that believes it keeps asking for the
    smallest architectures (hypervolume after 150 evaluations of NAS-Bench-201 accuracy with parameters .949
    instead of .984, with latency .965 instead of .980).

    Args:
        initial: random architectures at the start.
        lengthscale: prior median of the length-scales, as a multiple of the root mean square distance
            between two architectures.
        noise: prior median of the noise variance of accuracies relative to the signal variance.
        refit: growth of the number of observations after which hyper-parameters are fitted again.
        candidates: spaces up to this size are scored as a whole; larger ones on a fresh sample of
            uniform draws and mutants of the best.
        reference: how far beyond the worst told the reference point is.
    """

    reference: float = 0.1

    version: ClassVar[int] = 1
    uses_blas: ClassVar[bool] = True
    min_objectives: ClassVar[int] = 2
    max_objectives: ClassVar[int | None] = 3

    _models: list[SequentialModel] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(reference=self.reference)

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Open with the first `initial` architectures of the design."""
        super().start(problem, rng)
        views = self._views()
        self._models = [
            (self._accuracy_model if kind else self._cost_model)(views[kind][0], default_groups(problem.space, kind))
            for kind in (objective.functional for objective in problem.objectives)
        ]

    def _views(self) -> dict[bool, tuple[Floats, NDArray[np.int64]]]:
        """The candidates as functional objectives see them, and as others do.

        Distinct features `(classes, d)`, and the class of each of the pool's representatives `(m,)`.
        """
        space, kinds = self.problem.space, {objective.functional for objective in self.problem.objectives}
        genotypes = self._pool.representatives()
        if self._pool.fixed:
            rows, classes = space.indices(genotypes), {kind: all_feature_classes(space, kind) for kind in kinds}
            return {kind: (found.features, found.of[rows]) for kind, found in classes.items()}
        classes = {kind: feature_classes(genotypes, default_features(space, genotypes, kind)) for kind in kinds}
        return {kind: (found.features, found.of) for kind, found in classes.items()}

    def _add(self, genotype: Genotype) -> None:
        for model, objective in zip(self._models, self.problem.objectives, strict=True):
            model.add(default_features(self.problem.space, np.array([genotype]), objective.functional)[0])

    def _scores(self, losses: Floats, feasible: NDArray[np.bool_], active: NDArray[np.int64]) -> Floats:
        """Expected hypervolume improvement of each candidate, `(m,)`."""
        told = active[~np.isnan(losses[active]).any(axis=1)]
        views = self._views()
        trained = any(objective.functional for objective in self.problem.objectives)
        means, sds, points = [], [], np.empty((len(active), losses.shape[1]))
        for i, (model, objective) in enumerate(zip(self._models, self.problem.objectives, strict=True)):
            values = np.full(len(losses), np.nan)
            values[told] = modelled(losses[told, i], objective.functional, objective.sign)
            features, of = views[objective.functional]
            belief = model.predict(features, values, active, fixed=self._pool.fixed)
            means.append(belief.mean[of])
            doubt = 1.0 if objective.functional or not trained else _COST_DOUBT
            sds.append(doubt * belief.sd[of])
            points[:, i] = belief.believed
        seen = points[np.isin(active, told)]
        reference = seen.max(axis=0) + self.reference * np.maximum(np.ptp(seen, axis=0), 1e-9)
        front = points[feasible[active] | ~np.isin(active, told)]
        return expected_hypervolume_improvement(np.array(means), np.array(sds), front, reference)


def modelled(losses: Floats, functional: bool, sign: int) -> Floats:
    """What is modelled of an objective's losses `(n,)`: normal scores; of a cost, standardised values or logarithms.

    Args:
        losses: smaller is better.
        functional: see `nasbench.problem.Objective`.
        sign: of the objective; losses are its values times minus one where it is positive.
    """
    if functional:
        return rank_gaussian(losses)
    values = -sign * losses
    long_tail = 0 < _LONG_TAIL * values.min() < values.max()
    scaled = -sign * np.log(values) if long_tail else losses
    spread = scaled.std()
    return np.asarray((scaled - scaled.mean()) / (spread if spread > 0 else 1.0))
