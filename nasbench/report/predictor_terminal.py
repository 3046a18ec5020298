"""A predictor comparison in the terminal: one table a task, then the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nasbench.prediction_split import CLASS_DISJOINT, TOP_DECILE, UNIFORM
from nasbench.report.data import records
from nasbench.report.numbers import duration

if TYPE_CHECKING:
    import pandas as pd

LONGEST_NAME = 34
"""Letters of a predictor's name in a line."""


def print_predictors(summary: pd.DataFrame, size: int, verdict: list[str]) -> None:
    """Kendall's tau at each size, and at one size its interval, the harder rows and the costs.

    Args:
        summary: of `nasbench.analysis.predictor_scores`.
        size: the training size of the further columns.
        verdict: sentences.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=max(console.width, 120))
    for task, part in summary.groupby("task", sort=False):
        columns = _columns(records(part), size)
        table = Table(title=Text(f"{task}   Kendall tau on held-out architectures"), title_justify="left", box=None)
        fitting = _fitting(columns, console.width)
        for head in fitting:
            if head == "predictor":
                table.add_column(head, max_width=LONGEST_NAME, overflow="fold")
            else:
                table.add_column(head, justify="right", no_wrap=True)
        for cells in zip(*fitting.values(), strict=True):
            table.add_row(*map(Text, cells))
        console.print(table)
        console.print()
    for sentence in verdict:
        console.print(Text(f"- {sentence}"), width=min(console.width, 100))


def _columns(rows: list[dict[str, Any]], size: int) -> dict[str, list[str]]:
    """Heads and cells; predictors by tau at the size, best first."""
    cells = {(row["predictor"], row["kind"], row["size"]): row for row in rows}
    sizes = sorted({row["size"] for row in rows})
    names = list(dict.fromkeys(row["predictor"] for row in rows))

    def at(name: str, kind: str) -> dict[str, Any]:
        return cells.get((name, kind, size)) or cells.get((name, kind, 0)) or {}

    def rank(name: str) -> float:
        tau = at(name, UNIFORM).get("kendall", float("nan"))
        return -tau if tau == tau else 2.0

    names.sort(key=rank)
    columns = {"predictor": names}
    for each in sizes:
        head = f"n={each}" if each else "untrained"
        columns[head] = [_tau(cells.get((name, UNIFORM, each), {}), "kendall") for name in names]
    columns["95 % interval"] = [_interval(at(name, UNIFORM)) for name in names]
    for kind, head in ((CLASS_DISJOINT, "class-disjoint"), (TOP_DECILE, "top decile")):
        if any(row["kind"] == kind for row in rows):
            columns[head] = [_tau(at(name, kind), "kendall") for name in names]
    columns["in 80 %"] = [_tau(at(name, UNIFORM), "coverage_80", 2) for name in names]
    columns["fit"] = [duration(at(name, UNIFORM).get("fit_seconds", float("nan"))) for name in names]
    columns["query"] = [duration(at(name, UNIFORM).get("query_seconds", float("nan"))) for name in names]
    return columns


def _interval(row: dict[str, Any]) -> str:
    """Of a mean over trials, which a single one does not have."""
    return f"[{_tau(row, 'kendall_low')}, {_tau(row, 'kendall_high')}]" if row.get("trials", 0) > 1 else "–"


def _tau(row: dict[str, Any], key: str, places: int = 3) -> str:
    value = row.get(key, float("nan"))
    return f"{value:.{places}f}" if value == value else "–"


def _fitting(columns: dict[str, list[str]], width: int) -> dict[str, list[str]]:
    """The columns that a narrow terminal has room for; the less telling ones go first, then small sizes."""
    kept = dict(columns)
    droppable = ["query", "fit", "in 80 %", "95 % interval", *[head for head in columns if head.startswith("n=")][:-1]]

    def taken(head: str, cells: list[str]) -> int:
        longest = max(map(len, [head, *cells]))
        return 2 + (min(longest, LONGEST_NAME) if head == "predictor" else longest)

    while droppable and sum(taken(head, cells) for head, cells in kept.items()) > width:
        kept.pop(droppable.pop(0))
    return kept
