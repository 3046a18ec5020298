"""Tests, targets, costs and failures as tables of text."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from nasbench.report.cells import (
    STRATEGY,
    Cell,
    Column,
    Head,
    Record,
    Table,
    fixed_column,
    formatted,
    order,
    rows_of,
    table,
)
from nasbench.report.data import records
from nasbench.report.numbers import (
    MISSING,
    count,
    decimals_for,
    difference_unit,
    duration,
    fixed,
    known,
    number,
    p_value,
    percent,
)

if TYPE_CHECKING:
    import pandas as pd

    from nasbench.report.data import ReportData, TaskFacts


def tests_table(tests: pd.DataFrame, label: str, unit: str, pairing: str) -> Table | None:
    """Every pairwise test of a task (or over tasks); None where there is none.

    Args:
        tests: all tests of the report.
        label: of the task.
        unit: of the differences.
        pairing: what a pair shares.
    """
    rows = records(tests[tests["task"] == label])
    if not rows:
        return None
    places = decimals_for([abs(r["difference"]) for r in rows])
    columns: list[Column] = [
        (Head("better", numeric=False), lambda r: Cell(r["better"], r["better"], strategy=r["better"])),
        (Head("worse", numeric=False), lambda r: Cell(r["worse"], r["worse"], strategy=r["worse"])),
        (
            Head("difference", f"Mean of worse − better, in {unit}"),
            fixed_column("difference", rows, places),
        ),
        (
            Head("detectable", "Smallest mean difference that this test sees with 80 % power at the first Holm step"),
            fixed_column("detectable", rows, places),
        ),
        (
            Head("P(better)", f"Probability of a better end with the same {pairing}, ties 1/2"),
            formatted("improvement", lambda v: fixed(v, 2)),
        ),
        (
            Head("pairs", f"Paired {pairing}s, and those that end equal"),
            lambda r: Cell(
                f"{r['pairs']:.0f}", order(float(r["pairs"])), f"({r['ties']:.0f} equal)" if r["ties"] else ""
            ),
        ),
        (Head("p", "Two-sided"), formatted("p", p_value)),
        (
            Head("Holm\u00a0p", "Adjusted over all tests of the report"),
            lambda r: Cell(p_value(r["p_holm"]), order(r["p_holm"]), strong=bool(r["significant"])),
        ),
        (
            Head("told apart", numeric=False),
            lambda r: Cell("yes" if r["significant"] else "no", float(not r["significant"])),
        ),
    ]
    names = {"wilcoxon": "Wilcoxon signed-rank test", "sign-flip": "sign-flip test stratified by task"}
    used = " and ".join(dict.fromkeys(names.get(r["test"], r["test"]) for r in rows))
    return table(label, columns, rows, [f"Two-sided {used} over paired {pairing}s."])


def targets_table(data: ReportData, facts: TaskFacts) -> Table:
    """Expected running time to each target, one row a strategy."""
    rows = rows_of(data.targets, facts)
    shares = sorted({r["share"] for r in rows}, reverse=True)
    by_strategy: dict[str, Record] = {}
    columns: list[Column] = [STRATEGY]
    reference: list[Cell] = [Cell(facts.reference, facts.reference, strategy=facts.reference)]
    for record in rows:
        row = by_strategy.setdefault(record["strategy"], {"strategy": record["strategy"]})
        row |= {f"{name} {record['share']}": record[name] for name in ("evaluations", "reached", "still_there")}
    for share in shares:
        first = next(r for r in rows if r["share"] == share)
        name = f"{1 / share:,.0f} random draws" if facts.several else f"best {percent(share)}"
        limit = f"{number(first['target_regret'])} {difference_unit(facts.unit)}".strip()
        help_ = f"Target: {facts.measure} of at most {limit}"
        columns += [
            (Head(f"{name}: evaluations", f"Expected evaluations. {help_}"), _expected(f"evaluations {share}")),
            (
                Head("runs (at end)", f"Share of runs that reached it, and share still there at the end. {help_}"),
                _reached(f"reached {share}", f"still_there {share}"),
            ),
        ]
        reference += [Cell(number(first["random_search"]), order(first["random_search"])), Cell(MISSING)]
    filled = table(facts.label, columns, list(by_strategy.values()))
    filled.rows.append(reference)
    return filled


def _expected(name: str) -> Callable[[Record], Cell]:
    def cell(record: Record) -> Cell:
        value = record.get(name)
        if value is not None and math.isinf(value):
            return Cell("never", None)
        return Cell(number(value), order(value))

    return cell


def _reached(reached: str, still_there: str) -> Callable[[Record], Cell]:
    return lambda record: Cell(
        percent(record.get(reached)), order(record.get(reached)), f"({percent(record.get(still_there))})"
    )


def cost_table(data: ReportData, facts: TaskFacts) -> Table:
    """What each strategy spent: mean ledger and measured seconds a run."""
    frame = data.finals[data.finals["task"] == facts.label]
    names = [
        "evaluations", "trials", "unique", "unique_classes", "failed_trials", "seconds", "epochs", "fit_seconds",
        "suggest_seconds", "infeasible_trials", "extra_seconds", "source_observations",
    ]  # fmt: skip
    means = frame.groupby("strategy", sort=True)[names].mean()
    means["repeated"] = means["trials"] - means["unique"]
    means["own"] = means["fit_seconds"] + means["suggest_seconds"]
    means["each"] = means["own"] / means["trials"].where(means["trials"] > 0)
    rows = records(means.reset_index())
    clock = "simulated time" if facts.has_times else "simulated clock"
    columns: list[Column] = [
        STRATEGY,
        (Head("evaluations", "Charged under the task's policy, mean a run"), formatted("evaluations", _count)),
        (Head("unique", "Distinct architectures"), formatted("unique", _count)),
        (Head("classes", "Distinct computational graphs"), formatted("unique_classes", _count)),
        (Head("repeated", "Trials of an architecture that the run had seen"), formatted("repeated", _count)),
        (Head("failed", "Trials that the table holds no value for"), formatted("failed_trials", _count)),
        (
            Head(clock, "What the trainings would have taken" if facts.has_times else "The table has no times"),
            formatted("seconds", duration if facts.has_times else _count),
        ),
        (Head("epochs", "Simulated training epochs"), formatted("epochs", _count)),
        (Head("fitting", "Measured in `tell`, a run"), formatted("fit_seconds", duration)),
        (Head("suggesting", "Measured in `ask`, a run"), formatted("suggest_seconds", duration)),
        (Head("a trial", "Fitting and suggesting, a trial"), formatted("each", duration)),
    ]
    if (means["infeasible_trials"] > 0).any():
        columns.insert(
            6, (Head("infeasible", "Trials that broke a constraint"), formatted("infeasible_trials", _count))
        )
    if (means["extra_seconds"] > 0).any():
        head = Head("of it extra", "Simulated time outside of trainings: zero-cost proxies, a supernet")
        columns.append((head, formatted("extra_seconds", duration)))
    if (means["source_observations"] > 0).any():
        head = Head("sources", "Evaluations of other tasks that it was shown")
        columns.append((head, formatted("source_observations", _count)))
    return table(facts.label, columns, rows)


def _count(value: float) -> str:
    if not known(value):
        return MISSING
    return f"{value:,.0f}" if math.isclose(value, round(value), abs_tol=0.05) else f"{value:,.1f}"


def failures(data: ReportData) -> list[Record]:
    """Every failed run: task, strategy, seed, the last line of its error, all of it, what it had done."""
    failed = data.finals[data.finals["stop"] == "failed"]
    return [
        {
            "task": r["task"],
            "strategy": r["strategy"],
            "seed": r["seed"],
            "reason": (str(r["error"]).strip().splitlines() or ["no message"])[-1],
            "error": str(r["error"]).strip(),
            "done": f"after {count(int(r['trials']), 'trial')}",
        }
        for r in records(failed)
    ]
