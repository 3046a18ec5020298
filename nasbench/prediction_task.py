"""A prediction task: a benchmark, the metric to predict, and which labels predictors train and are judged on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.benchmark import Benchmark, Floats, Metric, load, repeat_mean
from nasbench.errors import TaskError
from nasbench.streams import noise_key, uniform_indices

LABELS = ("mean", "random")


class Labels:
    """The labels of one trial, one number an architecture of the table.

    Attributes:
        shown: `(A,)` what predictors train on, and what uniform and class-disjoint rows are judged
            on: the mean of all training runs, or the one that was drawn. NaN where there is none.
        selecting: `(A,)` what the top decile is chosen by.
        judging: `(A,)` what rows of the top decile are judged on: from other training runs than
            `selecting`, where the table has several.
        seconds: `(A,)` simulated seconds of the training behind each label, or None.
    """

    def __init__(self, shown: Floats, selecting: Floats, judging: Floats, seconds: Floats | None) -> None:
        self.shown, self.selecting, self.judging, self.seconds = shown, selecting, judging, seconds


@dataclass(frozen=True)
class PredictionTask:
    """What every predictor of a comparison has to do.

    Args:
        benchmark: `family/dataset`.
        metric: what to predict; None takes the dataset's primary metric.
        label: `mean` (of all training runs of an architecture: idealised) or `random` (one of them, as
            if trained once); training and held-out labels alike.
        held_out: rows that are predicted, of each kind.
        protocol: training recipe; the dataset's first by default.
        allow_test: predict a test column knowingly; every report then says so.

    Raises:
        TaskError, UnknownNameError: there is no such benchmark, metric or policy.
    """

    benchmark: str
    metric: str = ""
    label: str = "mean"
    held_out: int = 200
    protocol: str | None = None
    allow_test: bool = False

    def __init__(
        self,
        benchmark: str | Benchmark,
        metric: str | None = None,
        *,
        label: str = "mean",
        held_out: int = 200,
        protocol: str | None = None,
        allow_test: bool = False,
    ) -> None:
        bench = benchmark if isinstance(benchmark, Benchmark) else load(benchmark)
        recipe = bench.protocol(protocol).name
        if label not in LABELS:
            raise TaskError(f"label must be one of {', '.join(LABELS)}; got {label!r}")
        if isinstance(held_out, bool) or not isinstance(held_out, int | np.integer) or held_out < 2:
            raise TaskError(f"held_out must be a whole number of rows from 2, got {held_out!r}")
        for name, value in {
            "benchmark": bench.name,
            "metric": metric or bench.objective,
            "label": label,
            "held_out": int(held_out),
            # One normal form, so that equal tasks have equal ids.
            "protocol": None if recipe == bench.protocol().name else recipe,
            "allow_test": bool(allow_test),
        }.items():
            object.__setattr__(self, name, value)
        bench.column(self.metric, self.protocol)
        if self.facts.is_test and not allow_test:
            raise TaskError(
                f"{self.metric} of {self.benchmark} is a test column; predict a validation metric, or pass "
                "allow_test=True (--allow-test) and every report will say so"
            )

    def __reduce__(self) -> tuple[Any, ...]:
        # What is cached stays here: tasks travel to worker processes and back.
        return (PredictionTask.from_identity, (self.identity(),))

    @property
    def bench(self) -> Benchmark:
        """The benchmark."""
        return load(self.benchmark)

    @property
    def facts(self) -> Metric:
        """What the predicted column means."""
        return self.bench.metrics_of(self.protocol)[self.metric]

    @property
    def name(self) -> str:
        """The benchmark, and the metric where it is not the primary one."""
        parts = [self.benchmark]
        if self.metric != self.bench.objective:
            parts.append(self.metric)
        if self.protocol is not None:
            parts.append(f"protocol {self.protocol}")
        return " ".join(parts)

    @property
    def functional(self) -> bool:
        """Whether the metric depends on the computed function only (accuracy, loss)."""
        return self.facts.functional

    @property
    def predicts_test(self) -> bool:
        """Whether the metric is a test column."""
        return self.facts.is_test

    @property
    def noise_known(self) -> bool:
        """Whether some architecture was trained more than once."""
        return bool((self._runs[1] > 1).any())

    @property
    def has_times(self) -> bool:
        """Whether the labels take training, and the table knows how long that takes."""
        return self.functional and "train_seconds" in self.bench.metrics_of(self.protocol)

    @cached_property
    def has_twins(self) -> bool:
        """Whether different rows compute the same function, and the metric depends on nothing else."""
        classes = self.bench.classes
        return self.functional and len(np.unique(classes)) < len(classes)

    def identity(self) -> dict[str, Any]:
        """Everything that makes it this task, as JSON values."""
        return {
            "benchmark": self.benchmark,
            "metric": self.metric,
            "label": self.label,
            "held_out": self.held_out,
            "protocol": self.protocol,
            "allow_test": self.allow_test,
        }

    @classmethod
    def from_identity(cls, identity: dict[str, Any]) -> PredictionTask:
        """The task of an identity."""
        return cls(**identity)

    @cached_property
    def id(self) -> str:
        """sha256 of the identity: part of the key of every random stream."""
        text = json.dumps({"prediction": self.identity()}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def _runs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """`(A, R)` numbers of the training runs, those that exist first, and `(A,)` how many exist."""
        missing = np.isnan(self.bench.column(self.metric, self.protocol))
        return np.argsort(missing, axis=1, kind="stable"), (~missing).sum(axis=1)

    def labels(self, trial: int) -> Labels:
        """The labels of a trial; the last few are kept."""
        return _labels(self, self.bench, trial)

    def _drawn(self, trial: int) -> NDArray[np.int64]:
        """`(A,)` the training run that an architecture shows in a trial; it knows no predictor."""
        order, count = self._runs
        picked = uniform_indices(noise_key(self.id, trial), np.arange(len(order)), np.maximum(count, 1))
        return order[np.arange(len(order)), picked]


@lru_cache(maxsize=8)
def _labels(task: PredictionTask, bench: Benchmark, trial: int) -> Labels:
    values = bench.column(task.metric, task.protocol)
    mean = bench.mean(task.metric, task.protocol)
    drawn, every = task._drawn(trial), np.arange(len(values))
    one = values[every, drawn]
    seconds = None
    if task.has_times:
        times = bench.column("train_seconds", task.protocol)
        several = task.label == "random" and times.shape == values.shape
        seconds = times[every, drawn] if several else bench.mean("train_seconds", task.protocol)
    shown = mean if task.label == "mean" else one
    if not task.noise_known:
        return Labels(shown, shown, shown, seconds)
    rest = values.copy()
    rest[every, drawn] = np.nan
    others = repeat_mean(rest)
    # The top is chosen by labels that share no training run with those it is judged on. Trained once,
    # it is judged on the run that was drawn; else the many runs judge, and the drawn one chooses.
    selecting, judging = (one, others) if task.label == "mean" else (others, one)
    return Labels(shown, selecting, judging, seconds)
