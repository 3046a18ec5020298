"""The tables that a comparison prints: one row a run, a (task, strategy), or a strategy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nasbench.analysis.bootstrap import mean_interval
from nasbench.analysis.groups import TaskRuns, group, strategies_of
from nasbench.analysis.paired import improvements
from nasbench.analysis.pairwise import compare_groups
from nasbench.analysis.path import Path
from nasbench.analysis.random_reference import reference_regret
from nasbench.analysis.ranking import average_ranks
from nasbench.analysis.speedup import reference_draws, speed_up, speed_up_over_tasks
from nasbench.analysis.task_truth import measure_of, noise_floor_of, noise_label, truth_of
from nasbench.analysis.truth import VALUE_TOLERANCE, Floats
from nasbench.run import Run

if TYPE_CHECKING:
    import pandas as pd

    from nasbench.task import Task


def finals(runs: Sequence[Run]) -> pd.DataFrame:
    """One row a run: where it ended and what it spent.

    Columns:
        task, strategy, seed: task label (unique a task), entry label, seed.
        stop, error: how the run ended (`budget`, `stalled`, `exhausted`, `failed`) and why.
        architecture: the final incumbent as text ("" where no trial gave a value, and with several
            objectives, whose Pareto set `fronts` lists).
        observed: its observed value, in the metric's unit and direction.
        regret: what the run is judged by: table regret, or with several objectives hypervolume regret.
        table_regret: optimum of the mean - the incumbent's mean over repeats, >= 0.
        held_out_regret: the same from its repeats other than the one shown (NaN if none).
        test_regret: best test mean - the incumbent's test mean (NaN without a test column).
        reached_optimum: whether its mean is the optimum, by value.
        log_draws: log E, of the expected random draws until one as good (the speed-up's raw
            material).
        evaluations: charged under the task's policy.
        trials, unique, unique_classes, failed_trials: from the ledger.
        infeasible_trials: those that broke a constraint.
        seconds, epochs: simulated wall-clock and training epochs.
        extra_seconds: of the former, spent outside of trainings (proxies, a supernet).
        uses, source_observations: outside knowledge that the strategy reads, and how many evaluations of
            other tasks it was shown.
        fit_seconds, suggest_seconds: measured, in `tell` and in `ask`.
    """
    import pandas as pd

    rows = [
        _final(one, strategy, seed, path)
        for one in group(runs)
        for strategy, paths in one.paths.items()
        for seed, path in paths.items()
    ]
    return pd.DataFrame(rows)


def _final(one: TaskRuns, strategy: str, seed: int, path: Path) -> dict[str, Any]:
    run, ledger = path.run, path.run.ledger
    led = bool(len(path.step)) and path.step[-1] >= 0 and not one.several
    genotype = tuple(run.trace["genotype"][path.step[-1]].tolist()) if led else ()
    return {
        "task": one.label,
        "strategy": strategy,
        "seed": seed,
        "stop": run.stop,
        "error": run.error,
        "architecture": one.task.space.format(genotype) if led else "",
        "observed": path.final("observed"),
        "regret": path.final("regret"),
        "table_regret": path.final("table_regret"),
        "held_out_regret": path.final("held_out_regret"),
        "test_regret": path.final("test_regret"),
        "hypervolume_regret": path.final("hypervolume_regret"),
        "igd_plus": path.final("igd_plus"),
        "front_size": path.final("front_size"),
        "reached_optimum": path.final("regret") <= VALUE_TOLERANCE,
        "log_draws": path.log_draws,
        "evaluations": ledger.charged,
        "trials": ledger.raw,
        "unique": ledger.unique,
        "unique_classes": ledger.unique_classes,
        "failed_trials": ledger.failed,
        "infeasible_trials": ledger.infeasible,
        "seconds": ledger.seconds,
        "epochs": ledger.epochs,
        "extra_seconds": ledger.extra_seconds,
        "uses": ledger.uses,
        "source_observations": ledger.source_observations,
        "fit_seconds": run.fit_seconds,
        "suggest_seconds": run.suggest_seconds,
    }


def summary(runs: Sequence[Run], control: str = "random-search") -> pd.DataFrame:
    """One row a (task, strategy), best mean regret first within a task.

    Runs whose strategy failed count with what they had found; those without any value are left out
    of the means and stay visible in `failed_runs`.

    Columns:
        task, strategy: task label and entry label.
        seeds, failed_runs: runs in all, and those whose strategy raised an error.
        evaluations, unique_evaluations: mean per run, charged and distinct architectures.
        observed_mean, observed_median: of the final incumbent's observed value.
        measure: what regrets are, `table regret` or with several objectives `hypervolume regret`.
        regret_mean, regret_low, regret_high, regret_median: final regret, with the 95 % bootstrap
            interval of its mean over seeds.
        held_out_regret: mean; NaN where no repeat was held out.
        test_regret, test_regret_floor: mean, and that of the best-validation architecture; NaN
            without a test column, and with several objectives.
        hypervolume, igd_plus, front_size: of the final Pareto sets, mean: share of the exact front's
            hypervolume, IGD+ in normalised space, architectures; NaN with one objective.
        random_search_regret, random_search_error: expectation of random search at equal evaluations
            and its standard error (0 where it is exact, not simulated); NaN where there is no equal
            number (lower fidelities, class-wise charging).
        speedup, speedup_low, speedup_high: over random search, with its 95 % interval.
        improvement, improvement_low, improvement_high: probability of a better final regret
            than the control's within a seed (ties 1/2); NaN for the control itself or without one.
        p_holm: Holm-adjusted p against the control, from `comparisons` over all pairs and tasks.
        within_noise_floor: whether the mean regret is at most the table's noise floor (None where
            the table declares none).
        reaches_optimum: share of runs that end at the optimum (with several objectives: with a set as
            good as the exact front); `repeat="mean"` only, else NaN.
        seconds: mean simulated wall-clock.
        fit_seconds, suggest_seconds: mean measured seconds a run.
        noise: `sampled` (one training run an architecture), `idealised` (the mean of several, paid
            as one), `fixed run` (an integer repeat) or `noise unknown` (a single-run table, whose
            observations are noise-free).
        metric, unit: the objective (several joined by `+`), and the unit of its regret ("" for shares).
    """
    import pandas as pd

    groups = group(runs)
    adjusted = {(test.task, frozenset((test.better, test.worse))): test.p_holm for test in compare_groups(groups)}
    rows: list[dict[str, Any]] = []
    for one in groups:
        block = []
        for strategy in one.strategies:
            p_holm = adjusted.get((one.label, frozenset((strategy, control))), float("nan"))
            block.append(_summary_row(one, strategy, control, p_holm))
        rows += sorted(block, key=lambda row: (np.isnan(row["regret_mean"]), row["regret_mean"]))
    return pd.DataFrame(rows)


def _summary_row(one: TaskRuns, strategy: str, control: str, p_holm: float) -> dict[str, Any]:
    task, paths = one.task, list(one.paths[strategy].values())
    runs = [path.run for path in paths]
    measure = measure_of(task)
    observed, regret = one.final(strategy, "observed"), one.final(strategy)
    reference = _reference(task, runs)
    interval = mean_interval(regret, one.weights)
    speed = speed_up(one, strategy)
    other = one.final(control) if strategy != control else np.full(len(regret), np.nan)
    better = mean_interval(improvements(regret, other), one.weights)
    known = regret[~np.isnan(regret)]
    at_optimum = task.repeat == "mean" and len(known) > 0
    return {
        "task": one.label,
        "strategy": strategy,
        "seeds": len(runs),
        "failed_runs": sum(run.failed for run in runs),
        "evaluations": float(np.mean([run.ledger.charged for run in runs])),
        "unique_evaluations": float(np.mean([run.ledger.unique for run in runs])),
        "measure": measure.name,
        "observed_mean": _mean(observed),
        "observed_median": _median(observed),
        "regret_mean": float(interval.mean),
        "regret_low": float(interval.low),
        "regret_high": float(interval.high),
        "regret_median": _median(regret),
        "held_out_regret": _mean(one.final(strategy, "held_out_regret")),
        "test_regret": _mean(one.final(strategy, "test_regret")),
        "test_regret_floor": float("nan") if one.several else truth_of(task).test_floor,
        "hypervolume": 1.0 - float(interval.mean) if one.several else float("nan"),
        "igd_plus": _mean(one.final(strategy, "igd_plus")),
        "front_size": _mean(one.final(strategy, "front_size")),
        "random_search_regret": reference[0],
        "random_search_error": reference[1],
        "speedup": speed.value,
        "speedup_low": speed.low,
        "speedup_high": speed.high,
        "improvement": float(better.mean),
        "improvement_low": float(better.low),
        "improvement_high": float(better.high),
        "p_holm": p_holm,
        "within_noise_floor": _within_floor(task, float(interval.mean)),
        "reaches_optimum": float(np.mean(known <= VALUE_TOLERANCE)) if at_optimum else float("nan"),
        "seconds": float(np.mean([run.ledger.seconds for run in runs])),
        "fit_seconds": float(np.mean([run.fit_seconds for run in runs])),
        "suggest_seconds": float(np.mean([run.suggest_seconds for run in runs])),
        "noise": noise_label(task),
        "metric": measure.metric,
        "unit": measure.unit,
    }


def overall(runs: Sequence[Run]) -> pd.DataFrame:
    """One row a strategy that ran on every task, fastest first.

    Columns:
        strategy, tasks: label and number of tasks.
        speedup, speedup_low, speedup_high: geometric mean over tasks of the speed-up over random
            search, with its 95 % interval over seeds.
        speedup_iqm, speedup_iqm_low, speedup_iqm_high: the same from interquartile means over the
            seeds within each task.
        average_rank: over (task, seed) blocks, each task weighing the same.
    """
    import pandas as pd

    groups = group(runs)
    common = [label for label in strategies_of(groups) if all(label in one.paths for one in groups)]
    ranks = average_ranks(groups, common)
    rows: list[dict[str, Any]] = []
    for label in common:
        plain = speed_up_over_tasks(groups, label)
        trimmed = speed_up_over_tasks(groups, label, interquartile=True)
        rows.append(
            {
                "strategy": label,
                "tasks": len(groups),
                "speedup": plain.value,
                "speedup_low": plain.low,
                "speedup_high": plain.high,
                "speedup_iqm": trimmed.value,
                "speedup_iqm_low": trimmed.low,
                "speedup_iqm_high": trimmed.high,
                "average_rank": ranks[label],
            }
        )
    rows.sort(key=lambda row: (np.isnan(row["speedup"]), -row["speedup"]))
    return pd.DataFrame(rows)


def _within_floor(task: Task, regret: float) -> bool | None:
    floor = noise_floor_of(task)
    return None if floor is None or np.isnan(regret) else regret <= floor


def _reference(task: Task, runs: Sequence[Run]) -> tuple[float, float]:
    """Regret of random search at the runs' evaluations, and its standard error."""
    draws = [reference_draws(run) for run in runs]
    counts = [n for n in draws if n is not None]
    if len(counts) < len(draws):
        return float("nan"), float("nan")
    regret = reference_regret(task, counts)
    return float(regret.mean.mean()), float(regret.error.mean())


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _median(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else float("nan")
