"""Answer a trial from the table, under a task's repeat, charging, fidelity and resume policies."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nasbench.benchmark import repeat_mean
from nasbench.errors import GenotypeError, StrategyError
from nasbench.problem import Observation, Trial
from nasbench.space import Genotype, Genotypes
from nasbench.streams import noise_key, uniform_picker
from nasbench.task import Task

Floats: TypeAlias = NDArray[np.float64]
Count: TypeAlias = Callable[[int], int]
Outcome: TypeAlias = tuple[int, float, Observation, float, bool]
"""What evaluating a trial gives; a plain tuple, since one is made for each evaluation.

(row of the table; epoch trained to, NaN where the dataset declares none; what the strategy is
told, whose cost moves the clock: simulated seconds, or epochs, or 1, whichever the dataset has;
newly trained epochs, 0 where it declares none; whether it counts against `evaluations`).
"""


class Located(NamedTuple):
    """Which architectures some outcomes are of: genotypes `(n, G)`, rows `(n,)`, canonical classes `(n,)`."""

    genotypes: Genotypes
    rows: NDArray[np.int64]
    classes: NDArray[np.int64]


class Level(NamedTuple):
    """One fidelity: its protocol, `(A, R)` values a metric (objectives first), `(A, R)` seconds or None, its epochs."""

    protocol: str
    values: tuple[Floats, ...]
    seconds: Floats | None
    epochs: float


class Evaluator:
    """The table as one run sees it; holds what the run has paid for.

    Args:
        task: the task.
        seed: of the run, which fixes the training run that each architecture shows.
    """

    def __init__(self, task: Task, seed: int) -> None:
        bench = task.bench
        self._task = task
        self._key = noise_key(task.id, seed)
        self._full = task.recipe_epochs
        self._trainers: dict[int | None, Callable[[int], Outcome]] = {}
        self._paid: dict[int, tuple[float, float]] = {}
        self._classes = bench.classes if task.charge == "unique-class" else None
        self._first: dict[tuple[int, int | None], Outcome] = {}
        self._rows = task.memory.rows
        self._known: dict[Genotype, Outcome] = {}
        self._repeatable = task.charge == "all" and task.fidelity is None
        self._trainer(None)

    def evaluate(self, trial: Trial) -> Outcome:
        """The outcome of a trial.

        Raises:
            GenotypeError, NotInTableError: the strategy asked for no architecture of the space.
            StrategyError: it asked for an epoch that the task does not offer.
        """
        _, genotype, epoch = trial
        if epoch is None:
            try:
                known = self._known.get(genotype)
            except TypeError:
                raise GenotypeError(f"a genotype is a tuple of integers, got {genotype!r}") from None
            if known is not None:
                return known
        elif epoch == self._full:
            epoch = None  # the same training, however it is asked for
        row = self._rows.get(genotype, -1)
        if row < 0:
            row = self._place(genotype)
        train = self._trainers.get(epoch) or self._trainer(epoch)
        if self._repeatable:
            outcome = train(row)
            if epoch is None:
                self._known[genotype] = outcome
            return outcome
        if self._task.charge == "all":
            return train(row)
        return self._distinct(row, epoch, train)

    def locate(self, rows: NDArray[np.int64]) -> Located:
        """Genotypes and classes of architectures by the first item of their outcomes, the row."""
        bench = self._task.bench
        return Located(bench.genotypes[rows], rows, bench.classes[rows])

    def _place(self, genotype: Genotype) -> int:
        """Row of an architecture of the task's space, remembered for the runs to come."""
        row = self._task.bench.row(genotype)
        if row < 0 or self._task.missing == "exclude":
            self._task.space.check([genotype])
        self._rows[genotype] = row
        return row

    def _trainer(self, epoch: int | None) -> Callable[[int], Outcome]:
        """A function row -> outcome for one fidelity, with all policies decided beforehand."""
        task = self._task
        if epoch is not None and epoch not in task.fidelities:
            offered = ", ".join(map(str, task.fidelities)) or f"only the full training ({self._full} epochs)"
            raise StrategyError(f"a trial asked for epoch {epoch!r}; the task offers {offered}")
        level = self._columns(epoch)
        read, *others = map(_reader, level.values)
        epochs = level.epochs
        known_epochs = epochs if epochs == epochs else 0.0
        price = None if level.seconds is None else _reader(level.seconds)
        flat_price = epochs if epochs == epochs else 1.0
        resume = task.fidelity == "curve" and task.resume
        bounds = task.bounds
        objectives = len(task.objectives)
        counts, numbers, width, fixed = self._runs_shown(level)
        pick = uniform_picker(self._key)

        kept = task.memory.outcomes.setdefault(epoch, {})

        def train(row: int) -> Outcome:
            number = fixed if numbers is None else numbers(row * width + pick(row, counts(row)))
            place = row * width + number
            outcome = kept.get(place)
            if outcome is None:
                kept[place] = outcome = answer(row, number)
            return outcome if not resume else resumed(outcome)

        def answer(row: int, number: int) -> Outcome:
            value = read(row, number)
            found: tuple[float, ...] = (value,)
            ok = value == value
            if others:
                found = (value, *(read_other(row, number) for read_other in others))
                ok = all(v == v for v in found[:objectives])
            cost = flat_price if price is None else price(row, number)
            constrained = found[objectives:]
            status = "ok" if ok else "failed"
            if ok and any(bound.violation(v) > 0 for bound, v in zip(bounds, constrained, strict=True)):
                status = "infeasible"
            observation = Observation(found[:objectives], cost if cost == cost else 0.0, status, constrained)
            return row, epochs, observation, known_epochs, True

        def resumed(outcome: Outcome) -> Outcome:
            row, trained_to, observation, trained, charged = outcome
            cost, trained = self._difference(row, observation.cost, trained)
            return row, trained_to, observation._replace(cost=cost), trained, charged

        self._trainers[epoch] = train
        return train

    def _runs_shown(self, level: Level) -> tuple[Count, Count | None, int, int]:
        """How many runs a row has, their numbers row by row, the rows' width; or the one run shown."""
        task = self._task
        exist, numbers = task.runs_of(level.protocol)
        if task.repeat == "random":
            return exist.item, numbers.item, numbers.shape[1], 0
        return exist.item, None, numbers.shape[1], task.repeat if isinstance(task.repeat, int) else 0

    def _difference(self, row: int, seconds: float, epochs: float) -> tuple[float, float]:
        """What training adds to the epochs of the same run that are already paid for."""
        paid_seconds, paid_epochs = self._paid.get(row, (0.0, 0.0))
        self._paid[row] = (max(seconds, paid_seconds), max(epochs, paid_epochs))
        return max(0.0, seconds - paid_seconds), max(0.0, epochs - paid_epochs)

    def _distinct(self, row: int, epoch: int | None, train: Callable[[int], Outcome]) -> Outcome:
        """Under `unique` and `unique-class` a repeated trial costs nothing and repeats its answer."""
        group = (row if self._classes is None else int(self._classes[row]), epoch)
        first = self._first.get(group)
        if first is None:
            self._first[group] = outcome = train(row)
            return outcome
        return row, first[1], first[2]._replace(cost=0.0), 0.0, False

    def _columns(self, epoch: int | None) -> Level:
        task, bench, full = self._task, self._task.bench, self._full
        protocol = bench.protocol(task.protocol).name
        if task.fidelity == "protocols" and epoch is not None:
            protocol = next(name for length, name in task.ladder if length == epoch)
            full = epoch
        seconds = bench.column("train_seconds", protocol) if task.has_times else None
        if task.fidelity == "curve" and epoch is not None and epoch != full:
            curves = bench.protocol(task.protocol).curve
            values = tuple(
                self._at_epoch(name, epoch)
                if name in curves and epoch in curves[name].epochs
                else bench.column(name, protocol)  # a constrained cost, the same after any number of epochs
                for name in task.metrics
            )
            seconds = None if seconds is None or full is None else self._seconds_at(seconds, epoch, full)
            length = float(epoch)
        else:
            values = tuple(bench.column(name, protocol) for name in task.metrics)
            length = float(full) if full is not None else float("nan")
        if task.repeat == "mean":
            values = tuple(repeat_mean(v)[:, None] for v in values)
            seconds = None if seconds is None else repeat_mean(seconds)[:, None]
        else:
            runs = task.repeat + 1 if isinstance(task.repeat, int) else task.runs_of(protocol)[1].shape[1]
            values = tuple(_widened(v, runs) for v in values)
            seconds = None if seconds is None else _widened(seconds, runs)
        return Level(protocol, values, seconds, length)

    def _seconds_at(self, whole: Floats, epoch: int, full: int) -> Floats:
        """Seconds until an epoch: recorded ones where the table has them, else a constant time an epoch."""
        curves = self._task.bench.protocol(self._task.protocol).curve
        if "train_seconds" in curves and epoch in curves["train_seconds"].epochs:
            return self._at_epoch("train_seconds", epoch)
        return whole * (epoch / full)

    def _at_epoch(self, name: str, epoch: int) -> Floats:
        bench, protocol = self._task.bench, self._task.protocol
        epochs = bench.protocol(protocol).curve[name].epochs
        values: Floats = bench.curves(name, protocol)[:, :, epochs.index(epoch)].astype(np.float64)
        return values


def _widened(column: Floats, runs: int) -> Floats:
    """A column of several training runs with NaN for those that it lacks of `runs`."""
    lacking = runs - column.shape[1]
    if column.shape[1] == 1 or lacking <= 0:
        return column
    return np.pad(column, ((0, 0), (0, lacking)), constant_values=np.nan)


def _reader(column: Floats) -> Callable[[int, int], float]:
    """A function (row, training run) -> number; a single-run column ignores the run."""
    item, width = column.item, column.shape[1]
    if width == 1:
        return lambda row, number: item(row)
    return lambda row, number: item(row * width + number)
