"""All that a strategy may see: the `Problem`, the `Trial` it asks for, the `Observation` it is told.

Nothing here holds a table: a strategy cannot reach a value that it was not told.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal, NamedTuple, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasbench.constraint import Constraint
from nasbench.design import design_sequence
from nasbench.errors import StrategyError
from nasbench.space import Genotype, Genotypes, SearchSpace

Direction = Literal["maximize", "minimize"]

INFEASIBLE = -1e100
"""Above every `Problem.merit` of a trial that breaks a constraint, below every other."""


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


class SourceTask(NamedTuple):
    """A few evaluations of another task.

    Attributes:
        name: of the other benchmark.
        genotypes: `(n, G)`, architectures of the problem's space.
        utilities: `(n,)` values of the problem's first objective there, larger is better.
    """

    name: str
    genotypes: Genotypes
    utilities: NDArray[np.float64]


class Knowledge(ABC):
    """What a strategy may know beyond what it is told; reading what it does not declare in `uses` is an error."""

    @property
    def source_observations(self) -> int:
        """Evaluations of other tasks that were shown."""
        return 0

    @property
    def proxy_names(self) -> tuple[str, ...]:
        """Names of the zero-cost proxies."""
        return ()

    @abstractmethod
    def params(self, genotypes: ArrayLike) -> NDArray[np.float64]:
        """Numbers of parameters `(n,)` of the `(n, G)` genotypes; free."""

    @abstractmethod
    def flops(self, genotypes: ArrayLike) -> NDArray[np.float64]:
        """Numbers of floating-point operations `(n,)`; free."""

    @abstractmethod
    def proxies(self, genotypes: ArrayLike) -> NDArray[np.float64]:
        """Zero-cost proxies `(n, P)`, NaN where unknown; their seconds are charged once an architecture."""

    @abstractmethod
    def sources(self, observations: int = 200) -> list[SourceTask]:
        """At most 200 evaluations of each sister task, drawn by the run's seed."""


class NoKnowledge(Knowledge):
    """What a strategy knows that declares nothing in `uses`."""

    def params(self, genotypes: ArrayLike) -> NDArray[np.float64]:
        """Nothing.

        Raises:
            StrategyError: always.
        """
        return self._refuse("params")

    def flops(self, genotypes: ArrayLike) -> NDArray[np.float64]:
        """Nothing; raises as `params` does."""
        return self._refuse("flops")

    def proxies(self, genotypes: ArrayLike) -> NDArray[np.float64]:
        """Nothing; raises as `params` does."""
        return self._refuse("proxies")

    def sources(self, observations: int = 200) -> list[SourceTask]:
        """Nothing; raises as `params` does."""
        return self._refuse("sources")

    def _refuse(self, what: str) -> NoReturn:
        raise StrategyError(f"a strategy that reads {what} declares it in `uses`, and the task has to offer it")


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

    Attributes:
        knowledge: what the strategy may read because it declares so.
        spent: simulated seconds that the strategy spent outside of trainings.
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
        self.knowledge: Knowledge = NoKnowledge()
        self.spent = 0.0
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

    def merit(self, observation: Observation) -> float:
        """`utility`, but what breaks a constraint has a value too, for strategies that only compare.

        Whatever keeps the constraints is above `INFEASIBLE`; below it, what breaks them by less is better.
        -inf for a failed trial only. Differences mean something between feasible trials only.

        Source: Deb, An Efficient Constraint Handling Method for Genetic Algorithms, 2000.
        """
        utility = self.utility(observation)
        if utility > -np.inf or not self.constraints or observation.value != observation.value:
            return utility
        violation = self.violation(observation)
        return INFEASIBLE * (1.0 + violation / (1.0 + violation)) if violation < np.inf else -np.inf

    def violation(self, observation: Observation) -> float:
        """By how much a trial breaks the constraints, summed as shares of their bounds; 0 where it keeps all."""
        if len(observation.constraints) < len(self.constraints):
            return np.inf  # nothing is known of a failed trial
        pairs = zip(self.constraints, observation.constraints, strict=False)
        return sum(constraint.violation(value) for constraint, value in pairs)

    def spend(self, seconds: float) -> None:
        """Charge simulated seconds that are no training of a trial: of a supernet, of zero-cost proxies.

        They delay the trials that are asked next. The budget and the curves show them where the dataset has
        training times, the ledger always.

        Raises:
            StrategyError: no finite number from 0.
        """
        if not 0 <= seconds < np.inf:
            raise StrategyError(f"a strategy spends a number of seconds from 0, got {seconds!r}")
        self.spent += float(seconds)

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
