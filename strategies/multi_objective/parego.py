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
from nasbench.strategies.hyperparameters import positive, whole
from nasbench.strategies.multi_objective.model_based import ModelBasedFrontSearch

Floats = NDArray[np.float64]


@dataclass
class ParEGO(ModelBasedFrontSearch):
    """Expected improvement of one weighted Chebyshev scalarisation, drawn anew at each step.

    At each step a weight vector is drawn from the lattice of those that are multiples of 1 / `divisions`.
    Objectives are scaled to the unit interval by the extremes told, and scalarised: the largest weighted
    loss, plus `rho` times their sum. A Gaussian process is conditioned on the scalar, and the candidate of
    the largest expected improvement is asked. Model, candidates and hyper-parameters are those of the `gp`
    strategy. On cell spaces, where accuracy depends on the paths and costs on every operation, the model
    sees path counts and one-hot columns side by side.

    Trials in flight take part with their posterior mean (kriging believer). Infeasible trials teach the model
    but are not what has to be improved on, and the improvement is multiplied by the probability that the
    constraints are kept; failed trials teach nothing.

    Source: Knowles, ParEGO: A Hybrid Algorithm with On-Line Landscape Approximation for Expensive
    Multiobjective Optimization Problems, IEEE Transactions on Evolutionary Computation 2006: rho .05, the
    lattice, the normalisation. Ours: 10 random architectures at the start, not 11 G - 1 (65 of them on
    NAS-Bench-201: hypervolume after 100 evaluations .916 for .937); normal scores of the scalar as targets,
    as in `gp` (as they are: .893 for .937); Matern kernel with hyper-parameters fitted whenever the trials
    have grown by `refit`, not at each step; all trials are modelled, not 80 of them; all candidates are
    scored where they can be listed, no genetic algorithm looks for the best. With three objectives the
    paper's lattice has 4 divisions.

    Args:
        initial: random architectures at the start.
        lengthscale: prior median of the length-scales, as a multiple of the root mean square distance
            between two architectures.
        noise: prior median of the noise variance relative to the signal variance.
        refit: growth of the number of observations after which hyper-parameters are fitted again.
        candidates: spaces up to this size are scored as a whole; larger ones on a fresh sample of
            uniform draws and mutants of the best.
        rho: weight of the sum that augments the largest loss.
        divisions: of the unit interval by the lattice of weights.
    """

    rho: float = 0.05
    divisions: int = 10

    version: ClassVar[int] = 1
    uses_blas: ClassVar[bool] = True
    min_objectives: ClassVar[int] = 2
    max_objectives: ClassVar[int | None] = None

    _kinds: tuple[bool, ...] = field(init=False, repr=False, compare=False)
    _features: Floats = field(init=False, repr=False, compare=False)
    _scalar: SequentialModel = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(rho=self.rho)
        whole(divisions=self.divisions)

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Open with the first `initial` architectures of the design."""
        super().start(problem, rng)
        kinds = {objective.functional for objective in problem.objectives}
        self._kinds = tuple(sorted(kinds)) if path_space(problem.space) else (False,)
        self._features = joint_features(problem.space, self._pool.representatives(), self._kinds)
        self._scalar = self._accuracy_model(self._features, joint_groups(problem.space, self._kinds))

    def _add(self, genotype: Genotype) -> None:
        self._scalar.add(joint_features(self.problem.space, np.array([genotype]), self._kinds)[0])

    def _scores(self, losses: Floats, feasible: NDArray[np.bool_], active: NDArray[np.int64]) -> Floats:
        """Expected improvement of this step's scalarisation, `(m,)`."""
        if not self._pool.fixed:
            self._features = joint_features(self.problem.space, self._pool.representatives(), self._kinds)
        told = active[~np.isnan(losses[active]).any(axis=1)]
        weights = lattice_weights(self.divisions, losses.shape[1], self.rng)
        values = np.full(len(losses), np.nan)
        values[told] = rank_gaussian(-augmented_chebyshev(unit_scaled(losses[told]), weights, self.rho))
        belief = self._scalar.predict(self._features, values, active, fixed=self._pool.fixed)
        if not feasible.any():
            return np.ones(len(belief.mean))
        return expected_improvement(belief.mean, belief.sd, float(values[feasible].max()))


def lattice_weights(divisions: int, objectives: int, rng: np.random.Generator) -> Floats:
    """Weights that are multiples of 1 / divisions and sum to 1, `(objectives,)`; all such are equally likely."""
    stars = divisions + objectives - 1
    bars = np.sort(rng.choice(stars, objectives - 1, replace=False))
    return np.asarray((np.diff(bars, prepend=-1, append=stars) - 1) / divisions)


def unit_scaled(losses: Floats) -> Floats:
    """Each objective scaled to the unit interval by its extremes, `(n, objectives)`."""
    extent = np.ptp(losses, axis=0)
    return np.asarray((losses - losses.min(axis=0)) / np.where(extent > 0, extent, 1.0))


def augmented_chebyshev(losses: Floats, weights: Floats, rho: float) -> Floats:
    """The largest weighted loss plus rho times their sum, `(n,)`."""
    weighted = losses * weights
    return np.asarray(weighted.max(axis=1) + rho * weighted.sum(axis=1))


def joint_features(space: SearchSpace, genotypes: NDArray[np.int64], kinds: tuple[bool, ...]) -> Floats:
    """Default features of each kind of objective side by side, `(n, d)`."""
    return np.concatenate([default_features(space, genotypes, kind) for kind in kinds], axis=1)


def joint_groups(space: SearchSpace, kinds: tuple[bool, ...]) -> Groups:
    """The columns of `joint_features` that belong together."""
    groups: list[tuple[int, ...]] = []
    for kind in kinds:
        begin = sum(map(len, groups))
        groups.extend(tuple(begin + column for column in group) for group in default_groups(space, kind))
    return tuple(groups)
