"""Local search: climb to a local optimum, then restart."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from nasbench.problem import Observation, Problem, Trial
from nasbench.space import Genotype
from nasbench.strategies.base import Strategy
from nasbench.strategies.hyperparameters import one_of, whole

ACCEPTANCES = ("first", "steepest")


@dataclass
class LocalSearch(Strategy):
    """Hill climbing over one-choice neighbourhoods, from the best of a few random architectures.

    The neighbours are tried in random order; only a strictly better one is moved to. At a local
    optimum the search restarts from the next architecture of the seed's design that it has not
    asked yet. No architecture is asked twice: one that was told before is compared for free, so a
    climb may pass through known ground without an evaluation. A failed trial is never moved to. What keeps all
    constraints is better than what does not, and of what does not the one that breaks them by less (Deb, 2000).

    With several workers, neighbours of the present centre are evaluated at the same time, and any
    of them that beats the centre when it finishes is moved to, also after another one was. While
    a decision has to wait for trials in flight, idle workers evaluate the next restarts ahead.
    The space is exhausted, and `ask` empty, once every architecture has been asked.

    Source: White, Nolen and Savani, Exploring the Loss Landscape in Neural Architecture Search,
    UAI 2021; den Ottelander et al., Local Search is a Remarkably Strong Baseline for Neural
    Architecture Search, EMO 2021. As in the code of the former, 10 initial architectures and the
    first improvement are the defaults and the full neighbourhood is an option; unlike there, a
    restart draws one architecture, not `initial` of them.

    Args:
        initial: random architectures at the start; the best of them is climbed from.
        acceptance: `first` moves to the first improvement, `steepest` to the best neighbour after
            all were evaluated.
    """

    initial: int = 10
    acceptance: str = "first"

    version: ClassVar[int] = 1

    _starts: Iterator[Genotype] = field(init=False, repr=False, compare=False)
    _ahead: deque[Genotype] = field(init=False, repr=False, compare=False)
    _seen: set[Genotype] = field(init=False, repr=False, compare=False)
    _utility: dict[Genotype, float] = field(init=False, repr=False, compare=False)
    _candidates: list[Genotype] = field(init=False, repr=False, compare=False)
    _untried: list[Genotype] = field(init=False, repr=False, compare=False)
    _awaited: set[Genotype] = field(init=False, repr=False, compare=False)
    _bar: float = field(init=False, repr=False, compare=False)
    _eager: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        whole(initial=self.initial)
        one_of(ACCEPTANCES, acceptance=self.acceptance)

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Open with the first `initial` architectures of the design."""
        super().start(problem, rng)
        self._starts = problem.design()
        self._ahead = deque()
        self._seen, self._utility, self._awaited = set(), {}, set()
        self._restart(self.initial)

    def ask(self, n: int = 1) -> list[Trial]:
        """Neighbours of the centre; later restarts where a decision waits; empty once all were asked."""
        trials: list[Trial] = []
        while len(trials) < n and (genotype := self._next()) is not None:
            self._seen.add(genotype)
            trials.append(self._trial(genotype))
        return trials

    def tell(self, trial: Trial, observation: Observation) -> None:
        """Move to the trial at once if it improves on the centre and `acceptance` is `first`."""
        genotype, utility = trial.genotype, self.problem.merit(observation)
        self._utility[genotype] = utility
        if genotype in self._awaited:
            self._awaited.remove(genotype)
            if self._eager and utility > self._bar:
                self._move(genotype)

    def _next(self) -> Genotype | None:
        """The next architecture to evaluate; None where none is left."""
        while True:
            while self._untried:
                genotype = self._untried.pop()
                if genotype not in self._seen:
                    self._awaited.add(genotype)
                    return genotype
                if genotype not in self._utility:
                    self._awaited.add(genotype)
                elif self._eager and self._utility[genotype] > self._bar:
                    self._move(genotype)
            if self._awaited:
                return self._look_ahead()
            if not self._decide():
                return None

    def _decide(self) -> bool:
        """With all candidates told, move to the best if it beats the bar, else restart.

        Returns:
            False where no architecture is left to restart from.
        """
        if self._candidates:
            best = max(self._candidates, key=self._utility.__getitem__)
            if self._utility[best] > self._bar:
                self._move(best)
                return True
        return self._leave()

    def _leave(self) -> bool:
        """Go on from a local optimum, or from a start that failed; False where no architecture is left."""
        return self._restart(1)

    def _move(self, centre: Genotype) -> None:
        neighbours = self.problem.space.neighbours(centre)
        order = self.rng.permutation(len(neighbours)).tolist()
        self._open([neighbours[i] for i in order], self._utility[centre], self.acceptance == "first")

    def _restart(self, starts: int) -> bool:
        """Make the next architectures of the design the candidates; False where none is left."""
        chosen: list[Genotype] = []
        while len(chosen) < starts:
            genotype = self._ahead.popleft() if self._ahead else self._fresh()
            if genotype is None:
                break
            chosen.append(genotype)
        # No bar: the best start is climbed from, however bad, unless it failed (-inf).
        self._open(chosen, -np.inf, eager=False)
        return bool(chosen)

    def _open(self, candidates: list[Genotype], bar: float, eager: bool) -> None:
        self._candidates, self._bar, self._eager = candidates, bar, eager
        self._untried = candidates[::-1]

    def _look_ahead(self) -> Genotype | None:
        """A later restart, evaluated now because a decision waits for trials in flight."""
        genotype = self._fresh()
        if genotype is not None:
            self._ahead.append(genotype)
        return genotype

    def _fresh(self) -> Genotype | None:
        return next((genotype for genotype in self._starts if genotype not in self._seen), None)
