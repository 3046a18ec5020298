"""The main job: `compare`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nasbench.commands.options import command_line, cores, expand, parse_strategy
from nasbench.commands.printing import AsJson, progress_bar

if TYPE_CHECKING:
    from nasbench.comparison import Comparison
    from nasbench.strategies.base import Strategy
    from nasbench.task import Task


def compare(
    tasks: Annotated[str, typer.Option(help="Benchmarks or families, comma-separated.")] = "nasbench201",
    strategies: Annotated[
        str | None, typer.Option(help="Registry names, comma-separated.  [default: the five light ones]")
    ] = None,
    strategy: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[#salt][:key=value,...]", help="With parameters; a salt enters it twice."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each strategy on each task.")] = 20,
    evaluations: Annotated[
        int | None, typer.Option(help="Budget in evaluations.  [default: 150 where no other budget is given]")
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="Budget in simulated seconds.")] = None,
    epochs: Annotated[float | None, typer.Option(help="Budget in training epochs.")] = None,
    objective: Annotated[str | None, typer.Option(help="Metric(s), comma-separated; by default the primary.")] = None,
    constraint: Annotated[
        list[str] | None, typer.Option(metavar="METRIC<=NUMBER", help="A bound to keep; may be given several times.")
    ] = None,
    repeat: Annotated[str, typer.Option(help="random, mean (idealised) or the number of a training run.")] = "random",
    missing: Annotated[str, typer.Option(help="error or exclude: architectures without that run or value.")] = "error",
    charge: Annotated[str, typer.Option(help="all, unique or unique-class.")] = "all",
    protocol: Annotated[str | None, typer.Option(help="Training recipe that the search sees.")] = None,
    score_protocol: Annotated[str | None, typer.Option(help="Recipe that regret is computed on.")] = None,
    fidelity: Annotated[str | None, typer.Option(help="curve or protocols.")] = None,
    resume: Annotated[bool, typer.Option(help="Whether a curve trial pays only what it adds.")] = True,
    allow_test: Annotated[bool, typer.Option("--allow-test", help="Search on a test column, and say so.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Simulated asynchronous workers.")] = 1,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes.  [default: the cores of this machine]")] = None,
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
            missing=missing,
            charge=charge,
            protocol=protocol,
            score_protocol=score_protocol,
            fidelity=fidelity,
            resume=resume,
            workers=workers,
            allow_test=allow_test,
            constraints=constraint or (),
        )
        for name in expand(tasks)
    ]
    result = _run(made_tasks, _chosen(strategies, strategy), seeds, out, jobs or cores(), backend, quiet=as_json)
    finish(result, report_, as_json)


def _run(
    tasks: list[Task],
    strategies: list[tuple[Strategy, str]],
    seeds: int,
    out: Path,
    jobs: int,
    backend: str,
    quiet: bool,
) -> Comparison:
    from nasbench import comparison

    with progress_bar(quiet) as progress:
        try:
            return comparison.compare(
                tasks,
                [strategy for strategy, _ in strategies],
                seeds,
                salts=[salt for _, salt in strategies],
                out=out,
                jobs=jobs,
                backend=backend,
                progress=progress.runs,
                command=command_line(),
            )
        except KeyboardInterrupt:
            progress.stop()
            typer.echo(f"\nstopped; finished runs are kept in {out}, and the same command continues there", err=True)
            raise typer.Abort from None


def finish(result: Comparison, report_: bool, as_json: bool) -> None:
    """Print the comparison, write its report, and exit 1 where a run failed."""
    page = None
    if report_:
        with progress_bar(as_json) as progress:
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

        print_comparison(result.summary(), result.headlines())
        if page is not None:
            typer.echo(f"\nreport, with every pair of strategies:  {page}")
    if result.failed:
        for run in result.failed[:5]:
            last = run.error.strip().splitlines()[-1]
            typer.secho(f"failed: {run.entry.label} on {run.task.name}, seed {run.seed}: {last}", err=True, fg="red")
        typer.secho(f"{len(result.failed)} of {len(result.runs)} runs failed; the report shows all", err=True, fg="red")
        raise SystemExit(1)


def _objective(text: str | None) -> str | list[str] | None:
    names = text.split(",") if text else [None]
    return names[0] if len(names) == 1 else [n for n in names if n]


def _chosen(names: str | None, specs: list[str] | None) -> list[tuple[Strategy, str]]:
    """The strategies of the command, each with its salt."""
    from nasbench.comparison import DEFAULT_STRATEGIES
    from nasbench.strategies import create

    listed = [n.strip() for n in names.split(",") if n.strip()] if names else []
    if not names and not specs:
        listed = list(DEFAULT_STRATEGIES)
    return [(create(name), "") for name in listed] + [parse_strategy(spec) for spec in specs or []]
