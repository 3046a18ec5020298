"""What strategies share that train a recurrent controller on batches of finished trials."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import compress
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nasbench.errors import StrategyError
from nasbench.problem import Observation, Problem, Trial
from nasbench.space import Genotype, Genotypes
from nasbench.strategies.base import Strategy
from nasbench.strategies.hyperparameters import positive, whole
from nasbench.strategies.reinforcement.baseline import MovingBaseline
from nasbench.strategies.reinforcement.controller import Controller, Draws, Shape
from nasbench.strategies.reinforcement.prefixes import Spelling, is_constrained, is_listed
from nasbench.strategies.reinforcement.rewards import SOFT, Reward

_ATTEMPTS = 8
"""Batches drawn from the policy, in search of valid genotypes, before the space is sampled uniformly."""


@dataclass(frozen=True)
class Batch:
    """Finished trials to learn from.

    Attributes:
        genotypes: `(n, G)` integers.
        allowed: which choices were open, `(n, G, C)` bools.
        log_probability: of each choice under the policy that drew it, `(n, G)`.
        advantage: `(n,)`.
    """

    genotypes: Tensor
    allowed: Tensor
    log_probability: Tensor
    advantage: Tensor


@dataclass
class PolicySearch(Strategy):
    """Draw from a controller; when `batch` trials have been told, learn from them.

    Trials may be told in any order and asked ahead of them: each remembers the log-probabilities with
    which it was drawn. Draws that were not asked yet when the policy changes are thrown away. The
    sub-classes, whose parameters these are, document them.
    """

    units: int = 100
    layers: int = 1
    learning_rate: float = 0.01
    batch: int = 10
    baseline: float = 0.9
    entropy: float = 0.0
    target: float | None = None
    alpha: float = SOFT
    beta: float = SOFT

    scale: ClassVar[float] = 0.1
    uses_blas: ClassVar[bool] = True
    max_objectives: ClassVar[int | None] = 2

    _reward: Reward = field(init=False, repr=False, compare=False)
    _baseline: MovingBaseline = field(init=False, repr=False, compare=False)
    _controller: Controller = field(init=False, repr=False, compare=False)
    _optimiser: torch.optim.Adam = field(init=False, repr=False, compare=False)
    _queue: deque[_Draw] = field(init=False, repr=False, compare=False)
    _flying: dict[int, _Draw] = field(init=False, repr=False, compare=False)
    _told: list[tuple[_Draw, float]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        positive(learning_rate=self.learning_rate)
        whole(units=self.units, layers=self.layers, batch=self.batch)
        MovingBaseline(self.baseline)
        Reward(self.target, self.alpha, self.beta)
        if isinstance(self.entropy, bool) or not isinstance(self.entropy, int | float) or not self.entropy >= 0:
            raise StrategyError(f"entropy must be a number of at least 0, got {self.entropy!r}")

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Begin with an untrained controller, whose policy is nearly uniform."""
        super().start(problem, rng)
        self._reward = Reward(self.target, self.alpha, self.beta)
        self._reward.check_fits(problem)
        self._baseline = MovingBaseline(self.baseline)
        shape = Shape(self.units, self.layers, self.scale)
        self._controller = Controller(problem.space, shape, int(rng.integers(2**31)))
        self._optimiser = torch.optim.Adam(self._controller.parameters(), lr=self.learning_rate)
        self._queue, self._flying, self._told = deque(), {}, []

    def ask(self, n: int = 1) -> list[Trial]:
        """Draws from the present policy; never empty."""
        trials = []
        for _ in range(n):
            if not self._queue:
                with _one_thread():
                    self._queue.extend(self._draw())
            draw = self._queue.popleft()
            trial = self._trial(draw.genotype)
            self._flying[trial.number] = draw
            trials.append(trial)
        return trials

    def adopt(self, genotype: Genotype, epoch: int | None = None) -> Trial:
        """A trial that takes part in the next batch with its probability under the present policy."""
        trial = self._trial(genotype, epoch)
        self._flying[trial.number] = self._spelled(genotype)
        return trial

    def tell(self, trial: Trial, observation: Observation) -> None:
        """Remember the outcome; learn where it completes a batch."""
        advantage = self._baseline.advantage(self._reward(self.problem, observation))
        self._told.append((self._flying.pop(trial.number), advantage))
        if len(self._told) == self.batch:
            draws, advantages = zip(*self._told, strict=True)
            batch = Batch(
                torch.tensor([draw.genotype for draw in draws]),
                torch.from_numpy(np.stack([draw.allowed for draw in draws])),
                torch.from_numpy(np.stack([draw.log_probability for draw in draws])),
                torch.tensor(advantages, dtype=torch.float32),
            )
            self._told = []
            self._queue.clear()
            with _one_thread():
                self._learn(batch)

    @abstractmethod
    def _learn(self, batch: Batch) -> None:
        """Improve the controller."""

    def _climb(self, objective: Tensor) -> None:
        """One step of Adam up the gradient of what is to be maximised."""
        self._optimiser.zero_grad()
        (-objective).backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()

    def _draw(self) -> list[_Draw]:
        """At least one valid draw from the policy, `batch` of them where the space has no constraint."""
        space = self.problem.space
        if not is_constrained(space) or is_listed(space):
            return _rows(self._controller.draw(self.batch, self.rng))
        for _ in range(_ATTEMPTS):
            draws = self._controller.draw(self.batch, self.rng)
            valid = space.valid(draws.genotypes).tolist()
            if any(valid):
                return list(compress(_rows(draws), valid))
        return self._uniform(draws.allowed[:1])

    def _uniform(self, allowed: NDArray[np.bool_]) -> list[_Draw]:
        """A uniform draw from the space, with its probability under the policy."""
        return _rows(self._scored(self.problem.space.sample(self.rng), allowed))

    def _spelled(self, genotype: Genotype) -> _Draw:
        """A given genotype as if it had been drawn."""
        spelling, masks = Spelling(self.problem.space, 1), []
        for gene in genotype:
            masks.append(np.array(spelling.allowed()))
            spelling.write(np.array([gene]))
        with _one_thread():
            return _rows(self._scored(np.array([genotype]), np.stack(masks, axis=1)))[0]

    def _scored(self, genotypes: Genotypes, allowed: NDArray[np.bool_]) -> Draws:
        """Genotypes with their probability under the policy."""
        with torch.no_grad():
            chance, _ = self._controller(torch.from_numpy(genotypes), torch.from_numpy(allowed))
        return Draws(genotypes, allowed, chance.numpy())


@dataclass(frozen=True)
class _Draw:
    """One row of `Draws`."""

    genotype: Genotype
    allowed: NDArray[np.bool_]
    log_probability: NDArray[np.float32]


def _rows(draws: Draws) -> list[_Draw]:
    return [_Draw(tuple(g.tolist()), a, p) for g, a, p in zip(*draws, strict=True)]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep torch on one thread inside, so that sums have one order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
