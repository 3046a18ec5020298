"""Answer a trial from the table, under a task's repeat, charging, fidelity and resume policies."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nasbench.errors import StrategyError
from nasbench.problem import Trial
from nasbench.space import Genotype
from nasbench.streams import noise_key, uniform_index
from nasbench.task import Task


class Outcome(NamedTuple):
    """What evaluating a trial gives.

    Attributes:
        row: of the table.
        epoch: trained to (NaN where the dataset declares none).
        values: one number an objective; NaN where the table has none.
        seconds: how far the clock moves (epochs or 1 where no times are known).
        epochs: newly trained epochs (NaN where unknown).
        charged: whether the trial counts against `evaluations`.
    """

    row: int
    epoch: float
    values: tuple[float, ...]
    seconds: float
    epochs: float
    charged: bool


class Level(NamedTuple):
    """Columns of one fidelity: `(A, R)` values an objective, `(A, R)` seconds or None, its epochs."""

    values: tuple[np.ndarray, ...]
    seconds: np.ndarray | None
    epochs: float


class Evaluator:
    """The table as one run sees it; holds what the run has paid for.

    Args:
        task: the task.
        seed: of the run, which fixes the training run that each architecture shows.
    """

    def __init__(self, task: Task, seed: int) -> None:
        bench = task.bench
        self._key = noise_key(task.id, seed)
        self._repeat = task.repeat
        self._counts, self._positions = bench.repeat_positions_of(task.protocol)
        self._row = bench.row
        self._rows: dict[Genotype, int] = {}
        self._levels: dict[int | None, Level] = {}
        self._task = task
        self._paid: dict[int, tuple[float, float]] = {}
        self._resume = task.fidelity == "curve" and task.resume
        self._charge = task.charge
        self._classes = bench.classes if task.charge == "unique-class" else None
        self._first: dict[tuple[int, float], Outcome] = {}
        self._level(None)

    def __call__(self, trial: Trial) -> Outcome:
        """The outcome of a trial.

        Raises:
            GenotypeError, NotInTableError: the strategy asked for no architecture of the space.
            StrategyError: it asked for an epoch that the task does not offer.
        """
        genotype, epoch = trial.genotype, trial.epoch
        row = self._rows.get(genotype)
        if row is None:
            row = self._place(genotype)
        level = self._levels.get(epoch) or self._level(epoch)
        if self._charge != "all":
            return self._distinct(row, level)
        return self._train(row, level)

    def _place(self, genotype: Genotype) -> int:
        row = self._row(genotype)
        if row < 0 or (isinstance(self._repeat, int) and self._task.missing == "exclude"):
            row = self._row(tuple(self._task.space.check([genotype])[0].tolist()))
        self._rows[genotype] = row
        return row

    def _train(self, row: int, level: Level) -> Outcome:
        if self._repeat == "random":
            count = self._counts.item(row)
            number = self._positions.item(row, uniform_index(self._key, row, count)) if count else 0
        else:
            number = self._repeat if isinstance(self._repeat, int) else 0
        values = tuple([column.item(row, number if column.shape[1] > 1 else 0) for column in level.values])
        seconds, epochs = 1.0, level.epochs
        if level.seconds is not None:
            seconds = level.seconds.item(row, number if level.seconds.shape[1] > 1 else 0)
            seconds = seconds if seconds == seconds else 0.0
        elif epochs == epochs:
            seconds = epochs
        if self._resume:
            seconds, epochs = self._difference(row, seconds, epochs)
        return Outcome(row, level.epochs, values, seconds, epochs, True)

    def _difference(self, row: int, seconds: float, epochs: float) -> tuple[float, float]:
        """What training adds to the epochs of the same run that are already paid for."""
        paid_seconds, paid_epochs = self._paid.get(row, (0.0, 0.0))
        self._paid[row] = (max(seconds, paid_seconds), max(epochs, paid_epochs))
        return max(0.0, seconds - paid_seconds), max(0.0, epochs - paid_epochs)

    def _distinct(self, row: int, level: Level) -> Outcome:
        """Under `unique` and `unique-class` a repeated trial costs nothing and repeats its answer."""
        group = row if self._classes is None else int(self._classes[row])
        first = self._first.get((group, level.epochs if level.epochs == level.epochs else 0.0))
        if first is not None:
            return first._replace(row=row, seconds=0.0, epochs=0.0, charged=False)
        outcome = self._train(row, level)
        self._first[group, level.epochs if level.epochs == level.epochs else 0.0] = outcome
        return outcome

    def _level(self, epoch: int | None) -> Level:
        task, bench = self._task, self._task.bench
        full = task.recipe_epochs
        if epoch is not None and epoch not in task.fidelities and epoch != full:
            offered = ", ".join(map(str, task.fidelities)) or f"only the full training ({full} epochs)"
            raise StrategyError(f"a trial asked for epoch {epoch}; the task offers {offered}")
        self._levels[epoch] = level = self._columns(task, bench.protocol(task.protocol).name, epoch, full)
        return level

    def _columns(self, task: Task, protocol: str, epoch: int | None, full: int | None) -> Level:
        bench = task.bench
        names = [o.name for o in task.objectives]
        if task.fidelity == "protocols" and epoch is not None:
            protocol = next(name for name, p in bench.protocols.items() if p.epochs == epoch)
            full = epoch
        curve = task.fidelity == "curve" and epoch is not None and epoch != full
        seconds = bench.column("train_seconds", protocol) if task.has_times else None
        if curve and epoch is not None:
            position = task.fidelities.index(epoch)
            values = tuple(self._at_epoch(name, epoch) for name in names)
            longest = full or task.fidelities[-1]
            seconds = None if seconds is None else seconds * (epoch / longest)
            length = float(task.fidelities[position])
        else:
            values = tuple(bench.column(name, protocol) for name in names)
            length = float(full) if full is not None else float("nan")
        if task.repeat == "mean":
            values = tuple(_mean(v) for v in values)
            seconds = None if seconds is None else _mean(seconds)
        return Level(values, seconds, length)

    def _at_epoch(self, name: str, epoch: int) -> np.ndarray:
        bench, protocol = self._task.bench, self._task.protocol
        epochs = bench.protocol(protocol).curve[name].epochs
        values: np.ndarray = bench.curves(name, protocol)[:, :, epochs.index(epoch)].astype(np.float64)
        return values


def _mean(values: np.ndarray) -> np.ndarray:
    if values.shape[1] == 1:
        return values
    present = ~np.isnan(values)
    count = present.sum(axis=1)
    total = np.where(present, values, 0.0).sum(axis=1)
    mean: np.ndarray = np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)
    return mean[:, None]
