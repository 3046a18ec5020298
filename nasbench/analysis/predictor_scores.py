"""From predictor runs to frames: one row a run, one row a (task, predictor, size), one a nominal coverage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from nasbench.analysis import predictor_quality as quality
from nasbench.analysis.bootstrap import mean_interval, seed_weights
from nasbench.analysis.predictor_quality import Floats
from nasbench.prediction_split import CLASS_DISJOINT, KINDS, TOP_DECILE, UNIFORM, split
from nasbench.prediction_task import PredictionTask
from nasbench.predictor_run import PredictorRun

if TYPE_CHECKING:
    import pandas as pd

QUALITY = (
    "kendall", "sparse_kendall", "spearman", "pearson", "precision_10", "precision_20", "regret_10", "regret_20",
    "mae", "r2", "nll", "coverage_50", "coverage_80", "coverage_95", "calibration_error",
)  # fmt: skip
COSTS = ("training_seconds", "fit_seconds", "init_seconds", "query_seconds")
_KEYS = ("task", "predictor", "size", "trial")


@dataclass(frozen=True, eq=False)
class Scores:
    """Predictor runs with their scores, computed once.

    Attributes:
        runs: in order of appearance.
    """

    runs: Sequence[PredictorRun]

    @cached_property
    def labels(self) -> dict[str, str]:
        """Task id -> its name, with the label policy and id where that is not unique."""
        tasks = self.tasks
        labels = {key: task.name for key, task in tasks.items()}
        for more in (lambda task: f"label {task.label}", lambda task: task.id[:8]):
            taken = list(labels.values())
            labels = {
                key: label if taken.count(label) == 1 else f"{tasks[key].name} [{more(tasks[key])}]"
                for key, label in labels.items()
            }
        return labels

    @cached_property
    def tasks(self) -> dict[str, PredictionTask]:
        """The tasks by id, in order of appearance."""
        return {run.task.id: run.task for run in self.runs}

    @cached_property
    def predictors(self) -> list[str]:
        """Labels in order of appearance."""
        return list(dict.fromkeys(run.entry.label for run in self.runs))

    @cached_property
    def _scored(self) -> tuple[list[dict[str, Any]], list[Floats]]:
        """One row a (run, kind), and the observed coverages of each."""
        rows, observed = [], []
        for run in self.runs:
            costs = _costs(run)
            for kind in kinds_of(run.task):
                measures, inside = score(run, kind)
                keys = dict(zip(_KEYS, (self.labels[run.task.id], run.entry.label, run.size, run.trial), strict=True))
                rows.append({**keys, "kind": kind, "failed": run.failed, **measures, **costs})
                observed.append(inside)
        return rows, observed

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row a run and kind of held-out rows.

        Columns:
            task, predictor, size, trial: the run.
            kind: `uniform`, `class-disjoint` or `top-decile`.
            failed: whether the predictor raised an error; all measures are NaN then.
            kendall, sparse_kendall, spearman, pearson, precision_10, precision_20, regret_10,
            regret_20 (best of the predicted top k), mae, r2: see `predictor_quality`.
            nll, coverage_50, coverage_80, coverage_95, calibration_error: NaN without standard
                deviations (or with zeros only), and on the top decile, whose labels have another noise
                than those trained on.
            training_seconds: simulated, of the training set; NaN where the table has no times.
            fit_seconds: measured. init_seconds: their sum.
            query_seconds: an architecture; measured, plus what the encoder charges.
        """
        import pandas as pd

        columns = [*_KEYS, "kind", "failed", *QUALITY, *COSTS]
        return pd.DataFrame(self._scored[0], columns=columns)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row a (task, predictor, size, kind): trials, failed_trials, and of every measure NAME of
        quality its mean over trials, NAME_low and NAME_high, the 95 % paired bootstrap interval of the
        mean. Of costs the median over trials, as the first trial of a process also loads libraries.
        """
        import pandas as pd

        rows: list[dict[str, Any]] = []
        ids = {label: key for key, label in self.labels.items()}
        for keys, part in self.frame.groupby(["task", "predictor", "size", "kind"], sort=False):
            task, predictor, size, kind = keys
            trials = part["trial"].tolist()
            interval = mean_interval(part[list(QUALITY)].to_numpy(dtype=float), seed_weights(ids[str(task)], trials))
            row: dict[str, Any] = {
                "task": task,
                "predictor": predictor,
                "size": size,
                "kind": kind,
                "trials": len(part),
            }
            row["failed_trials"] = int(part["failed"].sum())
            for place, name in enumerate(QUALITY):
                row[name] = float(interval.mean[place])
                row[f"{name}_low"], row[f"{name}_high"] = float(interval.low[place]), float(interval.high[place])
            rows.append(row | {name: _median(part[name].dropna().to_numpy()) for name in COSTS})
        return pd.DataFrame(rows)

    @cached_property
    def calibration(self) -> pd.DataFrame:
        """Observed against nominal coverage on uniform rows.

        Columns: task, predictor, size, nominal, observed (mean over trials), low, high (its interval).
        Predictors without standard deviations are left out.
        """
        import pandas as pd

        observed: dict[tuple[str, str, int], list[Floats]] = {}
        trials: dict[tuple[str, str, int], list[int]] = {}
        for row, inside in zip(*self._scored, strict=True):
            if row["kind"] == UNIFORM and not np.isnan(inside).any():
                key = (row["task"], row["predictor"], row["size"])
                observed.setdefault(key, []).append(inside)
                trials.setdefault(key, []).append(row["trial"])
        ids = {label: key for key, label in self.labels.items()}
        rows = []
        for key, values in observed.items():
            interval = mean_interval(np.array(values), seed_weights(ids[key[0]], trials[key]))
            rows += [
                (*key, *point)
                for point in zip(quality.NOMINAL.tolist(), *map(np.ndarray.tolist, interval), strict=True)
            ]
        return pd.DataFrame(rows, columns=["task", "predictor", "size", "nominal", "observed", "low", "high"])


def _median(known: Floats) -> float:
    return float(np.median(known)) if len(known) else float("nan")


def kinds_of(task: PredictionTask) -> list[str]:
    """The kinds of held-out rows that a task has."""
    return [kind for kind in KINDS if kind != CLASS_DISJOINT or task.has_twins]


def truth_of(run: PredictorRun, kind: str) -> Floats:
    """What the predictions of a kind are judged on: see `Labels`."""
    labels = run.task.labels(run.trial)
    judged: Floats = (labels.judging if kind == TOP_DECILE else labels.shown)[run.of_kind(kind)["row"]]
    return judged


def sparse_step(task: PredictionTask) -> float | None:
    """What predictions are rounded to: 0.1 points of a percentage or fraction, else the noise floor."""
    steps = {"%": 0.1, "fraction": 0.001}
    if task.facts.unit in steps:
        return steps[task.facts.unit]
    return task.bench.noise_floor if task.metric == task.bench.objective else None


def score(run: PredictorRun, kind: str) -> tuple[dict[str, float], Floats]:
    """All measures of quality of a run on one kind of rows, and its coverages at `quality.NOMINAL`."""
    if run.failed:
        return dict.fromkeys(QUALITY, float("nan")), np.full(len(quality.NOMINAL), np.nan)
    predicted, std, truth = run.of_kind(kind)["mean"], run.of_kind(kind)["std"], truth_of(run, kind)
    sign = run.task.facts.sign
    if kind == TOP_DECILE or not std.any():  # the spread of a single member says nothing
        std = np.full(len(std), np.nan)
    observed = quality.coverages(predicted, std, truth)
    measures = {
        "kendall": quality.kendall(predicted, truth),
        "sparse_kendall": quality.sparse_kendall(predicted, truth, sparse_step(run.task)),
        "spearman": quality.spearman(predicted, truth),
        "pearson": quality.pearson(predicted, truth),
        "mae": quality.mean_absolute_error(predicted, truth),
        "r2": quality.r2(predicted, truth),
        "nll": quality.negative_log_likelihood(predicted, std, truth),
        "calibration_error": quality.calibration_error(observed),
    }
    for k in (10, 20):
        measures[f"precision_{k}"] = quality.precision_at(predicted, truth, k, sign)
        measures[f"regret_{k}"] = quality.top_regret(predicted, truth, k, sign)
    inside = dict(zip(quality.NOMINAL.tolist(), observed.tolist(), strict=True))
    measures |= {f"coverage_{100 * level:.0f}": inside[level] for level in quality.REPORTED}
    return measures, observed


def _costs(run: PredictorRun) -> dict[str, float]:
    seconds = run.task.labels(run.trial).seconds
    trained = float("nan")
    if run.size == 0:
        trained = 0.0
    elif seconds is not None:
        trained = float(np.nansum(seconds[split(run.task, run.trial, run.size).train]))
    failed = float("nan") if run.failed else 0.0
    return {
        "training_seconds": trained,
        "fit_seconds": run.fit_seconds + failed,
        "init_seconds": trained + run.fit_seconds + failed,
        "query_seconds": run.query_seconds + run.charged_seconds + failed,
    }
