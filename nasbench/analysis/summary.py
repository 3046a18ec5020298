"""The two tables that a comparison prints: one row a run, one row a (task, strategy)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nasbench.run import Run

if TYPE_CHECKING:
    import pandas as pd


def finals(runs: Sequence[Run]) -> pd.DataFrame:
    """One row a run: where it ended and what it spent.

    Columns:
        task, strategy, seed: task label (unique a task), entry label, seed.
        stop, error: how the run ended (`budget`, `stalled`, `exhausted`, `failed`) and why.
        architecture: the final incumbent as text ("" where no trial gave a value).
        observed: its observed value, in the metric's unit and direction.
        table_regret: optimum of the mean - the incumbent's mean over repeats, >= 0.
        held_out_regret: the same from its repeats other than the one shown (NaN if none).
        test_regret: best test mean - the incumbent's test mean (NaN without a test column).
        reached_optimum: whether its mean is the optimum, by value.
        log_draws: log E, expected random draws until one as good (the score's raw material).
        evaluations: charged under the task's policy.
        trials, unique, unique_classes, failed_trials: from the ledger.
        seconds, epochs: simulated wall-clock and training epochs.
        fit_seconds, suggest_seconds: measured, in `tell` and in `ask`.
    """
    raise NotImplementedError


def summary(runs: Sequence[Run], control: str = "random-search") -> pd.DataFrame:
    """One row a (task, strategy), best mean table regret first within a task.

    Columns:
        task, strategy: task label and entry label.
        seeds, failed_runs: runs in all, and those whose strategy raised an error.
        evaluations, unique_evaluations: mean per run, charged and distinct architectures.
        observed_mean, observed_median: of the final incumbent's observed value.
        regret_mean, regret_low, regret_high, regret_median: table regret, with the 95 % bootstrap
            interval of its mean over seeds.
        held_out_regret: mean; NaN where no repeat was held out.
        test_regret, test_regret_floor: mean, and that of the best-validation architecture; NaN
            without a test column.
        random_search_regret: exact expectation of random search at equal evaluations.
        speedup, speedup_low, speedup_high: over random search, with its 95 % interval.
        improvement, improvement_low, improvement_high: probability of a better final table regret
            than the control's within a seed (ties 1/2); NaN for the control itself or without one.
        p_holm: Holm-adjusted p against the control, from `comparisons` over all pairs and tasks.
        within_noise_floor: whether the mean regret is below the table's noise floor (None where
            the table declares none).
        reaches_optimum: share of runs that end at the optimum; `repeat="mean"` only, else NaN.
        seconds: mean simulated wall-clock.
        fit_seconds, suggest_seconds: mean measured seconds per run.
        noise: `sampled`, `idealised` (mean over repeats shown), `fixed run` (an integer repeat) or
            `noise-free` (single-run table: noise unknown).
        metric, unit: the objective and its unit.
    """
    raise NotImplementedError
