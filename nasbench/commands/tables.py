"""The commands for own tables: `import csv`, `export`, `remove`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nasbench.commands.printing import Name


def import_csv(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The CSV file; .gz is read too.")],
    space_columns: Annotated[str, typer.Option(help="Columns that say the architecture, comma-separated.")],
    metric: Annotated[
        list[str], typer.Option(metavar="name:direction:split[:unit]", help="A column of results; repeatable.")
    ],
    name: Annotated[str | None, typer.Option(help="Name of the benchmark; the file's by default.")] = None,
    objective: Annotated[str | None, typer.Option(help="Primary metric; the first validation one by default.")] = None,
    licence: Annotated[str, typer.Option(help="Licence of the data.")] = "unknown",
    citation: Annotated[str, typer.Option(help="What to cite.")] = "unknown",
    replace: Annotated[bool, typer.Option("--replace", help="Replace another table of that name.")] = False,
) -> None:
    """Make a benchmark of a CSV file.

    Wide: one row an architecture. Long: with `epoch` and `repeat` columns, for learning curves and
    training repeats. direction is maximize or minimize; split is train, valid, test or cost.
    """
    from nasbench.datasets.csv_table import parse_metric, read_csv
    from nasbench.datasets.install import install

    table_name = name or path.name.removesuffix(".gz").rpartition(".")[0] or path.name
    data = read_csv(
        path,
        table_name,
        [c.strip() for c in space_columns.split(",")],
        [parse_metric(m) for m in metric],
        objective=objective,
        licence=licence,
        citation=citation,
    )
    place = install(data, replace=replace)
    typer.echo(f"{table_name}/default: {len(data.genotypes):,} architectures, kept at {place}")
    typer.echo(f"compare on it:  nasbench compare --tasks {table_name}/default")


def export(
    name: Name,
    csv: Annotated[Path | None, typer.Option(help="Write this CSV file.")] = None,
    parquet: Annotated[Path | None, typer.Option(help="Write this Parquet file.")] = None,
    long: Annotated[bool, typer.Option("--long", help="One row a training repeat, as `import csv` reads it.")] = False,
) -> None:
    """Write a benchmark's table as CSV or Parquet, every repeat, exactly."""
    from nasbench.benchmark import load
    from nasbench.datasets.export import export_csv, export_parquet

    if csv is None and parquet is None:
        raise typer.BadParameter("say --csv FILE or --parquet FILE")
    bench = load(name)
    if csv is not None:
        export_csv(bench, csv, long=long)
        typer.echo(f"wrote {csv}")
    if parquet is not None:
        export_parquet(bench, parquet, long=long)
        typer.echo(f"wrote {parquet}")


def remove(family: Annotated[str, typer.Argument(metavar="NAME", help="An imported table.")]) -> None:
    """Remove an imported table from this machine."""
    from nasbench.datasets.install import remove as remove_table

    typer.echo(f"removed {remove_table(family.partition('/')[0])}")
