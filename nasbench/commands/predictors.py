"""Compare performance predictors: `predictors`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nasbench.commands.options import command_line, cores, expand
from nasbench.commands.printing import AsJson, progress_bar
from nasbench.errors import TaskError

if TYPE_CHECKING:
    from nasbench.predictor_comparison import PredictorComparison
    from nasbench.predictor_run import PredictorSpec


def predictors(
    tasks: Annotated[str, typer.Option(help="Benchmarks or families, comma-separated.")] = "nasbench201",
    predictors: Annotated[
        str | None,
        typer.Option(help="Registry names, comma-separated.  [default: gp, mlp-ensemble, random-forest, xgboost]"),
    ] = None,
    predictor: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[#salt][:key=value,...]",
            help="With parameters; encoder=NAME and rank_targets=false count among them.",
        ),
    ] = None,
    sizes: Annotated[
        str, typer.Option(help="Training architectures, comma-separated; `white` for those of White et al. 2021.")
    ] = "14,42,121,347",
    trials: Annotated[int, typer.Option(min=1, help="Trials of each predictor on each task at each size.")] = 10,
    held_out: Annotated[int, typer.Option(min=2, help="Held-out architectures of each kind.")] = 200,
    metric: Annotated[str | None, typer.Option(help="What to predict; by default the primary metric.")] = None,
    label: Annotated[str, typer.Option(help="mean (idealised) or random: one training run of each.")] = "mean",
    protocol: Annotated[str | None, typer.Option(help="Training recipe.")] = None,
    allow_test: Annotated[bool, typer.Option("--allow-test", help="Predict a test column, and say so.")] = False,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes.  [default: the cores of this machine]")] = None,
    backend: Annotated[str, typer.Option(help="joblib backend: loky, dask or ray.")] = "loky",
    out: Annotated[Path, typer.Option(help="Folder of the runs and the report.")] = Path("nasbench-predictors"),
    report_: Annotated[bool, typer.Option("--report/--no-report", help="Write the charts and the page.")] = True,
    as_json: AsJson = False,
) -> None:
    """Train predictors on few architectures, let them rank others, print who is better, write the report.

    The protocol of White et al., How Powerful are Performance Predictors in NAS?, on any benchmark. Without
    options: four predictors on the three datasets of NAS-Bench-201, in less than a minute on two cores.
    Kept runs are not run again: the same command continues where it was stopped.
    """
    from nasbench import predictor_comparison
    from nasbench.prediction_task import PredictionTask

    made = [
        PredictionTask(name, metric, label=label, held_out=held_out, protocol=protocol, allow_test=allow_test)
        for name in expand(tasks)
    ]
    chosen, numbers = _chosen(predictors, predictor), _sizes(sizes)
    with progress_bar(as_json) as progress:
        try:
            result = predictor_comparison.compare_predictors(
                made,
                chosen,
                numbers,
                trials,
                out=out,
                jobs=jobs or cores(),
                backend=backend,
                progress=progress.runs,
                command=command_line(),
            )
        except KeyboardInterrupt:
            progress.stop()
            typer.echo(f"\nstopped; finished runs are kept in {out}, and the same command continues there", err=True)
            raise typer.Abort from None
    finish(result, report_, as_json)


def finish(result: PredictorComparison, report_: bool, as_json: bool) -> None:
    """Print the comparison, write its report, and exit 1 where a run failed."""
    from nasbench.analysis.predictor_tests import judged_size

    page = None
    if report_:
        with progress_bar(as_json) as progress:
            page = result.report(progress=progress.step)
    if as_json:
        frame = result.summary()
        said = {
            "verdict": result.verdict(),
            "summary": json.loads(frame.to_json(orient="records", double_precision=15)),
            "report": None if page is None else str(page),
            "failed_runs": len(result.failed),
        }
        typer.echo(json.dumps(said, indent=2))
    else:
        from nasbench.report.predictor_terminal import print_predictors

        print_predictors(result.summary(), judged_size(result.scores), result.verdict())
        if page is not None:
            typer.echo(f"\nreport:  {page}")
    if result.failed:
        for run in result.failed[:5]:
            last = run.error.strip().splitlines()[-1]
            where = f"{run.entry.label} on {run.task.name}, {run.size} architectures, trial {run.trial}"
            typer.secho(f"failed: {where}: {last}", err=True, fg="red")
        typer.secho(f"{len(result.failed)} of {len(result.runs)} runs failed; the report shows all", err=True, fg="red")
        raise SystemExit(1)


def _sizes(text: str) -> list[int]:
    from nasbench.predictor_comparison import WHITE_SIZES

    if text == "white":
        return list(WHITE_SIZES)
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise TaskError(f"--sizes is a list of whole numbers such as 5,14,42, or white; got {text!r}") from None


def _chosen(names: str | None, specs: list[str] | None) -> list[PredictorSpec]:
    """The predictors of the command."""
    from nasbench.predictor_comparison import DEFAULT_PREDICTORS
    from nasbench.predictor_run import PredictorSpec

    listed = [name.strip() for name in names.split(",") if name.strip()] if names else []
    if not names and not specs:
        listed = list(DEFAULT_PREDICTORS)
    return [PredictorSpec(name) for name in listed] + [_parse(spec) for spec in specs or []]


def _parse(text: str) -> PredictorSpec:
    """A predictor from `NAME[#salt][:key=value,...]`; values are JSON, or else text.

    Raises:
        TaskError: a part is no key=value, or no value that it can have.
    """
    from nasbench.predictor_run import PredictorSpec

    head, _, settings = text.partition(":")
    name, _, salt = head.partition("#")
    params: dict[str, Any] = {}
    for part in filter(None, settings.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise TaskError(f"--predictor {text!r}: {part!r} is no key=value; e.g. xgboost:max_depth=4,encoder=one-hot")
        try:
            params[key] = json.loads(value)
        except ValueError:
            params[key] = value
    encoder, rank_targets = params.pop("encoder", None), params.pop("rank_targets", True)
    if not isinstance(rank_targets, bool):
        raise TaskError(f"--predictor {text!r}: rank_targets is true or false, got {rank_targets!r}")
    return PredictorSpec(name, params, encoder, rank_targets, salt)
