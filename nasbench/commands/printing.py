"""How the commands print: aligned tables, pairs, JSON without NaN, the progress bar."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from nasbench.report.terminal import Progress


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="A benchmark, e.g. nasbench201/cifar10.")]


def table(rows: list[dict[str, Any]]) -> None:
    """Rows as aligned columns; empty columns are left out; nothing is cut."""
    names = [n for n in rows[0] if any(str(row[n]) for row in rows)] if rows else []
    widths = {n: max(len(n), *(len(str(row[n])) for row in rows)) for n in names}
    typer.secho("  ".join(n.ljust(widths[n]) for n in names).rstrip(), bold=True)
    for row in rows:
        typer.echo("  ".join(str(row[n]).ljust(widths[n]) for n in names).rstrip())


def pairs(facts: dict[str, Any]) -> None:
    """Facts as aligned `name  value` lines."""
    width = max(map(len, facts))
    for key, value in facts.items():
        shown = (
            ", ".join(f"{k} ({v} epochs)" if v else k for k, v in value.items()) if isinstance(value, dict) else value
        )
        typer.echo(f"{key.ljust(width)}  {shown}")


def no_nan(value: Any) -> Any:
    """NaN as null, so that the output is JSON."""
    if isinstance(value, dict):
        return {k: no_nan(v) for k, v in value.items()}
    if isinstance(value, list):
        return [no_nan(v) for v in value]
    return None if isinstance(value, float) and value != value else value


def progress_bar(quiet: bool) -> Progress:
    """A progress bar on stderr; nothing where quiet or no terminal."""
    from nasbench.report.terminal import Progress

    return Progress(enabled=not quiet)


def span(epochs: Sequence[int]) -> str:
    """Epochs of a learning curve in few words: `1-200`, `0-108 by 54`, or the epochs themselves."""
    steps = {later - earlier for earlier, later in pairwise(epochs)}
    if len(epochs) > 2 and len(steps) == 1:
        step = steps.pop()
        return f"{epochs[0]}-{epochs[-1]}" + (f" by {step}" if step > 1 else "")
    return ", ".join(map(str, epochs)) if len(epochs) <= 12 else f"{len(epochs)} from {epochs[0]} to {epochs[-1]}"
