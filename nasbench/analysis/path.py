"""What a run has found and spent after each of its trials, whatever its task's number of objectives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nasbench.analysis.truth import Floats
from nasbench.run import Run

Axis = Literal["evaluations", "seconds", "epochs"]


@dataclass(frozen=True, eq=False)
class Path:
    """What a run has found after each of its n counted trials, all arrays `(n,)`.

    What belongs to an incumbent is NaN (-1) where the task has several objectives, and the other way round.

    Attributes:
        run: the run.
        step: position in the trace of the incumbent, or of the trial that last changed the observed
            Pareto set; -1 before the first value.
        row: the incumbent's table row, -1 where there is none.
        mean: its true mean (NaN before the first value, and where the table has none).
        observed: its observed value, in the metric's unit and direction.
        regret: what the run is judged by, smaller is better. Table regret: optimum of the mean - the
            incumbent's mean over repeats. With several objectives hypervolume regret: 1 - the
            hypervolume of the true means of the observed Pareto set over that of the exact front.
        held_out_regret: the incumbent's from its repeats other than the one shown; NaN if none.
        test_regret: best test mean - its test mean; NaN without a test column.
        igd_plus: of the true means of the observed Pareto set to the exact front, in normalised space.
        front_size: architectures in the observed Pareto set.
        evaluations: charged so far under the task's policy.
        seconds: simulated wall-clock at the trial's end.
        epochs: training epochs paid so far, summed over workers.
        log_draws: log E at the end, of the expected random draws until one (a set) as good; NaN
            where there is none.
        front: `(k,)` positions in the trace of the final observed Pareto set, in order of discovery.
    """

    run: Run
    step: NDArray[np.int64]
    row: NDArray[np.int64]
    mean: Floats
    observed: Floats
    regret: Floats
    held_out_regret: Floats
    test_regret: Floats
    igd_plus: Floats
    front_size: Floats
    evaluations: Floats
    seconds: Floats
    epochs: Floats
    log_draws: float
    front: NDArray[np.int64]

    @property
    def table_regret(self) -> Floats:
        """`regret` where the task has one objective, else NaN."""
        return self.regret if len(self.run.task.objectives) == 1 else np.full(len(self.regret), np.nan)

    @property
    def hypervolume_regret(self) -> Floats:
        """`regret` where the task has several objectives, else NaN."""
        return self.regret if len(self.run.task.objectives) > 1 else np.full(len(self.regret), np.nan)

    def at(self, field: str, axis: Axis, grid: Floats) -> Floats:
        """A field where the axis stands at each point of a rising grid.

        The last value is carried forward to the end of the grid; NaN before the first trial.
        """
        place = np.searchsorted(getattr(self, axis), grid, side="right") - 1
        values: Floats = getattr(self, field)
        if not len(values):
            return np.full(len(grid), np.nan)
        return np.where(place >= 0, values[place], np.nan)

    def final(self, field: str) -> float:
        """A field after the last trial; NaN for a run without trials."""
        values: Floats = getattr(self, field)
        return float(values[-1]) if len(values) else float("nan")


def charged(run: Run) -> Floats:
    """`(n,)` evaluations charged after each trial under the task's policy."""
    return np.cumsum(_is_charged(run)).astype(np.float64)


def epochs_paid(run: Run) -> Floats:
    """`(n,)` training epochs that each trial paid; NaN where the dataset declares none.

    A resumed learning curve pays only what it adds to the architecture's earlier epochs; an
    uncharged repeat pays nothing.
    """
    task = run.task
    paid: Floats = run.trace["epoch"].astype(np.float64)
    if task.fidelity == "curve" and task.resume:
        reached: dict[int, float] = {}
        for position, (row, epoch) in enumerate(zip(run.trace["row"].tolist(), paid.tolist(), strict=True)):
            paid[position] = max(0.0, epoch - reached.get(row, 0.0))
            reached[row] = max(epoch, reached.get(row, 0.0))
    return np.where(_is_charged(run), paid, 0.0)


def _is_charged(run: Run) -> NDArray[np.bool_]:
    """Which trials count against the evaluations: all, or the first of each row or class and epoch."""
    trace, charge = run.trace, run.task.charge
    if charge == "all" or not len(trace):
        return np.ones(len(trace), dtype=bool)
    unit = _units(run)
    asked = np.column_stack([unit.astype(np.float64), np.nan_to_num(trace["epoch"])])
    first = np.zeros(len(trace), dtype=bool)
    first[np.unique(asked, axis=0, return_index=True)[1]] = True
    return first


def _units(run: Run) -> NDArray[np.int64]:
    """`(n,)` numbers that are equal where trials are charged once: of the architecture, or of its class."""
    trace, bench, by_class = run.trace, run.task.bench, run.task.charge == "unique-class"
    if bench.tabular:
        rows: NDArray[np.int64] = trace["row"]
        return bench.classes[rows] if by_class else rows
    genotypes = bench.full_space.canonical(trace["genotype"]) if by_class else trace["genotype"]
    return np.unique(genotypes, axis=0, return_inverse=True)[1].reshape(-1)
