"""The loop of strategies that learn in rounds: a random start, then batches that a model proposes."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from nasbench.errors import StrategyError
from nasbench.problem import Observation, Problem, Trial
from nasbench.space import Genotype
from nasbench.strategies.base import Strategy, positive

_ATTEMPTS = 5


@dataclass
class GuidedBatches(Strategy):
    """Ask for `initial` random architectures, then for batches that a sub-class proposes.

    No architecture is asked twice. Where nothing is told yet or nothing new is proposed, the search goes
    on with the random architectures of the design, one at a time, until the space is exhausted. Failed
    trials are never learned from.

    Args:
        initial: random architectures at the start.
        batch: architectures asked between two fits.
    """

    initial: int = 10
    batch: int = 10

    _queue: deque[Genotype] = field(init=False, repr=False, compare=False)
    _design: Iterator[Genotype] = field(init=False, repr=False, compare=False)
    _seen: set[Genotype] = field(init=False, repr=False, compare=False)
    _told: list[tuple[float, Genotype]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        whole(initial=self.initial, batch=self.batch)

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Open with the first `initial` architectures of the design."""
        super().start(problem, rng)
        self._queue = deque(problem.initial(self.initial))
        self._design = problem.design()
        self._seen, self._told = set(self._queue), []

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
        utility = self.problem.utility(observation)
        if utility > -np.inf:
            self._told.append((utility, trial.genotype))

    @abstractmethod
    def _propose(self) -> list[Genotype]:
        """Architectures not asked before, best first, at most `batch`; called once something is told."""

    def _fill(self) -> None:
        """Queue the next batch: one random architecture where there is nothing to learn or propose."""
        proposed = self._propose() if self._told else []
        if proposed:
            self._queue.extend(proposed)
        else:
            fresh = next((g for g in self._design if g not in self._seen), None)
            self._queue.extend([] if fresh is None else [fresh])
        self._seen.update(self._queue)

    def _best(self, k: int) -> list[Genotype]:
        """The k best architectures told, best first."""
        return [genotype for _, genotype in sorted(self._told, key=lambda told: -told[0])[:k]]

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


def whole(**values: int) -> None:
    """Check that each hyper-parameter is a positive whole number.

    Raises:
        StrategyError: one is not.
    """
    for name, value in values.items():
        positive(**{name: value})
        if not isinstance(value, int):
            raise StrategyError(f"{name} must be a whole number, got {value!r}")
