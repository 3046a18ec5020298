"""A run's incumbent, scored after each trial: observed value, table, held-out and test regret.

True regret may rise along a run, because the incumbent is chosen by what was observed; nothing here
takes a running minimum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nasbench.analysis.truth import Floats, truth_of
from nasbench.incumbent import incumbent_steps
from nasbench.run import Run

Axis = Literal["evaluations", "seconds", "epochs"]


@dataclass(frozen=True, eq=False)
class Path:
    """The incumbent after each of a run's n counted trials, all arrays `(n,)`.

    Attributes:
        run: the run.
        step: position of the incumbent in the trace, -1 before the first value.
        row: its table row, -1 where there is none.
        observed: its observed value, in the metric's unit and direction.
        table_regret: optimum of the mean - its mean over repeats.
        held_out_regret: the same from its repeats other than the one shown; NaN if none.
        test_regret: best test mean - its test mean; NaN without a test column.
        evaluations: charged so far under the task's policy.
        seconds: simulated wall-clock at the trial's end.
        epochs: training epochs paid so far, summed over workers.
    """

    run: Run
    step: NDArray[np.int64]
    row: NDArray[np.int64]
    observed: Floats
    table_regret: Floats
    held_out_regret: Floats
    test_regret: Floats
    evaluations: Floats
    seconds: Floats
    epochs: Floats

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


def path_of(run: Run) -> Path:
    """Score a run's incumbents against its task's table (first objective)."""
    task, trace = run.task, run.trace
    truth = truth_of(task)
    step = incumbent_steps(trace, truth.sign)
    row = np.where(step >= 0, trace["row"][step], -1) if len(step) else step
    value = trace["value"] if trace["value"].ndim == 1 else trace["value"][:, 0]
    shown = np.where(row >= 0, task.repeat_shown(run.seed, np.maximum(row, 0)), -1)
    return Path(
        run=run,
        step=step,
        row=row,
        observed=np.where(step >= 0, value[step], np.nan) if len(step) else value,
        table_regret=truth.at(truth.regrets, row),
        held_out_regret=truth.held_out_regrets(row, shown),
        test_regret=truth.at(truth.test_regrets, row),
        evaluations=charged(run),
        seconds=trace["finish"].astype(np.float64),
        epochs=np.cumsum(epochs_paid(run)),
    )


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
    unit = trace["row"] if charge == "unique" else run.task.bench.classes[trace["row"]]
    asked = np.column_stack([unit.astype(np.float64), np.nan_to_num(trace["epoch"])])
    first = np.zeros(len(trace), dtype=bool)
    first[np.unique(asked, axis=0, return_index=True)[1]] = True
    return first
