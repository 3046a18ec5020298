"""The summary of each task, and over all tasks, as tables of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nasbench.analysis.front_random_search import PERMUTATIONS
from nasbench.report.cells import (
    STRATEGY,
    Cell,
    Column,
    Head,
    Record,
    Table,
    fixed_column,
    formatted,
    interval_column,
    order,
    rows_of,
    table,
    yes_no,
)
from nasbench.report.data import records
from nasbench.report.numbers import (
    decimals_for,
    difference_unit,
    fixed,
    interval,
    known,
    metric_name,
    number,
    p_value,
    percent,
)
from nasbench.report.theme import CONTROL

if TYPE_CHECKING:
    from nasbench.report.data import ReportData, TaskFacts


def summary_table(data: ReportData, facts: TaskFacts) -> Table:
    """One row a strategy, best mean regret first.

    Columns that the task cannot fill are left out and named in the notes.
    """
    rows = rows_of(data.summary, facts)
    unit = difference_unit(facts.unit)
    regret = decimals_for([r["regret_mean"] for r in rows])
    best = min((r["regret_mean"] for r in rows if known(r["regret_mean"])), default=None)
    optional = {
        "held_out_regret": (
            Head("held-out regret", "Mean regret on the training runs that the search was not shown"),
            fixed_column("held_out_regret", rows, regret),
        ),
        "test_regret": (
            Head("test regret", "Mean regret on the test split; in brackets, that of the best-validation architecture"),
            lambda r: Cell(
                fixed(r["test_regret"], regret),
                order(r["test_regret"]),
                f"(floor {fixed(r['test_regret_floor'], regret)})" if known(r["test_regret_floor"]) else "",
            ),
        ),
        "reaches_optimum": (
            Head("reaches optimum", "Share of runs that end at the table's best mean value"),
            formatted("reaches_optimum", percent),
        ),
    }
    if facts.several:
        optional = _set_columns(rows)
    missing = [name for name in optional if name in _WHY_MISSING and not any(known(r[name]) for r in rows)]
    columns: list[Column] = [
        STRATEGY,
        (
            Head(
                facts.measure,
                f"Mean over seeds{f', in {unit}' if unit else ''}, with its 95 % bootstrap interval; smaller is better",
            ),
            lambda r: Cell(
                fixed(r["regret_mean"], regret),
                order(r["regret_mean"]),
                interval(r["regret_low"], r["regret_high"], regret) if r["seeds"] > 1 else "",
                strong=r["regret_mean"] == best,
            ),
        ),
        (
            Head(
                "random search, simulated" if facts.several else "random search, exact",
                f"Expected {facts.measure} of random search at equal evaluations"
                + (f", with the standard error of {PERMUTATIONS:,} simulated runs" if facts.several else ""),
            ),
            lambda r: Cell(
                fixed(r["random_search_regret"], regret),
                order(r["random_search_regret"]),
                f"±\u00a0{number(r['random_search_error'], 2)}" if (r["random_search_error"] or 0) > 0 else "",
            ),
        ),
        (
            Head("speed-up", "Over random search, with its 95 % interval"),
            interval_column("speedup", "speedup_low", "speedup_high", None, "×"),
        ),
        (
            Head("P(better)", f"Probability of a better end than {CONTROL} with the same seed, with its 95 % interval"),
            interval_column("improvement", "improvement_low", "improvement_high", 2),
        ),
        (Head("Holm\u00a0p", f"Adjusted p of the test against {CONTROL}"), formatted("p_holm", p_value)),
        *(column for name, column in optional.items() if name not in missing),
        *([] if facts.several else _incumbent_columns(facts)),
        (
            Head("runs", "Seeds, and how many of them failed"),
            lambda r: Cell(f"{r['seeds']:.0f}", order(float(r["seeds"])), _failed(r["failed_runs"])),
        ),
    ]
    notes = [_not_shown(missing)] if missing else []
    return table(facts.label, columns, rows, [facts.surrogate, *notes] if facts.surrogate else notes)


def _incumbent_columns(facts: TaskFacts) -> list[Column]:
    return [
        (
            Head(f"observed {metric_name(facts.metric)}", "Mean of what the search saw of its final architecture"),
            lambda r: Cell(number(r["observed_mean"], 4), order(r["observed_mean"])),
        ),
        (
            Head("within noise floor", "Whether the mean regret is at most the table's noise floor"),
            lambda r: yes_no(r["within_noise_floor"]),
        ),
    ]


def _set_columns(rows: Sequence[Record]) -> dict[str, Column]:
    """What is said of final Pareto sets."""
    return {
        "hypervolume": (
            Head("hypervolume", "Mean share of the exact front's that the final Pareto set has; larger is better"),
            formatted("hypervolume", lambda v: fixed(v, 3)),
        ),
        "igd_plus": (
            Head("IGD+", "Mean distance of the final Pareto set to the exact front, normalised; smaller is better"),
            fixed_column("igd_plus", rows),
        ),
        "front_size": (
            Head("set size", "Mean number of architectures in the final Pareto set"),
            fixed_column("front_size", rows, 1),
        ),
        "reaches_optimum": (
            Head("whole front", "Share of runs that end with a set as good as the exact front"),
            formatted("reaches_optimum", percent),
        ),
    }


def _failed(runs: float) -> str:
    return f"({runs:.0f} failed)" if runs else ""


_WHY_MISSING = {
    "held_out_regret": "held-out regret (no training run was held out)",
    "test_regret": "test regret (the table has no matching test column)",
    "reaches_optimum": "share that reaches the optimum (only meaningful without training noise)",
}


def _not_shown(missing: Sequence[str]) -> str:
    return f"Not shown: {'; '.join(_WHY_MISSING[name] for name in missing)}."


def overall_table(data: ReportData) -> Table | None:
    """One row a strategy that ran on every task; None for a single task."""
    if len(data.tasks) < 2 or not len(data.overall):
        return None
    rows = records(data.overall)
    columns: list[Column] = [
        STRATEGY,
        (
            Head("average rank", "Of the final regret within a seed; 1 is best, each task weighs the same"),
            fixed_column("average_rank", rows, 2),
        ),
        (
            Head("speed-up", "Geometric mean over tasks, with its 95 % interval over seeds"),
            interval_column("speedup", "speedup_low", "speedup_high", None, "×"),
        ),
        (
            Head("speed-up, middle half", "The same from interquartile means over the seeds of each task"),
            interval_column("speedup_iqm", "speedup_iqm_low", "speedup_iqm_high", None, "×"),
        ),
    ]
    return table(f"All {len(data.tasks)} tasks", columns, rows)
