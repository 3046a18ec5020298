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

    from nasbench.datasets.catalog import catalog
    from nasbench.datasets.families import FAMILIES
    from nasbench.datasets.fetch import fetch as fetch_table

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        job = bar.add_task(name, total=None)
        path = fetch_table(name, lambda done, total: bar.update(job, completed=done, total=total))
    entry = catalog()[name]
    typer.echo(f"{name}: {entry.title}, kept at {path}")
    typer.echo(f"adds to {entry.family}, protocol {', '.join(entry.protocols)}: {', '.join(entry.metrics)}")
    typer.echo(f"licence {entry.licence}; cite: {entry.citation}")
    typer.echo(f"look at it:  nasbench info {entry.family}/{FAMILIES[entry.family].datasets[0]}")
