"""Encoders that look numbers up in a benchmark: zero-cost proxies, sizes, latencies, the start of a curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasbench.benchmark import Benchmark, load, repeat_mean
from nasbench.errors import TaskError, UnknownNameError
from nasbench.predictors.charge import Charge, Training
from nasbench.predictors.encoders import Encoder
from nasbench.space import SearchSpace

Floats = NDArray[np.float64]

MISSING = ("error", "impute")

_SECONDS = "_seconds"
"""Ends the name of the column that says how long a proxy took."""


class LookUp(Encoder):
    """Base of the encoders that read a benchmark.

    Where the table has no number, `missing="error"` raises; `missing="impute"` puts the training
    set's median there and says so in one more column for each that can lack numbers, 1 where it did.

    Args:
        space: where the genotypes live.
        benchmark: one with rows for them, or its name.
        missing: `error` or `impute`.
    """

    def __init__(self, space: SearchSpace, benchmark: Benchmark | str, missing: str = "error") -> None:
        super().__init__(space)
        self.benchmark = benchmark
        self.missing = missing

    @property
    def _bench(self) -> Benchmark:
        return load(self.benchmark) if isinstance(self.benchmark, str) else self.benchmark

    def _values(self, X: ArrayLike) -> Floats:
        """The numbers `(n, d)`, NaN where there is none."""
        raise NotImplementedError

    def _names(self) -> list[str]:
        """Their `d` names."""
        raise NotImplementedError

    def _allowed(self, metric: str, columns: Any) -> str:
        """The metric, if the benchmark has it and it is not a test column."""
        bench = self._bench
        if metric not in columns:
            raise UnknownNameError(f"column of {bench.name}", metric, columns)
        if "test" in columns[metric].split:
            raise TaskError(f"{metric} of {bench.name} is a test column; a predictor may not read it")
        return metric

    def fit(self, X: ArrayLike, y: Any = None) -> LookUp:
        """Remember the median of each column over the genotypes `(n, G)`; 0 where none has a number."""
        if self.missing not in MISSING:
            raise UnknownNameError("way with missing numbers", self.missing, MISSING)
        super().fit(X)
        known = [column[~np.isnan(column)] for column in self._values(X).T]
        self.fill_ = np.array([self._substitute(column, i) if len(column) else 0.0 for i, column in enumerate(known)])
        return self

    def _substitute(self, known: Floats, column: int) -> float:
        """What stands for a missing number of a column, given those of the training set; at least one."""
        return float(np.median(known))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "fill_")

    def transform(self, X: ArrayLike) -> Floats:
        """`(n, d)`, or `(n, 2 d)` with the columns that say where a number was missing.

        Raises:
            TaskError: a number is missing and `missing` is `error`.
            NotInTableError: the benchmark does not list an architecture.
        """
        self._check_fitted()
        values = self._values(X)
        absent = np.isnan(values)
        if self.missing == "impute":
            return np.concatenate([np.where(absent, self.fill_, values), absent], axis=1)
        if absent.any():
            lacking = ", ".join(name for name, column in zip(self._names(), absent.T, strict=True) if column.any())
            raise TaskError(f"{self._bench.name} lacks numbers of {lacking}; give missing='impute' to go on without")
        return values

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """The columns' names, then `no NAME`."""
        names = self._names()
        return np.array([*names, *(f"no {n}" for n in names)] if self.missing == "impute" else names, dtype=object)


class Columns(LookUp):
    """Published numbers of an architecture: zero-cost proxies, latencies, parameters.

    Source: White et al., How Powerful are Performance Predictors in NAS?, NeurIPS 2021 (OMNI); Krishnakumar
    et al., NAS-Bench-Suite-Zero, NeurIPS 2022 (proxies as features).

    Args:
        space: where the genotypes live.
        benchmark: one with rows for them, or its name.
        columns: names of metrics; None takes every proxy, device and cost column but those of seconds: how long a
            training or a proxy took.
        missing: `error` or `impute`, see `LookUp`.
    """

    def __init__(
        self,
        space: SearchSpace,
        benchmark: Benchmark | str,
        columns: Sequence[str] | None = None,
        missing: str = "error",
    ) -> None:
        super().__init__(space, benchmark, missing)
        self.columns = columns

    def _names(self) -> list[str]:
        metrics = self._bench.metrics
        if self.columns is not None:
            return [self._allowed(name, metrics) for name in self.columns]
        free = [name for name, m in metrics.items() if m.split in ("cost", "proxy") and not name.endswith(_SECONDS)]
        return sorted(free)

    def _values(self, X: ArrayLike) -> Floats:
        bench, batch = self._bench, self.space.check(X)
        return np.stack([bench.query(batch, name) for name in self._names()], axis=1).astype(np.float64)

    def cost(self, X: ArrayLike) -> Charge:
        """Seconds of the proxies `(n,)`, as published in `NAME_seconds`; sizes and latencies are free."""
        bench, batch = self._bench, self.space.check(X)
        seconds = np.zeros(len(batch))
        for name in self._names():
            if bench.metrics[name].split == "proxy" and not name.endswith(_SECONDS):
                clock = name + _SECONDS
                seconds += bench.query(batch, clock) if clock in bench.metrics else np.nan
        return Charge(np.zeros(len(batch)), seconds)


class PartialCurves(LookUp):
    """The start of a learning curve: a metric after each published epoch up to some epoch.

    Source: Baker et al., Accelerating Neural Architecture Search Using Performance Prediction, ICLR
    Workshop 2018; White et al., How Powerful are Performance Predictors in NAS?, NeurIPS 2021.

    Args:
        space: where the genotypes live.
        benchmark: one with rows for them, or its name.
        metric: of the curve; None takes the benchmark's objective.
        epoch: the last to look at.
        repeat: one training run; None takes the mean over those that there are.
        protocol: training recipe; the benchmark's first by default.
        missing: `error` or `impute`, see `LookUp`.
    """

    def __init__(
        self,
        space: SearchSpace,
        benchmark: Benchmark | str,
        metric: str | None = None,
        epoch: int = 12,
        repeat: int | None = None,
        protocol: str | None = None,
        missing: str = "error",
    ) -> None:
        super().__init__(space, benchmark, missing)
        self.metric = metric
        self.epoch = epoch
        self.repeat = repeat
        self.protocol = protocol

    def _metric(self) -> str:
        """The metric of the curve, before it is checked."""
        return self.metric or self._bench.objective

    def _seen(self) -> tuple[str, list[int]]:
        """The metric, and the published epochs up to the last that is looked at."""
        recipe = self._bench.protocol(self.protocol)
        metric = self._allowed(self._metric(), recipe.curve)
        seen = [epoch for epoch in recipe.curve[metric].epochs if epoch <= self.epoch]
        if not seen:
            known = map(str, recipe.curve[metric].epochs)
            raise UnknownNameError(f"epoch of {self._bench.name} {metric}", self.epoch, known)
        return metric, seen

    def _names(self) -> list[str]:
        metric, seen = self._seen()
        return [f"{metric} at epoch {epoch}" for epoch in seen]

    def _values(self, X: ArrayLike) -> Floats:
        metric, seen = self._seen()
        bench, batch = self._bench, self.space.check(X)
        values = [bench.query(batch, metric, repeat=self.repeat, protocol=self.protocol, epoch=e) for e in seen]
        return np.stack(values, axis=1).astype(np.float64)

    def training(self) -> Training:
        """Which training the curve is of."""
        return (self._bench.name, self._bench.protocol(self.protocol).name, self.repeat)

    def cost(self, X: ArrayLike) -> Charge:
        """What it costs to train the genotypes `(n, G)` up to the last epoch that is looked at.

        Seconds are the recorded ones where the table has them by epoch, else a constant time an epoch.
        """
        bench, recipe = self._bench, self._bench.protocol(self.protocol)
        last = self._seen()[1][-1]
        batch = self.space.check(X)
        unknown, seconds = np.full(len(batch), np.nan), "train_seconds"
        if seconds in recipe.curve and last in recipe.curve[seconds].epochs:
            spent = bench.query(batch, seconds, repeat=self.repeat, protocol=self.protocol, epoch=last)
        elif seconds in recipe.cost and recipe.epochs:
            whole = bench.column(seconds, self.protocol)
            whole = whole[:, [self.repeat]] if self.repeat is not None and whole.shape[1] > 1 else whole
            spent = repeat_mean(whole)[bench.rows(batch)] * (last / recipe.epochs)
        else:
            spent = unknown
        return Charge(np.full(len(batch), float(last)), np.asarray(spent, dtype=np.float64))
