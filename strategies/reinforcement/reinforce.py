"""REINFORCE on a factorised categorical policy."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nasbench.problem import Observation, Problem, Trial
from nasbench.space import Genotype
from nasbench.strategies.base import Strategy
from nasbench.strategies.hyperparameters import positive
from nasbench.strategies.reinforcement.baseline import MovingBaseline
from nasbench.strategies.reinforcement.rewards import Reward

_ATTEMPTS = 64
"""Draws from the policy before a constrained space is sampled uniformly instead."""

_REWARD = Reward()


@dataclass
class Reinforce(Strategy):
    """Policy gradient without a controller network: one softmax a position, all independent.

    After each result the logits take a step of plain gradient ascent on the log-probability of
    the trial's choices, times its advantage: the reward minus the moving-average baseline, divided
    by the moving standard deviation around that baseline. The policy may ask an architecture
    again; as it converges it mostly does.

    The division is ours: it makes the learning rate mean the same in every unit (points of
    accuracy, a loss of 0.001) and bounds what a single outlier can do to 1 / sqrt(1 - baseline),
    about three standard deviations. The original takes the accuracy as a fraction, so that the
    same learning rate is a step several times smaller; on NAS-Bench-201 that is hardly better than
    random search after 150 evaluations and clearly better only after 500.

    A failed trial, and one that breaks a constraint, is rewarded like the worst result told so far (ignored
    while there is none); where hardly any keep the constraints that is behind random search (2 % on cifar10:
    regret 13.2 after 150, random search 9.0; 60 seeds). In
    a constrained space invalid draws are rejected; the gradient is then that of the unconstrained
    policy. After 64 rejections the architecture is drawn uniformly from the space.

    With two objectives the reward is that of MnasNet with its soft constraint,
    `accuracy * latency ** -0.07`; see `nasbench.strategies.reinforcement.rewards`. Other constraints
    are hyper-parameters of `lstm-controller` and `ppo`.

    Source: Williams, Simple Statistical Gradient-Following Algorithms for Connectionist
    Reinforcement Learning, Machine Learning 1992; as a baseline without a recurrent controller:
    Ying et al., NAS-Bench-101, ICML 2019, and Dong and Yang, NAS-Bench-201, ICLR 2020. Learning
    rate 0.1 and baseline 0.9 are the defaults of the code that came with the former.

    Args:
        learning_rate: step size of the gradient ascent.
        baseline: decay of the moving averages, at least 0 and below 1.
    """

    learning_rate: float = 0.1
    baseline: float = 0.9

    version: ClassVar[int] = 1
    max_objectives: ClassVar[int | None] = 2

    _logits: NDArray[np.float64] = field(init=False, repr=False, compare=False)
    _policy: NDArray[np.float64] = field(init=False, repr=False, compare=False)
    _cumulative: NDArray[np.float64] = field(init=False, repr=False, compare=False)
    _positions: NDArray[np.int64] = field(init=False, repr=False, compare=False)
    _last_choices: NDArray[np.int64] = field(init=False, repr=False, compare=False)
    _constrained: bool = field(init=False, repr=False, compare=False)
    _baseline: MovingBaseline = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        positive(learning_rate=self.learning_rate)
        MovingBaseline(self.baseline)

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Begin with the uniform policy."""
        super().start(problem, rng)
        space = problem.space
        choices = np.array(space.cardinalities)
        self._positions, self._last_choices = np.arange(space.length), choices - 1
        self._constrained = space.size < prod(space.cardinalities)
        # (G, most choices); what a shorter position lacks has probability 0.
        self._logits = np.where(np.arange(choices.max()) < choices[:, None], 0.0, -np.inf)
        self._baseline = MovingBaseline(self.baseline)
        self._refresh()

    def ask(self, n: int = 1) -> list[Trial]:
        """Draws from the present policy; never empty."""
        return [self._trial(self._draw()) for _ in range(n)]

    def tell(self, trial: Trial, observation: Observation) -> None:
        """One step of gradient ascent."""
        advantage = self._baseline.advantage(_REWARD(self.problem, observation))
        if advantage:
            step = self.learning_rate * advantage
            self._logits -= step * self._policy
            self._logits[self._positions, trial.genotype] += step
            self._refresh()

    def _draw(self) -> Genotype:
        """A valid genotype from the policy."""
        if not self._constrained:
            return tuple(self._batch(1)[0].tolist())
        batch, space = self._batch(_ATTEMPTS), self.problem.space
        batch = batch[space.valid(batch)]
        return tuple((batch if len(batch) else space.sample(self.rng))[0].tolist())

    def _batch(self, n: int) -> NDArray[np.int64]:
        """`(n, G)` draws from the policy, valid or not."""
        uniform = self.rng.random((n, len(self._positions), 1))
        drawn = (self._cumulative <= uniform).sum(axis=2)
        # Rounded probabilities may sum to less than 1.
        genotypes: NDArray[np.int64] = np.minimum(drawn, self._last_choices)
        return genotypes

    def _refresh(self) -> None:
        weights = np.exp(self._logits - self._logits.max(axis=1, keepdims=True))
        self._policy = weights / weights.sum(axis=1, keepdims=True)
        self._cumulative = self._policy.cumsum(axis=1)
