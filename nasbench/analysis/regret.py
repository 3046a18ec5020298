"""A run's incumbent, scored after each trial: observed value, table, held-out and test regret.

True regret may rise along a run, because the incumbent is chosen by what was observed; nothing here
takes a running minimum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from nasbench.analysis.task_truth import truth_of
from nasbench.analysis.truth import Floats, Truth
from nasbench.incumbent import incumbent_steps
from nasbench.run import Run

if TYPE_CHECKING:
    from nasbench.task import Task

Axis = Literal["evaluations", "seconds", "epochs"]


@dataclass(frozen=True, eq=False)
class Path:
    """The incumbent after each of a run's n counted trials, all arrays `(n,)`.

    Attributes:
        run: the run.
        step: position of the incumbent in the trace, -1 before the first value.
        row: its table row, -1 where there is none.
        mean: its true mean (NaN before the first value, and where the table has none).
        observed: its observed value, in the metric's unit and direction.
        table_regret: optimum of the mean - its mean over repeats.
        held_out_regret: the same from its repeats other than the one shown; NaN if none.
        test_regret: best test mean - its test mean; NaN without a test column.
        log_draws: log E of the last incumbent, of the expected random draws until one as good; NaN
            where there is none.
        evaluations: charged so far under the task's policy.
        seconds: simulated wall-clock at the trial's end.
        epochs: training epochs paid so far, summed over workers.
    """

    run: Run
    step: NDArray[np.int64]
    row: NDArray[np.int64]
    mean: Floats
    observed: Floats
    table_regret: Floats
    held_out_regret: Floats
    test_regret: Floats
    evaluations: Floats
    seconds: Floats
    epochs: Floats
    log_draws: float

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
    step = incumbent_steps(trace, truth.sign, task.bounds)
    row = np.where(step >= 0, trace["row"][step], -1) if len(step) else step
    value = trace["value"] if trace["value"].ndim == 1 else trace["value"][:, 0]
    shown = np.where(row >= 0, task.repeat_shown(run.seed, np.maximum(row, 0)), -1)
    mean, test_regret = _table_scores(truth, row) if task.bench.tabular else _predicted_scores(run, truth, step)
    return Path(
        run=run,
        step=step,
        row=row,
        mean=mean,
        observed=np.where(step >= 0, value[step], np.nan) if len(step) else value,
        table_regret=truth.sign * (truth.optimum - mean),
        held_out_regret=truth.held_out_regrets(row, shown),
        test_regret=test_regret,
        evaluations=charged(run),
        seconds=trace["finish"].astype(np.float64),
        epochs=np.cumsum(epochs_paid(run)),
        log_draws=_final_log_draws(task, truth, step, row, mean),
    )


def _table_scores(truth: Truth, row: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """True mean and test regret of the incumbents from their rows, both `(n,)`."""
    return truth.at(truth.mean, row), truth.at(truth.test_regrets, row)


def _predicted_scores(run: Run, truth: Truth, step: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """The same where there is no table: what the benchmark predicts of the incumbents."""
    task, bench = run.task, run.task.bench
    led = step >= 0
    mean, test_regret = np.full((2, len(step)), np.nan)
    if led.any():
        places, which = np.unique(step[led], return_inverse=True)
        genotypes = run.trace["genotype"][places]
        name = task.objectives[0].name
        mean[led] = bench.query(genotypes, name)[which]
        test = bench.test_metric(name, task.protocol)
        if test is not None:
            test_regret[led] = truth.best_test - truth.sign * bench.query(genotypes, test)[which]
    return mean, test_regret


def _final_log_draws(task: Task, truth: Truth, step: NDArray[np.int64], row: NDArray[np.int64], mean: Floats) -> float:
    if not len(step) or step[-1] < 0:
        return float("nan")
    if not task.bench.tabular:
        return float(np.log(truth.expected_draws(mean[-1:])[0]))
    return float(truth.log_draws[row[-1]]) if row[-1] >= 0 else float("nan")


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
