"""The verb `nasbench import FORMAT PATH`: one command for every registered format."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup


class FormatGroup(TyperGroup):
    """The commands that are written out (`csv`), and one for each format of the registry.

    (Any: releases of typer differ in whose Context and Command these are.)
    """

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of all formats; imports none of them."""
        from nasbench.datasets.formats import REGISTRY

        return [*super().list_commands(ctx), *REGISTRY.names()]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of a format.

        Raises:
            UnknownNameError: no such format; names the nearest.
        """
        from nasbench.datasets.formats import REGISTRY
        from nasbench.errors import UnknownNameError

        written = super().get_command(ctx, cmd_name)
        if written is not None:
            return written
        if cmd_name not in REGISTRY.names():
            raise UnknownNameError("import format", cmd_name, self.list_commands(ctx))
        return _command(cmd_name)


def _command(format_name: str) -> Any:
    app = typer.Typer(add_completion=False, context_settings={"help_option_names": ["-h", "--help"]})

    @app.command(format_name, help=f"Make a benchmark of the official files of {format_name}.")
    def import_format(
        path: Annotated[
            Path,
            typer.Argument(metavar="PATH", help="The official file, or the folder of files where there are several."),
        ],
        name: Annotated[str | None, typer.Option(help="Name of the benchmark; the format's by default.")] = None,
        replace: Annotated[bool, typer.Option("--replace", help="Replace another table of that name.")] = False,
        quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
    ) -> None:
        from nasbench.datasets import formats
        from nasbench.datasets.install import check_name, install

        if name is not None:
            check_name(name)
        with progress_bar(quiet):
            data = formats.read(format_name, path, name)
        place = install(data, replace=replace)
        for dataset, part in data.datasets.items():
            count = len(data.genotypes if part.rows is None else part.rows)
            typer.echo(f"{data.name}/{dataset}: {count:,} architectures, primary metric {part.objective}")
        typer.echo(f"kept at {place}")
        first, part = next(iter(data.datasets.items()))
        column = part.columns(next(iter(part.protocols)))[part.objective]
        on_test = " --allow-test" if "test" in column.split else ""
        typer.echo(f"compare on it:  nasbench compare --tasks {data.name}/{first}{on_test}")

    return typer.main.get_command(app)


@contextmanager
def progress_bar(quiet: bool) -> Iterator[None]:
    """A bar on the terminal for what importers report; none where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from nasbench.datasets.progress import listening

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        jobs: dict[str, Any] = {}

        def show(what: str, done: int, total: int | None) -> None:
            if what not in jobs:
                jobs[what] = bar.add_task(what, total=total)
            bar.update(jobs[what], completed=done, total=total)

        with listening(show):
            yield
