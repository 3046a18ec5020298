"""Answer a trial from the table, under a task's repeat, charging, fidelity and resume policies."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nasbench.benchmark import repeat_mean
from nasbench.errors import GenotypeError, StrategyError
from nasbench.problem import Observation, Trial
from nasbench.space import Genotype
from nasbench.streams import noise_key, uniform_index
from nasbench.task import Task

Floats: TypeAlias = NDArray[np.float64]


Outcome: TypeAlias = tuple[int, float, Observation, float, bool]
"""What evaluating a trial gives; a plain tuple, since one is made for each evaluation.

(row of the table; epoch trained to, NaN where the dataset declares none; what the strategy is
told, whose cost moves the clock: simulated seconds, or epochs, or 1, whichever the dataset has;
newly trained epochs, 0 where it declares none; whether it counts against `evaluations`).
"""


class Level(NamedTuple):
    """One fidelity: its protocol, `(A, R)` values an objective, `(A, R)` seconds or None, its epochs."""

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
        self._task, self._bench_row = task, bench.row_finder()
        self._key = noise_key(task.id, seed)
        self._full = task.recipe_epochs
        self._trainers: dict[int | None, Callable[[int], Outcome]] = {}
        self._paid: dict[int, tuple[float, float]] = {}
        self._classes = bench.classes if task.charge == "unique-class" else None
        self._first: dict[tuple[int, int | None], Outcome] = {}
        self._known: dict[Genotype, Outcome] = {}
        self._repeatable = task.charge == "all" and task.fidelity is None
        self._trainer(None)

    def evaluate(self, trial: Trial) -> Outcome:
        """The outcome of a trial.

        Raises:
            GenotypeError, NotInTableError: the strategy asked for no architecture of the space.
            StrategyError: it asked for an epoch that the task does not offer.
        """
        genotype, epoch = trial.genotype, trial.epoch
        if epoch is None:
            try:
                if genotype in self._known:
                    return self._known[genotype]
            except TypeError:
                raise GenotypeError(f"a genotype is a tuple of integers, got {genotype!r}") from None
        elif epoch == self._full:
            epoch = None  # the same training, however it is asked for
        row = self._row(genotype)
        train = self._trainers.get(epoch) or self._trainer(epoch)
        if self._repeatable:
            outcome = train(row)
            if epoch is None:
                self._known[genotype] = outcome
            return outcome
        if self._task.charge == "all":
            return train(row)
        return self._distinct(row, epoch, train)

    def _row(self, genotype: Genotype) -> int:
        row = self._bench_row(genotype)
        if row < 0 or self._task.missing == "exclude":
            self._task.space.check([genotype])
        return row

    def _trainer(self, epoch: int | None) -> Callable[[int], Outcome]:
        """A function row -> outcome for one fidelity, with all policies decided beforehand."""
        task = self._task
        if epoch is not None and epoch not in task.fidelities:
            offered = ", ".join(map(str, task.fidelities)) or f"only the full training ({self._full} epochs)"
            raise StrategyError(f"a trial asked for epoch {epoch!r}; the task offers {offered}")
        level = self._columns(epoch)
        shown = self._shown(level)
        values, seconds, epochs = _answers(level.values), level.seconds, level.epochs
        known_epochs = epochs if epochs == epochs else 0.0
        price = None if seconds is None else _answers((seconds,))
        flat_price = epochs if epochs == epochs else 1.0
        resume = task.fidelity == "curve" and task.resume
        single = len(level.values) == 1

        def train(row: int) -> Outcome:
            number = shown(row)
            found = values(row, number)
            cost = flat_price if price is None else price(row, number)[0]
            trained = known_epochs
            if cost != cost:
                cost = 0.0
            if resume:
                cost, trained = self._difference(row, cost, trained)
            ok = found[0] == found[0] and (single or all(value == value for value in found))
            return row, epochs, Observation(found, cost, "ok" if ok else "failed"), trained, True

        self._trainers[epoch] = train
        return train

    def _shown(self, level: Level) -> Callable[[int], int]:
        """Which training run a row shows."""
        if self._task.repeat != "random":
            fixed = self._task.repeat if isinstance(self._task.repeat, int) else 0
            return lambda row: fixed
        exist, numbers = self._task.runs_of(level.protocol)
        key, counts, positions, width = self._key, exist.item, numbers.item, numbers.shape[1]

        def shown(row: int) -> int:
            return positions(row * width + uniform_index(key, row, counts(row)))

        return shown

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
        names = [o.name for o in task.objectives]
        if task.fidelity == "protocols" and epoch is not None:
            protocol = next(name for length, name in task.ladder if length == epoch)
            full = epoch
        seconds = bench.column("train_seconds", protocol) if task.has_times else None
        if task.fidelity == "curve" and epoch is not None and epoch != full:
            values = tuple(self._at_epoch(name, epoch) for name in names)
            seconds = None if seconds is None or full is None else self._seconds_at(seconds, epoch, full)
            length = float(epoch)
        else:
            values = tuple(bench.column(name, protocol) for name in names)
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


def _answers(columns: tuple[Floats, ...]) -> Callable[[int, int], tuple[float, ...]]:
    """A function (row, training run) -> one number a column; a single-run column ignores the run."""
    if len(columns) == 1:
        item, width = columns[0].item, columns[0].shape[1]
        if width == 1:
            return lambda row, number: (item(row),)
        return lambda row, number: (item(row * width + number),)
    items = [(c.item, c.shape[1], c.shape[1] > 1) for c in columns]
    return lambda row, number: tuple([item(row * width + number if several else row) for item, width, several in items])
