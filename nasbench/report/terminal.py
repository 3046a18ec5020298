"""What the terminal shows: the progress bar, the comparison as a table, the verdict in words."""

from __future__ import annotations

import math
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


class Progress:
    """A progress bar on stderr; silent where it is disabled or stderr is no terminal.

    Args:
        enabled: whether to show anything.
    """

    def __init__(self, enabled: bool = True) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        console = Console(stderr=True)
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not (enabled and console.is_terminal),
        )
        self._runs: Any = None

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Take the bar off the screen."""
        self._bar.stop()

    def runs(self, done: int, total: int) -> None:
        """Runs finished and in all."""
        if self._runs is None:
            self._runs = self._bar.add_task("runs", total=total)
        self._bar.update(self._runs, completed=done)

    def step(self, what: str) -> None:
        """What is being made now."""
        self._bar.print(f"[dim]{what}[/dim]") if not self._bar.disable else None


_COLUMNS = (
    ("strategy", "strategy"),
    ("seeds", "seeds"),
    ("observed_mean", "observed"),
    ("regret_mean", "regret"),
    ("interval", "95 % interval"),
    ("random_search_regret", "random search"),
    ("speedup", "speed-up"),
    ("p_holm", "Holm p"),
    ("test_regret", "test regret"),
    ("hypervolume", "hypervolume"),
    ("igd_plus", "IGD+"),
    ("front_size", "set size"),
)


def print_comparison(summary: pd.DataFrame, verdict: list[str]) -> None:
    """The summary frame as one table a task, then the verdict.

    Args:
        summary: from `nasbench.analysis.summary.summary`.
        verdict: sentences from `nasbench.analysis.verdict.headlines`.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=max(console.width, 120))
    for task, rows in summary.groupby("task", sort=False):
        records = [{str(k): v for k, v in row.items()} for row in rows.to_dict("records")]
        known = [(key, head) for key, head in _COLUMNS if key == "interval" or rows[key].notna().any()]
        columns = _fitting({head: [_cell(key, record) for record in records] for key, head in known}, console.width)
        metric, unit, measure = (records[0][key] for key in ("metric", "unit", "measure"))
        title = f"{task}   {f'{metric} ({unit})' if unit else measure}"
        table = Table(title=Text(title), title_justify="left", box=None)
        for head in columns:
            table.add_column(head, justify="left" if head == "strategy" else "right", no_wrap=True)
        for cells in zip(*columns.values(), strict=True):
            table.add_row(*map(Text, cells))
        console.print(table)
        console.print()
    for sentence in verdict:
        console.print(Text(f"- {sentence}"), width=min(console.width, 100))


def _fitting(columns: dict[str, list[str]], width: int) -> dict[str, list[str]]:
    """The columns that a narrow terminal has room for; the less telling ones go first."""
    droppable = ["seeds", "set size", "hypervolume", "random search", "observed", "95 % interval"]
    while droppable and sum(2 + max(map(len, [head, *cells])) for head, cells in columns.items()) > width:
        columns.pop(droppable.pop(0), None)
    return columns


def _cell(key: str, row: dict[str, Any]) -> str:
    if key == "strategy":
        return str(row[key])
    if key == "seeds":
        failed = row["failed_runs"]
        return f"{row['seeds']:.0f}" + (f" ({failed:.0f} failed)" if failed else "")
    if key == "interval":
        return f"[{number(row['regret_low'])}, {number(row['regret_high'])}]"
    if key == "speedup":
        return f"{number(row['speedup'])}x" if row[key] == row[key] else "–"
    if key == "observed_mean":
        return f"{row[key]:.6g}"
    return number(row[key])


def number(value: float | None) -> str:
    """A figure with three significant digits; an en dash where there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    return f"{value:.3g}" if 1e-3 <= abs(value) < 1e5 else f"{value:.1e}"
