"""The loop of strategies that learn in rounds: a random start, then batches that a model proposes."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import log
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nasbench.predictors.features import Groups
from nasbench.problem import INFEASIBLE, Observation, Problem, Trial
from nasbench.space import Genotype, Genotypes
from nasbench.strategies.base import Strategy
from nasbench.strategies.bayesian.feasibility import COST_NOISE, COST_NOISE_SD, Feasibility
from nasbench.strategies.bayesian.sequential_model import SequentialModel
from nasbench.strategies.hyperparameters import whole

Floats = NDArray[np.float64]

_ATTEMPTS = 5

_LIKELY = 0.5
"""Probability of keeping the constraints from which a candidate counts as one that does."""

_SCALED_ON = 256
"""Architectures of the design that the scales of the constraints' models are set on."""


@dataclass
class GuidedBatches(Strategy):
    """Ask for `initial` random architectures, then for batches that a sub-class proposes.

    No architecture is asked twice. Where nothing is told yet or nothing new is proposed, the search goes
    on with the random architectures of the design, one at a time, until the space is exhausted. Failed
    trials are never learned from. An `ask` that comes before a batch is told gets a new batch.

    Under constraints what breaks them teaches its value like any other, but parents are the feasible
    trials first and then those that break the constraints by less, and of candidates those come first that
    keep all of them with a probability of at least a half, by a Gaussian process for each constrained metric;
    the others follow by that probability. While nothing feasible is known it alone decides.

    Source: Deb, An Efficient Constraint Handling Method for Genetic Algorithms, 2000 (the order of trials, which
    is that of candidates with probabilities for violations); Gardner et al., Bayesian Optimization with
    Inequality Constraints, ICML 2014 (the models).

    Args:
        initial: random architectures at the start.
        batch: architectures asked between two fits.
    """

    initial: int = 10
    batch: int = 10

    _least: ClassVar[int] = 1
    """Observations below which there is nothing to fit."""

    _queue: deque[Genotype] = field(init=False, repr=False, compare=False)
    _design: Iterator[Genotype] = field(init=False, repr=False, compare=False)
    _seen: set[Genotype] = field(init=False, repr=False, compare=False)
    _told: list[tuple[float, Genotype]] = field(init=False, repr=False, compare=False)
    _merits: list[float] = field(init=False, repr=False, compare=False)
    _feasibility: Feasibility | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        whole(initial=self.initial, batch=self.batch)

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Open with the first `initial` architectures of the design."""
        super().start(problem, rng)
        self._queue = deque(problem.initial(self.initial))
        self._design = problem.design()
        self._seen, self._told, self._merits = set(self._queue), [], []
        self._feasibility = None
        if problem.constraints:
            self._feasibility = Feasibility(problem, np.array(problem.initial(_SCALED_ON)), self._constraint_model)

    def ask(self, n: int = 1) -> list[Trial]:
        """The rest of the batch; a new batch, from what is told by now, where it is used up."""
        trials: list[Trial] = []
        while len(trials) < n:
            if not self._queue:
                self._fill()
            if not self._queue:
                break
            trials.append(self._trial(self._queue.popleft()))
        return trials

    def tell(self, trial: Trial, observation: Observation) -> None:
        """Remember the outcome for the next fit."""
        merit = self.problem.merit(observation)
        if merit == -np.inf:
            return
        if self._feasibility:
            self._feasibility.add(trial.genotype)
            self._feasibility.tell(len(self._told), observation)
        self._told.append((self.problem.sign * observation.value, trial.genotype))
        self._merits.append(merit)

    @abstractmethod
    def _propose(self) -> list[Genotype]:
        """Distinct architectures not asked before, best first, of which `batch` are asked; empty where there are none.

        Called once `_least` trials are told.
        """

    def _fill(self) -> None:
        """Queue the next batch: one random architecture where there is nothing to learn or propose."""
        proposed = self._propose()[: self.batch] if len(self._told) >= self._least else []
        if not proposed:
            fresh = next((genotype for genotype in self._design if genotype not in self._seen), None)
            proposed = [] if fresh is None else [fresh]
        self._queue.extend(proposed)
        self._seen.update(proposed)

    def _best(self, k: int) -> list[Genotype]:
        """The k best architectures told, best first, ties in the order they were told."""
        order = sorted(range(len(self._told)), key=lambda number: -self._merits[number])
        return [self._told[number][1] for number in order[:k]]

    def _to_beat(self, scores: Floats) -> float:
        """The best of the `(n,)` scores of what was told, of the feasible trials where there are any."""
        leading = scores[np.array(self._merits) > INFEASIBLE]
        return float(leading.max() if len(leading) else scores.max())

    def _screened(self, genotypes: Sequence[Genotype] | Genotypes, scores: Floats) -> Floats:
        """The `(m,)` scores of candidates, lowered below all others where they probably break a constraint.

        Args:
            genotypes: m candidates.
            scores: larger is better; unchanged where the problem has no constraints.
        """
        if self._feasibility is None:
            return scores
        told = len(self._told)
        chance = self._feasibility.log_probability(np.array(genotypes), told, np.arange(told), fixed=False)
        if max(self._merits) <= INFEASIBLE:
            return chance
        return np.where(chance >= log(_LIKELY), scores, INFEASIBLE * (1.0 - chance))

    def _constraint_model(self, features: Floats, groups: Groups) -> SequentialModel:
        return SequentialModel(
            features,
            groups,
            initial=self.initial,
            lengthscale=2.5,
            noise=COST_NOISE,
            noise_sd=COST_NOISE_SD,
            refit=1.1,
            evaluations=self.problem.evaluations,
        )

    def _candidates(self, most: int, parents: int, sampled: int) -> list[Genotype]:
        """What a model scores: the whole of a space of up to `most` architectures, asked ones too.

        A larger space is represented by `sampled` others that were not asked, drawn anew at each call: half of
        them mutants of the `parents` best told, the rest uniform; all of them without parents.
        """
        space = self.problem.space
        if space.enumerable and space.size <= most:
            return [tuple(row) for row in space.all().tolist()]
        mutants = self._mutants(self._best(parents), sampled // 2, most_changes=2) if parents else []
        return mutants + self._uniform(sampled - len(mutants), mutants)

    def _mutants(self, parents: list[Genotype], wanted: int, most_changes: int = 1) -> list[Genotype]:
        """Up to `wanted` distinct architectures not asked before, 1 to `most_changes` mutations from the parents."""
        found: dict[Genotype, None] = {}
        if self.problem.space.size == 1:
            return []
        for _ in range(_ATTEMPTS * wanted):
            genotype = parents[int(self.rng.random() * len(parents))]
            for _ in range(1 + int(self.rng.random() * most_changes)):
                genotype = self.problem.space.mutate(genotype, self.rng)
            if genotype not in self._seen:
                found[genotype] = None
                if len(found) == wanted:
                    break
        return list(found)

    def _uniform(self, wanted: int, taken: list[Genotype]) -> list[Genotype]:
        """Up to `wanted` distinct random architectures, neither asked before nor among those taken."""
        found: dict[Genotype, None] = {}
        refused = self._seen.union(taken)
        for _ in range(_ATTEMPTS):
            for row in self.problem.space.sample(self.rng, wanted).tolist():
                if len(found) < wanted and (genotype := tuple(row)) not in refused:
                    found[genotype] = None
        return list(found)
