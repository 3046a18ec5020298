"""What the report of predictors says in tables: tau at each size, every measure at one, costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nasbench.prediction_split import CLASS_DISJOINT, TOP_DECILE, UNIFORM
from nasbench.report.cells import (
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
    strategy_cell,
    table,
)
from nasbench.report.numbers import difference_unit, duration, fixed, interval, known, number, percent

if TYPE_CHECKING:
    import pandas as pd

    from nasbench.report.predictor_data import PredictionFacts, PredictorReportData


PREDICTOR: Column = (Head("predictor", numeric=False), strategy_cell)


def sizes_table(data: PredictorReportData, facts: PredictionFacts) -> Table:
    """Kendall's tau on uniform rows: one row a predictor, one column a training size."""
    rows = _of_kind(data, facts, UNIFORM)
    sizes = sorted({row["size"] for row in rows})
    by_predictor: dict[str, Record] = {}
    for row in rows:
        merged = by_predictor.setdefault(row["strategy"], {"strategy": row["strategy"]})
        size = row["size"]
        merged |= {f"{name} {size}": row[name] for name in ("kendall", "kendall_low", "kendall_high", "trials")}
    last = f"kendall {sizes[-1]}"
    ordered = sorted(by_predictor.values(), key=lambda r: -r[last] if known(r.get(last)) else 2.0)
    columns: list[Column] = [PREDICTOR]
    for size in sizes:
        best = max((r[f"kendall {size}"] for r in ordered if known(r.get(f"kendall {size}"))), default=None)
        columns.append((_size_head(size), _tau_cell(size, best)))
    return table(facts.label, columns, ordered)


def _size_head(size: int) -> Head:
    if size == 0:
        return Head("untrained", "Kendall tau without any training architecture")
    return Head(f"n = {size:,}", f"Kendall tau after training on {size:,} architectures, with its 95 % interval")


def _tau_cell(size: int, best: float | None) -> Callable[[Record], Cell]:
    def cell(row: Record) -> Cell:
        value = row.get(f"kendall {size}")
        if not known(value):
            return Cell("–")
        low, high = row[f"kendall_low {size}"], row[f"kendall_high {size}"]
        spread = interval(low, high, 3) if row[f"trials {size}"] > 1 else ""
        return Cell(fixed(value, 3), order(value), spread, strong=value == best)

    return cell


def quality_table(data: PredictorReportData, facts: PredictionFacts) -> Table:
    """Every measure of ranking at the size of the tests, one row a predictor."""
    rows = _at_judged_size(data, facts)
    unit = difference_unit(facts.unit)
    columns: list[Column] = [
        PREDICTOR,
        (Head("tau", "Kendall's tau-b on uniform rows"), _with_interval("kendall")),
        (
            Head("class-disjoint", "Kendall's tau-b on rows without a functional twin in training"),
            _with_interval(CLASS_DISJOINT),
        ),
        (Head("top decile", "Kendall's tau-b within the best tenth of the table"), _with_interval(TOP_DECILE)),
        (Head("sparse tau", "Kendall's tau-b of rounded predictions"), fixed_column("sparse_kendall", rows, 3)),
        (Head("Spearman", "Rank correlation"), fixed_column("spearman", rows, 3)),
        (Head("Pearson", "Linear correlation"), fixed_column("pearson", rows, 3)),
        (Head("P@10", "Share of the ten best among the predicted ten best"), fixed_column("precision_10", rows, 2)),
        (Head("P@20", "Share of the twenty best among the predicted twenty"), fixed_column("precision_20", rows, 2)),
        (
            Head("regret@10", f"What the best of the predicted ten best falls short of the best, in {unit}"),
            fixed_column("regret_10", rows),
        ),
    ]
    return table(facts.label, _filled(columns, rows), rows)


def errors_table(data: PredictorReportData, facts: PredictionFacts) -> Table:
    """Errors, and how honest the uncertainties are, at the size of the tests, one row a predictor."""
    rows = _at_judged_size(data, facts)
    unit = difference_unit(facts.unit)
    columns: list[Column] = [
        PREDICTOR,
        (Head("MAE", f"Mean absolute error, in {unit}"), fixed_column("mae", rows)),
        (Head("R²", "Coefficient of determination"), fixed_column("r2", rows, 2)),
        (
            Head("NLL", "Negative log-likelihood of normal predictive distributions, nats"),
            formatted("nll", lambda value: number(value)),
        ),
        *(
            (
                Head(f"in {level} %", f"Share of labels inside of the central {level} % interval"),
                formatted(f"coverage_{level}", percent),
            )
            for level in (50, 80, 95)
        ),
        (
            Head("calibration error", "Mean distance of observed from nominal coverage"),
            fixed_column("calibration_error", rows, 3),
        ),
    ]
    return table(facts.label, _filled(columns, rows), rows)


def _at_judged_size(data: PredictorReportData, facts: PredictionFacts) -> list[Record]:
    """Rows at the size of the tests, best tau first, with the taus of the other kinds beside theirs."""
    rows = [row for row in _of_kind(data, facts, UNIFORM) if row["size"] in (0, data.size)]
    for kind in (CLASS_DISJOINT, TOP_DECILE):
        others = {(row["strategy"], row["size"]): row for row in _of_kind(data, facts, kind)}
        for row in rows:
            other = others.get((row["strategy"], row["size"]), {})
            row |= {f"{kind}{end}": other.get(f"kendall{end}", float("nan")) for end in ("", "_low", "_high")}
    for row in rows:
        row["seeds"] = row["trials"]
    return sorted(rows, key=lambda row: -row["kendall"] if known(row["kendall"]) else 2.0)


def _with_interval(name: str) -> Callable[[Record], Cell]:
    return interval_column(name, f"{name}_low", f"{name}_high", 3)


def _filled(columns: list[Column], rows: list[Record]) -> list[Column]:
    """The columns in which any row has a number."""
    return [column for column in columns if column is PREDICTOR or any(column[1](r).order is not None for r in rows)]


def costs_table(data: PredictorReportData, facts: PredictionFacts) -> Table:
    """What each predictor costs at the size of the tests."""
    rows = [row for row in _of_kind(data, facts, UNIFORM) if row["size"] in (0, data.size)]
    columns: list[Column] = [
        PREDICTOR,
        (Head("training", "Simulated seconds of training the training set"), formatted("training_seconds", duration)),
        (Head("fit", "Measured"), formatted("fit_seconds", duration)),
        (Head("initialisation", "Training and fit"), formatted("init_seconds", duration)),
        (Head("query", "An architecture; measured, plus what the encoder charges"),
         formatted("query_seconds", duration)),
        (Head("trials", "And how many of them failed"),
         lambda r: Cell(f"{r['trials']:.0f}", order(float(r["trials"])),
                        f"({r['failed_trials']:.0f} failed)" if r["failed_trials"] else "")),
    ]  # fmt: skip
    if not facts.has_times:
        columns = [column for column in columns if column[0].text not in ("training", "initialisation")]
    notes = [] if facts.has_times else ["The table has no training times of these labels."]
    return table(facts.label, columns, rows, notes)


def labels_of(facts: PredictionFacts) -> list[tuple[str, str]]:
    """What must be said about a task before its numbers are read: (label, explanation)."""
    labels = []
    if facts.predicts_test:
        labels.append(("predicts test", "The metric is a test column."))
    if not facts.noise_known:
        labels.append(
            (
                "noise unknown",
                "One training run an architecture: the best tenth is chosen by the labels that are correlated there.",
            )
        )
    elif facts.labels == "mean":
        labels.append(("idealised", "Labels are means of several trainings, of which one is charged."))
    return labels


def _of_kind(data: PredictorReportData, facts: PredictionFacts, kind: str) -> list[Record]:
    frame: pd.DataFrame = data.summary[data.summary["kind"] == kind]
    return rows_of(frame, facts)
