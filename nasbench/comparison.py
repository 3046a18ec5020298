"""`compare`: strategies x tasks x seeds, kept as they end, then judged and reported."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench import experiment
from nasbench.errors import RecordsError, TaskError
from nasbench.provenance import tables_of, versions
from nasbench.records import Records
from nasbench.run import TRACE_VERSION, Run
from nasbench.strategies import create
from nasbench.strategies.base import Strategy
from nasbench.task import Task

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_TASKS = ("nasbench201/cifar10", "nasbench201/cifar100", "nasbench201/imagenet16-120")
DEFAULT_STRATEGIES = ("random-search", "regularized-evolution", "local-search", "gp", "reinforce")
DEFAULT_SEEDS = 20
DEFAULT_EVALUATIONS = 150
DEFAULT_OUT = "nasbench-compare"
RUNS_FILE = "runs.sqlite"


@dataclass(frozen=True)
class Comparison:
    """The runs of a comparison and what they say.

    Attributes:
        runs: exactly the runs of the command, by seed, task, strategy.
        out: the folder of the run store and the report.
    """

    runs: list[Run]
    out: Path
    command: str = ""

    @property
    def failed(self) -> list[Run]:
        """Runs whose strategy raised an error."""
        return [run for run in self.runs if run.failed]

    @cached_property
    def _summary(self) -> pd.DataFrame:
        from nasbench.analysis.summary import summary

        return summary(self.runs)

    def summary(self) -> pd.DataFrame:
        """One row a (task, strategy): see `nasbench.analysis.summary.summary`."""
        return self._summary.copy()

    def to_frame(self) -> pd.DataFrame:
        """One row a run: see `nasbench.analysis.summary.finals`."""
        from nasbench.analysis.summary import finals

        return finals(self.runs)

    def fronts(self) -> pd.DataFrame:
        """The final Pareto sets of tasks with several objectives: see `nasbench.analysis.fronts.fronts`."""
        from nasbench.analysis.fronts import fronts

        return fronts(self.runs)

    def verdict(self) -> list[str]:
        """The verdict in words, every pair."""
        from nasbench.analysis.verdict import verdict

        return verdict(self.runs)

    def headlines(self) -> list[str]:
        """The verdict in short: over the tasks, then each task's leader against the others."""
        from nasbench.analysis.verdict import headlines

        return headlines(self.runs)

    def report(self, progress: Callable[[str], None] | None = None) -> Path:
        """Write the charts, `summary.csv`, `provenance.json` and `index.html`; returns the page."""
        from nasbench.report.site import write_report

        write_report(self.runs, self.out, self.provenance(), progress=progress)
        return self.out / "index.html"

    def provenance(self) -> dict[str, Any]:
        """What it takes to do the same again: versions, tables, tasks, entries, seeds, trace hashes."""
        tasks = {run.task.id: run.task for run in self.runs}
        return {
            "command": self.command,
            "versions": {"python": platform.python_version(), "trace": TRACE_VERSION, **versions()},
            "tables": tables_of(task.bench for task in tasks.values()),
            "tasks": [{"id": task.id, "name": task.name, **task.identity()} for task in tasks.values()],
            "strategies": [entry._asdict() for entry in dict.fromkeys(run.entry for run in self.runs)],
            "seeds": sorted({run.seed for run in self.runs}),
            "runs": [
                {
                    "key": run.key,
                    "task": run.task.name,
                    "strategy": run.entry.label,
                    "seed": run.seed,
                    "stop": run.stop,
                    "trace_hash": run.trace_hash,
                }
                for run in self.runs
            ],
        }


def compare(
    tasks: Sequence[Task | str] = DEFAULT_TASKS,
    strategies: Sequence[Strategy | str] = DEFAULT_STRATEGIES,
    seeds: int | Iterable[int] = DEFAULT_SEEDS,
    *,
    out: str | Path = DEFAULT_OUT,
    jobs: int = 1,
    backend: str = "loky",
    salts: Sequence[str] | None = None,
    progress: experiment.Progress | None = None,
    command: str = "",
) -> Comparison:
    """Run strategies on tasks over seeds, keeping each run as it ends; resumes where it stopped.

    The same call in the same folder does only what is missing; the comparison holds exactly the
    runs of the call. Same call, same traces, whatever `jobs`.

    Args:
        tasks: tasks, or benchmark names with the default budget of 150 evaluations.
        strategies: strategies, or registry names with their default hyper-parameters.
        seeds: a number of seeds (0 to n - 1), or the seeds themselves.
        out: folder of the run store and, after `report()`, of the report.
        jobs: processes.
        backend: joblib's backend for more than one process: `loky`, `dask` or `ray`.
        salts: one a strategy, to enter identical strategies twice.
        progress: called with (runs finished, runs in all).
        command: how it was called, for the provenance.

    Raises:
        TaskError, StrategyError, UnknownNameError: the comparison cannot be run as asked.
        MissingExtraError: the backend's package is not installed.
        RecordsError: the run store cannot be used.
    """
    experiment.check_jobs(jobs, backend)
    real_tasks = [Task(t, evaluations=DEFAULT_EVALUATIONS) if isinstance(t, str) else t for t in tasks]
    real_strategies = [create(s) if isinstance(s, str) else s for s in strategies]
    planned = experiment.plan(real_tasks, experiment.entries(real_strategies, salts), _seeds(seeds))
    folder = Path(out)
    with Records(folder / RUNS_FILE) as records:
        runs = experiment.execute(planned, records, jobs, backend, progress)
    return Comparison(runs, folder, command)


def from_records(path: str | Path, out: str | Path | None = None) -> Comparison:
    """The comparison of all runs kept in a `runs.sqlite`, or in the folder that holds one.

    Raises:
        RecordsError: there are no kept runs.
    """
    source = Path(path)
    source = source / RUNS_FILE if source.is_dir() else source
    with Records(source, readonly=True) as records:
        runs = records.runs()
    if not runs:
        raise RecordsError(f"{source} holds no runs yet")
    return Comparison(experiment.relabelled(runs), Path(out) if out else source.parent, f"nasbench report {path}")


def _seeds(seeds: int | Iterable[int]) -> list[int]:
    if isinstance(seeds, int) and not isinstance(seeds, bool):
        if seeds < 1:
            raise TaskError(f"a comparison needs at least one seed, got {seeds}")
        return list(range(seeds))
    if isinstance(seeds, bool) or not isinstance(seeds, Iterable):
        raise TaskError(f"seeds is a number of seeds or a list of them, got {seeds!r}")
    return list(seeds)
