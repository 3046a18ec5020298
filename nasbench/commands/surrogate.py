"""The command `surrogate`: fit a benchmark of the whole space to a table, and say how good it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nasbench.commands.printing import AsJson, Name, no_nan, pairs, progress_bar, table
from nasbench.errors import TaskError

if TYPE_CHECKING:
    from nasbench.benchmark import Benchmark
    from nasbench.surrogates.manifest import Manifest


def surrogate(
    name: Name,
    predictor: Annotated[str, typer.Option(help="What is fitted; one that can be saved as data.")] = "xgboost",
    param: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Hyper-parameter of the predictor; repeatable.")
    ] = None,
    out: Annotated[
        str | None, typer.Option("--name", help="Family name of the surrogate.  [default: FAMILY-surrogate]")
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(help="A metric that it answers besides the objective; repeatable.  [default: train_seconds]"),
    ] = None,
    objective: Annotated[str | None, typer.Option(help="Its primary metric; by default the table's.")] = None,
    protocol: Annotated[str | None, typer.Option(help="Training recipe; the table's first by default.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of all that is random; the same seed gives the same bytes.")] = 0,
    allow_test: Annotated[bool, typer.Option("--allow-test", help="Fit a test column, which stays one.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace another surrogate of that name.")] = False,
    as_json: AsJson = False,
) -> None:
    """Fit a surrogate benchmark to a (partial) table: it answers for the whole search space.

    An ensemble of boosted trees a metric; the training noise is modelled where the table has repeats.
    The validation leaves out a random fifth of the architectures, then whole regions of the space.
    """
    from nasbench.benchmark import load
    from nasbench.datasets.surrogate_files import check_family
    from nasbench.surrogates.benchmark import install
    from nasbench.surrogates.fit import fit_surrogate

    bench = load(name)
    family = check_family(out or f"{bench.family}-surrogate")
    with progress_bar(as_json) as progress:
        fitted = fit_surrogate(
            bench,
            family,
            predictor=predictor,
            params=_params(param or []),
            metrics=metric,
            objective=objective,
            protocol=protocol,
            seed=seed,
            allow_test=allow_test,
            progress=lambda what, done, total: progress.runs(done, total),
        )
    path = install(fitted, replace=replace)
    manifest = fitted.manifest
    if as_json:
        typer.echo(json.dumps({**summary(manifest), "path": str(path)}, indent=2))
        return
    print_validation(manifest)
    typer.echo(f"\n{manifest.family}/{manifest.dataset}: {manifest.space.size:,} architectures, kept at {path}")
    on_test = " --allow-test" if "test" in manifest.metrics[0].split else ""
    typer.echo(f"compare on it:  nasbench compare --tasks {manifest.family}/{manifest.dataset}{on_test}")


def show(bench: Benchmark, verified: bool, as_json: bool) -> None:
    """What `nasbench info` prints of a surrogate."""
    manifest: Manifest = bench.manifest  # type: ignore[attr-defined]
    about = bench.provenance()
    checked = " (verified)" if verified else ""
    if as_json:
        typer.echo(json.dumps({**summary(manifest), **about}, indent=2))
        return
    space = manifest.space
    params = ", ".join(f"{key}={value}" for key, value in manifest.params.items())
    pairs(
        {
            "name": bench.name,
            "title": manifest.title,
            "space": f"{space.kind}, {space.size:,} architectures, {space.length} choices",
            "objective": manifest.objective,
            "noise floor": "unknown" if manifest.noise_floor is None else manifest.noise_floor,
            "protocols": {manifest.protocol: manifest.epochs},
            "fitted to": f"{manifest.base}, {manifest.base_rows:,} architectures, sha256 {manifest.base_sha256}",
            "predictor": f"{manifest.predictor} ({params}), seed {manifest.seed}, {manifest.library}",
            "licence": manifest.licence,
            "citation": manifest.citation,
            "content sha256": about["content_sha256"] + checked,
        }
    )
    print_validation(manifest)


def summary(manifest: Manifest) -> dict[str, Any]:
    """What was fitted and how good it is, as JSON values."""
    return {
        "name": f"{manifest.family}/{manifest.dataset}",
        "of": manifest.base,
        "of_sha256": manifest.base_sha256,
        "architectures": manifest.base_rows,
        "space": manifest.space.size,
        "predictor": manifest.predictor,
        "params": dict(manifest.params),
        "library": manifest.library,
        "seed": manifest.seed,
        "objective": manifest.objective,
        "noise_floor": manifest.noise_floor,
        "metrics": [
            {
                "metric": model.name,
                "rows": model.rows,
                "noise": None
                if model.noise is None
                else {"rows": model.noise.rows, "means": model.noise.means, "deviations": model.noise.deviations},
                "validation": no_nan([one._asdict() for one in model.validation]),
                "warnings": model.warnings(),
            }
            for model in manifest.metrics
        ],
    }


def print_validation(manifest: Manifest) -> None:
    """One table a metric: how the surrogate and plain models do on what they have not seen."""
    for model in manifest.metrics:
        noise = "noise unknown" if model.noise is None else f"noise learned from {model.noise.rows:,} architectures"
        typer.echo(f"\n{model.name} ({model.unit}), fitted to {model.rows:,} architectures, {noise}")
        table([{key: _figure(value) for key, value in _renamed(one._asdict()).items()} for one in model.validation])
        for warning in model.warnings():
            typer.secho(f"warning: {warning}", fg="yellow", err=True)


def _renamed(figures: dict[str, Any]) -> dict[str, Any]:
    heads = {"region": "held out", "sparse_tau": "sparse tau", "coverage_68": "in 68 %", "coverage_95": "in 95 %"}
    return {heads.get(key, key): value for key, value in figures.items()}


def _figure(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return "" if value != value else f"{value:.3f}" if abs(value) < 1000 else f"{value:.4g}"


def _params(texts: list[str]) -> dict[str, Any]:
    """Hyper-parameters from `KEY=VALUE`; values are JSON numbers.

    Raises:
        TaskError: a text that is none.
    """
    params: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        try:
            params[key] = json.loads(value)
        except ValueError:
            equals = ""
        if not equals:
            raise TaskError(f"--param {text!r} is no KEY=NUMBER; e.g. --param members=5")
    return params
