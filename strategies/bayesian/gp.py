"""Bayesian optimisation with a Gaussian process that scores every candidate at every step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import StrategyError
from nasbench.predictors.features import Groups, default_groups
from nasbench.predictors.gaussian_process import rank_gaussian
from nasbench.problem import Observation, Problem, Trial
from nasbench.space import Genotype
from nasbench.strategies.base import Strategy
from nasbench.strategies.bayesian.acquisition import ACQUISITIONS, scored
from nasbench.strategies.bayesian.candidate_pool import PARENTS, Pool, SampledPool, WholePool
from nasbench.strategies.bayesian.feasibility import COST_NOISE, COST_NOISE_SD, Feasibility
from nasbench.strategies.bayesian.sequential_model import Belief, SequentialModel
from nasbench.strategies.hyperparameters import positive, whole

Floats = NDArray[np.float64]


@dataclass
class GaussianProcessSearch(Strategy):
    """An upper confidence bound, or another acquisition function, under a Matern 5/2 Gaussian process.

    Accuracy and loss on a cell space are modelled on path counts and depths, which canonicalise;
    every other objective and space on one-hot columns and scaled ranks with a length-scale a position.
    Targets are normal scores of the ranks, made anew at each step, so that neither the unit nor the
    long tail of bad architectures matters. Length-scales and noise are fitted by marginal likelihood
    with log-normal priors, at first and whenever the number of observations has grown by `refit`.

    Architectures with equal features share one posterior; among those that tie for the largest score the
    generator picks. The default is an upper confidence bound, whose deviations count for ever more as the
    search goes on. Expected improvement, over the best observed value, is greedier on the scores of ranks, which
    end at the best: beside the confidence bound it finds the optimum of NAS-Bench-201 later from noise-free
    values (in the median by 32, 26 and 84 instead of 27, 20 and 64 evaluations; 20 seeds), and on
    fcnet/protein_structure, where the bound has found it by 31, it has not by 150. Logarithm and probability
    of improvement do as expected improvement does. From one training run each, all are the same on
    NAS-Bench-201, at the regret of the best observation of the whole table or below it. On hpobench-mlp/car
    no choice is better than random search up to 150 evaluations.

    Under constraints each constrained metric has a process of its own, on the choices as they are written, and
    the score, counted from the lowest, is multiplied by the probability that the architecture keeps all of
    them; while none is known that does, that probability alone decides. What breaks a constraint still teaches.

    Trials in flight take part with their posterior mean (kriging believer). Failed trials teach nothing
    but are never asked again; nor is any other architecture. `ask` is empty when all have been asked.

    Source: Snoek et al., Practical Bayesian Optimization of Machine Learning Algorithms, NIPS 2012;
    Srinivas et al., Gaussian Process Optimization in the Bandit Setting, ICML 2010 (the bound); path encoding of
    White et al., BANANAS, AAAI 2021; Ginsbourger et al., 2010 (kriging believer); Gardner et al., Bayesian
    Optimization with Inequality Constraints, ICML 2014.

    Args:
        initial: random architectures at the start.
        lengthscale: prior median of the length-scales, as a multiple of the root mean square distance
            between two architectures.
        noise: prior median of the noise variance relative to the signal variance.
        refit: growth of the number of observations after which hyper-parameters are fitted again.
        candidates: spaces up to this size are scored as a whole; larger ones on a fresh sample of
            uniform draws and mutants of the best.
        acquisition: `ei`, `log-ei`, `pi`, `thompson` or `ucb`; see `nasbench.strategies.bayesian.acquisition`.
    """

    initial: int = 10
    lengthscale: float = 2.5
    noise: float = 0.1
    refit: float = 1.1
    candidates: int = 100_000
    acquisition: str = "ucb"

    version: ClassVar[int] = 2
    uses_blas: ClassVar[bool] = True

    _pool: Pool = field(init=False, repr=False, compare=False)
    _queue: list[Genotype] = field(init=False, repr=False, compare=False)
    _genotypes: list[Genotype] = field(init=False, repr=False, compare=False)
    _utility: list[float] = field(init=False, repr=False, compare=False)
    _model: SequentialModel = field(init=False, repr=False, compare=False)
    _feasibility: Feasibility | None = field(init=False, repr=False, compare=False)
    _broken: set[int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        whole(initial=self.initial)
        positive(lengthscale=self.lengthscale, noise=self.noise, refit=self.refit, candidates=self.candidates)
        if self.refit <= 1:
            raise StrategyError(f"refit is a growth factor and must be above 1, got {self.refit!r}")
        if self.acquisition not in ACQUISITIONS:
            raise StrategyError(f"acquisition is one of {', '.join(ACQUISITIONS)}, got {self.acquisition!r}")

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Open with the first `initial` architectures of the design."""
        super().start(problem, rng)
        space, functional = problem.space, problem.objective.functional
        listed = space.enumerable and space.size <= self.candidates
        self._pool = WholePool(space, functional) if listed else SampledPool(space, functional, rng)
        self._queue = problem.initial(self.initial)[::-1]
        self._genotypes, self._utility = [], []
        self._model = self._new_model(self._pool.features([]), default_groups(space, functional), self.noise)
        self._broken = set()
        self._feasibility = None
        if problem.constraints:
            self._feasibility = Feasibility(problem, self._pool.members()[0], self._constraint_model)

    def ask(self, n: int = 1) -> list[Trial]:
        """The next architectures by the acquisition function, each given the ones before it."""
        trials: list[Trial] = []
        while len(trials) < n and (genotype := self._next()) is not None:
            trials.append(self.adopt(genotype))
        return trials

    def adopt(self, genotype: Genotype, epoch: int | None = None) -> Trial:
        """A trial in flight from now on, whoever proposed it."""
        self._genotypes.append(genotype)
        self._model.add(self._pool.mark(genotype))
        if self._feasibility:
            self._feasibility.add(genotype)
        self._utility.append(np.nan)
        return self._trial(genotype, epoch)

    def tell(self, trial: Trial, observation: Observation) -> None:
        """Remember the outcome; the model takes it in at the next `ask`."""
        utility = self.problem.utility(observation)
        if self._feasibility and observation.status != "failed":
            self._feasibility.tell(trial.number, observation)
            if utility == -np.inf:  # what breaks a constraint has a value to learn from, and never leads
                self._broken.add(trial.number)
                utility = self.problem.sign * observation.value
        self._utility[trial.number] = utility

    def _next(self) -> Genotype | None:
        if self._queue:
            return self._queue.pop()
        utility = np.array(self._utility)
        active = np.flatnonzero(utility != -np.inf)
        told = active[~np.isnan(utility[active])]
        if len(told) == 0:
            return self._random()
        candidates = self._pool.features(self._best(utility, told))
        available = self._pool.available()
        if not available.any():
            return None
        values = np.full(len(utility), np.nan)
        values[told] = rank_gaussian(utility[told])
        belief = self._believe(candidates, values, active)
        leading = [number for number in told.tolist() if number not in self._broken]
        best = self._to_beat(belief, values, active, leading) if leading else np.nan
        return self._drawn(self._scores(belief, best, available), active)

    def _believe(self, candidates: Floats, values: Floats, active: NDArray[np.int64]) -> Belief:
        """What the model says of the candidates."""
        return self._model.predict(candidates, values, active, fixed=self._pool.fixed)

    def _to_beat(self, belief: Belief, values: Floats, active: NDArray[np.int64], leading: list[int]) -> float:
        """What is to be improved on: the best observed value of the trials that may lead."""
        return float(values[leading].max())

    def _scores(self, belief: Belief, best: float, available: NDArray[np.bool_]) -> Floats:
        """The acquisition function of each class, `(m,)`; all alike while nothing keeps the constraints."""
        if np.isnan(best):
            return np.where(available, 0.0, -np.inf)
        return scored(self.acquisition, belief, best, available, self.rng)

    def _drawn(self, scores: Floats, active: NDArray[np.int64]) -> Genotype:
        """An architecture of the largest score; among ties the generator picks."""
        if self._feasibility is None:
            return self._pool.draw(self._tied(scores), self.rng)
        genotypes, of, free = self._pool.members()
        chance = self._feasibility.probability(genotypes, len(self._utility), active, fixed=self._pool.fixed)
        finite = scores[np.isfinite(scores)]
        gain = np.where(np.isfinite(scores), scores - finite.min(), 0.0)
        gain = gain if gain.max() > 0 else np.ones(len(gain))
        return tuple(genotypes[self._tied(np.where(free, gain[of] * chance, -np.inf))].tolist())

    def _tied(self, scores: Floats) -> int:
        tied = np.flatnonzero(scores >= scores.max() - 1e-9 * abs(scores.max()))
        return int(tied[int(self.rng.random() * len(tied))])

    def _new_model(self, features: Floats, groups: Groups, noise: float, noise_sd: float = 0.5) -> SequentialModel:
        return SequentialModel(
            features,
            groups,
            initial=self.initial,
            lengthscale=self.lengthscale,
            noise=noise,
            noise_sd=noise_sd,
            refit=self.refit,
            evaluations=self.problem.evaluations,
        )

    def _constraint_model(self, features: Floats, groups: Groups) -> SequentialModel:
        return self._new_model(features, groups, COST_NOISE, COST_NOISE_SD)

    def _random(self) -> Genotype | None:
        """An architecture that was not asked, for want of anything to learn from."""
        classes = len(self._pool.features([]))
        free = np.flatnonzero(self._pool.available())
        if not classes or not len(free):
            return None
        return self._pool.draw(int(free[int(self.rng.random() * len(free))]), self.rng)

    def _best(self, utility: Floats, told: NDArray[np.int64]) -> list[Genotype]:
        """The told architectures, best first, where the pool looks around them."""
        if self._pool.fixed:
            return []
        order = told[np.argsort(-utility[told], kind="stable")]
        return [self._genotypes[number] for number in order[:PARENTS].tolist()]
