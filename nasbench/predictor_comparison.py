"""`compare_predictors`: predictors x tasks x training sizes x trials, kept as they end, then judged and reported."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench import predictor_experiment
from nasbench.errors import RecordsError, TaskError
from nasbench.experiment import Progress, check_jobs
from nasbench.prediction_task import PredictionTask
from nasbench.predictor_records import PredictorRecords
from nasbench.predictor_run import PREDICTION_VERSION, PredictorRun, PredictorSpec
from nasbench.provenance import tables_of, versions

if TYPE_CHECKING:
    import pandas as pd

    from nasbench.analysis.predictor_scores import Scores

DEFAULT_TASKS = ("nasbench201/cifar10", "nasbench201/cifar100", "nasbench201/imagenet16-120")
DEFAULT_PREDICTORS = ("gp", "mlp-ensemble", "random-forest", "xgboost")
WHITE_SIZES = (5, 8, 14, 24, 42, 71, 121, 205, 347, 589, 1000)
"""Training sizes of White et al."""
DEFAULT_SIZES = (14, 42, 121, 347)
"""Every other one of theirs from 14 to 347."""
DEFAULT_TRIALS = 10
DEFAULT_OUT = "nasbench-predictors"
RUNS_FILE = "predictors.sqlite"


@dataclass(frozen=True)
class PredictorComparison:
    """The runs of a predictor comparison and what they say.

    Attributes:
        runs: exactly the runs of the command, by trial, task, predictor, size.
        out: the folder of the run store and the report.
    """

    runs: list[PredictorRun]
    out: Path
    command: str = ""

    @property
    def failed(self) -> list[PredictorRun]:
        """Runs whose predictor raised an error."""
        return [run for run in self.runs if run.failed]

    @cached_property
    def scores(self) -> Scores:
        """The runs with their scores; calibration and tests start from it."""
        from nasbench.analysis.predictor_scores import Scores

        return Scores(self.runs)

    def to_frame(self) -> pd.DataFrame:
        """One row a run and kind of held-out rows: see `nasbench.analysis.predictor_scores.Scores.frame`."""
        return self.scores.frame.copy()

    def summary(self) -> pd.DataFrame:
        """One row a (task, predictor, size, kind): see `nasbench.analysis.predictor_scores.Scores.summary`."""
        return self.scores.summary.copy()

    def comparisons(self, size: int | None = None) -> pd.DataFrame:
        """Paired tests at one size, the largest common one by default: see `nasbench.analysis.predictor_tests`."""
        from nasbench.analysis.predictor_tests import comparisons

        return comparisons(self.scores, size)

    def verdict(self) -> list[str]:
        """The verdict in words."""
        from nasbench.analysis.predictor_verdict import verdict

        return verdict(self.scores)

    def report(self, progress: Callable[[str], None] | None = None) -> Path:
        """Write the charts, `summary.csv`, `trials.csv`, `provenance.json` and `index.html`; returns the page."""
        from nasbench.report.predictor_site import write_report

        return write_report(self.scores, self.out, self.provenance(), progress=progress).page

    def provenance(self) -> dict[str, Any]:
        """What it takes to do the same again: versions, tables, tasks, entries, trials, hashes."""
        tasks = {run.task.id: run.task for run in self.runs}
        return {
            "command": self.command,
            "versions": {
                "python": platform.python_version(),
                "predictions": PREDICTION_VERSION,
                **versions("xgboost", "lightgbm", "ngboost", "torch"),
            },
            "tables": tables_of(task.bench for task in tasks.values()),
            "tasks": [{"id": task.id, "name": task.name, **task.identity()} for task in tasks.values()],
            "predictors": [entry._asdict() for entry in dict.fromkeys(run.entry for run in self.runs)],
            "sizes": sorted({run.size for run in self.runs}),
            "seeds": sorted({run.trial for run in self.runs}),
            "runs": [
                {
                    "key": run.key,
                    "task": run.task.name,
                    "predictor": run.entry.label,
                    "size": run.size,
                    "trial": run.trial,
                    "prediction_hash": run.prediction_hash,
                }
                for run in self.runs
            ],
        }


def compare_predictors(
    tasks: Sequence[PredictionTask | str] = DEFAULT_TASKS,
    predictors: Sequence[PredictorSpec | str] = DEFAULT_PREDICTORS,
    sizes: Iterable[int] = DEFAULT_SIZES,
    trials: int | Iterable[int] = DEFAULT_TRIALS,
    *,
    out: str | Path = DEFAULT_OUT,
    jobs: int = 1,
    backend: str = "loky",
    progress: Progress | None = None,
    command: str = "",
) -> PredictorComparison:
    """Train predictors on so many architectures and let them rank held-out ones, over trials.

    All predictors of a trial see the same rows and labels; training sets of a trial are nested over
    sizes. Each run is kept as it ends: the same call in the same folder does only what is missing,
    and the comparison holds exactly the runs of the call. Same call, same predictions, whatever `jobs`.

    Protocol: White et al., How Powerful are Performance Predictors in NAS?, NeurIPS 2021.

    Args:
        tasks: prediction tasks, or benchmark names (primary metric, mean labels, 200 held-out rows).
        predictors: predictors, or registry names with their default hyper-parameters.
        sizes: training architectures.
        trials: a number of trials (0 to n - 1), or the trials themselves.
        out: folder of the run store and, after `report()`, of the report.
        jobs: processes.
        backend: joblib's backend for more than one process: `loky`, `dask` or `ray`.
        progress: called with (runs finished, runs in all).
        command: how it was called, for the provenance.

    Raises:
        TaskError, UnknownNameError, GenotypeError: the comparison cannot be run as asked.
        MissingExtraError: a predictor's or the backend's package is not installed.
        RecordsError: the run store cannot be used.
    """
    check_jobs(jobs, backend)
    real_tasks = [PredictionTask(task) if isinstance(task, str) else task for task in tasks]
    specs = [PredictorSpec(name) if isinstance(name, str) else name for name in predictors]
    planned = predictor_experiment.plan(real_tasks, predictor_experiment.entries(specs), sizes, _trials(trials))
    folder = Path(out)
    with PredictorRecords(folder / RUNS_FILE) as records:
        runs = predictor_experiment.execute(planned, records, jobs, backend, progress)
    return PredictorComparison(runs, folder, command)


def from_records(path: str | Path, out: str | Path | None = None) -> PredictorComparison:
    """The comparison of all runs kept in a `predictors.sqlite`, or in the folder that holds one.

    Raises:
        RecordsError: there are no kept runs.
    """
    source = Path(path)
    source = source / RUNS_FILE if source.is_dir() else source
    with PredictorRecords(source, readonly=True) as records:
        runs = records.runs()
    if not runs:
        raise RecordsError(f"{source} holds no runs yet")
    kept = predictor_experiment.relabelled(runs)
    return PredictorComparison(kept, Path(out) if out else source.parent, f"nasbench report {path}")


def _trials(trials: int | Iterable[int]) -> list[int]:
    if isinstance(trials, bool):
        raise TaskError(f"trials is a number of trials or a list of them, got {trials!r}")
    if isinstance(trials, int):
        if trials < 1:
            raise TaskError(f"a comparison needs at least one trial, got {trials}")
        return list(range(trials))
    numbers = list(trials)
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, int) or number < 0:
            raise TaskError(f"a trial is an integer from 0, got {number!r}")
    return numbers
