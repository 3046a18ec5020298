"""The commands for own tables: `import csv`, `export`, `remove`."""

from __future__ import annotations

import re
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
    id_column: Annotated[str | None, typer.Option(help="Column with each architecture's official id.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs of a full training, if no column says.")] = None,
    title: Annotated[str | None, typer.Option(help="One line for listings.")] = None,
    licence: Annotated[str | None, typer.Option(help="Licence of the data.")] = None,
    citation: Annotated[str | None, typer.Option(help="What to cite.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace another table of that name.")] = False,
) -> None:
    """Make a benchmark of a CSV file.

    Wide: one row an architecture; columns NAME.0, NAME.1, ... are training repeats of NAME. Long: with
    `epoch` and `repeat` columns, for learning curves and repeats. A metric is
    name[=column]:direction:split[:unit]; direction is maximize or minimize; split is train, valid, test,
    valid+test or cost. A cost named train_seconds drives the simulated clock.
    """
    from nasbench.datasets.importers.csv_table import UNSAID, parse_metric, read_csv
    from nasbench.datasets.install import install

    table_name = name or _name_of(path)
    data = read_csv(
        path,
        table_name,
        [c.strip() for c in space_columns.split(",")],
        [parse_metric(m) for m in metric],
        objective=objective,
        id_column=id_column,
        epochs=epochs,
        title=title,
        licence=licence or UNSAID,
        citation=citation or UNSAID,
    )
    place = install(data, replace=replace)
    typer.echo(f"{table_name}/default: {len(data.genotypes):,} architectures, kept at {place}")
    typer.echo(f"compare on it:  nasbench compare --tasks {table_name}/default")


def _name_of(path: Path) -> str:
    """A table name made of a file's: `My Table.csv.gz` becomes `my-table`."""
    stem = path.name.lower().removesuffix(".gz").removesuffix(".csv").removesuffix(".tsv")
    return re.sub(r"[^a-z0-9_]+", "-", stem).strip("-_") or "table"


def export(
    name: Name,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Where to write; FAMILY-DATASET.csv or .parquet by default.")
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Write CSV.")] = False,
    parquet: Annotated[bool, typer.Option("--parquet", help="Write Parquet (extra `parquet`).")] = False,
    long: Annotated[bool, typer.Option("--long", help="One row an epoch and training repeat, with curves.")] = False,
) -> None:
    """Write a benchmark's table as CSV or Parquet, every repeat, exactly; `import csv` reads it back."""
    from nasbench.benchmark import load
    from nasbench.datasets.export import export_csv, export_parquet

    if csv == parquet:
        raise typer.BadParameter("say --csv or --parquet, e.g. nasbench export nasbench201/cifar10 --csv c10.csv")
    bench = load(name)
    target = file or Path(f"{bench.family}-{bench.dataset}.{'csv' if csv else 'parquet'}")
    typer.echo(f"wrote {(export_csv if csv else export_parquet)(bench, target, long=long)}")


def remove(
    family: Annotated[str, typer.Argument(metavar="NAME", help="An imported table, an add-on, or a surrogate.")],
) -> None:
    """Remove an imported table, a fetched add-on, or a surrogate (all of its family, or FAMILY/DATASET)."""
    from nasbench.datasets.install import remove as remove_table
    from nasbench.datasets.surrogate_files import remove_surrogate
    from nasbench.datasets.surrogate_names import surrogate_families

    if family.partition("/")[0] in surrogate_families():
        typer.echo(f"removed {remove_surrogate(family)}")
        return
    typer.echo(f"removed {remove_table(family.partition('/')[0])}")
