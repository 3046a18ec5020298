"""The commands `ask` and `tell`: a strategy drives somebody's own trainings, by hand or from a script."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nasbench.commands.printing import AsJson, pairs, table
from nasbench.errors import NasbenchError, StrategyError

if TYPE_CHECKING:
    from nasbench.problem import Objective
    from nasbench.space import SearchSpace
    from nasbench.study import Study, StudyTrial

StudyPath = Annotated[Path, typer.Argument(metavar="STUDY", help="The file of the study, e.g. mine.sqlite.")]


def ask(
    path: StudyPath,
    n: Annotated[int, typer.Option("-n", min=1, help="How many trials to ask for.")] = 1,
    space: Annotated[
        str | None,
        typer.Option(help="Begin a study: a benchmark whose space is searched, or a JSON file of choices by name."),
    ] = None,
    strategy: Annotated[str, typer.Option(metavar="NAME[:key=value,...]", help="Of a new study.")] = "gp",
    objective: Annotated[
        list[str] | None, typer.Option(metavar="METRIC[:minimize]", help="Of a new study; repeatable.")
    ] = None,
    constraint: Annotated[
        list[str] | None, typer.Option(metavar="METRIC<=NUMBER", help="Of a new study; repeatable.")
    ] = None,
    pin: Annotated[
        list[str] | None, typer.Option(metavar="PARAMETER=CHOICE|CHOICE", help="Keep to these choices; repeatable.")
    ] = None,
    forbid: Annotated[
        list[str] | None, typer.Option(metavar="[PARAMETER=]CHOICE", help="Never take this choice; repeatable.")
    ] = None,
    fidelities: Annotated[str | None, typer.Option(help="Epochs that trials may be trained to, e.g. 4,12,36.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Trials that you run at the same time.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of all that is random.")] = 0,
    inject: Annotated[
        list[str] | None, typer.Option(metavar="ARCH", help="Add an architecture of your own instead; repeatable.")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Ask nothing; show the trials and the best so far.")] = False,
    as_json: AsJson = False,
) -> None:
    """Which architecture to train next; the first call, with --space, begins the study.

    Train it yourself, then `nasbench tell STUDY NUMBER METRIC=VALUE`. The study may be left and continued at
    any time; several trials may run at once.
    """
    from nasbench.study import Study

    if space is not None:
        _begin(path, space, strategy, objective, constraint, pin, forbid, fidelities, workers, seed)
    elif not path.exists():
        raise StrategyError(f"there is no study at {path}; begin it with --space, e.g. --space nasbench201/cifar10")
    study = Study(path)
    if show:
        _show(study, as_json)
        return
    own = [study.inject(study.space.parse(text)) for text in inject or []]
    _print(study, own or study.ask(n), as_json)


def tell(
    path: StudyPath,
    number: Annotated[int, typer.Argument(min=0, help="Of the trial, as `ask` printed it.")],
    values: Annotated[list[str] | None, typer.Argument(metavar="METRIC=VALUE...", help="What it reached.")] = None,
    cost: Annotated[float, typer.Option(help="Seconds that it took.")] = 1.0,
    failed: Annotated[bool, typer.Option("--failed", help="It gave no value.")] = False,
    as_json: AsJson = False,
) -> None:
    """What became of a trial: every objective, and every constrained metric."""
    from nasbench.study import Study

    study = Study(path)
    told = study.tell(number, _values(values or []), cost=cost, failed=failed)
    if as_json:
        typer.echo(json.dumps(_facts(study, told), indent=2))
        return
    typer.echo(f"trial {number} is {told.status}; best so far: {_best(study)}")


def _begin(
    path: Path,
    space: str,
    strategy: str,
    objective: list[str] | None,
    constraint: list[str] | None,
    pin: list[str] | None,
    forbid: list[str] | None,
    fidelities: str | None,
    workers: int,
    seed: int,
) -> None:
    from nasbench.commands.options import parse_strategy
    from nasbench.study import Study

    searched, default = _space(space)
    Study.create(
        path,
        searched,
        parse_strategy(strategy)[0],
        [_objective(text, space) for text in objective or [default]],
        constraints=tuple(constraint or ()),
        pin=dict(_pinned(text) for text in pin or []),
        forbid=tuple(forbid or ()),
        fidelities=_epochs(fidelities),
        workers=workers,
        seed=seed,
    )


def _space(text: str) -> tuple[SearchSpace, str]:
    """A space, and the metric that is optimised unless another is named."""
    from nasbench.benchmark import load
    from nasbench.spaces.grid import GridSpace

    if not text.endswith(".json"):
        bench = load(text)
        return bench.full_space, bench.objective
    try:
        choices = json.loads(Path(text).read_text())
        if not isinstance(choices, dict) or not all(isinstance(values, list) for values in choices.values()):
            raise ValueError("expected an object of lists")
        return GridSpace.of(choices), "val_accuracy"
    except (OSError, ValueError) as error:
        if isinstance(error, NasbenchError):
            raise
        raise StrategyError(f'{text} is no space: {error}; write e.g. {{"width": [16, 32], "op": ["conv"]}}') from error


def _objective(text: str, space: str) -> Objective:
    """An objective `METRIC`, `METRIC:minimize` or `METRIC:maximize`; a benchmark knows its own directions."""
    from nasbench.benchmark import load
    from nasbench.problem import Objective

    name, _, direction = text.partition(":")
    known = {} if space.endswith(".json") else load(space).metrics
    if name in known:
        metric = known[name]
        return Objective(name, direction or metric.direction, metric.functional)  # type: ignore[arg-type]
    if direction not in ("", "maximize", "minimize"):
        raise StrategyError(f"--objective {text!r}: say METRIC, METRIC:minimize or METRIC:maximize")
    return Objective(name, direction or "maximize", functional=not _is_cost(name))  # type: ignore[arg-type]


def _is_cost(name: str) -> bool:
    """Whether a metric's name says that dead operations change it."""
    return any(word in name for word in ("param", "flop", "latency", "energy", "seconds", "memory", "size", "time"))


def _pinned(text: str) -> tuple[str, list[str]]:
    name, equals, choices = text.partition("=")
    if not equals:
        raise StrategyError(f"--pin {text!r} is no PARAMETER=CHOICE; several choices are separated by |")
    return name, choices.split("|")


def _epochs(text: str | None) -> tuple[int, ...]:
    try:
        epochs = tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        epochs = (0,)
    if list(epochs) != sorted(set(epochs)) or any(epoch < 1 for epoch in epochs):
        raise StrategyError(f"--fidelities {text!r}: give rising whole numbers of epochs, e.g. 4,12,36")
    return epochs


def _values(parts: list[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in parts:
        name, equals, value = part.partition("=")
        try:
            found[name] = float(value) if equals else math.nan
        except ValueError:
            equals = ""
        if not equals:
            raise StrategyError(f"{part!r} is no METRIC=VALUE; e.g. val_accuracy=93.2")
    return found


def _facts(study: Study, trial: StudyTrial) -> dict[str, Any]:
    about = study.definition
    names = [o.name for o in about.objectives] + [bound.name for bound in about.bounds]
    told = (*trial.values, *trial.constraints)
    values = dict(zip(names, told, strict=True)) if len(told) == len(names) else {}
    return {
        "number": trial.number,
        "architecture": about.space.format(trial.genotype),
        "genotype": list(trial.genotype),
        "choices": {p.name: p.choices[g] for p, g in zip(about.space.parameters, trial.genotype, strict=True)},
        "epoch": trial.epoch,
        "own": trial.own,
        "status": trial.status,
        "values": {name: value if math.isfinite(value) else None for name, value in values.items()},
    }


def _print(study: Study, trials: list[StudyTrial], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([_facts(study, trial) for trial in trials], indent=2))
        return
    if not trials:
        running = [trial.number for trial in study.trials() if trial.status == "running"]
        waits = f"tell trial {running[0]} first" if running else "nothing is left to try"
        typer.echo(f"no trial: {waits}")
    metrics = [o.name for o in study.definition.objectives] + [b.name for b in study.definition.bounds]
    for trial in trials:
        length = "" if trial.epoch is None else f"  for {trial.epoch} epochs"
        typer.echo(f"trial {trial.number}: {study.definition.space.format(trial.genotype)}{length}")
    if trials:
        typer.echo(f"then:  nasbench tell {study.path} {trials[0].number} {' '.join(f'{m}=VALUE' for m in metrics)}")


def _best(study: Study) -> str:
    best = study.best
    if not best:
        return "none yet"
    space = study.definition.space
    shown = [
        f"{', '.join(f'{v:g}' for v in trial.values)} (trial {trial.number}, {space.format(trial.genotype)})"
        for trial in best[:5]
    ]
    return "; ".join(shown) + (f"; and {len(best) - 5} more" if len(best) > 5 else "")


def _show(study: Study, as_json: bool) -> None:
    trials = study.trials()
    if as_json:
        best = {trial.number for trial in study.best}
        typer.echo(json.dumps([{**_facts(study, t), "best": t.number in best} for t in trials], indent=2))
        return
    about = study.definition
    states = [trial.status for trial in trials]
    pairs(
        {
            "strategy": about.strategy,
            "space": f"{study.space.size:,} of {about.space.size:,} architectures",
            "objectives": ", ".join(f"{o.name} ({o.direction})" for o in about.objectives),
            "constraints": ", ".join(about.constraints) or "none",
            "trials": ", ".join(f"{states.count(s)} {s}" for s in dict.fromkeys(states)) or "none yet",
            "best": _best(study),
        }
    )
    if trials:
        rows = study.to_frame().to_dict("records")
        table([{str(name): _cell(value) for name, value in row.items()} for row in rows])


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)
