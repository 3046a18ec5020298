"""Frames as tables of text: what the page prints, with the numbers that it sorts by."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from nasbench.report.numbers import (
    MISSING,
    count,
    decimals_for,
    difference_unit,
    duration,
    fixed,
    interval,
    known,
    number,
    p_value,
    percent,
)
from nasbench.report.theme import CONTROL

if TYPE_CHECKING:
    import pandas as pd

    from nasbench.report.data import ReportData, TaskFacts

Record = dict[str, Any]


class Cell(NamedTuple):
    """One cell.

    Attributes:
        text: what is shown.
        order: what it sorts by; None where it has no place and goes last.
        note: smaller text behind it.
        strategy: the strategy whose colour it carries, or "".
        strong: whether it stands out.
    """

    text: str
    order: float | str | None = None
    note: str = ""
    strategy: str = ""
    strong: bool = False


class Head(NamedTuple):
    """One column.

    Attributes:
        text: its name.
        help: what it means, in a sentence.
        numeric: whether it is set flush right.
    """

    text: str
    help: str = ""
    numeric: bool = True


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes:
        title: usually the task.
        heads: columns.
        rows: cells by row.
        notes: sentences below it.
    """

    title: str
    heads: list[Head]
    rows: list[list[Cell]]
    notes: list[str] = field(default_factory=list)


Column = tuple[Head, Callable[[Record], Cell]]


def _table(title: str, columns: Sequence[Column], records: Sequence[Record], notes: Sequence[str] = ()) -> Table:
    return Table(
        title,
        [head for head, _ in columns],
        [[cell(record) for _, cell in columns] for record in records],
        list(notes),
    )


def _of(frame: pd.DataFrame, facts: TaskFacts) -> list[Record]:
    records: list[Record] = frame[frame["task"] == facts.label].to_dict("records")
    return records


def _strategy(record: Record) -> Cell:
    return Cell(record["strategy"], record["strategy"], strategy=record["strategy"])


_STRATEGY: Column = (Head("strategy", numeric=False), _strategy)


def _order(value: Any) -> float | None:
    return float(value) if known(value) and math.isfinite(value) else None


def _fixed(name: str, records: Sequence[Record], places: int | None = None) -> Callable[[Record], Cell]:
    common = decimals_for(record[name] for record in records) if places is None else places
    return lambda record: Cell(fixed(record[name], common), _order(record[name]))


def _with_interval(name: str, low: str, high: str, places: int | None, unit: str = "") -> Callable[[Record], Cell]:
    def cell(record: Record) -> Cell:
        value = record[name]
        shown = fixed(value, places) + (unit if known(value) else "")
        spread = interval(record[low], record[high], places) if record.get("seeds", 2) > 1 else ""
        return Cell(shown, _order(value), spread)

    return cell


def _formatted(name: str, text: Callable[[Any], str]) -> Callable[[Record], Cell]:
    return lambda record: Cell(text(record[name]), _order(record[name]))


# -- the summary -----------------------------------------------------------------------------------


def summary_table(data: ReportData, facts: TaskFacts) -> Table:
    """One row a strategy, best mean table regret first.

    Columns that the task cannot fill are left out and named in the notes.
    """
    records = _of(data.summary, facts)
    unit = difference_unit(facts.unit)
    regret = decimals_for([r["regret_mean"] for r in records])
    optional = {
        "held_out_regret": (
            Head("held-out regret", "Mean regret on the training runs that the search was not shown"),
            _fixed("held_out_regret", records, regret),
        ),
        "test_regret": (
            Head("test regret", "Mean regret on the test split; in brackets, that of the best-validation architecture"),
            lambda r: Cell(
                fixed(r["test_regret"], regret),
                _order(r["test_regret"]),
                f"(floor {fixed(r['test_regret_floor'], regret)})" if known(r["test_regret_floor"]) else "",
            ),
        ),
        "reaches_optimum": (
            Head("reaches optimum", "Share of runs that end at the table's best mean value"),
            _formatted("reaches_optimum", percent),
        ),
    }
    missing = [name for name in optional if not any(known(r[name]) for r in records)]
    columns: list[Column] = [
        _STRATEGY,
        (
            Head("table regret", f"Mean over seeds, in {unit}, with its 95 % bootstrap interval", True),
            lambda r: Cell(
                fixed(r["regret_mean"], regret),
                _order(r["regret_mean"]),
                interval(r["regret_low"], r["regret_high"], regret) if r["seeds"] > 1 else "",
                strong=r["regret_mean"] == min((x["regret_mean"] for x in records if known(x["regret_mean"])), default=None),
            ),
        ),
        (
            Head("random search, exact", "Expected table regret of random search at equal evaluations"),
            _fixed("random_search_regret", records, regret),
        ),
        (
            Head("speed-up", "Over random search, with its 95 % interval"),
            _with_interval("speedup", "speedup_low", "speedup_high", None, "×"),
        ),
        (
            Head("P(better)", f"Probability of a better end than {CONTROL} with the same seed, with its 95 % interval"),
            _with_interval("improvement", "improvement_low", "improvement_high", 2),
        ),
        (Head("Holm p", f"Adjusted p of the test against {CONTROL}"), _formatted("p_holm", p_value)),
        *(column for name, column in optional.items() if name not in missing),
        (
            Head(f"observed {facts.metric.replace('_', ' ')}", "Mean of what the search saw of its final architecture"),
            lambda r: Cell(number(r["observed_mean"], 4), _order(r["observed_mean"])),
        ),
        (
            Head("within noise floor", "Whether the mean regret is at most the table's noise floor"),
            lambda r: _yes_no(r["within_noise_floor"]),
        ),
        (
            Head("runs", "Seeds, and how many of them failed"),
            lambda r: Cell(
                f"{r['seeds']:.0f}", _order(float(r["seeds"])), f"({r['failed_runs']:.0f} failed)" if r["failed_runs"] else ""
            ),
        ),
    ]  # fmt: skip
    return _table(facts.label, columns, records, [_not_shown(missing)] if missing else [])


_WHY_MISSING = {
    "held_out_regret": "held-out regret (no training run was held out)",
    "test_regret": "test regret (the table has no matching test column)",
    "reaches_optimum": "share that reaches the optimum (only meaningful without training noise)",
}


def _not_shown(missing: Sequence[str]) -> str:
    return f"Not shown: {'; '.join(_WHY_MISSING[name] for name in missing)}."


def _yes_no(value: Any) -> Cell:
    if value is None or value != value:
        return Cell(MISSING)
    return Cell("yes" if value else "no", float(bool(value)))


def overall_table(data: ReportData) -> Table | None:
    """One row a strategy that ran on every task; None for a single task."""
    if len(data.tasks) < 2 or not len(data.overall):
        return None
    records = data.overall.to_dict("records")
    columns: list[Column] = [
        _STRATEGY,
        (
            Head("average rank", "Of the final regret within a seed; 1 is best, each task weighs the same"),
            _fixed("average_rank", records, 2),
        ),
        (
            Head("speed-up", "Geometric mean over tasks, with its 95 % interval over seeds"),
            _with_interval("speedup", "speedup_low", "speedup_high", None, "×"),
        ),
        (
            Head("speed-up, middle half", "The same from interquartile means over the seeds of each task"),
            _with_interval("speedup_iqm", "speedup_iqm_low", "speedup_iqm_high", None, "×"),
        ),
    ]
    return _table(f"All {len(data.tasks)} tasks", columns, records)


# -- tests, targets, costs ---------------------------------------------------------------------------


def tests_table(data: ReportData, label: str, unit: str) -> Table | None:
    """Every pairwise test of a task (or over tasks); None where there is none."""
    records = data.tests[data.tests["task"] == label].to_dict("records")
    if not records:
        return None
    places = decimals_for([abs(r["difference"]) for r in records])
    columns: list[Column] = [
        (Head("better", numeric=False), lambda r: Cell(r["better"], r["better"], strategy=r["better"])),
        (Head("worse", numeric=False), lambda r: Cell(r["worse"], r["worse"], strategy=r["worse"])),
        (
            Head("difference", f"Mean of worse − better, in {unit}"),
            _fixed("difference", records, places),
        ),
        (
            Head("detectable", "Smallest mean difference that this test sees with 80 % power at the first Holm step"),
            _fixed("detectable", records, places),
        ),
        (
            Head("P(better)", "Probability of a better end with the same seed, ties 1/2"),
            _formatted("improvement", lambda v: fixed(v, 2)),
        ),
        (
            Head("pairs", "Paired seeds, and those that end equal"),
            lambda r: Cell(
                f"{r['pairs']:.0f}", _order(float(r["pairs"])), f"({r['ties']:.0f} equal)" if r["ties"] else ""
            ),
        ),
        (Head("p", "Two-sided"), _formatted("p", p_value)),
        (
            Head("Holm p", "Adjusted over all tests of the report"),
            lambda r: Cell(p_value(r["p_holm"]), _order(r["p_holm"]), strong=bool(r["significant"])),
        ),
        (
            Head("told apart", numeric=False),
            lambda r: Cell("yes" if r["significant"] else "no", float(not r["significant"])),
        ),
    ]
    tests = {"wilcoxon": "Wilcoxon signed-rank test", "sign-flip": "sign-flip test stratified by task"}
    used = " and ".join(dict.fromkeys(tests.get(r["test"], r["test"]) for r in records))
    return _table(label, columns, records, [f"Two-sided {used} over paired seeds."])


def targets_table(data: ReportData, facts: TaskFacts) -> Table:
    """Expected running time to each target, one row a strategy."""
    records = _of(data.targets, facts)
    shares = sorted({r["share"] for r in records}, reverse=True)
    by_strategy: dict[str, Record] = {}
    columns: list[Column] = [_STRATEGY]
    reference: list[Cell] = [Cell("random search (exact)", "random search (exact)", strategy="random search (exact)")]
    for record in records:
        row = by_strategy.setdefault(record["strategy"], {"strategy": record["strategy"]})
        row |= {f"{name} {record['share']}": record[name] for name in ("evaluations", "reached", "still_there")}
    for share in shares:
        first = next(r for r in records if r["share"] == share)
        name = f"best {percent(share)}"
        help_ = f"Target: table regret of at most {number(first['target_regret'])} {difference_unit(facts.unit)}"
        columns += [
            (Head(f"{name}: evaluations", f"Expected evaluations. {help_}"), _expected(f"evaluations {share}")),
            (
                Head("runs (at end)", f"Share of runs that reached it, and share still there at the end. {help_}"),
                _reached(f"reached {share}", f"still_there {share}"),
            ),
        ]
        reference += [Cell(number(first["random_search"]), _order(first["random_search"])), Cell(MISSING)]
    table = _table(facts.label, columns, list(by_strategy.values()))
    table.rows.append(reference)
    return table


def _expected(name: str) -> Callable[[Record], Cell]:
    def cell(record: Record) -> Cell:
        value = record.get(name)
        if value is not None and math.isinf(value):
            return Cell("never", None)
        return Cell(number(value), _order(value))

    return cell


def _reached(reached: str, still_there: str) -> Callable[[Record], Cell]:
    return lambda record: Cell(
        percent(record.get(reached)), _order(record.get(reached)), f"({percent(record.get(still_there))})"
    )


def cost_table(data: ReportData, facts: TaskFacts) -> Table:
    """What each strategy spent: mean ledger and measured seconds a run."""
    frame = data.finals[data.finals["task"] == facts.label]
    names = [
        "evaluations", "trials", "unique", "unique_classes", "failed_trials", "seconds", "epochs", "fit_seconds",
        "suggest_seconds",
    ]  # fmt: skip
    means = frame.groupby("strategy", sort=True)[names].mean()
    means["repeated"] = means["trials"] - means["unique"]
    means["own"] = means["fit_seconds"] + means["suggest_seconds"]
    means["each"] = means["own"] / means["trials"].where(means["trials"] > 0)
    records = means.reset_index().to_dict("records")
    clock = "simulated time" if facts.has_times else "simulated clock"
    columns: list[Column] = [
        _STRATEGY,
        (Head("evaluations", "Charged under the task's policy, mean a run"), _formatted("evaluations", _count)),
        (Head("unique", "Distinct architectures"), _formatted("unique", _count)),
        (Head("classes", "Distinct computational graphs"), _formatted("unique_classes", _count)),
        (Head("repeated", "Trials of an architecture that the run had seen"), _formatted("repeated", _count)),
        (Head("failed", "Trials that the table holds no value for"), _formatted("failed_trials", _count)),
        (
            Head(clock, "What the trainings would have taken" if facts.has_times else "The table has no times"),
            _formatted("seconds", duration if facts.has_times else _count),
        ),
        (Head("epochs", "Simulated training epochs"), _formatted("epochs", _count)),
        (Head("fitting", "Measured in `tell`, a run"), _formatted("fit_seconds", duration)),
        (Head("suggesting", "Measured in `ask`, a run"), _formatted("suggest_seconds", duration)),
        (Head("a trial", "Fitting and suggesting, a trial"), _formatted("each", duration)),
    ]
    return _table(facts.label, columns, records)


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
        for r in failed.to_dict("records")
    ]
