"""All that a strategy may see: the `Problem`, the `Trial` it asks for, the `Observation` it is told.

Nothing here holds a table: a strategy cannot reach a value that it was not told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal, NamedTuple

import numpy as np

from nasbench.constraint import Constraint
from nasbench.design import design_sequence
from nasbench.space import Genotype, SearchSpace

Direction = Literal["maximize", "minimize"]


@dataclass(frozen=True)
class Objective:
    """One number to optimise.

    Args:
        name: the metric (`val_accuracy`).
        direction: `maximize` or `minimize`.
        functional: True where the value depends on the function that the network computes only
            (accuracy, loss), so that features may canonicalise; False for params, FLOPs, latency,
            energy and training time, which dead operations change too.
    """

    name: str
    direction: Direction = "maximize"
    functional: bool = True

    @property
    def sign(self) -> int:
        """+1 where larger is better, -1 where smaller is."""
        return 1 if self.direction == "maximize" else -1


class Trial(NamedTuple):
    """One architecture that a strategy wants evaluated.

    Attributes:
        number: unique within a run; the strategy counts from 0.
        genotype: the architecture.
        epoch: fidelity to train to, or None for the full one.
    """

    number: int
    genotype: Genotype
    epoch: int | None = None


class Observation(NamedTuple):
    """What a strategy is told about a trial.

    Attributes:
        values: one number an objective, in the metric's own unit and direction; NaN if failed.
        cost: simulated seconds that the trial was charged (epochs or 1 where no times are known).
        status: `ok`, `infeasible` (a constraint is broken) or `failed` (the table holds no number for it).
        constraints: value of each constrained metric, in its own unit.
    """

    values: tuple[float, ...]
    cost: float = 1.0
    status: str = "ok"
    constraints: tuple[float, ...] = ()

    @property
    def value(self) -> float:
        """The first objective's value."""
        return self.values[0]


class Problem:
    """A task as a strategy sees it.

    Args:
        space: where to search (a `TableSpace` where the table is partial).
        objectives: what to optimise; most strategies take exactly one.
        design: generator of the design stream, the same for all strategies of a seed.
        evaluations, seconds, epochs: the budget; None means not limited.
        fidelities: epochs that a trial may ask for, rising; empty where only the full one exists.
        workers: how many trials run at the same time.
        constraints: bounds that an architecture has to keep, on metrics that are told with its values.
    """

    def __init__(
        self,
        space: SearchSpace,
        objectives: Sequence[Objective],
        design: np.random.Generator,
        *,
        evaluations: int | None = None,
        seconds: float | None = None,
        epochs: float | None = None,
        fidelities: Sequence[int] = (),
        workers: int = 1,
        constraints: Sequence[Constraint] = (),
    ) -> None:
        self.space = space
        self.objectives = tuple(objectives)
        self.evaluations, self.seconds, self.epochs = evaluations, seconds, epochs
        self.fidelities = tuple(fidelities)
        self.workers = workers
        self.constraints = tuple(constraints)
        self._sequence = design_sequence(space, design)
        self._drawn: list[Genotype] = []
        self._signs = tuple(o.sign for o in self.objectives)

    @property
    def objective(self) -> Objective:
        """The first objective."""
        return self.objectives[0]

    @property
    def sign(self) -> int:
        """+1 where a larger first objective is better, -1 where a smaller is."""
        return self._signs[0]

    def utility(self, observation: Observation) -> float:
        """The first objective with larger meaning better; -inf for a failed or infeasible trial."""
        value = observation.values[0]
        if self.constraints and self.violation(observation) > 0:
            return -np.inf
        return self._signs[0] * value if value == value else -np.inf

    def violation(self, observation: Observation) -> float:
        """By how much a trial breaks the constraints, summed as shares of their bounds; 0 where it keeps all."""
        if len(observation.constraints) < len(self.constraints):
            return np.inf  # nothing is known of a failed trial
        pairs = zip(self.constraints, observation.constraints, strict=False)
        return sum(constraint.violation(value) for constraint, value in pairs)

    def initial(self, k: int) -> list[Genotype]:
        """The first k architectures of this seed's design (fewer where the space has fewer).

        The design is one uniform sequence without replacement, the same for all strategies of a
        seed, so that smaller designs are prefixes of larger ones.
        """
        if k > len(self._drawn):
            self._drawn.extend(islice(self._sequence, k - len(self._drawn)))
        return self._drawn[:k]

    def design(self) -> Iterator[Genotype]:
        """The design sequence from its start to the end of the space (what random search asks)."""
        position = 0
        while True:
            if position == len(self._drawn):
                self.initial(2 * position + 64)  # longer blocks as a search goes on: fewer, larger array steps
            block = self._drawn[position:]
            if not block:
                return
            yield from block
            position += len(block)
