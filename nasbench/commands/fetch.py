"""The command `fetch`: get a published table that does not come with an installed package."""

from __future__ import annotations

from typing import Annotated

import typer


def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A table of `nasbench list --all`.")],
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Download a published table, check every byte of it, and add its columns to the benchmarks of its family.

    Set NASBENCH_MIRROR to a folder, or to the http(s) address of a server, that has the files of
    https://raw.githubusercontent.com under the same paths, to get them from there.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from nasbench.datasets.catalog import TERMS, AddOn
    from nasbench.datasets.families import open_base
    from nasbench.datasets.fetch import entry_of
    from nasbench.datasets.fetch import fetch as fetch_table

    entry = entry_of(name)
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        job = bar.add_task(name, total=None)
        path = fetch_table(name, lambda done, total: bar.update(job, completed=done, total=total))
    typer.echo(f"{entry.name}: {entry.title}, kept at {path}")
    if isinstance(entry, AddOn):
        where = f", protocol {', '.join(entry.protocols)}" if entry.protocols else ""
        typer.echo(f"adds to {entry.family}{where}: {', '.join(entry.metrics)}")
    typer.echo(f"licence {entry.licence} ({TERMS[entry.licence]}); cite: {entry.citation}")
    family = entry.family if isinstance(entry, AddOn) else entry.name
    table = open_base(family)
    dataset, first = next(iter(table.datasets.items()))
    typer.echo(f"look at it:  nasbench info {family}/{dataset}")
    if not isinstance(entry, AddOn):
        column = first.columns(next(iter(first.protocols)))[first.objective]
        on_test = " --allow-test" if "test" in column.split else ""
        typer.echo(f"compare on it:  nasbench compare --tasks {family}/{dataset}{on_test}")
