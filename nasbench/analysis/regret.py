"""A run's incumbent, scored after each trial: observed value, table, held-out and test regret.

True regret may rise along a run, because the incumbent is chosen by what was observed; nothing here
takes a running minimum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nasbench.analysis.front_regret import front_path
from nasbench.analysis.path import Path, charged, epochs_paid
from nasbench.analysis.task_truth import truth_of
from nasbench.analysis.truth import Floats, Truth
from nasbench.incumbent import incumbent_steps
from nasbench.run import Run

if TYPE_CHECKING:
    from nasbench.task import Task


def path_of(run: Run) -> Path:
    """Score a run against its task's table: its incumbent, or with several objectives its Pareto set."""
    return incumbent_path(run) if len(run.task.objectives) == 1 else front_path(run)


def incumbent_path(run: Run) -> Path:
    """Score a run's incumbents against its task's table."""
    task, trace = run.task, run.trace
    truth = truth_of(task)
    step = incumbent_steps(trace, truth.sign, task.bounds)
    row = np.where(step >= 0, trace["row"][step], -1) if len(step) else step
    value = trace["value"] if trace["value"].ndim == 1 else trace["value"][:, 0]
    shown = np.where(row >= 0, task.repeat_shown(run.seed, np.maximum(row, 0)), -1)
    mean, test_regret = _table_scores(truth, row) if task.bench.tabular else _predicted_scores(run, truth, step)
    unknown = np.full(len(step), np.nan)
    return Path(
        run=run,
        step=step,
        row=row,
        mean=mean,
        observed=np.where(step >= 0, value[step], np.nan) if len(step) else value,
        regret=truth.sign * (truth.optimum - mean),
        held_out_regret=truth.held_out_regrets(row, shown),
        test_regret=test_regret,
        igd_plus=unknown,
        front_size=unknown,
        evaluations=charged(run),
        seconds=trace["finish"].astype(np.float64),
        epochs=np.cumsum(epochs_paid(run)),
        log_draws=_final_log_draws(task, truth, step, row, mean),
        front=np.empty(0, dtype=np.int64),
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
