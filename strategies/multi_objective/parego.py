"""ParEGO: Bayesian optimisation of a new random scalarisation at every step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nasbench.predictors.features import Groups, default_features, default_groups, path_space
from nasbench.predictors.gaussian_process import rank_gaussian
from nasbench.predictors.posterior import expected_improvement
from nasbench.problem import Problem
from nasbench.space import Genotype, SearchSpace
from nasbench.strategies.bayesian.sequential_model import SequentialModel
from nasbench.strategies.multi_objective.model_based import ModelBasedFrontSearch

Floats = NDArray[np.float64]
NORM = "range"
TARGET = "rank"


@dataclass
class ParEGO(ModelBasedFrontSearch):
    """d"""

    rho: float = 0.05
    divisions: int = 10

    version: ClassVar[int] = 1
    uses_blas: ClassVar[bool] = True
    min_objectives: ClassVar[int] = 2
    max_objectives: ClassVar[int | None] = None

    _flags: tuple[bool, ...] = field(init=False, repr=False, compare=False)
    _features: Floats = field(init=False, repr=False, compare=False)
    _model: SequentialModel = field(init=False, repr=False, compare=False)

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Open with the first `initial` architectures of the design."""
        super().start(problem, rng)
        kinds = {o.functional for o in problem.objectives}
        self._flags = tuple(sorted(kinds)) if path_space(problem.space) else (False,)
        self._features = joint_features(problem.space, self._pool.representatives(), self._flags)
        self._model = SequentialModel(
            self._features,
            joint_groups(problem.space, self._flags),
            initial=self.initial,
            lengthscale=self.lengthscale,
            noise=self.noise,
            refit=self.refit,
            evaluations=problem.evaluations,
        )

    def _add(self, genotype: Genotype) -> None:
        self._model.add(joint_features(self.problem.space, np.array([genotype]), self._flags)[0])

    def _scores(self, losses: Floats, feasible: NDArray[np.bool_], active: NDArray[np.int64]) -> Floats:
        if not self._pool.fixed:
            self._features = joint_features(self.problem.space, self._pool.representatives(), self._flags)
        told = active[~np.isnan(losses[active]).any(axis=1)]
        weights = lattice_weights(self.divisions, losses.shape[1], self.rng)
        scalar = -augmented_chebyshev(normalised(losses[told]), weights, self.rho)
        values = np.full(len(losses), np.nan)
        values[told] = rank_gaussian(scalar) if TARGET == "rank" else (scalar - scalar.mean()) / (scalar.std() or 1.0)
        mean, sd, _ = self._model.predict(self._features, values, active, fixed=self._pool.fixed)
        return expected_improvement(mean, sd, float(values[told].max()))


def lattice_weights(divisions: int, objectives: int, rng: np.random.Generator) -> Floats:
    """One of the weight vectors whose entries are multiples of 1 / divisions and sum to 1, uniformly, `(objectives,)`."""
    bars = np.sort(rng.choice(divisions + objectives - 1, objectives - 1, replace=False))
    return np.diff(np.concatenate([[-1], bars, [divisions + objectives - 1]])) / divisions - 1 / divisions


def normalised(losses: Floats) -> Floats:
    """Each objective scaled to the unit interval by the extremes observed, `(n, objectives)`."""
    if NORM == "rank":
        from scipy.stats import rankdata

        return (rankdata(losses, axis=0) - 0.5) / len(losses)
    if NORM == "gauss":
        return np.stack([rank_gaussian(c) for c in losses.T], 1)
    low, extent = losses.min(axis=0), np.ptp(losses, axis=0)
    return np.asarray((losses - low) / np.where(extent > 0, extent, 1.0))


def augmented_chebyshev(losses: Floats, weights: Floats, rho: float) -> Floats:
    """The largest weighted loss plus rho times their sum, `(n,)`."""
    weighted = losses * weights
    return np.asarray(weighted.max(axis=1) + rho * weighted.sum(axis=1))


def joint_features(space: SearchSpace, genotypes: NDArray[np.int64], flags: tuple[bool, ...]) -> Floats:
    """Default features of each kind of objective side by side, `(n, d)`."""
    return np.concatenate([default_features(space, genotypes, flag) for flag in flags], axis=1)


def joint_groups(space: SearchSpace, flags: tuple[bool, ...]) -> Groups:
    """The columns of `joint_features` that belong together."""
    groups: list[tuple[int, ...]] = []
    for flag in flags:
        begin = sum(map(len, groups))
        groups.extend(tuple(begin + column for column in group) for group in default_groups(space, flag))
    return tuple(groups)
