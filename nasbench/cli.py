"""The command `nasbench`. Each verb parses its words, calls the library, and prints."""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from nasbench import __version__
from nasbench.errors import NasbenchError, StrategyError

if TYPE_CHECKING:
    from nasbench.benchmark import Benchmark
    from nasbench.comparison import Comparison
    from nasbench.strategies.base import Strategy
    from nasbench.task import Task

app = typer.Typer(
    name="nasbench",
    help="Compare neural-architecture-search algorithms fairly, on real published tables.",
    epilog="Start with:  nasbench compare",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
import_app = typer.Typer(help="Make a benchmark of your own table.", no_args_is_help=True)
app.add_typer(import_app, name="import")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="A benchmark, e.g. nasbench201/cifar10.")]


def main() -> NoReturn:
    """Entry point: typed errors become one line on stderr and exit code 2."""
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    try:
        app(standalone_mode=False)
    except typer.Abort:
        sys.exit(130)
    except NasbenchError as error:
        typer.secho(f"error: {error}", err=True, fg="red")
        sys.exit(2)
    except Exception as error:
        show = getattr(error, "show", None)  # a usage error of the command line itself
        if show is None:
            raise
        show()
        sys.exit(getattr(error, "exit_code", 2))
    sys.exit(0)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"nasbench {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Compare neural-architecture-search algorithms fairly, on real published tables."""


# -- looking ------------------------------------------------------------------------------------


@app.command("list", epilog="Examples:  nasbench list   |   nasbench list strategies   |   nasbench list --json")
def list_(
    what: Annotated[str, typer.Argument(help="benchmarks, strategies, predictors or formats.")] = "benchmarks",
    as_json: AsJson = False,
) -> None:
    """List what is there: benchmarks, strategies, predictors or import formats."""
    from nasbench.errors import UnknownNameError

    known = {"benchmarks": _benchmarks, "strategies": _strategies, "predictors": _predictors, "formats": _formats}
    if what not in known:
        raise UnknownNameError("thing to list", what, known)
    rows = known[what]()
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    else:
        _table(rows)


def _benchmarks() -> list[dict[str, Any]]:
    from nasbench.datasets.families import FAMILIES, imported_families, installed_names

    imported = set(imported_families())
    return [
        {
            "name": name,
            "from": "imported" if (family := name.partition("/")[0]) in imported else "installed package",
            "what": FAMILIES[family].title if family in FAMILIES and family not in imported else "your table",
        }
        for name in installed_names()
    ]


def _strategies() -> list[dict[str, Any]]:
    from nasbench.strategies import REGISTRY

    rows = []
    for name in REGISTRY.names():
        cls = REGISTRY.get(name)
        init = [f.name for f in cls.__dataclass_fields__.values() if f.init]
        rows.append({"name": name, "what": _first_line(cls), "parameters": ", ".join(init)})
    return rows


def _predictors() -> list[dict[str, Any]]:
    from nasbench import predictors

    return [{"name": name} for name in predictors.list()]


def _formats() -> list[dict[str, Any]]:
    return [{"name": "csv", "what": "a wide table, or a long one with `epoch` and `repeat` columns"}]


def _first_line(thing: object) -> str:
    return (thing.__doc__ or "").strip().splitlines()[0]


@app.command(epilog="Examples:  nasbench info nasbench201/cifar10   |   nasbench info fcnet/naval_propulsion --verify")
def info(
    name: Name,
    verify: Annotated[bool, typer.Option("--verify", help="Hash the whole table against its checksum.")] = False,
    as_json: AsJson = False,
) -> None:
    """What a benchmark holds: metrics, units, splits, repeats, optimum, licence, citation, sources."""
    from nasbench.benchmark import load

    bench = load(name)
    if verify:
        bench.table.verify()
    facts = _facts(bench, verify)
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    metrics = facts.pop("metrics")
    sources = facts.pop("sources")
    _pairs(facts)
    typer.echo()
    _table(metrics)
    typer.echo("\nsources")
    for source in sources:
        typer.echo(f"  {source['name']}\n    sha256 {source.get('sha256', 'not recorded')}")


def _facts(bench: Benchmark, verified: bool) -> dict[str, Any]:
    genotype, value = bench.optimum()
    space = bench.full_space
    attrs = bench.table.attrs
    return {
        "name": bench.name,
        "title": attrs["title"],
        "architectures": len(bench),
        "space": f"{space.kind}, {space.size:,} architectures, {space.length} choices",
        "canonical classes": len(set(bench.classes.tolist())),
        "objective": bench.objective,
        "noise floor": bench.noise_floor if bench.noise_floor is not None else "unknown (a single published value)",
        "optimum": f"{value!r} at {space.format(genotype)}",
        "protocols": {p.name: p.epochs for p in bench.protocols.values()},
        "licence": attrs["licence"],
        "citation": attrs["citation"],
        "table": str(bench.table.path),
        "content sha256": attrs["content_sha256"] + (" (verified)" if verified else ""),
        "metrics": [
            {
                "metric": m.name,
                "direction": m.direction,
                "unit": m.unit,
                "split": m.split,
                "repeats": m.repeats,
                "epochs": ", ".join(map(str, m.epochs)),
                "description": m.description,
            }
            for m in bench.metrics.values()
        ],
        "sources": bench.table.sources,
    }


@app.command(
    epilog="Examples:  nasbench query nasbench201/cifar10 4,2,1,2,1,1   |   "
    "nasbench query nasbench201/cifar10 4,2,1,2,1,1 --metric val_accuracy --repeat 0   |   "
    "nasbench query nas-bench-graph/cora '0,0,1,2|gcn,gat,skip,fc'"
)
def query(
    name: Name,
    arch: Annotated[str, typer.Argument(metavar="ARCH", help="Integers, the official string, or the official id.")],
    metric: Annotated[str | None, typer.Option(help="One metric; all by default.")] = None,
    repeat: Annotated[int | None, typer.Option(help="One training repeat; the mean by default.")] = None,
    protocol: Annotated[str | None, typer.Option(help="Training recipe; the first by default.")] = None,
    epoch: Annotated[int | None, typer.Option(help="A fidelity along the learning curve.")] = None,
    as_json: AsJson = False,
) -> None:
    """The published numbers of one architecture."""
    from nasbench.benchmark import load

    bench = load(name)
    genotype = bench.find(arch)
    if metric is not None:
        value = bench.query(genotype, metric, repeat=repeat, protocol=protocol, epoch=epoch)
        typer.echo(json.dumps({"metric": metric, "value": None if value != value else value}) if as_json else repr(value))
        return
    rows = []
    for m in bench.metrics_of(protocol).values():
        repeats = [] if m.repeats == 1 else [repeat] if repeat is not None else range(m.repeats)
        mean = bench.query(genotype, m.name, protocol=protocol)
        shown = [bench.query(genotype, m.name, repeat=r, protocol=protocol) for r in repeats]
        rows.append({"metric": m.name, "unit": m.unit, "split": m.split, "mean": mean, "repeats": shown})
    if as_json:
        typer.echo(json.dumps({"benchmark": bench.name, "architecture": bench.full_space.format(genotype),
                               "genotype": list(genotype), "metrics": _no_nan(rows)}, indent=2))  # fmt: skip
        return
    typer.echo(f"{bench.full_space.format(genotype)}   genotype {','.join(map(str, genotype))}")
    _table([{**row, "mean": repr(row["mean"]), "repeats": "  ".join(map(repr, row["repeats"]))} for row in rows])


def _no_nan(value: Any) -> Any:
    """NaN as null, so that the output is JSON."""
    if isinstance(value, dict):
        return {k: _no_nan(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_no_nan(v) for v in value]
    return None if isinstance(value, float) and value != value else value


# -- the main job ----------------------------------------------------------------------------------


@app.command(
    epilog="Examples:  nasbench compare   |   nasbench compare --tasks nasbench201/cifar10 --strategies gp,bananas "
    "--seeds 30 --evaluations 300   |   nasbench compare --tasks fcnet --strategy regularized-evolution:population=20,"
    "sample=5 --strategies random-search"
)
def compare(
    tasks: Annotated[str, typer.Option(help="Benchmarks or families, comma-separated.")] = "nasbench201",
    strategies: Annotated[
        str | None, typer.Option(help="Registry names, comma-separated.  [default: the five light ones]")
    ] = None,
    strategy: Annotated[
        list[str] | None, typer.Option(metavar="NAME:key=value,...", help="A strategy with parameters; repeatable.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each strategy on each task.")] = 20,
    evaluations: Annotated[
        int | None, typer.Option(help="Budget in evaluations.  [default: 150 where no other budget is given]")
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="Budget in simulated seconds.")] = None,
    epochs: Annotated[float | None, typer.Option(help="Budget in training epochs.")] = None,
    objective: Annotated[str | None, typer.Option(help="Metric(s), comma-separated; the primary one by default.")] = None,
    repeat: Annotated[str, typer.Option(help="random, mean (idealised) or the number of a training run.")] = "random",
    missing: Annotated[str, typer.Option(help="error or exclude: architectures without that run.")] = "error",
    charge: Annotated[str, typer.Option(help="all, unique or unique-class.")] = "all",
    protocol: Annotated[str | None, typer.Option(help="Training recipe that the search sees.")] = None,
    score_protocol: Annotated[str | None, typer.Option(help="Recipe that regret is computed on.")] = None,
    fidelity: Annotated[str | None, typer.Option(help="curve or protocols.")] = None,
    resume: Annotated[bool, typer.Option(help="Whether a curve trial pays only what it adds.")] = True,
    allow_test: Annotated[bool, typer.Option("--allow-test", help="Search on a test column, and say so.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Simulated asynchronous workers.")] = 1,
    jobs: Annotated[int | None, typer.Option(help="Processes.  [default: the cores of this machine]")] = None,
    backend: Annotated[str, typer.Option(help="joblib backend: loky, dask or ray.")] = "loky",
    out: Annotated[Path, typer.Option(help="Folder of the runs and the report.")] = Path("nasbench-compare"),
    report_: Annotated[bool, typer.Option("--report/--no-report", help="Write the charts and the page.")] = True,
    as_json: AsJson = False,
) -> None:
    """Run strategies on tasks, print who is better and how sure that is, write the report.

    Kept runs are not run again: the same command continues where it was stopped.
    """
    from nasbench import comparison
    from nasbench.task import Task

    if evaluations is None and seconds is None and epochs is None:
        evaluations = comparison.DEFAULT_EVALUATIONS
    made_tasks = [
        Task(
            name,
            objective=_objective(objective),
            evaluations=evaluations,
            seconds=seconds,
            epochs=epochs,
            repeat=int(repeat) if repeat.lstrip("-").isdigit() else repeat,
            missing=missing,  # type: ignore[arg-type]  Task checks the words
            charge=charge,  # type: ignore[arg-type]
            protocol=protocol,
            score_protocol=score_protocol,
            fidelity=fidelity,  # type: ignore[arg-type]
            resume=resume,
            workers=workers,
            allow_test=allow_test,
        )
        for name in _expand(tasks)
    ]
    result = _run(made_tasks, _chosen(strategies, strategy), seeds, out, jobs or _cores(), backend, quiet=as_json)
    _finish(result, report_, as_json)


def _run(
    tasks: list[Task], strategies: list[Strategy], seeds: int, out: Path, jobs: int, backend: str, quiet: bool
) -> Comparison:
    from nasbench import comparison

    with _bar(quiet) as progress:
        try:
            return comparison.compare(
                tasks, strategies, seeds, out=out, jobs=jobs, backend=backend, progress=progress.runs, command=_command()
            )
        except KeyboardInterrupt:
            progress.stop()
            typer.echo(f"\nstopped; finished runs are kept in {out}, and the same command continues there", err=True)
            raise typer.Abort from None


def _finish(result: Comparison, report_: bool, as_json: bool) -> None:
    """Print the comparison, write its report, and exit 1 where a run failed."""
    page = None
    if report_:
        with _bar(as_json) as progress:
            page = result.report(progress=progress.step)
    if as_json:
        frame = result.summary()
        typer.echo(
            json.dumps(
                {
                    "verdict": result.verdict(),
                    "summary": json.loads(frame.to_json(orient="records", double_precision=15)),
                    "report": None if page is None else str(page),
                    "failed_runs": len(result.failed),
                },
                indent=2,
            )
        )
    else:
        from nasbench.report.terminal import print_comparison

        print_comparison(result.summary(), result.verdict())
        if page is not None:
            typer.echo(f"\nreport   {page}")
    if result.failed:
        for run in result.failed[:5]:
            last = run.error.strip().splitlines()[-1]
            typer.secho(f"failed: {run.entry.label} on {run.task.name}, seed {run.seed}: {last}", err=True, fg="red")
        typer.secho(f"{len(result.failed)} of {len(result.runs)} runs failed; the report shows all", err=True, fg="red")
        raise SystemExit(1)


@app.command(epilog="Examples:  nasbench report nasbench-compare   |   nasbench report a/runs.sqlite --out b")
def report(
    runs: Annotated[Path, typer.Argument(help="A folder with runs.sqlite, or the file.")],
    out: Annotated[Path | None, typer.Option(help="Where to write; beside the runs by default.")] = None,
    as_json: AsJson = False,
) -> None:
    """The same table, charts and page from kept runs, without running anything."""
    from nasbench.comparison import from_records

    _finish(from_records(runs, out), True, as_json)


def _objective(text: str | None) -> str | list[str] | None:
    names = text.split(",") if text else [None]
    return names[0] if len(names) == 1 else [n for n in names if n]


def _expand(text: str) -> list[str]:
    """Benchmark names, with a bare family standing for all its datasets."""
    from nasbench.datasets.families import installed_names

    known = installed_names()
    out: list[str] = []
    for name in filter(None, (part.strip() for part in text.split(","))):
        members = [n for n in known if n.startswith(f"{name}/")] if "/" not in name else []
        out += members or [name]
    return list(dict.fromkeys(out))


def _chosen(names: str | None, specs: list[str] | None) -> list[Strategy]:
    from nasbench.comparison import DEFAULT_STRATEGIES
    from nasbench.strategies import create

    listed = [n.strip() for n in names.split(",") if n.strip()] if names else []
    if not names and not specs:
        listed = list(DEFAULT_STRATEGIES)
    return [create(name) for name in listed] + [_parse_strategy(spec) for spec in specs or []]


def _parse_strategy(spec: str) -> Strategy:
    """A strategy from `NAME:key=value,key=value`; values are JSON, or else text.

    Raises:
        StrategyError: a part is no key=value.
    """
    from nasbench.strategies import create

    name, _, text = spec.partition(":")
    params: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise StrategyError(f"--strategy {spec!r}: {part!r} is no key=value; e.g. regularized-evolution:population=20")
        try:
            params[key] = json.loads(value)
        except ValueError:
            params[key] = value
    return create(name, **params)


# -- own tables ------------------------------------------------------------------------------------


@import_app.command(
    "csv",
    epilog="Examples:  nasbench import csv mine.csv --space-columns depth,width,op --metric acc:maximize:valid:% "
    "--metric seconds:minimize:cost:s   |   nasbench compare --tasks mine",
)
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


@app.command(epilog="Examples:  nasbench export nasbench201/cifar10 --csv cifar10.csv   |   ... --parquet cifar10.parquet")
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


@app.command(epilog="Example:  nasbench remove mine")
def remove(family: Annotated[str, typer.Argument(metavar="NAME", help="An imported table.")]) -> None:
    """Remove an imported table from this machine."""
    from nasbench.datasets.install import remove as remove_table

    typer.echo(f"removed {remove_table(family.partition('/')[0])}")


# -- printing ---------------------------------------------------------------------------------------


def _table(rows: list[dict[str, Any]]) -> None:
    """Rows as aligned columns; empty columns are left out; nothing is cut."""
    names = [n for n in rows[0] if any(str(row[n]) for row in rows)] if rows else []
    widths = {n: max(len(n), *(len(str(row[n])) for row in rows)) for n in names}
    typer.secho("  ".join(n.ljust(widths[n]) for n in names).rstrip(), bold=True)
    for row in rows:
        typer.echo("  ".join(str(row[n]).ljust(widths[n]) for n in names).rstrip())


def _pairs(facts: dict[str, Any]) -> None:
    width = max(map(len, facts))
    for key, value in facts.items():
        shown = ", ".join(f"{k} ({v} epochs)" if v else k for k, v in value.items()) if isinstance(value, dict) else value
        typer.echo(f"{key.ljust(width)}  {shown}")


def _bar(quiet: bool) -> Any:
    from nasbench.report.terminal import Progress

    return Progress(enabled=not quiet)


def _command() -> str:
    return " ".join(["nasbench", *sys.argv[1:]])


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

if __name__ == "__main__":
    main()
