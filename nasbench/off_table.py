"""Answer a trial where there is no table: a benchmark that predicts, under a task's policies.

The counterpart of `nasbench.evaluation` for architectures without a row. What is shown is the predicted
mean, or under `repeat="random"` the mean and the noise of one training: a normal number fixed by (task,
seed, architecture), the same for all strategies of a seed and all metrics of an architecture (a lucky
training is lucky in each of them).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import GenotypeError, StrategyError
from nasbench.evaluation import Located, Outcome
from nasbench.problem import Observation, Trial
from nasbench.space import Genotype
from nasbench.streams import genotype_counter, noise_key, normal_drawer
from nasbench.task import Task

if TYPE_CHECKING:
    from nasbench.surrogates.benchmark import SurrogateBenchmark


class OffTableEvaluator:
    """A benchmark without rows as one run sees it; numbers architectures as they are first asked for.

    Args:
        task: the task; its benchmark predicts.
        seed: of the run, which fixes the noise that each architecture shows.
    """

    def __init__(self, task: Task, seed: int) -> None:
        self._task, self._bench = task, cast("SurrogateBenchmark", task.bench)
        self._names = list(task.metrics)
        self._signs = [1 if task.bench.metric(name, task.protocol).sign > 0 else -1 for name in self._names]
        self._full = task.recipe_epochs
        self._epochs = float("nan") if self._full is None else float(self._full)
        self._paid_epochs = float(self._full or 0)
        self._flat_price = self._paid_epochs or 1.0
        self._noisy = [task.repeat == "random" and task.bench.noise_known(name, task.protocol) for name in self._names]
        self._draw = normal_drawer(noise_key(task.id, seed))
        self._asked: dict[Genotype, int] = {}
        self._groups: list[Genotype] = []
        self._outcomes: list[Outcome] = []
        self._first: dict[Genotype, Outcome] = {}

    def evaluate(self, trial: Trial) -> Outcome:
        """The outcome of a trial; its first item is the architecture's number in this run.

        Raises:
            GenotypeError: the strategy asked for no architecture of the space.
            StrategyError: it asked for a fidelity, of which there are none.
        """
        _, genotype, epoch = trial
        if epoch is not None and epoch != self._full:
            raise StrategyError(
                f"a trial asked for epoch {epoch!r}; {self._bench.name} predicts the full training only"
            )
        try:
            number = self._asked.get(genotype, -1)
        except TypeError:
            raise GenotypeError(f"a genotype is a tuple of integers, got {genotype!r}") from None
        if number < 0:
            number = self._train(genotype)
        if self._task.charge == "all":
            return self._outcomes[number]
        group = self._groups[number]
        first = self._first.get(group)
        if first is None:
            self._first[group] = self._outcomes[number]
            return self._outcomes[number]
        return number, first[1], first[2]._replace(cost=0.0), 0.0, False

    def locate(self, numbers: NDArray[np.int64]) -> Located:
        """Genotypes, rows (-1: there are none) and classes of architectures by their numbers in this run."""
        genotypes = np.array(list(self._asked), dtype=np.int64).reshape(-1, self._task.space.length)
        canonical = self._bench.full_space.canonical(genotypes)
        classes = np.unique(canonical, axis=0, return_inverse=True)[1].reshape(-1)
        return Located(genotypes[numbers], np.full(len(numbers), -1, dtype=np.int64), classes[numbers])

    def _train(self, genotype: Genotype) -> int:
        means, seconds = self._predictions(genotype)
        shown = list(means)
        if any(self._noisy):
            luck = self._draw(genotype_counter(genotype))
            for place, (name, noisy) in enumerate(zip(self._names, self._noisy, strict=True)):
                if noisy:
                    deviation = self._bench.noise_deviation(name, means[place])
                    shown[place] = means[place] + self._signs[place] * luck * deviation
        number = len(self._outcomes)
        self._asked[genotype] = number
        if self._task.charge != "all":
            by_class = self._task.charge == "unique-class"
            group = self._bench.full_space.canonical([genotype])[0].tolist() if by_class else genotype
            self._groups.append(tuple(group))
        objectives, bounds = len(self._task.objectives), self._task.bounds
        constrained = tuple(shown[objectives:])
        broken = any(bound.violation(value) > 0 for bound, value in zip(bounds, constrained, strict=True))
        cost = self._flat_price if seconds is None else seconds
        told = Observation(tuple(shown[:objectives]), cost, "infeasible" if broken else "ok", constrained)
        self._outcomes.append((number, self._epochs, told, self._paid_epochs, True))
        return number

    def _predictions(self, genotype: Genotype) -> tuple[list[float], float | None]:
        means = [self._bench.query(genotype, name) for name in self._names]
        return means, self._bench.query(genotype, "train_seconds") if self._task.has_times else None
