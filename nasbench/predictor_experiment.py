"""Many trials of many predictors: planned, those that are kept skipped, the rest run side by side."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from nasbench.errors import TaskError
from nasbench.experiment import Progress, counted, side_by_side, told_apart
from nasbench.prediction_split import split
from nasbench.prediction_task import PredictionTask
from nasbench.predictor_records import PredictorRecords
from nasbench.predictor_run import PredictorRun, PredictorSpec, evaluate_predictor, predictor_key
from nasbench.run import Entry

log = logging.getLogger(__name__)

SMALLEST = 2
"""Training rows at least: a single one has no spread."""


@dataclass(frozen=True)
class PlannedPrediction:
    """One run to be done: its key and all that `evaluate_predictor` needs."""

    key: str
    task: PredictionTask
    spec: PredictorSpec
    entry: Entry
    size: int
    trial: int

    def execute(self) -> PredictorRun:
        """Do the run; a predictor's error becomes a failed run."""
        return evaluate_predictor(self.task, self.spec, self.size, self.trial, entry=self.entry, raise_errors=False)


def plan(
    tasks: Sequence[PredictionTask],
    specs: Sequence[tuple[PredictorSpec, Entry]],
    sizes: Iterable[int],
    trials: Iterable[int],
) -> list[PlannedPrediction]:
    """Every (trial, task, predictor, size), trial by trial, so that an interrupted plan stays balanced.

    A predictor that needs no training is planned once a trial, at size 0.

    Raises:
        TaskError: nothing to run, an unusable size, a table that is too small, or a run entered twice.
        UnknownNameError, GenotypeError: a predictor that cannot be made for a task.
    """
    chosen, numbers = _sizes(sizes), list(trials)
    if not tasks or not specs or not numbers or not chosen:
        raise TaskError("a comparison of predictors needs at least one task, predictor, size and trial")
    for task in tasks:
        split(task, numbers[0], chosen[-1])
        for spec, _ in specs:
            spec.build(task.bench.space, task.functional, 0)
    planned = [
        PlannedPrediction(predictor_key(task, entry, size, trial), task, spec, entry, size, trial)
        for trial in numbers
        for task in tasks
        for spec, entry in specs
        for size in (chosen if spec.trains else [0])
    ]
    if len({one.key for one in planned}) < len(planned):
        raise TaskError(
            "a task, a predictor or a trial is entered twice; runs would be identical. Remove one, or give identical "
            "predictors different salts"
        )
    return planned


def _sizes(sizes: Iterable[int]) -> list[int]:
    chosen = list(sizes)
    for size in chosen:
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < SMALLEST:
            raise TaskError(f"a training size is a whole number of architectures from {SMALLEST}, got {size!r}")
    return sorted({int(size) for size in chosen})


def entries(specs: Sequence[PredictorSpec]) -> list[tuple[PredictorSpec, Entry]]:
    """Predictors with their entries; labels are made unique by the settings that differ."""
    raw = [spec.entry() for spec in specs]
    variants = {entry.name: {other.params for other in raw if other.name == entry.name} for entry in raw}
    label: dict[Entry, str] = {}
    for spec, entry in zip(specs, raw, strict=True):
        text = _label(spec) if len(variants[entry.name]) > 1 or spec.encoder else entry.name
        label[entry] = f"{text} #{entry.salt}" if entry.salt else text
    label = told_apart(label)
    return [(spec, entry._replace(label=label[entry])) for spec, entry in zip(specs, raw, strict=True)]


def _label(spec: PredictorSpec) -> str:
    settings = dict(spec.params)
    if spec.encoder is not None:
        settings["encoder"] = spec.encoder
    if not spec.rank_targets:
        settings["rank_targets"] = False
    return f"{spec.name}({', '.join(f'{key}={value}' for key, value in settings.items())})" if settings else spec.name


def relabelled(runs: Sequence[PredictorRun]) -> list[PredictorRun]:
    """Runs of several comparisons with one label a predictor, and another for each other predictor."""
    label: dict[Entry, str] = {}
    for run in runs:
        label.setdefault(run.entry._replace(label=""), run.entry.label)
    label = told_apart(label)
    return [replace(run, entry=run.entry._replace(label=label[run.entry._replace(label="")])) for run in runs]


def execute(
    planned: Sequence[PlannedPrediction],
    records: PredictorRecords,
    jobs: int = 1,
    backend: str = "loky",
    progress: Progress | None = None,
) -> list[PredictorRun]:
    """Run what is not kept yet and keep each run as it ends; returns all of the plan, in its order.

    Interrupted at any moment, it loses at most the runs in flight.

    Args:
        planned: from `plan`.
        records: the run store.
        jobs: processes; 1 stays in this one.
        backend: joblib's backend where jobs > 1: `loky`, `dask` or `ray`.
        progress: told after each run.
    """
    kept = records.finished()
    todo = [one for one in planned if one.key not in kept]
    # The sizes of a predictor's trial share its shuffled rows and labels.
    batches = [list(batch) for _, batch in groupby(todo, lambda one: (one.trial, one.task.id, one.entry))]
    results = side_by_side(batches, jobs, backend)
    for run in counted(results, len(planned) - len(todo), len(planned), progress):
        records.add(run)
        if run.failed:
            log.warning("%s failed on %s, size %d, trial %d", run.entry.label, run.task.name, run.size, run.trial)
    entered = {one.key: one for one in planned}
    return [
        replace(run, task=entered[run.key].task, entry=entered[run.key].entry)  # the label of this comparison
        for run in records.runs(entered)
    ]
