"""Tables of text: cells with the numbers that they sort by."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from nasbench.report.data import records
from nasbench.report.numbers import MISSING, decimals_for, fixed, interval, known

if TYPE_CHECKING:
    import pandas as pd

    from nasbench.report.data import TaskFacts
    from nasbench.report.predictor_data import PredictionFacts

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


def table(title: str, columns: Sequence[Column], rows: Sequence[Record], notes: Sequence[str] = ()) -> Table:
    """A table of columns, each a head and a function from a row to its cell."""
    return Table(
        title,
        [head for head, _ in columns],
        [[cell(record) for _, cell in columns] for record in rows],
        list(notes),
    )


def rows_of(frame: pd.DataFrame, facts: TaskFacts | PredictionFacts) -> list[Record]:
    """A task's rows of a frame."""
    return records(frame[frame["task"] == facts.label])


def strategy_cell(record: Record) -> Cell:
    """A strategy's name in its colour."""
    return Cell(record["strategy"], record["strategy"], strategy=record["strategy"])


STRATEGY: Column = (Head("strategy", numeric=False), strategy_cell)


def order(value: Any) -> float | None:
    """What a number sorts by; None where it is missing or infinite."""
    return float(value) if known(value) and math.isfinite(value) else None


def fixed_column(name: str, rows: Sequence[Record], places: int | None = None) -> Callable[[Record], Cell]:
    """Numbers of one column with the same decimal places (given, or those that suit them)."""
    common = decimals_for(record[name] for record in rows) if places is None else places
    return lambda record: Cell(fixed(record[name], common), order(record[name]))


def interval_column(name: str, low: str, high: str, places: int | None, unit: str = "") -> Callable[[Record], Cell]:
    """Numbers with their interval behind, which a single seed does not have."""

    def cell(record: Record) -> Cell:
        value = record[name]
        shown = fixed(value, places) + (unit if known(value) else "")
        spread = interval(record[low], record[high], places) if record.get("seeds", 2) > 1 else ""
        return Cell(shown, order(value), spread)

    return cell


def formatted(name: str, text: Callable[[Any], str]) -> Callable[[Record], Cell]:
    """Numbers through a function that makes them text."""
    return lambda record: Cell(text(record[name]), order(record[name]))


def yes_no(value: Any) -> Cell:
    """A truth value in words."""
    if value is None or value != value:
        return Cell(MISSING)
    return Cell("yes" if value else "no", float(bool(value)))
